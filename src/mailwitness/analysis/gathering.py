"""Where facts are put together while they come in, by the thing they are about, and made into intervals at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import msgspec

from mailwitness.analysis.descriptor_entries import Where
from mailwitness.analysis.limits import UNSTATED, Limit
from mailwitness.analysis.list_history import ListHistory, Sight
from mailwitness.analysis.presence import End, Point, Run, runs_of
from mailwitness.analysis.right_entry import Entry, Kind
from mailwitness.analysis.scopes import Policy
from mailwitness.analysis.standing import Facts, Held, Unexplained, Written
from mailwitness.descriptors.sid import Domain, is_relative, resolved
from mailwitness.directory.clock import BEGINNING, micros
from mailwitness.directory.closure import Link
from mailwitness.directory.identity import Identities
from mailwitness.directory.spelling import domain_of, form_of
from mailwitness.knowledge.exchange_roles import role_named
from mailwitness.knowledge.guids import Guids
from mailwitness.knowledge.rights import ContextName
from mailwitness.knowledge.well_known_sids import well_known_name

_CONFIGURATION_KINDS = frozenset({"server", "database", "organization"})


class Single(NamedTuple):
    """A right that stands alone, not in a descriptor's list: what makes two statements be about the same one."""

    kind: Kind
    target: int
    trustee: int
    bits: int
    right: str
    folder: str | None = None
    assignment: str | None = None
    product: str | None = None
    is_everywhere: bool = False
    candidates: tuple[int, ...] = ()
    limit: Limit | None = None


class Gathering:
    """Points and looks by what they are about."""

    def __init__(self, identities: Identities, known: Guids | None = None) -> None:
        """Begin with nothing; `known` are the GUIDs of the directory's own schema."""
        self.identities = identities
        self.known = known
        self.lists: dict[tuple[int, ContextName, bool], ListHistory] = {}
        self._sights: list[tuple[int, ContextName, Sight]] = []
        self.singles: dict[Single, list[Point]] = {}
        self.members: dict[tuple[int, int], list[Point]] = {}
        self.members_blind: dict[int, list[tuple[int, End]]] = {}
        self.values: dict[str, dict[int, dict[int, list[Point]]]] = {"home": {}, "primary": {}}
        self.kept = Facts()
        self._standing_on: dict[tuple[Kind, int], list[Single]] = {}
        self._domains: dict[str, Domain] = {}

    def list_of(self, target: int, context: ContextName, *, cloud: bool = False) -> ListHistory:
        """Return the list of rights of a thing, begun now if nothing was known of it.

        A mailbox in Exchange Online has its list there; what stands on its object on premises is another one.
        """
        kind: Kind = context
        return self.lists.setdefault((target, context, cloud), ListHistory(target, kind))

    def sight(self, target: int, context: ContextName, sight: Sight, *, cloud: bool | None) -> None:
        """Note what an export shows of a list; None: nothing tells whether of the one in the cloud."""
        if cloud is None:
            self._sights.append((target, context, sight))
        else:
            self.list_of(target, context, cloud=cloud).sights.append(sight)

    def single(self, right: Single, at: datetime, end: End, *, stands: bool, is_act: bool) -> None:
        """Note a right that stands alone: given or taken away by an act, or seen."""
        points = self.singles.get(right)
        if points is None:
            points = self.singles[right] = []
            self._standing_on.setdefault((right.kind, right.target), []).append(right)
        points.append(Point(micros(at), stands, is_act=is_act, end=end))

    def singles_on(self, kind: Kind, target: int) -> list[Single]:
        """Return the rights of a kind on a thing that were noted so far."""
        return list(self._standing_on.get((kind, target), ()))

    def stands(self, right: Single) -> bool:
        """Return whether a right stood at the latest time noted so far."""
        points = self.singles.get(right, [])
        return bool(points) and max(points, key=lambda point: point.at).stands

    def member(self, member: int, group: int, at: datetime, end: End, *, stands: bool, is_act: bool) -> None:
        """Note a membership."""
        self.members.setdefault((member, group), []).append(Point(micros(at), stands, is_act=is_act, end=end))

    def value(self, name: str, thing: int, value: int | None, at: datetime, end: End, *, is_act: bool) -> None:
        """Note the one value a thing has: the others it had are gone."""
        values = self.values[name].setdefault(thing, {})
        if value is not None:
            values.setdefault(value, [])
        for each, points in values.items():
            if points or each == value:
                points.append(Point(micros(at), each == value, is_act=is_act, end=end))

    def where(self, target: int, context: ContextName) -> Where:
        """Return what kind of object a descriptor stands on."""
        thing = self.identities.thing(target)
        in_configuration = any(",cn=configuration" in name.casefold() for name in thing.names("dn"))
        return Where(context, in_configuration or thing.kind in _CONFIGURATION_KINDS, thing.kind == "group")

    def meant(self, trustee: str, at: int, target: int | None = None) -> tuple[int, ...]:
        """Return whom a descriptor or a record means by `trustee` at a time."""
        if trustee.startswith("S-1-"):
            return (self.identities.ensure(trustee, "sid"),)
        if len(trustee) == 2 and is_relative(trustee) and well_known_name(trustee):  # noqa: PLR2004 - SDDL's letters
            sid = resolved(trustee, self.domain(target))
            if sid.startswith("S-1-"):
                return (self.identities.ensure(sid, "sid"),)
            return self.identities.meant(well_known_name(trustee) or trustee, "typed").things
        form = form_of(trustee)
        return self.identities.meant(trustee, "typed" if form == "display_name" else form, at).things

    def domain(self, target: int | None) -> Domain | None:
        """Return the domain whose names a thing's descriptor uses: that of its DN, else the only one there is."""
        if not self._domains:
            self._domains = _domains(self.identities)
        dns = self.identities.thing(target).names("dn") if target is not None else ()
        found = self._domains.get(domain_of(dns[0]).casefold()) if dns else None
        if found is not None:
            return found
        known = set(self._domains.values())
        return known.pop() if len(known) == 1 else None

    def facts(self) -> Facts:
        """Return everything as intervals."""
        facts = self.kept
        for target, context, sight in self._sights:
            self.list_of(target, context, cloud=(target, context, True) in self.lists).sights.append(sight)
        for (target, context, _cloud), history in self.lists.items():
            self._list_facts(target, context, history, facts)
        self._limits_told_elsewhere()
        for right, points in self.singles.items():
            runs, lost = runs_of(points)
            if right.kind == "policy":
                facts.policies += [Policy(right.trustee, right.target, right.right, run) for run in runs]
                continue
            facts.entries += [entry for run in runs for entry in _entries(right, run)]
            facts.unwitnessed += [Unexplained("right", right.target, right.trustee, right.right, c) for c in lost]
        for (member, group), points in self.members.items():
            runs, lost = runs_of(points, self.members_blind.get(group, ()))
            facts.links += [Link(member, group, run.since, run.until, run) for run in runs]
            facts.unwitnessed += [Unexplained("membership", group, member, "member", c) for c in lost]
        for member, values in self.values["primary"].items():
            for group, points in values.items():
                facts.links += [Link(member, group, run.since, run.until, run) for run in runs_of(points)[0]]
        for mailbox, values in self.values["home"].items():
            facts.homes[mailbox] = [Held(value, run) for value, points in values.items() for run in runs_of(points)[0]]
            facts.mailboxes[mailbox] = None
        return facts

    def _limits_told_elsewhere(self) -> None:
        """Lay what was said of an assignment without its limit to the same assignment whose limit another record tells.

        Otherwise one assignment would be two, and its limit be lost with the record that does not tell it.
        """
        told: dict[Single, list[Single]] = {}
        for right in self.singles:
            if right.limit != UNSTATED:
                told.setdefault(right._replace(limit=UNSTATED), []).append(right)
        for right in [right for right in self.singles if right in told]:
            for point in self.singles.pop(right):
                self.singles[max(told[right], key=lambda other: self._nearness(other, point.at))].append(point)

    def _nearness(self, right: Single, at: int) -> tuple[bool, int]:
        """Return how near a right's latest statement up to a time is, and that it stood by it comes first."""
        before = [point for point in self.singles[right] if point.at <= at]
        latest = max(before, key=lambda point: (point.at, point.is_act), default=None)
        return (latest.stands, latest.at) if latest is not None else (False, -1)

    def _list_facts(self, target: int, context: ContextName, history: ListHistory, facts: Facts) -> None:
        entries, lost = history.entries(partial(self.meant, target=target))
        facts.entries += entries
        for atom, change in lost:
            if atom.inherited:
                continue  # such entries follow what stands above
            for trustee in self.meant(atom.trustee, BEGINNING, target)[:1]:
                facts.unwitnessed.append(Unexplained("right", target, trustee, atom.right, change))
        written = [Written(at, until, history.kind, end) for at, until, end in history.untold()]
        if written:
            facts.written.setdefault(target, []).extend(written)
        if context == "directory" and (protection := history.protection()):
            facts.protection.setdefault(target, []).extend(protection)


def _entries(right: Single, run: Run) -> Iterator[Entry]:
    """Yield the entry of one interval, cut off where the product refuses the right.

    An assignment made after that day shows by its success that the product did not refuse it there.
    """
    known = role_named(right.right) if right.kind == "role" and right.product else None
    day = known.valid_until.get(right.product or "") if known else None
    if day is not None:
        retired = datetime(day.year, day.month, day.day, tzinfo=UTC)
        at = micros(retired)
        if run.since < at < run.until:
            end = End(at=retired, how="retired")
            run = msgspec.structs.replace(run, until=at, latest=at, ended=end)
    yield Entry(
        target=right.target,
        kind=right.kind,
        trustee=right.trustee,
        allows=True,
        bits=right.bits,
        right=right.right,
        run=run,
        folder=right.folder,
        is_everywhere=right.is_everywhere,
        candidates=right.candidates,
        limit=right.limit,
    )


def _domains(identities: Identities) -> dict[str, Domain]:
    """Return the SID of each domain by its DN: what the SIDs of its accounts begin with."""
    counts: dict[str, dict[str, int]] = {}
    for number in range(len(identities)):
        thing = identities.thing(number)
        for sid in thing.names("sid"):
            if not sid.startswith("S-1-5-21-"):
                continue
            for dn in thing.names("dn")[:1]:
                head = sid.rpartition("-")[0]
                heads = counts.setdefault(domain_of(dn).casefold(), {})
                heads[head] = heads.get(head, 0) + 1
    sids = {domain: max(heads, key=lambda h: heads[h]) for domain, heads in counts.items()}
    root = min(sids, key=len, default=None)
    return {domain: Domain(sid, sids[root] if root else None) for domain, sid in sids.items()}
