"""Counts the records a reader passes over, by where they came from, so that continuity can still be checked."""

from __future__ import annotations

from collections.abc import Iterator

from mailwitness.formats.interface import Skipped

_AT_ONCE = 4096


class Skips:
    """Records passed over since the last `drain`; `full` says it is time for one, to keep memory flat."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], list[int]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._held = 0

    def add(self, computer: str, channel: str, number: int | None) -> None:
        """Count one record, with its number where the form has one."""
        origin = (computer, channel)
        self._counts[origin] = self._counts.get(origin, 0) + 1
        self._held += 1
        if number is not None:
            self._numbers.setdefault(origin, []).append(number)

    @property
    def full(self) -> bool:
        """Return whether enough is held to hand it over."""
        return self._held >= _AT_ONCE

    def drain(self) -> Iterator[Skipped]:
        """Yield what is held, one Skipped a computer and channel, and forget it."""
        for origin, count in self._counts.items():
            yield Skipped(count, *origin, tuple(self._numbers.get(origin, ())))
        self._counts.clear()
        self._numbers.clear()
        self._held = 0
