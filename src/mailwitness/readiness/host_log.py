"""One check on one host over time: what its log shows, what settings say, and what is missing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from mailwitness.knowledge.audit_settings import AuditCheck, audit_settings
from mailwitness.readiness.policy_effect import effect
from mailwitness.readiness.proof import BREAKS, Blind, OfObject, Proof, Reach, Seen
from mailwitness.readiness.spans import Cause, Point, Stretch, Timeline, Word, laid_over, timeline, worst
from mailwitness.readiness.state import State
from mailwitness.readiness.switches import by_switch, standing

ORGANIZATION = "organization"
PAUSES = 1.5
"""How many times its longest pause a log may be silent at either end of the trail before that is called a gap."""

_Mark = tuple[datetime, int, Word | Literal["broken"], Cause, str]
_SEEN = "an event of the kind is at hand"
_OTHERS = "events of the kind are at hand; whether every object is audited is unknown"
_SILENCE = "no event of the kind is at hand and nothing says how it is set"
_KEPT = "set so, by files or by the policy's own record; no event of it seen since auditing last changed"


class HostLog:
    """What is known of one check on one host (or of the organization), in one window."""

    def __init__(
        self, *, host: str, check: AuditCheck, proof: Proof, state: State, since: datetime, until: datetime
    ) -> None:
        """Take what to look at; everything is worked out when asked for."""
        self.host = host
        self.check = check
        self._proof = proof
        self._state = state
        self._since = since
        self._until = until

    @cached_property
    def shown(self) -> Timeline:
        """What is set, or shown by events."""
        return self._whole(_points(self._at_first(), [*self._marks(), *self._proofs()], self._since))

    @cached_property
    def held(self) -> Timeline:
        """What is set, whatever events show."""
        return self._whole(_points(self._at_first(), self._marks(), self._since))

    def general(self) -> Timeline:
        """Return the verdict for no mailbox in particular: events of some prove nothing of all."""
        if not self.check.per_object:
            return self.shown
        return tuple(
            Stretch(run.since, run.until, "configured", "event", _OTHERS) if run.word == "proven" else run
            for run in self.shown
        )

    def own(self, of: OfObject) -> Timeline:
        """Return what holds of one object for this check: its audit entries, its own log, events of it."""
        what = "its audit entries" if self.check.by_audit_entries else "its own audit log"
        first: Point = Point(
            self._since, "unknown", "audit_entries_unknown", f"{what} were not read, no event of it seen"
        )
        sets = [of.entries.get(each, ()) for each in self.check.audit_entries] or [of.switch]
        proofs: list[_Mark] = [
            (seen.at, 0, "proven", "event", f"an event of {seen.of or 'it'} is at hand")
            for seen in of.seen
            if self._shows(seen)
        ]
        lines = [
            timeline(
                list(_points(first, [*(_mark(p) for p in points), *proofs], self._since)), self._since, self._until
            )
            for points in sets
        ]
        if not self.check.by_audit_entries:
            lines += [timeline(points, self._since, self._until) for points in of.limits]
        return worst(lines)

    def _whole(self, points: Iterable[Point]) -> Timeline:
        runs = timeline(list(points), self._since, self._until)
        return laid_over(runs, [*self._missing(), *self._not_sealed()])

    def _at_first(self) -> Point:
        check, since = self.check, self._since
        found = self._state.find(check, self.host) if check.setting.kind != "property" else ()
        if not found:
            return Point(since, "unknown", "nothing_known", _SILENCE)
        said = f"{found[0].place} says {check.setting.name} = {found[0].value}"
        short = [seen for seen in found if not check.setting.met_by(seen.value)]
        if len(short) == len(found):
            return Point(since, "absent", "policy_off", said + self._common_error())
        if short:
            why = f"policies differ, and their order is not at hand: {short[0].place}, {found[0].place}"
            return Point(since, "unknown", "policies_differ", why)
        return Point(since, "configured", "settings", said)

    def _common_error(self) -> str:
        """Return what is often taken for this setting, if that is on."""
        name = self.check.confused_with
        found = self._state.category(name, self.host) if name else ()
        if not any(seen.value for seen in found):
            return ""
        truth = next((each.truth for each in audit_settings().corrections if each.confuses == name), "")
        return f"; {name} is on, but: {truth}"

    def _marks(self) -> list[_Mark]:
        """Return what changed: policy, switches, and what ends every proof."""
        marks: list[_Mark] = []
        for change in self._proof.changes:
            if not self._is_here(change.computer, change.source):
                continue
            turned = effect(change, self.check)
            if turned == "on":
                why = f"a record says the policy was set so: {change.after[:120]}"
                marks.append((change.at, 1, "configured", "policy_record", why))
            elif turned == "off":
                why = f"a record says the policy was set off: {change.after[:120]}"
                marks.append((change.at, 1, "absent", "policy_off", why))
            elif change.action in BREAKS and (change.action != "log_cleared" or change.log in self._channels):
                marks.append((change.at, 1, "broken", "nothing_known", change.action))
        marks += [
            (blind.until, 1, "broken", "records_missing", blind.why)
            for blind in self._holes()
            if blind.until is not None
        ]
        for turns in by_switch(self._proof.turns).values() if self.check.source_of_records else ():
            own = [turn for turn in turns if self.check.name in turn.checks]
            marks += [_mark(point) for point in standing(own, self._since)]
        return marks

    def _proofs(self) -> Iterator[_Mark]:
        for seen in self._proof.seen:
            if self._is_here(seen.computer, seen.source) and self._shows(seen):
                yield seen.at, 0, "proven", "event", _SEEN

    def _is_here(self, computer: str, source: str) -> bool:
        if self.check.source_of_records:
            return source == self.check.source_of_records
        return bool(computer) and computer == self.host

    def _shows(self, seen: Seen) -> bool:
        if self.check.source_of_records:
            return seen.source == self.check.source_of_records
        return any(seen.code in codes for name, codes in self.check.proof.items() if is_of(seen.provider, name))

    @cached_property
    def _reaches(self) -> list[Reach]:
        check = self.check
        return [
            reach
            for reach in self._proof.reaches
            if self._is_here(reach.computer, reach.source) and (check.source_of_records or writes(reach, check))
        ]

    @cached_property
    def _channels(self) -> frozenset[str]:
        return frozenset({"", *(reach.channel for reach in self._reaches)})

    def _holes(self) -> list[Blind]:
        return [
            blind
            for blind in self._proof.blind
            if not blind.mailbox and blind.channel in self._channels and self._is_here(blind.computer, blind.source)
        ]

    def _missing(self) -> Iterator[Stretch]:
        """Yield the times that the log's records do not reach, and its holes."""
        if not self._reaches:
            known = next((how for name, how in self._proof.hosts.controllers.items() if name == self.host), "")
            why = "the trail holds no record of this log" + (f"; {known}" if known else "")
            yield Stretch(self._since, self._until, "absent", "never_heard", why)
            return
        yield from self._ends()
        for blind in self._holes():
            since, until = blind.since or self._since, blind.until or self._until
            yield Stretch(since, until, "absent", blind.cause, blind.why)

    def _ends(self) -> Iterator[Stretch]:
        """Yield what lies before the first record and behind the last, if it is longer than this log's pauses."""
        first, last = min(r.first_at for r in self._reaches), max(r.last_at for r in self._reaches)
        usual = PAUSES * max((r.pause for r in self._reaches), default=timedelta(0))
        begin, end = min(r.first_at for r in self._proof.reaches), max(r.last_at for r in self._proof.reaches)
        heard_since = begin if first - begin <= usual else first
        heard_until = end if end - last <= usual else last
        if heard_since > self._since:
            yield Stretch(self._since, heard_since, "absent", "begins_later", "the records at hand begin later")
        if heard_until < end:
            why = f"nothing was heard of this log since {last:%Y-%m-%d %H:%M} UTC"
            yield Stretch(heard_until, min(end, self._until), "absent", "gone_silent", why)
        if end < self._until:
            yield Stretch(max(end, self._since), self._until, "absent", "beyond_trail", "the trail ends before")

    def _not_sealed(self) -> Iterator[Stretch]:
        sealed = self._proof.sealed_until.get(self.check.source_of_records)
        if sealed is not None and sealed < self._until:
            why = (
                f"records of this time may still come: what was collected is complete until {sealed:%Y-%m-%d %H:%M} UTC"
            )
            yield Stretch(max(sealed, self._since), self._until, "unknown", "not_sealed", why)


def _mark(point: Point) -> _Mark:
    return point.at, 1, point.word, point.cause, point.why


def _points(first: Point, marks: Iterable[_Mark], since: datetime) -> Iterator[Point]:
    """Yield how a verdict goes from mark to mark; after what ends a proof, what was set before holds again."""
    yield first
    now = held = first
    for at, _order, word, cause, why in sorted(marks, key=lambda mark: (mark[0], mark[1])):
        when = max(at, since)
        if word == "broken":
            now = Point(when, held.word, held.cause, _KEPT if held.word == "configured" else held.why)
        elif word == "proven":
            now = Point(when, "proven", cause, why)
            if held.word == "absent":  # it was on after all: what said otherwise is out of date
                held = Point(when, "unknown", "nothing_known", _SILENCE)
        else:
            now = held = Point(when, word, cause, why)
        yield Point(when, now.word, now.cause, now.why)


def writes(reach: Reach, check: AuditCheck) -> bool:
    """Return whether a log is one that the provider of a check writes."""
    if check.channel and reach.channel != check.channel.casefold():
        return False
    return any(is_of(reach.provider, name) for name in check.proof)


def is_of(provider: str, name: str) -> bool:
    """Return whether a provider is the one of a check, whose name may end in `*`."""
    wanted = name.casefold()
    return provider.startswith(wanted[:-1]) if wanted.endswith("*") else provider == wanted
