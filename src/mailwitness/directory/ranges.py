"""Attributes that a server gives in ranges (member;range=0-1499): whether all of them were read."""

from __future__ import annotations

from collections.abc import Iterator

from mailwitness.directory.values import Range


class Ranges:
    """The ranges seen, by object and attribute."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], list[Range]] = {}

    def note(self, dn: str, attribute: str, found: Range) -> None:
        """Note that these values of an attribute were read."""
        self._seen.setdefault((dn, attribute), []).append(found)

    def incomplete(self) -> Iterator[tuple[str, str, str]]:
        """Yield (DN, attribute, what is missing) where the ranges do not go from the first value to the last."""
        for (dn, attribute), ranges in self._seen.items():
            reached = 0
            for each in sorted(ranges, key=lambda r: r.start):
                if each.start > reached:
                    break
                if each.end is None:
                    reached = -1
                    break
                reached = max(reached, each.end + 1)
            if reached >= 0:
                yield dn, attribute, f"the values up to number {reached}"
