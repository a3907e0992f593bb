"""Prepares evidence ahead of its reading: found, hashed, taken into custody, its format recognised."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness.errors import EvidenceError
from mailwitness.event import Problem, instant
from mailwitness.formats import archive, archive_limits
from mailwitness.intake.evidence import Found, Refused, printable, refused
from mailwitness.intake.messages import Read
from mailwitness.intake.planning import Origin, reads_of
from mailwitness.intake.report import FileReport
from mailwitness.intake.workers import Pool
from mailwitness.trail.evidence import EvidenceStore

FILES_AHEAD = 4
"""Files prepared before they are read."""
Recall = Callable[[str, str, str | None], FileReport | None]
"""Given a file's SHA-256, its name and its parent's SHA-256, returns its report where it need not be read again."""


class Prepared(msgspec.Struct, kw_only=True):
    """An evidence file in custody, with the reads it needs. `weight` is its part of the progress, in bytes."""

    file: FileReport
    reads: list[Read]
    weight: int = 0
    found_at: str | None = None  # the path a person named, or one below it; a member of an archive has none
    modified_at: str | None = None  # what the file system said of the file before it was read
    copy: Path | None = None  # where a copy stands in the trail; None: the original is read
    changed: Callable[[], bool] | None = None  # tells whether the original was written to since
    unpacked: Path | None = None  # a member's bytes, for whoever finishes the file to remove

    @property
    def kept(self) -> bool:
        """Whether a copy stands in the trail."""
        return self.copy is not None


class _Custody(msgspec.Struct, frozen=True):
    """A file that was taken in, and where its bytes are read; None where they could not be had."""

    prepared: Prepared
    path: Path | None

    @property
    def readable(self) -> Path:
        """Where the bytes are read. To be asked for only where they could be had."""
        assert self.path is not None  # noqa: S101 - callers look first
        return self.path


class Preparation:
    """Yields Prepared files in order, working a few ahead in a thread of its own."""

    def __init__(
        self, found: Iterable[Found | Refused], store: EvidenceStore, pool: Pool, origin: Origin, remembered: Recall
    ) -> None:
        """Unpack archives in `origin.folder`, which is the caller's to remove."""
        self._found = found
        self._remembered = remembered
        self._store = store
        self._pool = pool
        self._origin = origin
        self._ready: queue.Queue[Prepared | BaseException | None] = queue.Queue(FILES_AHEAD)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preparing", daemon=True)
        self._thread.start()

    def next(self, *, wait: bool) -> Prepared | None:
        """Return the next file; None where all are done. Raises queue.Empty without `wait` where none is ready."""
        prepared = self._ready.get(block=wait)
        if isinstance(prepared, BaseException):
            raise prepared
        if prepared is None:
            self._ready.put(None)  # whoever asks again gets the same answer
        return prepared

    def close(self) -> None:
        """Stop after the file at hand."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for found in self._found:
                for prepared in self._prepare(found):
                    self._put(prepared)
                if self._closing.is_set():
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the next file
            self._put(error)

    def _put(self, prepared: Prepared | BaseException | None) -> None:
        while not self._closing.is_set():
            try:
                self._ready.put(prepared, timeout=0.2)
            except queue.Full:
                continue
            return

    def _prepare(self, found: Found | Refused) -> Iterator[Prepared]:
        if isinstance(found, Problem):
            file = FileReport(evidence=found.where.evidence)
            file.note([found])
            yield Prepared(file=file, reads=[])
            return
        modified_at = _modified(found.path)
        taken = self._take(found.path, FileReport(evidence=found.name), weight=found.size)
        taken.prepared.found_at, taken.prepared.modified_at = printable(str(found.path.absolute())), modified_at
        if taken.path is None:
            yield taken.prepared
            return
        kind = archive.kind(taken.path)
        if kind is None:
            yield self._planned(taken)
        else:
            taken.prepared.file.format = kind
            yield from self._members(taken)
            yield taken.prepared  # last: Problems of its members stand in its report

    def _members(self, taken: _Custody) -> Iterator[Prepared]:
        """Unpack an archive, member by member, each evidence of its own."""
        path, file = taken.readable, taken.prepared.file
        for member in archive.members(path):
            if isinstance(member, Problem):
                file.refuse(_within(member, path, file))
                continue
            unpacked = self._origin.folder / secrets.token_hex(8)
            with unpacked.open("xb") as target:
                problem = member.extract_to(target)
            if problem is not None:
                file.refuse(_within(problem, path, file))
                if problem.code not in {"truncated", "damaged"}:
                    unpacked.unlink()
                    continue
            name = f"{file.evidence}!{archive_limits.shown(member.name)}"
            of_member = self._take(unpacked, FileReport(evidence=name, parent=file.sha256), weight=0)
            if of_member.prepared.kept:
                unpacked.unlink()
            else:
                of_member.prepared.unpacked = unpacked
            yield of_member.prepared if of_member.path is None else self._planned(of_member)

    def _take(self, path: Path, file: FileReport, weight: int) -> _Custody:
        """Hash a file, and keep it where the trail keeps evidence."""
        prepared = Prepared(file=file, reads=[], weight=weight)
        before = _identity(path)
        try:
            taken = self._store.take(path)
        except EvidenceError as error:
            file.note([refused(file.evidence, "a file that can be read", str(error))])
            return _Custody(prepared, None)
        file.sha256, file.size = taken.sha256, taken.size
        prepared.copy = taken.path
        if taken.path is None:
            prepared.changed = lambda: before != _identity(path)
        return _Custody(prepared, taken.path or path)

    def _planned(self, taken: _Custody) -> Prepared:
        """Add the reads of a file."""
        prepared, path = taken.prepared, taken.readable
        file = prepared.file
        before = self._remembered(file.sha256, file.evidence, file.parent)
        if before is not None:
            prepared.file = before
            return prepared
        prepared.reads = reads_of(self._pool, path, prepared.file, self._origin)
        return prepared


def _within(problem: Problem, path: Path, file: FileReport) -> Problem:
    """Return an archive's Problem under the evidence's own name: what was read may be a copy."""
    where = problem.where.evidence
    name = file.evidence + where[len(path.name) :] if where.startswith(path.name) else where
    return msgspec.structs.replace(problem, where=msgspec.structs.replace(problem.where, evidence=name))


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells whether a file was written to or replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _modified(path: Path) -> str | None:
    try:
        return instant(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except (OSError, ValueError, OverflowError):  # gone, or a time no calendar holds
        return None
