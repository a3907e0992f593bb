"""Record numbers become ranges, whatever their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailwitness.intake.continuity import RecordNumbers
from mailwitness.intake.messages import Numbers

_numbers = st.lists(st.integers(0, 60), max_size=40)


def _ranges(numbers):
    """The definition: walk through the set."""
    ranges: list[int] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1] == number - 1:
            ranges[-1] = number
        else:
            ranges += [number, number]
    return tuple(ranges)


def _collected(numbers):
    seen = RecordNumbers()
    seen.add_all("dc1", "Security", numbers)
    return seen.settle()


@given(_numbers, _numbers)
def test_ranges_are_those_of_the_set(first, second):
    seen = RecordNumbers()
    for number in first:
        seen.add("dc1", "Security", number)
    seen.settle()
    seen.add_all("dc1", "Security", second)

    assert [numbers.ranges for numbers in seen.settle()] == ([_ranges(first + second)] if first + second else [])


@given(st.lists(_numbers, max_size=5))
def test_merged_collections_are_as_one(parts):
    merged = RecordNumbers()
    for part in parts:
        for numbers in _collected(part):
            merged.merge(numbers)
    everything = [number for part in parts for number in part]

    assert [numbers.ranges for numbers in merged.settle()] == ([_ranges(everything)] if everything else [])


def test_logs_are_kept_apart_and_numbers_no_log_holds_are_left_out():
    seen = RecordNumbers()
    seen.add("dc2", "Security", 1)
    seen.add("dc1", "Security", 2)
    seen.add("dc1", "Security", 2**64)
    seen.add("dc1", "Application", -1)

    assert seen.settle() == (Numbers("dc1", "Security", (2, 2)), Numbers("dc2", "Security", (1, 1)))
