"""Search in the index: words anywhere in an event's names or long texts, with filters, the latest first.

A word is first looked up among the texts themselves, which are few; then the events are scanned for the numbers of
those texts, only in the fields that hold them. That keeps a search of ten million events under a second.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.engine.event_index import NAMED, EventIndex
from mailwitness.engine.query import load_query

WORDS = 6
"""Words of one search at most; more are not looked at, and the answer says so."""
SHORT = 300
"""So many numbers are written into the question; more are joined."""
_COLUMNS = (
    "seq id id_2 id_3 id_4 occurred_at kind action outcome strength logon_type source event_code rights is_noise"
).split()


class SearchFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What a search is narrowed to; None or empty: not narrowed. `mailboxes` and `actors` are texts as written."""

    words: tuple[str, ...] = ()
    event_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    kinds: tuple[str, ...] = ()
    action: str | None = None
    outcome: str | None = None
    source: str | None = None
    right: str | None = None
    mailboxes: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    non_owner: bool = False
    noise: bool = False


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the index holds it."""

    event_id: str
    seq: int
    occurred_at: datetime
    kind: str
    action: str
    outcome: str
    strength: str | None
    logon_type: str | None
    source: str
    event_code: str | None
    rights: str | None
    is_noise: bool
    names: dict[str, str]
    """The fields of NAMED that the event holds."""


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the hits, and how many there are."""

    hits: tuple[Hit, ...]
    count: int


def search(index: EventIndex, filters: SearchFilters, *, at_most: int, offset: int = 0) -> Hits:
    """Return the hits from `offset` on, the latest first, at most `at_most`, and how many there are in all."""
    asked = _parameters(index, filters)
    if asked is None:
        return Hits(hits=(), count=0)
    words, tables, more = _words(index, filters.words)
    query = load_query("mailwitness.engine.sql", "index_search")
    sql, used = query.bind(**asked)
    sql, used = sql.replace("/* words */", words), used | more
    rows = index.rows(
        f"WITH hits AS MATERIALIZED ({sql}) SELECT seq, (SELECT count(*) FROM hits) FROM hits"  # noqa: S608 - our own
        f" ORDER BY occurred_at DESC, seq DESC LIMIT {int(at_most)} OFFSET {int(offset)}",
        used,
        tables,
    )
    if not rows:
        counted = index.rows(f"SELECT count(*) FROM ({sql})", used, tables) if offset else [(0,)]  # noqa: S608 - as above
        return Hits(hits=(), count=counted[0][0])
    return Hits(hits=_hits(index, [row[0] for row in rows]), count=rows[0][1])


def _hits(index: EventIndex, seqs: list[int]) -> tuple[Hit, ...]:
    """Return events by their leaves, in the order given. Only now are their whole rows read."""
    listed = ", ".join((*_COLUMNS, *NAMED))
    few = ", ".join(map(str, seqs)) if len(seqs) <= SHORT else "SELECT wanted FROM wanted_seqs"
    rows = index.rows(
        f"SELECT {listed} FROM entries WHERE seq >= {min(seqs)} AND seq <= {max(seqs)} AND seq IN ({few})",  # noqa: S608 - integers
        tables={"wanted_seqs": pa.table({"wanted": pa.array(seqs, pa.int64())})},
    )
    texts = index.texts_of({n for row in rows for n in row[len(_COLUMNS) :] if n is not None})
    by_seq = {row[0]: _hit(row, texts) for row in rows}
    return tuple(by_seq[seq] for seq in seqs)


def _parameters(index: EventIndex, filters: SearchFilters) -> dict[str, Any] | None:
    """Return the parameters of the question, or None where a name asked for is no event's."""
    mailboxes = None if filters.mailboxes is None else index.numbers_of(list(filters.mailboxes))
    actors = None if filters.actors is None else index.numbers_of(list(filters.actors))
    if mailboxes == [] or actors == []:
        return None
    asked: dict[str, Any] = {
        "since": filters.since,
        "until": filters.until,
        "kinds": list(filters.kinds) or None,
        "action": filters.action,
        "outcome": filters.outcome,
        "source": filters.source,
        "right": filters.right.casefold() if filters.right else None,
        "non_owner": filters.non_owner or None,
        "quiet": None if filters.noise else True,
        "mailboxes": mailboxes,
        "actors": actors,
    }
    if filters.event_id:
        prefix = filters.event_id[:16]
        asked |= {"id_from": int(prefix.ljust(16, "0"), 16), "id_to": int(prefix.ljust(16, "f"), 16)}
    return asked


def _words(index: EventIndex, words: tuple[str, ...]) -> tuple[str, dict[str, pa.Table], dict[str, str]]:
    """Return a condition for each word, the tables it joins, and its parameters."""
    used: dict[str, str] = {}
    said: list[str] = []
    tables: dict[str, pa.Table] = {}
    for place, word in enumerate(words[:WORDS]):
        fields: dict[str, list[int]] = {}
        for field, number in index.ask("hits", word=word.casefold()):
            fields.setdefault(field, []).append(number)
        parts: list[str] = []
        seqs = [row[0] for row in index.ask("long_seqs", word=word.casefold(), at_most=SHORT + 1)]
        if len(seqs) > SHORT:
            parts.append(f"e.seq IN (SELECT seq FROM texts WHERE contains(folded, $word_{place}))")  # noqa: S608 - our own
            used[f"word_{place}"] = word.casefold()
        else:
            _add(parts, tables, "seq", "", seqs)
        for field in NAMED:
            _add(parts, tables, field, f"hits_{place}_{field}", fields.get(field, []))
        said.append(f"AND ({' OR '.join(parts) or 'false'})")
    return "\n".join(said), tables, used


def _add(parts: list[str], tables: dict[str, pa.Table], column: str, name: str, numbers: list[int]) -> None:
    """Add the condition that a column holds one of `numbers`: written out where they are few, joined where many."""
    if numbers and len(numbers) <= SHORT:
        parts.append(f"e.{column} IN ({', '.join(map(str, numbers))})")
    elif numbers:
        tables[name] = pa.table({"number": pa.array(numbers, pa.int64())})
        parts.append(f"e.{column} IN (SELECT number FROM {name})")  # noqa: S608 - our own names


def _hit(row: tuple[Any, ...], texts: dict[int, str]) -> Hit:
    said = dict(zip(_COLUMNS, row, strict=False))
    event_id = "".join(f"{said.pop(name):016x}" for name in ("id", "id_2", "id_3", "id_4"))
    names = {name: texts[n] for name, n in zip(NAMED, row[len(_COLUMNS) :], strict=True) if n is not None}
    return Hit(event_id=event_id, names=names, **said)
