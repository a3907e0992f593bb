"""Imports evidence: from paths to sealed leaves, with counts that add up."""

from __future__ import annotations

import queue
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.directory.store import Recorder
from mailwitness.event import instant
from mailwitness.intake.custody import statement, taking
from mailwitness.intake.evidence import Found, find
from mailwitness.intake.evidence_file import EvidenceFile
from mailwitness.intake.known import in_custody
from mailwitness.intake.messages import Read
from mailwitness.intake.planning import Origin
from mailwitness.intake.preparing import Preparation
from mailwitness.intake.remembered import Remembered
from mailwitness.intake.report import FileReport, ImportReport
from mailwitness.intake.workers import COMMAND, Job, Pool, ReadingProcess
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.settings import load_settings
from mailwitness.trail.writer import Writer

AHEAD = 32
"""Reads that are queued for each worker, so that none waits while the trail is written."""

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all and the evidence at hand. An archive counts with its own size."""


def import_paths(
    trail_path: Path,
    paths: Sequence[Path],
    *,
    key_path: Path | None = None,
    workers: int = 2,
    time_zone: str | None = None,
    collected_at: datetime | None = None,
    progress: Progress | None = None,
    command: tuple[str, ...] = COMMAND,
) -> ImportReport:
    """Bring evidence into a trail and return what became of every record; what it returns for is durable.

    `time_zone` is the IANA zone of times that name none; without it such times are Problems. `collected_at` is when
    exports of a state were made that do not say so themselves; without it they are Problems. `command` starts a
    reading process. Raises UsageError for paths that are not there, TrailError and TrailLocked from the trail, and
    MailwitnessError where counts do not add up. An import that is cut off can be run again: what was acknowledged
    counts as duplicates then.
    """
    trail = Trail(trail_path)
    settings = load_settings(trail)
    found = list(find(paths, trail_path))
    total = sum(item.size for item in found if isinstance(item, Found))
    with ExitStack() as stack:
        writer = stack.enter_context(Writer.open(trail_path, key_path))
        pool = Pool(max(1, workers), command)
        rescuer = ReadingProcess(command)
        stack.callback(rescuer.stop)
        known = in_custody(trail_path)
        collected = None if collected_at is None else instant(collected_at)
        options = (settings.organization, settings.salt, time_zone, collected)
        remembered = Remembered(trail.state, options)
        origin = Origin(
            organization=settings.organization,
            time_zone=time_zone,
            collected_at=collected_at,
            salt=settings.salt,
            folder=stack.enter_context(_folder(trail)),
        )

        def recall(sha256: str, name: str, parent: str | None) -> FileReport | None:
            return remembered.recall(sha256, name, parent) if sha256 in known else None

        preparation = Preparation(found, EvidenceStore(trail), pool, origin, recall)
        stack.callback(preparation.close)
        stack.callback(pool.close)  # first of all: whoever waits for a reader learns that it died
        importing = _Importing(writer, rescuer, known, total, progress)
        importing.report.recovery = [
            {"what": remark.what, "where": remark.where, "leaves": remark.leaves} for remark in writer.recovery
        ]
        importing.run(preparation, pool, max(1, workers) * AHEAD)
        writer.commit()
        for report in importing.report.files:
            remembered.note(report)
        remembered.save()
        return importing.report


@contextmanager
def _folder(trail: Trail) -> Iterator[Path]:
    """Make the folder archives are unpacked in, below the trail where there is room for evidence; remove it after.

    What an import that was killed left there is removed first: the log's lock is held.
    """
    folder = trail.path / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Importing:
    """The state of one import."""

    def __init__(
        self, writer: Writer, rescuer: ReadingProcess, known: dict[str, str], total: int, progress: Progress | None
    ) -> None:
        self.report = ImportReport()
        self._writer = writer
        self._rescuer = rescuer
        self._progress = progress
        self._total = total
        self._done = 0
        self._by = taking()
        self._recorder: Recorder | None = None
        self._in_custody = set(known)

    def run(self, preparation: Preparation, pool: Pool, ahead: int) -> None:
        """Read and append everything, in the order of the evidence."""
        window: deque[tuple[EvidenceFile, Job | None]] = deque()
        reading: EvidenceFile | None = None
        while True:
            while len(window) < ahead:
                if reading is not None and reading.reads:
                    window.append((reading, pool.submit(reading.reads.popleft(), reading.rescue.now)))
                    continue
                reading = self._next(preparation, wait=not window)
                if reading is None:
                    break
                if not reading.reads:
                    window.append((reading, None))
            if not window:
                return
            file, job = window.popleft()
            if job is not None:
                file.finish_read(job)
                self._show(file, job)
            if not file.reads and all(other is not file for other, _ in window):
                self._finish(file)

    def _next(self, preparation: Preparation, *, wait: bool) -> EvidenceFile | None:
        try:
            prepared = preparation.next(wait=wait)
        except queue.Empty:
            return None
        return None if prepared is None else EvidenceFile(prepared, self._writer, self._rescuer)

    def _show(self, file: EvidenceFile, job: Job) -> None:
        if self._progress is not None and isinstance(job.request, Read):
            within = min(job.request.spans[-1].end, file.prepared.weight)
            self._progress(self._done + within, self._total, file.report.evidence)

    def _finish(self, file: EvidenceFile) -> None:
        """Check the counts of a file and write its custody leaf, if something new came in."""
        file.append()
        file.note_change()
        if file.states is not None:
            self._recorder = self._recorder or Recorder(self._writer)
            file.record_states(file.states, self._recorder, msgspec.structs.asdict(self._by))
        if file.prepared.unpacked is not None:
            file.prepared.unpacked.unlink()
        report = file.report
        self.report.add(report)
        self._done += file.prepared.weight
        if self._progress is not None:
            self._progress(self._done, self._total, report.evidence)
        if report.sha256 and (report.counts.recorded or report.sha256 not in self._in_custody):
            self._writer.custody(statement(file.prepared, file.ledger, self._by))
            self._in_custody.add(report.sha256)
