"""Would we have seen it? Per host and check: proven, configured, unknown or absent, over time.

An event of the kind proves that the setting was on, until auditing changes, a log is cleared or records are missing.
Files and policy records that say so make it configured. Where neither speaks it is unknown: no record is never taken
for nothing happened. Time that a log at hand does not reach is absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from mailwitness.knowledge.audit_settings import AuditCheck, Question, audit_settings
from mailwitness.readiness.policy_effect import BREAKS, effect
from mailwitness.readiness.proof import Blind, Proof, Reach, Seen
from mailwitness.readiness.state import State, same_host

Word = Literal["proven", "configured", "unknown", "absent"]
WORST_FIRST: tuple[Word, ...] = ("absent", "unknown", "configured", "proven")
ORGANIZATION = "organization"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One check on one host for one stretch of time: the verdict, why, and where it is not covered the fix."""

    verdict: Word
    computer: str
    question: Question
    check: str
    title: str
    since: datetime
    until: datetime
    why: str
    lost: str | None = None
    fix: str | None = None
    experimental: bool = False

    @property
    def covered(self) -> bool:
        """Return whether the question has an answer here."""
        return self.verdict in ("proven", "configured")

    @property
    def hours(self) -> float:
        """Return how long this stretch is, a moment counting as its hour."""
        return max((self.until - self.since).total_seconds() / 3600, 1.0)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a window (None: as far as the trail reaches), and narrowing by question and hosts."""

    since: datetime | None = None
    until: datetime | None = None
    question: Question | None = None
    hosts: tuple[str, ...] = ()


def verdicts(proof: Proof, state: State, asked: Asked) -> list[Verdict]:
    """Return every verdict, the worst first, then the longest.

    Every host with a Security log is asked what a domain controller is asked; `asked.hosts` narrows, and a host named
    there of which the trail holds nothing is absent in all.
    """
    window = _window(proof, asked)
    if window is None:
        return []
    found = [
        verdict
        for host, check in _subjects(proof, state, asked)
        for verdict in _over_time(_Subject(host=host, check=check, proof=proof, state=state), *window)
    ]
    return sorted(found, key=lambda v: (WORST_FIRST.index(v.verdict), -v.hours, v.computer, v.check, v.since))


def score(found: list[Verdict]) -> float | None:
    """Return the share of host x check x hour that is proven or configured, None where nothing was asked."""
    total = sum(verdict.hours for verdict in found)
    return sum(verdict.hours for verdict in found if verdict.covered) / total if total else None


def _window(proof: Proof, asked: Asked) -> tuple[datetime, datetime] | None:
    since = asked.since or min((reach.first_at for reach in proof.reaches), default=asked.until)
    until = asked.until or max((reach.last_at for reach in proof.reaches), default=asked.since)
    if since is None or until is None:
        return None
    return since, max(since, until)


def _subjects(proof: Proof, state: State, asked: Asked) -> Iterator[tuple[str, AuditCheck]]:
    settings = audit_settings()
    sources = {reach.source for reach in proof.reaches}
    generations = {of for source, of in settings.recorded_by.items() if source in sources}
    hosts = {reach.computer for reach in proof.reaches if reach.computer}
    hosts |= {host for host in state.hosts() if not any(same_host(host, known) for known in hosts)}
    hosts |= {host.lower() for host in asked.hosts if not any(same_host(host, known) for known in hosts)}
    wanted = {known for name in asked.hosts for known in _meant(name, hosts)}
    for check in settings.checks:
        if asked.question is not None and check.question != asked.question:
            continue
        if check.source_of_records:
            if not asked.hosts and generations & set(check.generations):
                yield ORGANIZATION, check
            continue
        for host in sorted(hosts):
            if asked.hosts and host not in wanted:
                continue
            if _applies(check, host, proof, state):
                yield host, check


def _meant(name: str, hosts: set[str]) -> set[str]:
    """Return the hosts a person means by `name`: the one of that very name, else those it is the short name of."""
    name = name.lower()
    return {name} if name in hosts else {host for host in hosts if same_host(host, name)}


def _applies(check: AuditCheck, host: str, proof: Proof, state: State) -> bool:
    """A check applies where its provider writes, or where files say its setting; of a silent host all may apply."""
    providers = {reach.provider for reach in proof.reaches if reach.computer == host}
    if any(_is_of(provider, check) for provider in providers):
        return True
    if any(seen.host and same_host(seen.host, host) and seen.kind == check.setting.kind for seen in state.observations):
        return bool(state.find(check, host))
    return not providers and check.setting.is_audit and not state.find(check, host) and host not in state.hosts()


def _is_of(provider: str, check: AuditCheck) -> bool:
    for name in check.proof:
        wanted = name.casefold()
        if provider.startswith(wanted[:-1]) if wanted.endswith("*") else provider == wanted:
            return True
    return False


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One check on one host, and everything known."""

    host: str
    check: AuditCheck
    proof: Proof
    state: State

    def here(self, computer: str, source: str) -> bool:
        """Return whether a record of `computer` and `source` is of this subject."""
        if self.check.source_of_records:
            return source == self.check.source_of_records
        return bool(computer) and computer == self.host

    def shows(self, seen: Seen) -> bool:
        """Return whether an event proves the setting."""
        if not self.here(seen.computer, seen.source):
            return False
        if self.check.source_of_records:
            return True
        return any(
            seen.code in codes
            and (seen.provider.startswith(n[:-1].casefold()) if n.endswith("*") else seen.provider == n.casefold())
            for n, codes in self.check.proof.items()
        )

    def reach(self) -> tuple[datetime, datetime] | None:
        """Return from when until when its log is at hand."""
        spans = [(reach.first_at, reach.last_at) for reach in self._reaches()]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def blind(self) -> list[Blind]:
        """Return the stretches of its log without records."""
        channels = {"", *(reach.channel for reach in self._reaches())}
        return [
            blind for blind in self.proof.blind if blind.channel in channels and self.here(blind.computer, blind.source)
        ]

    def _reaches(self) -> list[Reach]:
        return [
            reach
            for reach in self.proof.reaches
            if self.here(reach.computer, reach.source)
            and (self.check.source_of_records or _is_of(reach.provider, self.check))
        ]


def _over_time(subject: _Subject, since: datetime, until: datetime) -> Iterator[Verdict]:
    marks = sorted(_marks(subject), key=lambda mark: mark[0])
    word, why = _at_first(subject)
    held = word
    points: list[tuple[datetime, Word, str]] = [(since, word, why)]
    for at, mark, reason in marks:
        if at > until:
            break
        if mark == "broken":
            word, why = (held, _FILES[held]) if word != "absent" else (word, why)
        else:
            word, why = mark, reason
            if mark != "proven":
                held = mark
            elif held == "absent":
                held = "unknown"  # it was on after all: what said otherwise is out of date
        points.append((max(at, since), word, why))
    points = _with_blind(subject, points, since, until)
    yield from _stretches(subject, points, until)


_FILES: dict[Word, str] = {
    "configured": "set so, by files or by the policy's own record; no event of it seen since auditing last changed",
    "unknown": "no event of the kind is at hand and no file of settings was given",
    "absent": "files of settings say it is off",
    "proven": "an event of the kind is at hand",
}


def _at_first(subject: _Subject) -> tuple[Word, str]:
    found = subject.state.find(subject.check, subject.host) if subject.check.setting.kind != "property" else ()
    if not found:
        return "unknown", _FILES["unknown"]
    short = [seen for seen in found if not subject.check.setting.met_by(seen.value)]
    if len(short) == len(found):
        return "absent", f"{found[0].place} says {subject.check.setting.name} = {found[0].value}"
    if short:
        return "unknown", f"policies differ, and their order is not at hand: {short[0].place}, {found[0].place}"
    return "configured", f"{found[0].place} says {subject.check.setting.name} = {found[0].value}"


def _marks(subject: _Subject) -> Iterator[tuple[datetime, Word | Literal["broken"], str]]:
    check, proof = subject.check, subject.proof
    narrowed = check.per_object and proof.of_mailbox is not None
    for seen in (proof.of_mailbox or ()) if narrowed else proof.seen:
        if subject.shows(seen):
            if check.per_object and not narrowed:
                yield (
                    seen.at,
                    "configured",
                    "events of the kind are at hand; whether every object is audited is unknown",
                )
            else:
                yield seen.at, "proven", _FILES["proven"]
    for change in proof.changes:
        if not subject.here(change.computer, change.source):
            continue
        turned = effect(change, check)
        if turned == "on":
            yield change.at, "configured", f"a record says the policy was set so: {change.after[:120]}"
        elif turned == "off":
            yield change.at, "absent", f"a record says the policy was set off: {change.after[:120]}"
        elif change.action in BREAKS:
            yield change.at, "broken", change.action


def _with_blind(
    subject: _Subject, points: list[tuple[datetime, Word, str]], since: datetime, until: datetime
) -> list[tuple[datetime, Word, str]]:
    """Lay the times without records over the points; behind each the verdict falls back to what files say."""
    spans: list[tuple[datetime, datetime, str]] = []
    reach = subject.reach()
    if reach is None:
        return [(since, "absent", "the trail holds no record of this log")]
    if reach[0] > since:
        spans.append((since, min(reach[0], until), "the records at hand begin later"))
    if reach[1] < until:
        spans.append((max(reach[1], since), until, "nothing was heard of this log since"))
    spans += [(blind.since or since, blind.until or until, blind.why) for blind in subject.blind()]
    laid = points
    for start, end, why in sorted(spans):
        first, last = max(start, since), min(end, until)
        if first > last:
            continue
        after = [point for point in laid if point[0] <= last][-1]
        fallen: tuple[Word, str] = (after[1], after[2]) if after[1] != "proven" else _at_first(subject)
        kept = [point for point in laid if point[0] < first]
        rest = [point for point in laid if point[0] > last]
        laid = (
            [*kept, (first, "absent", why), (last, *fallen), *rest] if last < until else [*kept, (first, "absent", why)]
        )
    return laid


def _stretches(subject: _Subject, points: list[tuple[datetime, Word, str]], until: datetime) -> Iterator[Verdict]:
    """Yield one verdict for each run of equal words; what holds at the very end alone is kept where it is all."""
    points = list({point[0]: point for point in points}.values())  # of several at one moment the last holds
    ends = [*(point[0] for point in points[1:]), until]
    runs: list[tuple[datetime, datetime, Word, str]] = []
    for (start, word, why), end in zip(points, ends, strict=True):
        if runs and runs[-1][2] == word:
            runs[-1] = (runs[-1][0], end, word, runs[-1][3])
        elif end > start or not runs:
            runs.append((start, end, word, why))
    check = subject.check
    for start, end, word, why in runs:
        open_ = word in ("absent", "unknown")
        yield Verdict(
            verdict=word,
            computer=subject.host,
            question=check.question,
            check=check.name,
            title=check.title,
            since=start,
            until=end,
            why=why,
            lost=check.lost if open_ else None,
            fix=check.switch_on if open_ else None,
            experimental=check.mark == "experimental",
        )
