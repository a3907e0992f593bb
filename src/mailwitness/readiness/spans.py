"""Verdicts over time as runs of time, never hour by hour: a timeline has as many parts as something changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

Word = Literal["proven", "configured", "unknown", "absent"]
WORST_FIRST: tuple[Word, ...] = ("absent", "unknown", "configured", "proven")
_RANK: dict[Word, int] = {word: rank for rank, word in enumerate(WORST_FIRST)}

Cause = Literal[
    "event",
    "settings",
    "policy_record",
    "nothing_known",
    "policies_differ",
    "policy_off",
    "audit_entries_lacking",
    "audit_entries_unknown",
    "records_missing",
    "log_cleared",
    "throttled",
    "bypassed",
    "mailbox_not_audited",
    "actions_not_audited",
    "service_not_recording",
    "never_heard",
    "begins_later",
    "gone_silent",
    "beyond_trail",
    "not_sealed",
    "expired",
]
"""Why a verdict is what it is, in one word for programs; `Verdict.why` says it for people."""


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """One run of time with one verdict."""

    since: datetime
    until: datetime
    word: Word
    cause: Cause
    why: str

    @property
    def is_covered(self) -> bool:
        """Return whether the question has an answer here."""
        return self.word in ("proven", "configured")


Timeline = tuple[Stretch, ...]
"""Runs of time that follow each other without a hole, over the whole window."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """From a moment on a verdict holds."""

    at: datetime
    word: Word
    cause: Cause
    why: str


def timeline(points: Sequence[Point], since: datetime, until: datetime) -> Timeline:
    """Return the runs that `points`, in order of time, make of a window; the first of them holds from its beginning.

    Of several points at one moment the last holds; runs with the same verdict for the same cause become one. A window
    of one moment is one run.
    """
    now: dict[datetime, Point] = {}
    for point in points:
        if point.at <= until:
            now[max(point.at, since)] = point
    at_times = sorted(now)
    if len(at_times) > 1 and at_times[-1] == until and since < until:
        at_times.pop()  # what begins where the window ends is not in it
    runs: list[Stretch] = []
    for at, end in zip(at_times, [*at_times[1:], until], strict=True):
        runs = _with(runs, at if runs else since, end, now[at].word, now[at].cause, now[at].why)
    return tuple(runs)


def _with(runs: list[Stretch], since: datetime, until: datetime, word: Word, cause: Cause, why: str) -> list[Stretch]:
    if runs and (runs[-1].word, runs[-1].cause) == (word, cause):
        last = runs.pop()
        runs.append(Stretch(last.since, until, word, cause, last.why))
    else:
        runs.append(Stretch(since, until, word, cause, why))
    return runs


def together(timelines: Sequence[Timeline]) -> Iterator[tuple[datetime, datetime, tuple[Stretch, ...]]]:
    """Yield each run of time in which none of several timelines over one window changes, with what each says."""
    at = [0] * len(timelines)
    while all(at[i] < len(runs) for i, runs in enumerate(timelines)):
        now = tuple(runs[at[i]] for i, runs in enumerate(timelines))
        since, until = max(run.since for run in now), min(run.until for run in now)
        if since < until or timelines[0][0].since == timelines[0][-1].until:
            yield since, until, now
        for i, run in enumerate(now):
            at[i] += run.until == until


def worst(timelines: Sequence[Timeline]) -> Timeline:
    """Return at each time the worst of several timelines over one window; of equals that of the first."""
    if len(timelines) < 2:  # noqa: PLR2004 - nothing to compare
        return timelines[0] if timelines else ()
    runs: list[Stretch] = []
    for since, until, now in together(timelines):
        pick = min(now, key=lambda run: _RANK[run.word])
        runs = _with(runs, since, until, pick.word, pick.cause, pick.why)
    return tuple(runs)


def joined(shown: Timeline, held: Timeline, own: Timeline) -> Timeline:
    """Return what holds of one object: the worse of its host (`shown`) and its `own` state.

    Where nothing is known of the object, events of others prove nothing of it: what is set on the host (`held`) holds.
    """
    runs: list[Stretch] = []
    for since, until, (host, settings, each) in together((shown, held, own)):
        pick = min(host, each, key=lambda run: _RANK[run.word])
        if each.word == "unknown" and host.word != "absent":
            pick = settings if settings.word == "configured" else each
        runs = _with(runs, since, until, pick.word, pick.cause, pick.why)
    return tuple(runs)


def laid_over(base: Timeline, stretches: Iterable[Stretch]) -> Timeline:
    """Return `base` with each of `stretches` laid over it where it is worse than what stands there."""
    if not base:
        return base
    since, until = base[0].since, base[-1].until
    found = base
    for each in stretches:
        first, last = max(each.since, since), min(each.until, until)
        if first > last or (first == last and since < until):
            continue
        points = [Point(since, "proven", "event", ""), Point(first, each.word, each.cause, each.why)]
        if last < until:
            points.append(Point(last, "proven", "event", ""))
        found = worst((found, timeline(points, since, until)))
    return found


def covered_share(runs: Timeline) -> float:
    """Return which share of its window a timeline covers; a window of one moment is covered or not."""
    if not runs:
        return 0.0
    total = (runs[-1].until - runs[0].since).total_seconds()
    if not total:
        return float(runs[-1].is_covered)
    return sum((run.until - run.since).total_seconds() for run in runs if run.is_covered) / total
