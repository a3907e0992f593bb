"""What arrives at the writer on its way into the trail: evidence kept, read by limited processes, appended."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mailwitness import formats
from mailwitness.collect import spool
from mailwitness.collect.interface import Act, Batch, Deposit, Notice, NotTaken, Observation, Receipt, WriterFailing
from mailwitness.collect.trail_holder import Session, TrailHolder
from mailwitness.collect.wire import Evidence
from mailwitness.directory.problems import Problems
from mailwitness.directory.rows import Rows, read_batch
from mailwitness.errors import MailwitnessError, TrailError
from mailwitness.event import Problem, instant
from mailwitness.formats import archive
from mailwitness.formats.interface import Span
from mailwitness.intake.custody import statement, taking
from mailwitness.intake.evidence import Found, Refused, find
from mailwitness.intake.evidence_file import EvidenceFile
from mailwitness.intake.messages import Planned
from mailwitness.intake.planning import Origin, divided, reads_of
from mailwitness.intake.preparing import Preparation, Prepared
from mailwitness.intake.report import Counts, FileReport
from mailwitness.intake.workers import COMMAND, Pool, ReadingProcess
from mailwitness.trail.evidence import EvidenceStore, Taken

KNOWN = 65_536
"""Deliveries remembered by their hash: the same again, with nothing new in it, makes no new custody leaf."""
NAME_LENGTH = 500
_FORMATS = frozenset(module.NAME for module in formats.discover())
LISTED = 200
"""Problems told one by one in a receipt."""


class Took(msgspec.Struct, frozen=True):
    """What was appended, and not committed yet: the receipt to be, the session it hangs on, a bookmark to move."""

    receipt: Receipt
    session: Session
    move: tuple[str, str, str] | None = None


class Arrivals:
    """Takes in what arrives, from any number of threads; nothing of it is durable before the holder commits."""

    def __init__(
        self, holder: TrailHolder, readers: int, folders: Sequence[Path] = (), command: tuple[str, ...] = COMMAND
    ) -> None:
        """Read with `readers` processes; deposits may lie below `folders`."""
        self._holder = holder
        self._folders = [folder.resolve() for folder in folders]
        self._command = command
        self._store = EvidenceStore(holder.trail, holder.settings.keep_evidence)
        self._unpacked = holder.trail.path / "unpacked"
        shutil.rmtree(self._unpacked, ignore_errors=True)  # what a writer that was killed left: the lock is held
        self._unpacked.mkdir(mode=0o700)
        spool.make_room(holder.trail.path)
        self._by = taking()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._known_lock = threading.Lock()
        self._pool = Pool(max(1, readers), command)

    def close(self) -> None:
        """End the reading processes."""
        self._pool.close()
        shutil.rmtree(self._unpacked, ignore_errors=True)

    def take(self, evidence: Evidence) -> Took:
        """Keep, read and append a piece of evidence.

        Raises WriterFailing where the trail cannot be written, NotTaken for what is no evidence to be had.
        """
        move = None if evidence.bookmark is None else (evidence.collector, *evidence.bookmark)
        session = self._holder.session()
        try:
            if isinstance(evidence, Batch):
                receipt = self._batch(evidence, session) if evidence.data else Receipt()
            elif isinstance(evidence, Deposit):
                receipt = self._deposit(evidence, session)
            else:
                receipt = self._observation(evidence, session)
        except (TrailError, OSError) as error:  # evidence that cannot be kept: the log itself is whole
            raise WriterFailing(f"the evidence cannot be kept: {error}", where=str(self._holder.trail.path)) from error
        return Took(receipt, session, move)

    def act(self, act: Act, peer_uid: int) -> Took:
        """Append what a person did."""
        session = self._holder.session()
        said = {name: value for name, value in msgspec.structs.asdict(act).items() if value not in (None, {})}
        session.act(said | {"at": instant(act.at), "peer_uid": peer_uid})
        return Took(Receipt(), session)

    def notice(self, notice: Notice) -> Took:
        """Append what a collector says of its own coverage."""
        session = self._holder.session()
        said: dict[str, Any] = {"act": "collection", "host": self._by.host, "version": self._by.version}
        for name, value in msgspec.structs.asdict(notice).items():
            if value is not None and value != "":
                said[name] = instant(value) if name.endswith("at") and not isinstance(value, str) else value
        session.custody(said)
        return Took(Receipt(), session)

    def _batch(self, batch: Batch, session: Session) -> Receipt:
        if batch.format is not None and batch.format not in _FORMATS:
            raise NotTaken(f"no format is called {batch.format[:40]!r}", where=_name(batch.name))
        taken = self._store.take_bytes(batch.data)
        file = FileReport(evidence=_name(batch.name), sha256=taken.sha256, size=taken.size)
        prepared = Prepared(file=file, reads=[], copy=taken.path)
        with self._readable(taken, batch.data) as path:
            origin = self._origin(batch)
            if batch.format is None and archive.kind(path) is not None:
                return self._unpacked_of(Found(path, file.evidence, file.size), batch, session)
            if batch.format is None:
                prepared.reads = reads_of(self._pool, path, file, origin)
            else:
                file.format = batch.format
                start = 1 if batch.data.startswith(b"\n") else 0  # as a later part of a file: one record a line
                whole = Planned(batch.format, (Span(start, taken.size),))
                prepared.reads = list(divided(path, file, whole, origin))
            return _receipt([self._read(prepared, batch, session)])

    @contextlib.contextmanager
    def _readable(self, taken: Taken, data: bytes) -> Iterator[Path]:
        """Give a path to read the bytes at, also where the trail keeps only their hash."""
        if taken.path is not None:
            yield taken.path
            return
        path = self._unpacked / secrets.token_hex(8)
        try:
            path.write_bytes(data)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _origin(self, evidence: Batch | Deposit) -> Origin:
        settings = self._holder.settings
        return Origin(
            organization=settings.organization,
            time_zone=evidence.time_zone,
            collected_at=evidence.collected_at,
            salt=settings.salt,
            observed_origin=evidence.observed_origin,
            folder=self._unpacked,
        )

    def _deposit(self, deposit: Deposit, session: Session) -> Receipt:
        path = Path(deposit.path).resolve()
        if not any(path.is_relative_to(folder) for folder in self._folders):
            raise NotTaken("a file outside the folders the writer may read", where=_name(deposit.path))
        return self._unpacked_of(self._found(path, deposit), deposit, session)

    def _unpacked_of(self, found: Found | Refused, evidence: Batch | Deposit, session: Session) -> Receipt:
        """Read a file, or every member of an archive, each with a custody leaf of its own."""
        preparation = Preparation([found], self._store, self._pool, self._origin(evidence), lambda *_file: None)
        reports: list[FileReport] = []
        try:
            while (prepared := preparation.next(wait=True)) is not None:
                if isinstance(evidence, Batch):  # it was found nowhere but in what was sent
                    prepared.found_at = prepared.modified_at = None
                try:
                    reports.append(self._read(prepared, evidence, session))
                finally:
                    if prepared.unpacked is not None:
                        prepared.unpacked.unlink(missing_ok=True)
        finally:
            preparation.close()
        return _receipt(reports)

    def _found(self, path: Path, deposit: Deposit) -> Found | Refused:
        """Return the one regular file that is meant."""
        try:
            found = next(iter(find([path], self._holder.trail.path)), None)
        except MailwitnessError as error:
            raise NotTaken(error.what, where=error.where, remedy=error.remedy) from error
        if found is None or (isinstance(found, Found) and found.path != path):
            raise NotTaken("a deposit that is no file", where=_name(deposit.path))
        return msgspec.structs.replace(found, name=_name(deposit.name)) if isinstance(found, Found) else found

    def _read(self, prepared: Prepared, evidence: Batch | Deposit, session: Session) -> FileReport:
        """Read, append, account for one file, and have its custody sealed."""
        rescuer = ReadingProcess(self._command)
        try:
            file = EvidenceFile(prepared, session, rescuer)
            for job in [self._pool.submit(read, file.rescue.now) for read in file.reads]:
                file.finish_read(job)
            file.append()
        finally:
            rescuer.stop()
        file.note_change()
        by = msgspec.structs.asdict(self._by)
        if (states := file.states) is not None:
            session.record(lambda recorder: file.record_states(states, recorder, by))
        report = file.report
        report.counts.check(report.evidence)
        if report.sha256 and (self._is_new(report.sha256) or report.counts.recorded):
            said = statement(prepared, file.ledger, self._by, observed_origin=evidence.observed_origin)
            session.custody(said | _delivery(evidence))
            self._note(report.sha256)
        return report

    def _observation(self, observation: Observation, session: Session) -> Receipt:
        tables = observation.tables
        if observation.spool is None:
            taken = self._store.take_bytes(observation.data)
        else:
            with spool.opened(self._holder.trail.path, observation.spool) as spooled:
                taken, tables = self._store.take(spooled.evidence), spooled.tables()
        if observation.snapshot.evidence_sha256 != taken.sha256:
            raise NotTaken("an observation of other evidence than comes with it", where=_name(observation.name))
        rows = Rows()
        try:
            for name, message in tables:
                rows.add_batch(name, read_batch(name, message))
        except Exception as error:  # Arrow raises what it likes
            raise NotTaken(f"rows of no table: {error}"[:NAME_LENGTH], where=_name(observation.name)) from error
        problems = Problems(observation.problems)
        said = msgspec.structs.asdict(self._by) | _delivery(observation)
        recorded = session.record(
            lambda recorder: recorder.record(rows, observation.snapshot, taken, problems=problems, said=said)
        )
        count = sum(recorded.rows.values())
        return Receipt(
            seen=count + problems.unread,
            recorded=count if recorded.is_new else 0,
            duplicates=0 if recorded.is_new else count,
            unread=problems.unread,
            problems=problems.count,
            listed=tuple(problems.listed[:LISTED]),
        )

    def _is_new(self, sha256: str) -> bool:
        with self._known_lock:
            return sha256 not in self._known

    def _note(self, sha256: str) -> None:
        with self._known_lock:
            self._known[sha256] = None
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """Forget which deliveries have their custody leaf: what was appended is lost."""
        with self._known_lock:
            self._known.clear()


def _delivery(evidence: Evidence) -> dict[str, Any]:
    """Return what a custody leaf says of how evidence came in."""
    said: dict[str, Any] = {"collector": evidence.collector, "received_at": instant(evidence.received_at)}
    for name in ("claimed_host", "delivered_by", "observed_origin"):
        value = getattr(evidence, name, None)
        if value is not None:
            said[name] = value
    return said


def _receipt(reports: Sequence[FileReport]) -> Receipt:
    totals = Counts()
    listed: list[Problem] = []
    for report in reports:
        totals.add(report.counts)
        listed.extend(report.listed[: LISTED - len(listed)])
    return Receipt(**msgspec.structs.asdict(totals), listed=tuple(listed))


def _name(name: str) -> str:
    return name.encode("utf-8", "replace").decode()[:NAME_LENGTH]
