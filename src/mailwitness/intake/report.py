"""What an import did, in counts that add up: seen = recorded + duplicates + filtered + unread, in records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mailwitness.errors import MailwitnessError
from mailwitness.event import Problem

LISTED = 200
"""Problems of one file that are kept one by one; the rest is counted."""


class Counts(msgspec.Struct, kw_only=True):
    """Records, and what became of them. `events` counts events sealed, `problems` counts Problems of any kind."""

    seen: int = 0
    recorded: int = 0
    duplicates: int = 0
    filtered: int = 0
    unread: int = 0
    events: int = 0
    problems: int = 0

    def add(self, other: Counts) -> None:
        """Add `other` to this."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def check(self, of: str) -> None:
        """Raise MailwitnessError unless every record seen has become something."""
        known = self.recorded + self.duplicates + self.filtered + self.unread
        if self.seen != known:
            raise MailwitnessError(
                f"records do not add up: {self.seen} seen, but {self.recorded} recorded + {self.duplicates} duplicates"
                f" + {self.filtered} filtered + {self.unread} unread = {known}",
                where=of,
                remedy="nothing of this file was acknowledged; report it as a defect",
            )


class FileReport(msgspec.Struct, kw_only=True):
    """One evidence file, or one member of an archive (`parent`: the archive's SHA-256)."""

    evidence: str
    sha256: str = ""
    size: int = 0
    format: str | None = None
    parent: str | None = None
    counts: Counts = msgspec.field(default_factory=Counts)
    listed: list[Problem] = msgspec.field(default_factory=list)
    by_code: dict[str, int] = msgspec.field(default_factory=dict)

    def note(self, problems: Iterable[Problem], more: int = 0) -> None:
        """Take in Problems, and `more` that nobody listed."""
        for problem in problems:
            self.counts.problems += 1
            self.by_code[problem.code] = self.by_code.get(problem.code, 0) + 1
            if len(self.listed) < LISTED:
                self.listed.append(problem)
        self.counts.problems += more

    def refuse(self, problem: Problem) -> None:
        """Take in a Problem that leaves `problem.records` unread which nobody else counted."""
        self.counts.seen += problem.records
        self.counts.unread += problem.records
        self.note([problem])

    def as_item(self) -> dict[str, Any]:
        """Return the file's part of the JSON that `import` prints."""
        item: dict[str, Any] = {"evidence": self.evidence, "sha256": self.sha256, "size": self.size}
        item |= {"format": self.format, "parent": self.parent}
        item |= {name: getattr(self.counts, name) for name in Counts.__struct_fields__ if name != "problems"}
        item["problems"] = [msgspec.to_builtins(problem) for problem in self.listed]
        item["problems_omitted"] = self.counts.problems - len(self.listed)
        return item


class ImportReport(msgspec.Struct, kw_only=True):
    """The whole import."""

    files: list[FileReport] = msgspec.field(default_factory=list)
    totals: Counts = msgspec.field(default_factory=Counts)
    recovery: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """What an interrupted writer had left in the trail, and what was done about it before this import."""

    def add(self, file: FileReport) -> None:
        """Add a file that is done; raises MailwitnessError where its counts do not add up."""
        file.counts.check(file.evidence)
        self.files.append(file)
        self.totals.add(file.counts)

    @property
    def problems(self) -> list[Problem]:
        """Return the Problems listed, file by file."""
        return [problem for file in self.files for problem in file.listed]

    def as_json(self) -> dict[str, Any]:
        """Return the object that `import --format json` prints."""
        self.totals.check("the import as a whole")
        counts = {name: getattr(self.totals, name) for name in Counts.__struct_fields__}
        items = [file.as_item() for file in self.files]
        return {"verb": "import", **counts, "recovery": self.recovery, "items": items}
