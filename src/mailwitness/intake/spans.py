"""Reads spans of one evidence file: format to records, sources to events, counts that add up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pyarrow as pa

from mailwitness import formats, sources
from mailwitness.errors import EvidenceError
from mailwitness.event import Event, Place, Problem, instant
from mailwitness.formats.interface import ExportRecord, Reading, Record, Skipped, Span
from mailwitness.intake.continuity import RecordNumbers
from mailwitness.intake.messages import Clear, Delivery, Mark, Read
from mailwitness.intake.rows import Rows
from mailwitness.intake.states import DIRECTORY_EXPORTS, States
from mailwitness.sources.interface import Context

ROWS = 4096
"""Rows of a streamed delivery at most."""
BYTES = 4 * 1024 * 1024
"""Bytes of entries and blobs of a streamed delivery, about."""
SECONDS = 0.5
"""CPU seconds after which a streamed read delivers even without rows: a sign of life, and a new CPU budget."""
PROBLEMS = 200
"""Problems a delivery lists; the rest is counted."""
CLEARS = 1000

Deliver = Callable[[Delivery, pa.RecordBatch | None], None]


class SpanReader:
    """Carries out one `Read`, calling `deliver` for every delivery, the last one final.

    Raises whatever the format raises, EvidenceError excepted: that one is a Problem of the evidence.
    """

    def __init__(self, read: Read, deliver: Deliver) -> None:
        self._read = read
        self._deliver = deliver
        self._context = Context(
            organization=read.organization,
            evidence_sha256=read.evidence_sha256,
            evidence_name=read.name,
            observed_origin=read.observed_origin,
            time_zone=read.time_zone,
            collected_at=read.collected_at,
        )
        self._rows = Rows()
        self._states = States(self._context)
        self._readings = 0
        self._offset = read.resume_after.offset
        self._begin()

    def _begin(self) -> None:
        self._seen = self._filtered = self._unread = 0
        self._problems: list[Problem] = []
        self._more_problems = 0
        self._numbers = RecordNumbers()
        self._clears: list[Clear] = []
        self._begun = time.process_time()

    def run(self) -> None:
        """Read every span and deliver."""
        module = named(self._read.format)
        wanted = sources.wanted()
        read = module.read_with_libevtx if self._read.second else module.read
        for span in self._read.spans:
            try:
                self._take(read(Path(self._read.path), span, wanted))
            except EvidenceError as error:
                self._note(self._unreadable(span, error))
        self._flush(final=True)

    def _take(self, readings: Iterator[Reading]) -> None:
        streamed, delivered = self._read.streamed, self._read.resume_after.readings
        for reading in readings:
            self._readings += 1
            if self._readings > delivered:
                self._count_reading(reading)
            if streamed and self._is_due():
                self._flush(final=False)

    def _count_reading(self, reading: Reading) -> None:
        if isinstance(reading, Record):
            self._record(reading)
            if reading.record_id is not None and not reading.recovered:
                self._numbers.add(reading.computer, reading.channel, reading.record_id)
            self._offset = reading.offset
        elif isinstance(reading, Skipped):
            self._seen += reading.records
            self._filtered += reading.records
            self._numbers.add_all(reading.computer, reading.channel, reading.numbers)
        elif isinstance(reading, Problem):
            self._seen += reading.records
            self._unread += reading.records
            self._note(self._named(reading))
            at = _offset(reading)
            self._offset = self._offset if at is None else at
        else:
            self._record(reading)
            self._offset = reading.offset

    def _is_due(self) -> bool:
        """Return whether to deliver: many rows, or a sign of life and a new CPU budget are needed."""
        if len(self._rows) >= ROWS or self._rows.bytes >= BYTES:
            return True
        if self._read.careful and self._readings > self._read.resume_after.readings:
            return True
        return time.process_time() - self._begun >= SECONDS

    def _record(self, record: Record | ExportRecord) -> None:
        """Count one record, as one of: events made (the trail tells recorded from duplicate), filtered, unread."""
        self._seen += 1
        events: list[Event] = []
        problems: list[Problem] = []
        try:
            said = sources.read(record, self._context)
            if said is None:
                self._state(record)
                return
            for part in said:
                (events if isinstance(part, Event) else problems).append(part)  # type: ignore[arg-type]
            if events:
                self._rows.add(events, record.raw(), self._read.salt)
        except MemoryError:
            raise  # the process is at its limit: it has to go
        except Exception as error:  # noqa: BLE001 - whatever hostile evidence makes a source raise costs its record
            events = []
            problems = [self._raised(record, error)]
        self._count(events, problems)

    def _state(self, record: Record | ExportRecord) -> None:
        """Count a record that tells no event: it says how things stand, or is filtered."""
        problems = self._states.take(record)
        if problems is None:
            self._filtered += 1
        elif any(problem.records for problem in problems):
            self._count([], problems)
        else:
            for problem in problems:
                self._note(problem)

    def _count(self, events: list[Event], problems: list[Problem]) -> None:
        unread = not events and any(problem.records for problem in problems)
        if unread:
            self._unread += 1
        elif not events:
            self._filtered += 1
        for event in events:
            if event.kind == "audit" and event.action == "log_cleared" and len(self._clears) < CLEARS:
                self._clears.append(
                    Clear(event.computer or "", event.channel or "", event.record_id, instant(event.occurred_at))
                )
        for problem in problems:
            own = 1 if unread else 0
            unread = False  # one record is left unread once, however many Problems tell of it
            self._note(problem if problem.records == own else msgspec.structs.replace(problem, records=own))

    def _note(self, problem: Problem) -> None:
        if len(self._problems) < PROBLEMS:
            self._problems.append(problem)
        else:
            self._more_problems += 1

    def _named(self, problem: Problem) -> Problem:
        """Return a format's Problem under the evidence's own name: what the format read may be a copy."""
        if problem.where.evidence == self._read.name:
            return problem
        where = msgspec.structs.replace(problem.where, evidence=self._read.name)
        return msgspec.structs.replace(problem, where=where)

    def _raised(self, record: Record | ExportRecord, error: Exception) -> Problem:
        where = Place(
            evidence=self._read.name,
            offset=record.offset,
            record_id=record.record_id if isinstance(record, Record) else None,
        )
        return Problem(
            code="unparsable",
            where=where,
            expected="a record its source can read",
            found=f"{type(error).__name__}: {error}"[:500],
            records=1,
        )

    def _unreadable(self, span: Span, error: EvidenceError) -> Problem:
        return Problem(
            code="damaged",
            where=Place(evidence=self._read.name, offset=span.start),
            expected=f"bytes that the format {self._read.format} can read",
            found=str(error)[:500],
        )

    def _flush(self, *, final: bool) -> None:
        events = len(self._rows)
        batch, rows_of, blobs = self._rows.take()
        delivery = Delivery(
            seen=self._seen,
            filtered=self._filtered,
            unread=self._unread,
            events=events,
            rows_of=rows_of,
            problems=tuple(self._problems),
            more_problems=self._more_problems,
            numbers=self._numbers.settle(),
            clears=tuple(self._clears),
            blobs=blobs,
            observed=self._states.deliver(),
            through=Mark(max(self._readings, self._read.resume_after.readings), self._offset),
            final=final,
        )
        self._begin()
        self._deliver(delivery, batch)


def named(name: str) -> ModuleType:
    """Return the format module, or the reader of directory exports, of this name."""
    return next(module for module in (*formats.discover(), *DIRECTORY_EXPORTS) if name == module.NAME)


def _offset(problem: Problem) -> int | None:
    return problem.where.offset if problem.where.offset is not None else problem.where.line
