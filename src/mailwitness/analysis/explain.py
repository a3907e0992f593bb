"""Question 3: what let them in? For every access by another than the owner the ways that were open at its time.

`explained`: at least one way was open for certain. `possible`: only ways nobody can be certain of (a change nobody
witnessed, a list written with values no record tells, a name that can mean several). `unexplained`: no known right
fits, with what was looked at and which coverage was missing. Refused attempts need no explanation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import ways_in
from mailwitness.analysis.right_entry import EXPORT, OPEN, READ_FOLDER, SEARCH, SEND_AS, SEND_ON_BEHALF, Entry
from mailwitness.analysis.standing import Standing, Written, moments_of_entries
from mailwitness.analysis.way import Step, Way
from mailwitness.directory.clock import micros
from mailwitness.directory.identity import NOBODY, Resolution
from mailwitness.directory.spelling import NameForm, form_of
from mailwitness.engine.interface import Engine

Row = dict[str, Any]
Status = Literal["explained", "possible", "unexplained"]

ASKED: dict[str, tuple[str, ...]] = {
    "send_as": (SEND_AS,),
    "send_on_behalf": (SEND_ON_BEHALF, SEND_AS),
    "export": (EXPORT, OPEN),
    "search": (SEARCH, OPEN),
}
OPENING = (OPEN, READ_FOLDER)
"""Which questions an access answers to: by its action, else opening the mailbox or one of its folders."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One access and what let it happen, the shortest way first."""

    access: Row
    status: Status
    ways: tuple[Way, ...] = ()
    looked_at: tuple[str, ...] = ()
    actor: int | None = None
    mailbox: int | None = None

    @property
    def by(self) -> tuple[str, ...]:
        """Return the changes that made the shortest way."""
        return self.ways[0].by if self.ways else ()


class Explainer:
    """Explains accesses; what is the same for many is worked out once."""

    def __init__(self, standing: Standing) -> None:
        """Use what `standing` knows."""
        self.standing = standing
        self.identities = standing.identities
        self._moments: dict[tuple[int, int], list[int]] = {}
        self._ways: dict[tuple[int, int, int], list[Way]] = {}
        self._lasting: dict[tuple[str, str | None], Resolution | None] = {}

    def explain(self, access: Row) -> Explanation:
        """Return what let `access` (a row of `accesses`) happen."""
        at = micros(access["occurred_at"])
        actor, mailbox = self.actor_of(access), self.mailbox_of(access)
        ways: list[Way] = []
        for one in actor.things:
            for box in mailbox.things:
                ways += self._fitting(self.ways_at(one, box, at), access)
        if actor.is_ambiguous or mailbox.is_ambiguous or mailbox.how == "former_name":
            doubt = _doubt(actor, mailbox)
            ways = [msgspec.structs.replace(way, doubt=way.doubt or doubt) for way in ways]
        certain = [way for way in ways if way.doubt is None]
        if not certain:
            ways += self._written(mailbox, access, at)
        ways.sort(key=lambda way: (way.doubt is not None, len(way.steps)))
        status: Status = "explained" if certain else "possible" if ways else "unexplained"
        looked = () if ways else tuple(self._looked_at(actor, mailbox, at))
        return Explanation(
            access=access, status=status, ways=tuple(ways), looked_at=looked, actor=actor.one, mailbox=mailbox.one
        )

    def actor_of(self, access: Row) -> Resolution:
        """Return whose access it was."""
        if access.get("actor_kind") == "application" and access.get("app_id"):
            found = self._resolve(access["app_id"], "app_id", access["occurred_at"])
            if found.things:
                return found
        names: tuple[tuple[str | None, NameForm | None], ...] = (
            (access.get("actor_sid"), "sid"),
            (access.get("actor_name"), None),
        )
        for name, form in names:
            if name and (found := self._resolve(name, form, access["occurred_at"])).things:
                return found
        return NOBODY

    def mailbox_of(self, access: Row) -> Resolution:
        """Return whose mailbox it was."""
        reference = access.get("mailbox_ref")
        if not reference:
            return NOBODY
        form = access.get("mailbox_ref_form")
        return self._resolve(reference, "typed" if form == "display_name" else form, access["occurred_at"])

    def _resolve(self, reference: str, form: NameForm | None, at: datetime) -> Resolution:
        """Return what a name means at a time; a name that only ever meant one thing is looked up once."""
        key = (reference, form)
        if key not in self._lasting:
            asked = form or form_of(reference)
            asked = "typed" if asked == "display_name" else asked
            always = self.identities.resolve(reference, asked)
            self._lasting[key] = always if len(self.identities.ever(reference, asked)) <= 1 else None
        known = self._lasting[key]
        return known if known is not None else self.identities.resolve(reference, form, at)

    def ways_at(self, actor: int, mailbox: int, at: int) -> list[Way]:
        """Return every way of `actor` into `mailbox` at a time."""
        moments = self.moments_of(actor, mailbox)
        key = (actor, mailbox, bisect_right(moments, at))
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = ways_in(self.standing, actor, mailbox, at)
        return found

    def moments_of(self, actor: int, mailbox: int) -> list[int]:
        """Return the times at which the ways of `actor` into `mailbox` can change."""
        key = (actor, mailbox)
        known = self._moments.get(key)
        if known is None:
            standing = self.standing
            moments = set(standing.moments_of(actor)) | standing.moments_around(mailbox)
            moments |= moments_of_entries(standing.everywhere)
            known = self._moments[key] = sorted(moments)
        return known

    def _fitting(self, ways: list[Way], access: Row) -> list[Way]:
        """Return the ways that are good for what was done, on the folder it was done in."""
        asked = ASKED.get(access["action"], OPENING)
        folder = (access.get("folder") or "").casefold()
        fitting = []
        for way in ways:
            of_folder = way.steps[-1].folder
            if not set(way.gives) & set(asked):
                continue
            if of_folder is None or not folder or of_folder.casefold() == folder or access["action"] == "logon":
                fitting.append(way)
        return fitting

    def _written(self, mailbox: Resolution, access: Row, at: int) -> list[Way]:
        """Return the last write before the access of rights, the mailbox's or from above, that no record tells."""
        kind = "directory" if access["action"] in ASKED else "mailbox"
        found = []
        for box in mailbox.things[:1]:
            of_thing = self.standing.facts.written
            acts = [w for w in of_thing.get(box, ()) if w.kind == kind and w.at <= at < w.until]
            above = [w for thing in self.standing.chain(box, at) for w in of_thing.get(thing, ())]
            acts += [w for w in above if w.at <= at < w.until]
            found += [_untold(max(acts, key=lambda act: act.at))] if acts else []
        return found

    def _looked_at(self, actor: Resolution, mailbox: Resolution, at: int) -> list[str]:
        """Say what was looked at, and what of it was never seen."""
        standing = self.standing
        said = []
        if not actor.things:
            said.append("the account is known by this access alone")
        if not mailbox.things:
            said.append("the mailbox is known by this access alone")
        for box in mailbox.things[:1]:
            own = standing.on.get(box, [])
            for kind, name in (
                ("mailbox", "the mailbox's own rights"),
                ("directory", "rights on its directory object"),
            ):
                said.append(_in_force(name, [entry for entry in own if entry.kind == kind], at))
            above = [entry for thing in standing.chain(box, at) for entry in standing.on.get(thing, ())]
            said.append(_in_force("units, database, server and organization", above, at))
        for one in actor.things[:1]:
            groups = len(standing.token(one, at)) - 1 - len(standing.everybody)
            said.append(f"groups of the account: {groups}")
        said.append(_in_force("roles, application permissions and set-up's rights", standing.everywhere, at))
        if not standing.facts.looked_at:
            said.append("no directory snapshot: rights that stood before the trail began may be missing")
        return said


def _in_force(name: str, entries: list[Entry], at: int) -> str:
    count = sum(entry.holds(at) for entry in entries)
    return f"{name}: {f'{count} entries in force' if entries else 'never seen'}"


def _doubt(actor: Resolution, mailbox: Resolution) -> str:
    if actor.is_ambiguous:
        return "the account's name can mean several"
    if mailbox.is_ambiguous:
        return "the mailbox's name can mean several"
    return "the mailbox had this name at another time"


def _untold(act: Written) -> Way:
    step = Step(what="rights written", since=act.end)
    doubt = "rights on it were written then; no record tells what"
    return Way(right="unknown", of="open", steps=(step,), gives=(OPEN,), doubt=doubt)


def explain(
    engine: Engine, standing: Standing, filters: Filters, events: Iterable[str] | None = None
) -> tuple[list[Explanation], dict[str, int]]:
    """Return an explanation of each access by another than the owner, and how many were left out, by reason.

    `events`: only the records of these event_ids.
    """
    asked = msgspec.structs.replace(filters, non_owner=True)
    rows, hidden = accesses(engine, asked, by_name=False, events=events)
    explainer = Explainer(standing)
    found: list[Explanation] = []
    for row in rows:
        if row["outcome"] == "failure":
            hidden["refused"] = hidden.get("refused", 0) + 1
            continue
        explanation = explainer.explain(row)
        if explanation.actor is not None and explanation.actor == explanation.mailbox and _is_person(row):
            hidden["owner"] = hidden.get("owner", 0) + 1
            continue
        found.append(explanation)
    return found, hidden


def _is_person(row: Row) -> bool:
    return row.get("actor_kind") not in ("application", "service", "system")
