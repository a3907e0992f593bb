"""Event logs of Windows Vista, Server 2008 and later.

Every chunk is checked before any library sees it, every record found by its own header is accounted for: read by the
first library, else by the second, else a Problem. A bad record costs itself, not the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailwitness.formats import evtx_chunk
from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER
from mailwitness.formats.evtx_libraries import first_reader
from mailwitness.formats.evtx_reading import EvtxReading
from mailwitness.formats.evtx_render import NAME
from mailwitness.formats.interface import Reading, Span, Wanted

__all__ = ["DOC", "NAME", "chunk_spans", "read", "read_with_libevtx", "recognise", "record_heads", "spans"]

DOC = "Windows event log files (.evtx) of Windows Vista, Server 2008 and later."

_EVERYTHING = Wanted()
_SPAN_CHUNKS = 256


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether the file begins as an event log, or holds a chunk where the first one belongs."""
    return head.startswith(evtx_chunk.FILE_MAGIC) or head[FILE_HEADER : FILE_HEADER + 8] == evtx_chunk.CHUNK_MAGIC


def spans(path: Path) -> list[Span]:
    """Return ranges of 256 chunks (16 MiB); the first holds the file's header too."""
    return _cut(Span(0, path.stat().st_size), _SPAN_CHUNKS)


def chunk_spans(path: Path, span: Span) -> list[Span]:  # noqa: ARG001 - the chunks stand at fixed places
    """Return the chunks of `span`, each alone: what is read apart when a reader died on the whole."""
    return _cut(span, 1)


def _cut(span: Span, chunks: int) -> list[Span]:
    first = max(span.start, FILE_HEADER)
    starts = [span.start, *range(first + chunks * CHUNK, span.end, chunks * CHUNK)]
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], span.end], strict=True)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
    """Yield what stands in `span`, chunk by chunk: Problems of the chunk, what was passed over, its records."""
    yield from EvtxReading(path, span, first_reader).run(wanted)


def read_with_libevtx(path: Path, span: Span, wanted: Wanted = _EVERYTHING) -> Iterator[Reading]:
    """Yield the same by the second library alone, which is slow, and does not hang where the first one does."""
    yield from EvtxReading(path, span, None).run(wanted)


def record_heads(path: Path, span: Span) -> int:
    """Return how many records begin in `span` by their own headers, whether or not they can be read."""
    return EvtxReading(path, span, None).heads()
