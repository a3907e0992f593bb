"""Prepares evidence ahead of its reading: found, hashed, taken into custody, its format recognised."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import EvidenceError
from mailwitness.event import Place, Problem
from mailwitness.formats.interface import Span
from mailwitness.intake.evidence import Found, Refused, refused
from mailwitness.intake.messages import Plan, Planned, Read
from mailwitness.intake.report import FileReport
from mailwitness.intake.spans import named
from mailwitness.intake.workers import Died, Pool
from mailwitness.trail.evidence import EvidenceStore

FILES_AHEAD = 4
"""Files prepared before they are read."""
TASK_BYTES = 2 * 1024 * 1024
"""Bytes of evidence of one read: small enough to hold its rows in memory, and to read again when a reader dies."""
ATOMIC_BYTES = 2 * TASK_BYTES
"""A single span larger than this is streamed."""


class Prepared(msgspec.Struct, kw_only=True):
    """An evidence file in custody, with the reads it needs. `weight` is its part of the progress, in bytes."""

    file: FileReport
    reads: list[Read]
    weight: int = 0
    kept: bool = False  # a copy stands in the trail; else the original is read
    changed: Callable[[], bool] | None = None  # tells whether the original was written to since


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What every read of an import has in common."""

    organization: str
    time_zone: str | None = None
    salt: str | None = None
    observed_origin: str | None = None


class Preparation:
    """Yields Prepared files in order, working a few ahead in a thread of its own."""

    def __init__(self, found: Iterable[Found | Refused], store: EvidenceStore, pool: Pool, origin: Origin) -> None:
        self._found = found
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
        yield self._one(found.path, found.name, None, weight=found.size)

    def _one(self, path: Path, name: str, parent: str | None, weight: int) -> Prepared:
        file = FileReport(evidence=name, parent=parent)
        before = _identity(path)
        try:
            taken = self._store.take(path)
        except EvidenceError as error:
            file.note([refused(name, "a file that can be read", str(error))])
            return Prepared(file=file, reads=[], weight=weight)
        file.sha256, file.size = taken.sha256, taken.size
        prepared = Prepared(file=file, reads=[], weight=weight)
        prepared.kept = taken.path is not None
        if taken.path is None:
            prepared.changed = lambda: before != _identity(path)
        planned = self._plan(taken.path or path, file)
        if planned is not None:
            prepared.reads = list(self._reads(taken.path or path, file, planned))
        return prepared

    def _plan(self, path: Path, file: FileReport) -> Planned | None:
        for reply, _ in self._pool.submit(Plan(str(path), file.evidence)).replies():
            if isinstance(reply, Planned):
                file.format = reply.format
                if reply.problem is not None:
                    file.note([reply.problem])
                elif reply.format is None:
                    file.note([_unknown(file)])
                return reply
            if isinstance(reply, Died):
                file.note([_died(file, reply.cause)])
        return None

    def _reads(self, path: Path, file: FileReport, planned: Planned) -> Iterator[Read]:
        if planned.format is None:
            return
        for spans in grouped(_cut(planned.format, path, planned.spans)):
            size = sum(span.end - span.start for span in spans)
            yield Read(
                path=str(path),
                name=file.evidence,
                format=planned.format,
                spans=spans,
                evidence_sha256=file.sha256,
                organization=self._origin.organization,
                observed_origin=self._origin.observed_origin,
                time_zone=self._origin.time_zone,
                salt=self._origin.salt,
                streamed=size > ATOMIC_BYTES,
            )


def grouped(spans: Iterable[Span]) -> Iterator[tuple[Span, ...]]:
    """Yield adjacent spans together, about TASK_BYTES at a time; a larger span stands alone."""
    group: list[Span] = []
    size = 0
    for span in spans:
        length = span.end - span.start
        if group and size + length > TASK_BYTES:
            yield tuple(group)
            group, size = [], 0
        if group and group[-1].end == span.start:
            group[-1] = Span(group[-1].start, span.end)
        else:
            group.append(span)
        size += length
    if group:
        yield tuple(group)


def _cut(format_name: str, path: Path, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield `spans`, large ones cut where the format says they can be."""
    chunk_spans = getattr(named(format_name), "chunk_spans", None)
    for span in spans:
        if chunk_spans is None or span.end - span.start <= TASK_BYTES:
            yield span
        else:
            yield from chunk_spans(path, span)


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells whether a file was written to or replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _unknown(file: FileReport) -> Problem:
    return Problem(
        code="unknown_format",
        where=Place(evidence=file.evidence),
        expected="a file that one of the formats of docs/sources.md reads",
        found=f"{file.size} bytes of another kind",
    )


def _died(file: FileReport, cause: str) -> Problem:
    return Problem(
        code="reader_died", where=Place(evidence=file.evidence), expected="a file whose layout can be told", found=cause
    )
