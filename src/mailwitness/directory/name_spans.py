"""From when until when a thing had a name: certain where it was seen, possible between two sightings that differ."""

from __future__ import annotations

import msgspec

from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.directory.spelling import NameForm, identity_of

_SEVERAL: frozenset[NameForm] = frozenset({"smtp", "sid", "app_id", "typed"})
"""Forms of which a thing may have several values at once."""


class Seen(msgspec.Struct, frozen=True):
    """A name as it was seen, from `first` to `last`; exact ends are those of a rename on record.

    `whole`: with all other names of its form, so that a name not seen then was gone.
    """

    value: str
    first: int
    last: int
    begins_exactly: bool = False
    ends_exactly: bool = False
    whole: bool = False


class Span(msgspec.Struct, frozen=True):
    """A name's time: seen from `first` to `last`, its own from `since` to `until`, perhaps its own in the rest."""

    value: str
    first: int
    last: int
    since: int
    until: int
    earliest: int
    latest: int

    def ends(self) -> tuple[int, int, int, int]:
        """Return every time at which its fit can change for what is certain or possible."""
        return self.since, self.until, self.earliest, self.latest

    def fit(self, at: int) -> int:
        """Return how surely the name was its own at a time: 0 where it was not.

        3: seen before and after; 2: seen before, and nothing speaks of an end; 1: seen only later, or between two
        sights that differ.
        """
        if self.first <= at <= self.last:
            return 3
        if self.last < at < self.until:
            return 2
        return 1 if self.earliest <= at < self.latest else 0


def spans_of(form: NameForm, seen: list[Seen]) -> tuple[Span, ...]:
    """Return the times of every name of one form of one thing, in order of time."""
    if len(seen) == 1 and not (seen[0].begins_exactly or seen[0].ends_exactly):
        (one,) = seen
        return (Span(one.value, one.first, one.last, BEGINNING, STILL, BEGINNING, STILL),)
    runs: list[list[Seen]] = []
    if form in _SEVERAL:
        by_name: dict[str, list[Seen]] = {}
        for each in seen:
            by_name.setdefault(identity_of(form, each.value), []).append(each)
        others = sorted((each for each in seen if each.whole), key=lambda each: each.first)
        return tuple(_alone(name, form, run, others) for name, run in by_name.items())
    for each in sorted(seen, key=lambda each: (each.first, each.last)):
        if runs and identity_of(form, runs[-1][0].value) == identity_of(form, each.value):
            runs[-1].append(each)
        else:
            runs.append([each])
    return tuple(_between(runs, place) for place in range(len(runs)))


def _between(runs: list[list[Seen]], place: int) -> Span:
    """Return the span of one run: it lasts until the next one is seen, for certain only where it was seen itself."""
    run = runs[place]
    first, last = min(each.first for each in run), max(each.last for each in run)
    since = earliest = BEGINNING
    until = latest = STILL
    if place:
        before = runs[place - 1]
        since = first
        exact = any(each.begins_exactly and each.first == first for each in run)
        earliest = first if exact else min(first, max(each.last for each in before))
    if place + 1 < len(runs):
        after = runs[place + 1]
        begins = min(each.first for each in after)
        exact = any(each.begins_exactly and each.first == begins for each in after)
        latest = max(begins, last)
        until = latest if exact else last + 1
    if any(each.ends_exactly for each in run):
        ends = max(each.last for each in run) + 1
        until, latest = min(until, ends), min(latest, ends)
    return Span(run[-1].value, first, last, since, until, earliest, latest)


def _alone(name: str, form: NameForm, run: list[Seen], whole: list[Seen]) -> Span:
    """Return the span of a name beside which others stand: it ends where all were told and it was not among them."""
    first, last = min(each.first for each in run), max(each.last for each in run)
    without = [o.first for o in whole if identity_of(form, o.value) != name and not first <= o.first <= last]
    before = max((at for at in without if at < first), default=None)
    after = min((at for at in without if at > last), default=None)
    exactly = any(each.ends_exactly for each in run)
    return Span(
        run[-1].value,
        first,
        last,
        BEGINNING if before is None else first,
        STILL if after is None and not exactly else last + 1,
        BEGINNING if before is None else before,
        STILL if after is None and not exactly else (after if after is not None and not exactly else last + 1),
    )
