"""Which of many millions of accesses no right explains: the same answer as `explain`, worked out by joins.

Names become numbers, nested groups become pairs of actor and group with their time (the closure is not SQL's), and
three joins give every interval in which an entry met an actor on a mailbox. Where nothing refuses, their union is when
a way was open. The few pairs that something refuses something go through the access check itself (effective.decide).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.analysis.effective import decide, entries_for
from mailwitness.analysis.explain import ASKED, OPENING, Explainer
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.right_entry import bit_of
from mailwitness.analysis.standing import Standing
from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

SQL = "mailwitness.analysis.sql"
_MEANT = pa.schema(
    [
        ("role", pa.string()),
        ("reference", pa.string()),
        ("thing", pa.int64()),
        ("since", pa.int64()),
        ("until", pa.int64()),
    ]
)
_TOKENS = pa.schema([(n, pa.int64()) for n in ("actor", "principal", "since", "until")])
_CHAIN = pa.schema([*((n, pa.int64()) for n in ("mailbox", "target", "since", "until")), ("place", pa.string())])
_GRANTS = pa.schema(
    [
        *((n, pa.int64()) for n in ("target", "trustee", "since", "until")),
        ("question", pa.string()),
        ("folder", pa.string()),
        ("allows", pa.bool_()),
        ("is_own", pa.bool_()),
        ("passes", pa.bool_()),
    ]
)
_OPEN = pa.schema(
    [
        ("actor", pa.int64()),
        ("mailbox", pa.int64()),
        ("asked", pa.string()),
        ("since", pa.int64()),
        ("until", pa.int64()),
    ]
)


class Tally(msgspec.Struct, frozen=True):
    """How many accesses were looked at, and the ids of those that had no way open for certain."""

    accesses: int
    unexplained: list[str]


def unexplained(engine: Engine, standing: Standing, filters: Filters) -> Tally:
    """Return which accesses by another than the owner had no way open for certain."""
    bulk = _Bulk(engine, standing)
    bulk.name()
    asked = {"since": filters.since, "until": filters.until, "quiet": None if filters.noise else True}
    bulk.describe(bulk.keep("bulk_pairs", **asked))
    bulk.keep("bulk_candidates")
    refused = engine.table(load_query(SQL, "bulk_refused"))
    union = engine.table(load_query(SQL, "bulk_open"))
    engine.register("bulk_open", pa.concat_tables([union.cast(_OPEN), bulk.by_order(refused)]))
    (found,) = engine.rows(load_query(SQL, "bulk_unexplained"), **asked)
    folders = bulk.folders()
    left = [said for said in map(_Said.of, found["unexplained"] or ()) if not said.had_folder(folders)]
    return Tally(found["accesses"], [said.event_id for said in left])


FolderWays = dict[tuple[int, int, str], list[tuple[str, int, int]]]
"""The folders a pair had a right on, each with when."""


class _Said(msgspec.Struct, frozen=True):
    """One access without a way to the whole mailbox."""

    event_id: str
    pair: tuple[int, int, str]
    at: int
    folder: str

    @classmethod
    def of(cls, text: str) -> _Said:
        event_id, actor, mailbox, asked, at, folder = text.split("|", 5)
        return cls(event_id, (int(actor), int(mailbox), asked), int(at), folder)

    def had_folder(self, ways: FolderWays) -> bool:
        return any(
            since <= self.at < until and self.folder in ("", folder) for folder, since, until in ways.get(self.pair, ())
        )


class _Bulk:
    def __init__(self, engine: Engine, standing: Standing) -> None:
        self.engine = engine
        self.standing = standing
        self.explainer = Explainer(standing)

    def keep(self, name: str, **parameters: Any) -> pa.Table:  # noqa: ANN401 - SQL values
        """Answer a question, and make the answer known to the next ones under its name."""
        table = self.engine.table(load_query(SQL, name), **parameters)
        self.engine.register(name, table)
        return table

    def folders(self) -> FolderWays:
        """Return the rights on single folders."""
        found: FolderWays = {}
        for row in self.engine.rows(load_query(SQL, "bulk_folders")):
            key = (row["actor"], row["mailbox"], row["asked"])
            found.setdefault(key, []).append((row["folder"], row["since"], row["until"]))
        return found

    def name(self) -> None:
        """Make known whom each reference meant, and when."""
        rows = self.engine.rows(load_query(SQL, "bulk_references"))
        meant = [
            {"role": row["role"], "reference": row["reference"], "thing": thing, "since": since, "until": until}
            for row in rows
            for thing, since, until in self._meant(row["reference"], row["form"])
        ]
        self.engine.register("bulk_meant", pa.Table.from_pylist(meant, schema=_MEANT))

    def _meant(self, reference: str, form: Any) -> Iterator[tuple[int, int, int]]:  # noqa: ANN401 - a form
        """Yield what a reference alone can mean, with when. A name that can mean several explains nothing by itself."""
        identities = self.standing.identities
        form = "typed" if form == "display_name" else form
        always = identities.resolve(reference, form)
        meant = identities.ever(reference, form)
        if len(meant) == 1 and always.one is not None and always.how != "former_name":
            yield always.one, BEGINNING, STILL
            return
        spans = [span for n in meant for held in identities.thing(n).spans.values() for span in held]
        moments = sorted(
            {at for span in spans for at in (*span.ends(), span.first, span.last + 1)} - {BEGINNING, STILL}
        )
        for since, until in pairwise([BEGINNING, *moments, STILL]):
            found = identities.resolve(reference, form, since)
            if found.one is not None and found.how != "former_name":
                yield found.one, since, until

    def describe(self, pairs: pa.Table) -> None:
        """Make known what the actors were, what stands above the mailboxes, and every entry."""
        actors = pairs.column("actor").unique().to_pylist()
        mailboxes = pairs.column("mailbox").unique().to_pylist()
        self.engine.register("bulk_tokens", _table(self._tokens(actors), _TOKENS))
        self.engine.register("bulk_chain", _table(self._chain(mailboxes), _CHAIN))
        self.engine.register("bulk_grants", _table(self._grants(), _GRANTS))
        asked = [(a, q) for a in ("open", *ASKED) for q in ASKED.get(a, OPENING)]
        self.engine.register(
            "bulk_asked", pa.table({"asked": [a for a, _ in asked], "question": [q for _, q in asked]})
        )

    def _tokens(self, actors: Iterable[int]) -> Iterator[tuple[int, int, int, int]]:
        for actor in actors:
            moments = self.standing.moments_of(actor)
            for since, until in pairwise([BEGINNING, *moments, STILL]):
                for principal in self.standing.token(actor, since):
                    yield actor, principal, since, until

    def _chain(self, mailboxes: Iterable[int]) -> Iterator[tuple[int, int, int, int, str]]:
        """Yield where a mailbox's rights stand; the list of everything stands on a thing of its own (-2)."""
        standing = self.standing
        for mailbox in mailboxes:
            yield mailbox, mailbox, BEGINNING, STILL, "itself"
            yield mailbox, _EVERYWHERE, BEGINNING, STILL, "itself"
            moments = sorted(standing.moves_of(mailbox))
            for since, until in pairwise([BEGINNING, *moments, STILL]):
                home, _known = standing.home(mailbox, since)
                for target in dict.fromkeys(standing.chain(mailbox, since)):
                    yield mailbox, target, since, until, "home" if target == home else "above"

    def _grants(self) -> Iterator[tuple[Any, ...]]:
        """Yield the entries that hold for certain, one for each question they answer.

        One that covers some mailboxes only stands like a refusal: the access check decides each pair it meets.
        """
        names = dict.fromkeys(q for questions in (OPENING, *ASKED.values()) for q in questions)
        for entry in self.standing.facts.entries:
            if entry.is_doubtful:
                continue
            target = _EVERYWHERE if entry.is_everywhere else entry.target
            allows = entry.allows and not self.standing.scopes.narrows(entry)
            for name in names:
                if entry.bits & bit_of(name):
                    folder = entry.folder.casefold() if entry.folder else None
                    since, until = entry.run.since, entry.run.until
                    reach = (allows, entry.is_own, entry.is_passed_on)
                    yield (target, entry.trustee, since, until, name, folder, *reach)

    def by_order(self, refused: pa.Table) -> pa.Table:
        """Return when a way was open for pairs of which something refuses something: by the access check itself."""
        rows: list[tuple[int, int, str, int, int]] = []
        for pair in refused.to_pylist():
            actor, mailbox, asked = pair["actor"], pair["mailbox"], pair["asked"]
            wanted = sum(bit_of(name) for name in ASKED.get(asked, OPENING))
            moments = self.explainer.moments_of(actor, mailbox)
            for since, until in pairwise([BEGINNING, *moments, STILL]):
                token = self.standing.token(actor, since)
                given = decide(entries_for(self.standing, mailbox, since), token, since)
                if any(g.is_certain and g.bits & wanted and not g.placed.entry.folder for g in given):
                    rows.append((actor, mailbox, asked, since, until))
        return _table(rows, _OPEN)


_EVERYWHERE = -2


def _table(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns: list[list[Any]] = [[] for _ in schema]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
