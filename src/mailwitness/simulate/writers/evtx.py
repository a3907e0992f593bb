"""Write .evtx files: the log format of Windows Vista, Server 2008 and later.

One chunk is in memory at a time. For large logs made of few distinct records, `chunk_pool` renders chunks once and
`EvtxWriter.write_chunk` writes them again under new record numbers and times at disk speed.
Reference: libevtx, "Windows XML Event Log (EVTX) format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx_chunk import Chunk, SealedChunk
from mailwitness.simulate.writers.record_writer import RecordWriter

_FILE_HEADER = struct.Struct("<8sQQQIHHHH")
_DIRTY = 1
_COUNT_LIMIT = 0xFFFF


class EvtxWriter(RecordWriter[WindowsRecord]):
    """Write one .evtx file; a context manager.

    `dirty` leaves the file as a running system has it: the header flagged dirty and its numbers behind the content.
    """

    def __init__(self, path: Path, *, dirty: bool = False) -> None:
        super().__init__(path)
        self._dirty = dirty
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(4096))
        self._chunks = 0
        self._next_record_id = 1
        self._chunk = Chunk(1)

    def write(self, record: WindowsRecord) -> None:
        """Append a record. Raises UsageError if no chunk can hold it."""
        if not self._chunk.add(record):
            self._flush()
            self._chunk.add(record)
        self._next_record_id = max(self._next_record_id, record.record_id + 1)
        self.written += 1

    def write_chunk(
        self, chunk: SealedChunk, first_record_id: int | None = None, shift: timedelta = timedelta(0)
    ) -> None:
        """Append a rendered chunk, numbered from `first_record_id` (default: on from the last), later by `shift`."""
        if self._chunk.records:
            self._flush()
        first = self._next_record_id if first_record_id is None else first_record_id
        self._append(chunk.renumbered(first, shift))
        self._next_record_id = first + chunk.records
        self.written += chunk.records
        self._chunk = Chunk(self.written + 1)

    def close(self) -> None:
        """Write the last chunk and the file header."""
        if self._file.closed:
            return
        if self._chunk.records or not self._chunks:
            self._flush()
        last, count, next_record_id = max(self._chunks - 1, 0), self._chunks, self._next_record_id
        if self._dirty:  # Windows writes these when it closes the log, not as it logs
            last, count, next_record_id = 0, 1, 1
        header = bytearray(4096)
        _FILE_HEADER.pack_into(
            header, 0, b"ElfFile\x00", 0, last, next_record_id, 128, 1, 3, 4096, min(count, _COUNT_LIMIT)
        )
        struct.pack_into("<I", header, 120, _DIRTY if self._dirty else 0)
        struct.pack_into("<I", header, 124, zlib.crc32(header[:120]))
        self._file.seek(0)
        self._file.write(header)
        self._file.close()

    def _flush(self) -> None:
        self._append(self._chunk.sealed().data)
        self._chunk = Chunk(self.written + 1)

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._chunks += 1


def chunk_pool(records: Iterable[WindowsRecord]) -> list[SealedChunk]:
    """Return `records` as finished chunks, to be written over and over by `EvtxWriter.write_chunk`."""
    pool: list[SealedChunk] = []
    chunk = Chunk(1)
    for record in records:
        if not chunk.add(record):
            pool.append(chunk.sealed())
            chunk = Chunk(1)
            chunk.add(record)
    if chunk.records:
        pool.append(chunk.sealed())
    return pool
