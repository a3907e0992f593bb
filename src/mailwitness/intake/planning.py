"""Which reads a piece of evidence needs: its format told, its bytes divided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.event import Place, Problem
from mailwitness.formats.interface import Span
from mailwitness.intake.messages import Delivery, Plan, Planned, Read
from mailwitness.intake.report import FileReport
from mailwitness.intake.spans import named
from mailwitness.intake.states import is_directory_export
from mailwitness.intake.workers import Died, Pool

TASK_BYTES = 2 * 1024 * 1024
"""Bytes of evidence of one read: small enough to hold its rows in memory, and to read again when a reader dies."""
ATOMIC_BYTES = 2 * TASK_BYTES
"""A single span larger than this is streamed."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What every read of an import has in common."""

    organization: str
    time_zone: str | None = None
    collected_at: datetime | None = None
    salt: str | None = None
    observed_origin: str | None = None
    folder: Path


def reads_of(pool: Pool, path: Path, file: FileReport, origin: Origin) -> list[Read]:
    """Return the reads of a file; its format, and what cannot be told of it, are noted in its report."""
    planned = _plan(pool, path, file)
    return [] if planned is None else list(divided(path, file, planned, origin))


def _plan(pool: Pool, path: Path, file: FileReport) -> Planned | None:
    """Have the format and the spans of a file told; a reader that dies on it gets one successor."""
    planned = _ask(pool, path, file)
    if isinstance(planned, Died):
        planned = _ask(pool, path, file)
    if isinstance(planned, Died):
        file.note([_died(file, planned.cause)])
        return None
    file.format = planned.format
    if planned.problem is not None:
        file.note([planned.problem])
    elif planned.format is None:
        file.note([_unknown(file)])
    return planned


def _ask(pool: Pool, path: Path, file: FileReport) -> Planned | Died:
    for reply, _ in pool.submit(Plan(str(path), file.evidence)).replies():
        if not isinstance(reply, Delivery):
            return reply
    return Died("it gave no plan")


def divided(path: Path, file: FileReport, planned: Planned, origin: Origin) -> Iterator[Read]:
    """Yield the reads of a file whose format is told."""
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
            organization=origin.organization,
            observed_origin=origin.observed_origin,
            time_zone=origin.time_zone,
            collected_at=origin.collected_at,
            salt=origin.salt,
            streamed=size > ATOMIC_BYTES and not is_directory_export(planned.format),
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
