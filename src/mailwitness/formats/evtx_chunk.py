"""The frame of an .evtx file: its header, its 64 KiB chunks, their checksums, and the records' own headers.

This is the integrity check that stands beside any library, because libraries lose records without saying so. Layout:
Microsoft's [MS-EVEN6] 2.2.13 to 2.2.15 and the libevtx documentation of the format; the formulas of the checksums
were checked against real logs.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import msgspec

FILE_HEADER = 4096
CHUNK = 65536
RECORDS_AT = 512  # within a chunk, behind its header and its tables of strings and templates
RECORD_HEADER = 24
RECORD_SMALLEST = RECORD_HEADER + 4  # the size is written again at the end
FILE_MAGIC = b"ElfFile\0"
CHUNK_MAGIC = b"ElfChnk\0"
RECORD_MAGIC = b"**\0\0"

_FILE = struct.Struct("<8sQQQIHHHH").unpack_from
_CHUNK = struct.Struct("<8sQQQQIIII").unpack_from
_RECORD = struct.Struct("<4sIQ").unpack_from
_U32 = struct.Struct("<I").unpack_from
_FLAGS_CRC = struct.Struct("<II").unpack_from

_DIRTY = 1
_NO_CRC = 4


class FileHeader(msgspec.Struct, frozen=True):
    """What the first 128 bytes of an .evtx file say. A dirty header was written before the last chunks were."""

    last_chunk: int
    next_record_id: int
    chunks: int
    is_dirty: bool
    has_no_crc: bool
    is_intact: bool


class ChunkHeader(msgspec.Struct, frozen=True):
    """What a chunk's header says, and whether its two checksums hold."""

    first_id: int
    last_id: int
    free: int  # where the records end
    has_no_crc: bool
    is_intact: bool  # the checksum of the header
    is_data_intact: bool  # the checksum of the records

    @property
    def records(self) -> int:
        """Return how many records the chunk says it holds; 0 where the numbers make no sense."""
        count = self.last_id - self.first_id + 1
        return count if 0 < count <= (CHUNK - RECORDS_AT) // RECORD_SMALLEST else 0


class Spot(NamedTuple):
    """A record as its own header gives it: where it stands in the chunk, its size, the file's number for it."""

    at: int
    size: int
    file_id: int


def file_header(head: bytes) -> FileHeader:
    """Read the file's header; a short or foreign one is not intact."""
    head = head.ljust(128, b"\0")
    magic, _first, last, next_id, _size, _minor, _major, _block, chunks = _FILE(head)
    flags, crc = _FLAGS_CRC(head, 120)
    has_no_crc = bool(flags & _NO_CRC) and crc == 0
    is_intact = magic == FILE_MAGIC and (has_no_crc or zlib.crc32(head[:120]) == crc)
    return FileHeader(last, next_id, chunks, bool(flags & _DIRTY), has_no_crc, is_intact)


def chunk_header(chunk: bytes | memoryview) -> ChunkHeader:
    """Read a chunk's header and test its checksums. `chunk` is whole, or padded to be."""
    magic, _n1, _n2, first, last, _size, _last_at, free, data_crc = _CHUNK(chunk)
    flags, crc = _FLAGS_CRC(chunk, 120)
    has_no_crc = bool(flags & _NO_CRC) and crc == data_crc == 0
    fits = RECORDS_AT <= free <= CHUNK
    if has_no_crc:
        return ChunkHeader(first, last, free, has_no_crc, magic == CHUNK_MAGIC and fits, fits)
    is_intact = magic == CHUNK_MAGIC and fits and zlib.crc32(chunk[128:512], zlib.crc32(chunk[:120])) == crc
    is_data_intact = fits and zlib.crc32(chunk[RECORDS_AT:free]) == data_crc
    return ChunkHeader(first, last, free, has_no_crc, is_intact, is_data_intact)


def walk(chunk: bytes, end: int) -> tuple[list[Spot], bool]:
    """Return the records from the first on, each behind the other, and whether they end exactly at `end`."""
    spots = []
    at = RECORDS_AT
    while at + RECORD_SMALLEST <= end:
        magic, size, file_id = _RECORD(chunk, at)
        if magic != RECORD_MAGIC or not fits(chunk, at, end):
            break
        spots.append(Spot(at, size, file_id))
        at += size
    return spots, at == end


def fits(chunk: bytes, at: int, end: int) -> bool:
    """Return whether the record at `at` ends before `end` and says there the same size as in its header."""
    (size,) = _U32(chunk, at + 4)
    return bool(RECORD_SMALLEST <= size <= end - at and _U32(chunk, at + size - 4)[0] == size)


def salvage(chunk: bytes, start: int, end: int) -> list[Spot]:
    """Return every record whose header can be found between `start` and `end`, though what lies between is broken.

    A record whose size is broken, or whose end was cut off, is taken to reach to the next record, or to the end.
    """
    found = []
    at = start
    while at != -1 and at + RECORD_SMALLEST <= end:
        magic, size, file_id = _RECORD(chunk, at)
        if fits(chunk, at, end):  # two sizes that agree are as good as the magic
            found.append(Spot(at, size, file_id))
            at += size
        elif magic == RECORD_MAGIC:
            following = _next_record(chunk, at + RECORD_SMALLEST, end)
            found.append(Spot(at, following - at, file_id))
            at = following
        else:
            at = chunk.find(RECORD_MAGIC, at + 1, end)
    return found


def _next_record(chunk: bytes, start: int, end: int) -> int:
    """Return where the next record with a size that fits begins, or `end`."""
    at = chunk.find(RECORD_MAGIC, start, end)
    while at != -1:
        if at + RECORD_SMALLEST <= end and fits(chunk, at, end):
            return at
        at = chunk.find(RECORD_MAGIC, at + 1, end)
    return end


def mended(chunk: bytes, spots: list[Spot]) -> bytes:
    """Return a chunk in which a library finds every one of `spots`: bytes between them belong to the record before.

    Only the frame is rewritten (magic, free space, sizes, and no checksums); what a record says is untouched, and so
    are offsets.
    """
    data = bytearray(chunk)
    data[:8] = CHUNK_MAGIC
    end = spots[-1].at + spots[-1].size
    struct.pack_into("<QQ", data, 24, spots[0].file_id, spots[-1].file_id)
    struct.pack_into("<I", data, 48, end)
    if spots[0].at > RECORDS_AT:
        _stub(data, RECORDS_AT, spots[0].at - RECORDS_AT)
    for spot, after in zip(spots, [*(s.at for s in spots[1:]), end], strict=True):
        data[spot.at : spot.at + 4] = RECORD_MAGIC
        if after > spot.at + spot.size:
            data[spot.at + spot.size - 4 : spot.at + spot.size] = bytes(4)  # the content ends where it ended
        struct.pack_into("<I", data, spot.at + 4, after - spot.at)
        struct.pack_into("<I", data, after - 4, after - spot.at)
    return bytes(data)


def _stub(data: bytearray, at: int, size: int) -> None:
    """Make one record without content of `size` bytes, which libraries pass over, if there is room for its header."""
    if size >= RECORD_SMALLEST + 1:
        data[at : at + 4] = RECORD_MAGIC
        struct.pack_into("<I", data, at + 4, size)
        struct.pack_into("<I", data, at + size - 4, size)
        data[at + RECORD_HEADER] = 0


def a_file(chunk: bytes) -> bytes:
    """Return a whole .evtx file that holds one chunk, as the libraries take it."""
    return _ONE_CHUNK + chunk


def _one_chunk() -> bytes:
    head = bytearray(FILE_HEADER)
    struct.pack_into("<8sQQQIHHHH", head, 0, FILE_MAGIC, 0, 0, 1, 128, 1, 3, FILE_HEADER, 1)
    struct.pack_into("<I", head, 124, zlib.crc32(bytes(head[:120])))
    return bytes(head)


_ONE_CHUNK = _one_chunk()
