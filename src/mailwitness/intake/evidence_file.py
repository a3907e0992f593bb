"""One evidence file on its way into the trail: what is read in it is counted, appended and accounted for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mailwitness.directory.store import Recorder
from mailwitness.event import Blob, Place, Problem
from mailwitness.intake.custody import Ledger
from mailwitness.intake.file_states import FileStates
from mailwitness.intake.messages import Delivery, Mark, Read
from mailwitness.intake.preparing import Prepared
from mailwitness.intake.report import FileReport
from mailwitness.intake.rescue import Rescue
from mailwitness.intake.workers import Died, Job, ReadingProcess
from mailwitness.trail.evidence import Taken
from mailwitness.trail.schema import BATCH_SCHEMA
from mailwitness.trail.writer import Appended

APPENDED_AT_ONCE = 2048
"""Rows handed to the trail at once: judging a few takes it nearly as long as judging many."""
CONFLICT = 2


class Appends(Protocol):
    """Whatever takes rows for the trail: its writer, or who stands before it."""

    def append(self, batch: pa.RecordBatch, blobs: Iterable[Blob] = ()) -> Appended:
        """As Writer.append."""
        ...


class EvidenceFile:
    """One evidence file on its way into the trail."""

    def __init__(self, prepared: Prepared, writer: Appends, rescuer: ReadingProcess) -> None:
        self.prepared = prepared
        self.report: FileReport = prepared.file
        self.ledger = Ledger()
        self.states: FileStates | None = None
        self.reads = deque(prepared.reads)
        self.rescue = Rescue(rescuer, self.apply)
        self._writer = writer
        self._held: list[tuple[pa.RecordBatch, npt.NDArray[np.int64]]] = []
        self._held_blobs: list[Blob] = []

    def finish_read(self, job: Job) -> None:
        """Take in everything a job replies; where its reader dies, have it read again."""
        through = Mark()
        for reply, body in job.replies():
            if isinstance(reply, Delivery):
                self.apply(reply, body)
                through = reply.through
            elif isinstance(reply, Died) and isinstance(job.request, Read):
                self.rescue.read(job.request, through, reply.cause)

    def apply(self, delivery: Delivery, body: bytearray) -> None:
        """Count what was delivered, and hold its rows until there are enough of them to append."""
        counts = self.report.counts
        counts.seen += delivery.seen
        counts.filtered += delivery.filtered
        counts.unread += delivery.unread
        self.report.note(delivery.problems, delivery.more_problems)
        self.ledger.take(delivery)
        if delivery.observed is not None:
            self.states = self.states or FileStates(self.report.evidence)
            self.states.take(delivery.observed)
        if not delivery.events:
            return
        batch = pa.ipc.read_record_batch(pa.py_buffer(body), BATCH_SCHEMA)
        rows_of = np.frombuffer(delivery.rows_of, dtype=np.uint32).astype(np.int64)
        self._held.append((batch, rows_of if len(rows_of) else np.ones(len(batch), dtype=np.int64)))
        self._held_blobs.extend(delivery.blobs)
        if sum(len(held) for held, _ in self._held) >= APPENDED_AT_ONCE:
            self.append()

    def append(self) -> None:
        """Append what is held to the trail, and count what became of it."""
        if not self._held:
            return
        counts = self.report.counts
        batch = pa.concat_batches([held for held, _ in self._held])
        rows_of = np.concatenate([held for _, held in self._held])
        kept = self._writer.append(batch, self._held_blobs).kept
        self._held, self._held_blobs = [], []
        of_records = np.logical_or.reduceat(kept > 0, np.cumsum(rows_of) - rows_of)
        recorded = int(np.count_nonzero(of_records))
        counts.recorded += recorded
        counts.duplicates += len(of_records) - recorded
        counts.events += int(np.count_nonzero(kept))
        for row in np.flatnonzero(kept == CONFLICT):
            self.report.note([_conflict(self.report.evidence, batch, int(row))])

    def record_states(self, states: FileStates, recorder: Recorder, by: dict[str, str]) -> None:
        """Write what the file said of how things stood into the directory's tables, and count it."""
        taken = Taken(self.report.sha256, self.report.size, self.prepared.copy)
        is_new, problems = states.record(recorder, taken, by)
        self.report.note(problems)
        if is_new:
            self.report.counts.recorded += states.records
        else:
            self.report.counts.duplicates += states.records

    def note_change(self) -> None:
        """Say so where a file that is not kept was written to while it was read."""
        changed = self.prepared.changed
        if changed is not None and changed():
            problem = Problem(
                code="damaged",
                where=Place(evidence=self.report.evidence),
                expected="a file that stays as it was hashed",
                found="it was written to or replaced while it was read",
            )
            self.report.note([problem])


def _conflict(evidence: str, batch: pa.RecordBatch, row: int) -> Problem:
    said = {
        name: batch.column(name)[row].as_py() for name in ("event_id", "offset", "record_id", "computer", "channel")
    }
    event_id = said.pop("event_id")
    return Problem(
        code="conflict",
        where=Place(evidence=evidence, **said),
        expected=f"what the trail holds as event {event_id}",
        found="the same identity with other content; both are kept",
    )
