"""What evidence says of how things stood: gathered in a reading process, handed over as rows of the directory's tables.

Two kinds of it: rows of exports that cmdlets make (directory.state_exports), found among other records in any format,
and exports of a directory (LDIF, CSV), which are read as one.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from mailwitness.directory import csv_export, ldif_export
from mailwitness.directory.rows import Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.state_exports import StateExportReader
from mailwitness.event import Place, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.intake.messages import Delivery, Mark, Observed, Read
from mailwitness.sources.interface import Context

DIRECTORY_EXPORTS: tuple[ModuleType, ...] = (ldif_export, csv_export)
"""Readers of files that hold a directory; each has NAME, `recognise(head, name)` and `read(path, name, reader)`."""


def is_directory_export(name: str) -> bool:
    """Return whether files of this format hold a directory and are read as one."""
    return any(name == module.NAME for module in DIRECTORY_EXPORTS)


class States:
    """The rows of exports of states in one file, as its records come."""

    def __init__(self, context: Context) -> None:
        """Read as `context` says."""
        self._reader = StateExportReader(context)
        self._rows = Rows()
        self._records = 0

    def take(self, record: Record | ExportRecord) -> list[Problem] | None:
        """Take in a record and return what was not understood of it; None: it is of no state."""
        said = self._reader.read(record)
        if said is None:
            return None
        found = list(said)
        problems = [part for part in found if isinstance(part, Problem)]
        if any(problem.records for problem in problems):
            return problems
        for part in found:
            if not isinstance(part, Problem):
                self._rows.add(part)
        self._records += 1
        return problems

    def deliver(self) -> Observed | None:
        """Return what was taken in since the last time."""
        if not self._records:
            return None
        observed = Observed(
            records=self._records,
            batches=_messages(self._rows),
            observed_at=self._reader.observed_at,
            latest_at=self._reader.latest_at,
            complete=self._reader.is_whole,
            origin="export",
        )
        self._records = 0
        return observed


def read_directory_export(read: Read) -> Delivery:
    """Return what a directory's export says. Without a time at which it was made, nothing of it is taken in."""
    rows = Rows()
    reader = SnapshotReader(rows, read.name)
    module = next(module for module in DIRECTORY_EXPORTS if read.format == module.NAME)
    export = module.read(Path(read.path), read.name, reader)
    objects, unread = reader.objects, reader.problems.unread
    problems = list(reader.problems.listed)
    observed: Observed | None = None
    if read.collected_at is None:
        problems.insert(0, _without_time(read, objects))
        unread += objects
    else:
        export.check_time(read.collected_at, read.name)
        problems = list(reader.problems.listed)
        if objects:
            observed = Observed(
                records=objects,
                batches=_messages(rows),
                observed_at=read.collected_at,
                complete=export.remark is None,
                remark=export.remark,
                origin=module.ORIGIN,
            )
    return Delivery(
        seen=reader.objects + reader.filtered + reader.problems.unread,
        filtered=reader.filtered,
        unread=unread,
        events=0,
        problems=tuple(problems),
        more_problems=reader.problems.count - len(reader.problems.listed),
        through=Mark(),
        final=True,
        observed=observed,
    )


def _without_time(read: Read, objects: int) -> Problem:
    return Problem(
        code="ambiguous",
        where=Place(evidence=read.name),
        expected="the time at which the export was made: --collected-at",
        found="an export that does not say it",
        records=objects,
    )


def _messages(rows: Rows) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, batch.serialize().to_pybytes()) for name, batch in rows.take_batches())
