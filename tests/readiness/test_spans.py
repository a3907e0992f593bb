"""Runs of time: what is worst of several, what is laid over, and that hour by hour would have said the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailwitness.readiness.spans import (
    WORST_FIRST,
    Point,
    Stretch,
    covered_share,
    joined,
    laid_over,
    timeline,
    worst,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 24
END = START + timedelta(hours=HOURS)
POINTS = st.lists(st.tuples(st.integers(0, HOURS - 1), st.sampled_from(WORST_FIRST)), max_size=8)


def at(hour):
    return START + timedelta(hours=hour)


def runs(points):
    found = [Point(START, "unknown", "nothing_known", "")]
    found += [Point(at(hour), word, "event", "") for hour, word in sorted(points, key=lambda each: each[0])]
    return timeline(found, START, END)


def words(found):
    """Return the word of each hour."""
    assert found[0].since == START
    assert found[-1].until == END
    assert all(a.until == b.since for a, b in pairwise(found))
    return [next(run.word for run in found if run.since <= at(hour) < run.until) for hour in range(HOURS)]


@given(POINTS, POINTS, POINTS)
def test_the_worst_of_several_is_the_worst_of_each_hour(one, two, three):
    lines = [runs(one), runs(two), runs(three)]
    by_hour = zip(*map(words, lines), strict=True)
    assert words(worst(lines)) == [min(hour, key=WORST_FIRST.index) for hour in by_hour]


@given(POINTS, st.integers(-5, HOURS + 5), st.integers(0, HOURS))
def test_what_is_laid_over_a_line_makes_it_worse_there_alone(points, first, length):
    line = runs(points)
    over = Stretch(at(first), at(first + length), "absent", "records_missing", "a hole")
    before, after = words(line), words(laid_over(line, [over]))
    for hour in range(HOURS):
        assert after[hour] == ("absent" if first <= hour < first + length else before[hour])


@given(POINTS, POINTS, POINTS)
def test_what_holds_of_an_object_is_never_better_than_its_host(shown, held, own):
    lines = [runs(shown), runs(held), runs(own)]
    for host, settings, each, said in zip(*map(words, lines), words(joined(*lines)), strict=True):
        if host == "absent" or each == "absent":
            assert said == "absent"
        elif each == "unknown":
            assert said == ("configured" if settings == "configured" else "unknown")
        else:
            assert said == min((host, each), key=WORST_FIRST.index)


@given(POINTS)
def test_the_share_is_that_of_the_hours(points):
    line = runs(points)
    assert abs(covered_share(line) - sum(w in ("proven", "configured") for w in words(line)) / HOURS) < 1e-9


def test_a_moment_has_the_last_verdict_before_it():
    points = [Point(START, "unknown", "nothing_known", ""), Point(at(3), "proven", "event", "")]
    (run,) = timeline(points, at(3), at(3))
    assert run.word == "proven"
    (run,) = worst([timeline(points, at(2), at(2)), timeline(points, at(2), at(2))])
    assert run.word == "unknown"
    over = [Stretch(at(1), at(2), "absent", "records_missing", "")]
    assert [run.word for run in laid_over(timeline(points, at(2), at(2)), over)] == ["absent"]
