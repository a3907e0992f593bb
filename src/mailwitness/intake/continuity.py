"""EventRecordIDs seen, per (computer, channel), as ranges: what a hole in a log is told by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mailwitness.intake.messages import Numbers

_LARGEST = 2**63


class RecordNumbers:
    """Collects the numbers of records seen, filtered ones included, in whatever order they come.

    Memory grows with the ranges, not with the records, once `settle` has run.
    """

    def __init__(self) -> None:
        self._loose: dict[tuple[str, str], list[int]] = {}
        self._ranges: dict[tuple[str, str], list[int]] = {}

    def add(self, computer: str, channel: str, number: int) -> None:
        """Note one number. Numbers no log can hold are left out: they prove no continuity."""
        if not 0 <= number < _LARGEST:
            return
        loose = self._loose.get((computer, channel))
        if loose is None:
            self._loose[computer, channel] = [number]
        else:
            loose.append(number)

    def add_all(self, computer: str, channel: str, numbers: Iterable[int]) -> None:
        """Note several numbers of one log."""
        self._loose.setdefault((computer, channel), []).extend(n for n in numbers if 0 <= n < _LARGEST)

    def merge(self, numbers: Numbers) -> None:
        """Take in the ranges of another collection."""
        key = (numbers.computer, numbers.channel)
        known = self._ranges.get(key)
        if known is None:
            self._ranges[key] = list(numbers.ranges)
        elif numbers.ranges and known and numbers.ranges[0] == known[-1] + 1:
            known[-1] = numbers.ranges[1]  # the usual case: the next span of the same log
            known.extend(numbers.ranges[2:])
        else:
            known.extend(numbers.ranges)
            self._ranges[key] = _join(np.array(known, dtype=np.int64).reshape(-1, 2))

    def settle(self) -> tuple[Numbers, ...]:
        """Return what was seen as ranges, logs in order of their names."""
        for key, loose in self._loose.items():
            singles = np.array(loose, dtype=np.int64)
            pairs = np.column_stack((singles, singles))
            known = self._ranges.get(key)
            if known:
                pairs = np.concatenate((np.array(known, dtype=np.int64).reshape(-1, 2), pairs))
            self._ranges[key] = _join(pairs)
        self._loose.clear()
        return tuple(Numbers(*key, tuple(ranges)) for key, ranges in sorted(self._ranges.items()) if ranges)


def _join(pairs: np.ndarray) -> list[int]:
    """Return closed ranges, sorted, overlapping and adjacent ones joined."""
    if not len(pairs):
        return []
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(pairs[:, 1])
    starts = np.flatnonzero(np.concatenate(([True], pairs[1:, 0] > reach[:-1] + 1)))
    ends = np.concatenate((starts[1:] - 1, [len(pairs) - 1]))
    return [int(n) for n in np.column_stack((pairs[starts, 0], reach[ends])).ravel()]
