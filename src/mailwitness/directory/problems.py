"""Problems of one reading of a directory: the first ones kept, all of them counted."""

from __future__ import annotations

from collections.abc import Iterable

from mailwitness.event import Problem

LISTED = 200
"""Problems that are kept one by one."""


class Problems:
    """What was not understood, in order; hostile files have millions, so only the first are kept."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        """Take in `problems`."""
        self.listed: list[Problem] = []
        self.by_code: dict[str, int] = {}
        self.unread = 0
        """Records that are left unread."""
        for problem in problems:
            self.note(problem)

    def note(self, problem: Problem) -> None:
        """Take in one more."""
        self.by_code[problem.code] = self.by_code.get(problem.code, 0) + 1
        self.unread += problem.records
        if len(self.listed) < LISTED:
            self.listed.append(problem)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.by_code.values())
