"""What the checksums, counts and sizes of an .evtx file say about its wholeness, as Problems."""

from __future__ import annotations

import zlib

from mailwitness.event import Place, Problem
from mailwitness.formats.evtx_chunk import (
    CHUNK,
    CHUNK_MAGIC,
    FILE_HEADER,
    FILE_MAGIC,
    RECORD_MAGIC,
    RECORDS_AT,
    ChunkHeader,
    FileHeader,
    Spot,
    chunk_header,
    fits,
    walk,
)


class Slot:
    """One place for a chunk: where it stands in the file, its bytes filled up to 64 KiB, what its header says."""

    __slots__ = ("base", "data", "header", "is_foreign", "is_whole", "length", "live_end")

    def __init__(self, base: int, data: bytes, length: int) -> None:
        """Check the chunk whose first `length` bytes are the file's."""
        self.base = base
        self.data = data
        self.length = length
        self.header = header = chunk_header(data)
        self.is_whole = length == CHUNK and header.is_intact and header.is_data_intact
        # A broken header is believed where the live records end only if records lead there; else all count as live.
        is_told = header.is_intact or (RECORDS_AT < header.free <= CHUNK and walk(data, header.free)[1])
        self.live_end = min(header.free if is_told else CHUNK, length)
        self.is_foreign = not header.is_intact and data[:8] != CHUNK_MAGIC and RECORD_MAGIC not in data

    @property
    def records(self) -> int:
        """Return how many records the chunk's header says there are; 0 where it cannot be believed."""
        return self.header.records if self.header.is_intact else 0

    def cuts(self, spot: Spot) -> bool:
        """Return whether the end of a record lies behind the end of the file: what is left of it must not be read."""
        return self.length < CHUNK and not fits(self.data, spot.at, self.length)

    def holds(self, records: int) -> bool:
        """Return whether so many records are what the header tells of."""
        return records == self.header.records or (records == 0 and self.header.free == RECORDS_AT)


def file_problems(header: FileHeader, head: bytes, size: int, evidence: str) -> list[Problem]:
    """Return what is wrong with the file as a whole."""
    where = Place(evidence=evidence, offset=0)
    slots = -(-max(size - FILE_HEADER, 0) // CHUNK)
    if not header.is_intact:
        checksum = zlib.crc32(head[:120].ljust(120, b"\0"))
        found = f"{head[:8]!r}, {len(head)} bytes, CRC-32 {checksum:#010x}"
        return [Problem(code="damaged", where=where, expected=f"a header that begins with {FILE_MAGIC!r}", found=found)]
    problems = []
    if header.has_no_crc:
        problems.append(
            Problem(
                code="not_checkable",
                where=where,
                expected="checksums",
                found="a file written without them: that its records are unaltered cannot be shown",
            )
        )
    if slots < header.chunks:
        expected = f"{header.chunks} chunks, as the header says"
        problems.append(Problem(code="truncated", where=where, expected=expected, found=f"room for {slots}"))
    return problems


def last_chunk_problem(header: FileHeader, chunk: bytes, evidence: str) -> Problem | None:
    """Return whether a log that was closed properly ends before the number its header gives the next record.

    `chunk` is the one the header calls the last; where the file does not hold it whole, or its own header is broken,
    other Problems say so.
    """
    if header.is_dirty or not header.is_intact or len(chunk) < CHUNK:
        return None
    last = chunk_header(chunk)
    if not last.is_intact or last.last_id + 1 == header.next_record_id or last.free == RECORDS_AT:
        return None
    last_id = last.last_id
    return Problem(
        code="truncated",
        where=Place(evidence=evidence, offset=0),
        expected=f"records up to number {header.next_record_id - 1}, as the header says",
        found=f"records up to number {last_id}",
    )


def unchecked_problem(slot: Slot, file: FileHeader, evidence: str) -> Problem | None:
    """Return the remark that a chunk carries no checksums in a file that should have them."""
    if not slot.header.has_no_crc or file.has_no_crc:
        return None
    return Problem(
        code="not_checkable",
        where=Place(evidence=evidence, offset=slot.base),
        expected="a chunk with checksums, as the rest of the file has them",
        found="a chunk that says it was written without them",
    )


def gap_problem(before: ChunkHeader | None, slot: Slot, evidence: str) -> Problem | None:
    """Return that records are missing between a chunk and the one `before` it, by the file's own numbers.

    They run on through a forwarded log too, whose records carry the numbers of many others. Where a log wraps they fall
    back, which is no gap.
    """
    if before is None or not before.records or not slot.records or slot.header.first_id <= before.last_id + 1:
        return None
    return Problem(
        code="damaged",
        where=Place(evidence=evidence, offset=slot.base),
        expected=f"a chunk that begins with the file's record {before.last_id + 1}",
        found=f"one that begins with {slot.header.first_id}: records were taken out, or never written",
    )


def chunk_problem(slot: Slot, evidence: str) -> Problem:
    """Return what is wrong with a chunk that is not whole."""
    header = slot.header
    faults = []
    if slot.length < CHUNK:
        faults.append(f"{slot.length} bytes")
    if slot.data[:8] != CHUNK_MAGIC:
        faults.append(f"a beginning of {slot.data[:8]!r}")
    if not header.is_intact:
        faults.append("a header whose checksum does not hold")
    if not header.is_data_intact:
        faults.append("records whose checksum does not hold")
    if not faults:
        faults.append("records that are not those the header tells of")
    return Problem(
        code="truncated" if slot.length < CHUNK else "damaged",
        where=Place(evidence=evidence, offset=slot.base),
        expected=f"a chunk of {CHUNK} bytes, header and records as their checksums say",
        found=f"{', '.join(faults)}; it says it holds records {header.first_id} to {header.last_id}",
    )


def unread_problem(slot: Slot, evidence: str, unread: list[Spot], missing: int, seen: int) -> Problem:
    """Return the Problem of `missing` records of a chunk, of which `unread` were found but could not be read."""
    first = unread[0].at if unread else slot.live_end
    return Problem(
        code="truncated" if slot.length < CHUNK and not unread else "damaged",
        where=Place(evidence=evidence, offset=slot.base + min(first, CHUNK - 1)),
        expected=f"{seen} records that can be read in the chunk at offset {slot.base:#x}",
        found=f"{missing} of them found by neither reader",
        records=missing,
    )


def foreign_problem(slots: list[Slot], header: FileHeader, evidence: str) -> Problem | None:
    """Return what stands in a row of `slots` that hold no chunk; nothing where they are room not used yet."""
    if not slots:
        return None
    used = [slot for slot in slots if slot.base < FILE_HEADER + header.chunks * CHUNK]
    if all(not slot.data.strip(b"\0") for slot in slots) and not (used and header.is_intact):
        return None
    return Problem(
        code="damaged",
        where=Place(evidence=evidence, offset=slots[0].base),
        expected="chunks, or zeros where none was written yet",
        found=f"{len(slots)} times {CHUNK} bytes that hold no chunk and no record",
    )
