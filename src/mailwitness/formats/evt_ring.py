"""The frame of an .evt file: a header, and a ring of records whose newest end an end record marks.

Records follow each other from the oldest to the end record, over the end of the file where the log has wrapped. The
header is written when the log is closed: of a running system's copy it says where the log stood long ago (dirty). The
format has no checksums: only its frame can be tested. Layout: Win32 ELF_LOGFILE_HEADER, EVENTLOGRECORD, ELF_EOF_RECORD
("Event Log File Format"), and libevt's description of what Windows writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

import msgspec

HEADER = 48
SIGNATURE = b"LfLe"
RECORD_HEADER = 56
RECORD_SMALLEST = RECORD_HEADER + 4  # the size is written again at the end

_FILE = struct.Struct("<I4s10I").unpack_from
_END = struct.Struct("<10I").unpack_from
_HEAD = struct.Struct("<I4sI").unpack_from

_END_SIZE = 40
_END_MARKS = struct.pack("<5I", _END_SIZE, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
_FILLER = b"\x27\0\0\0"  # where no record header fits before the end of the file
_DIRTY = 1


class LogHeader(msgspec.Struct, frozen=True):
    """What the file's header says: where the oldest record and the end record stand, and the numbers at both."""

    start: int
    end: int
    following: int
    oldest: int
    is_dirty: bool
    is_intact: bool


class EndRecord(msgspec.Struct, frozen=True):
    """The end record: where it stands, and what it says of where the log begins and ends."""

    at: int
    start: int
    end: int
    following: int
    oldest: int


class Head(NamedTuple):
    """A record as its own header gives it."""

    at: int
    size: int
    number: int


class Break(NamedTuple):
    """A place where no record stands though one should: from there to the next record, and the numbers around it."""

    at: int
    until: int
    before: int | None
    after: int | None


class Ring:
    """The bytes of a log, read across the end of the file."""

    def __init__(self, data: mmap | bytes) -> None:
        """Take the file's bytes, header included."""
        self.data = data
        self.size = len(data)
        self.header = self._header()

    def _header(self) -> LogHeader:
        if self.size < HEADER:
            return LogHeader(HEADER, HEADER, 0, 0, is_dirty=True, is_intact=False)
        size, signature, _major, _minor, start, end, following, oldest, _max, flags, _keep, size2 = _FILE(self.data)
        is_intact = size == size2 == HEADER and signature == SIGNATURE
        return LogHeader(start, end, following, oldest, bool(flags & _DIRTY), is_intact)

    def read(self, at: int, count: int) -> bytes:
        """Return `count` bytes from `at` on; what lies beyond the end of the file goes on behind the header."""
        if at + count <= self.size:
            return self.data[at : at + count]
        if at >= self.size:
            at += HEADER - self.size
            return self.data[at : at + count]
        over = HEADER + count - (self.size - at)
        return self.data[at : self.size] + self.data[HEADER:over]

    def head(self, at: int) -> Head | None:
        """Return the record that begins at `at`, if one does whose two sizes agree."""
        if at < HEADER or at + 8 > self.size:
            return None
        size, signature, number = _HEAD(self.read(at, 12).ljust(12, b"\0"))
        if signature != SIGNATURE or not RECORD_SMALLEST <= size <= self.size - HEADER:
            return None
        if at + size > self.size and self.data[HEADER + 4 : HEADER + 8] == SIGNATURE:
            return None  # a record begins behind the header, so none goes on there: this one is cut off
        return Head(at, size, number) if self.read(at + size - 4, 4) == struct.pack("<I", size) else None

    def end_record(self, at: int) -> EndRecord | None:
        """Return the end record that stands at `at`, if one does."""
        data = self.read(at, _END_SIZE)
        if len(data) < _END_SIZE or not data.startswith(_END_MARKS):
            return None
        return EndRecord(at, *_END(data)[5:9])

    def after(self, head: Head) -> int:
        """Return where the record behind `head` begins."""
        at = head.at + head.size
        return at if at < self.size else at - self.size + HEADER

    def end_records(self) -> list[EndRecord]:
        """Return every end record that stands where it says."""
        found = []
        at = self.data.find(_END_MARKS, HEADER)
        while at != -1:
            end = self.end_record(at)
            if end is not None and end.end == at:
                found.append(end)
            at = self.data.find(_END_MARKS, at + 4)
        for at in range(max(HEADER, self.size - _END_SIZE + 1), self.size):
            end = self.end_record(at)
            if end is not None and end.end == at:
                found.append(end)
        return found

    def next_head(self, start: int, stop: int) -> Head | None:
        """Return the first record between `start` and `stop`."""
        at = self.data.find(SIGNATURE, start + 4, stop)
        while at != -1:
            head = self.head(at - 4)
            if head is not None:
                return head
            at = self.data.find(SIGNATURE, at + 1, stop)
        return None

    def chain(self, start: int) -> EndRecord | None:
        """Return the end record to which the records from `start` on lead without a break, or None."""
        at, left = start, self.size
        while left > 0:
            head = self.head(at)
            if head is not None:
                at = self.after(head)
                left -= head.size
                continue
            end = self.end_record(at)
            if end is not None:
                return end
            if at == HEADER or not self._is_filler(at):
                return None
            left -= self.size - at
            at = HEADER
        return None

    def _is_filler(self, at: int) -> bool:
        left = self.data[at : self.size]
        return len(left) < RECORD_HEADER and left[:4] == _FILLER[: len(left)]

    def part(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the ranges of bytes from `start` to `end`, two where `end` lies before `start`."""
        return [(start, end)] if start <= end else [(start, self.size), (HEADER, end)]

    def circle(self, start: int) -> list[tuple[int, int]]:
        """Return the ranges of the whole log, from `start` round to it."""
        return [(start, self.size), (HEADER, start)]

    def walk(self, pieces: list[tuple[int, int]]) -> Iterator[Head | Break]:
        """Yield the records that stand one behind the other in `pieces`.

        Where no record stands, a Break says so, and the walk goes on with the next one.
        """
        before: int | None = None
        over = 0
        for first, stop in pieces:
            at = first + over
            while at < stop:
                head = self.head(at)
                if head is None:
                    if stop == self.size and self._is_filler(at):
                        break
                    head = self.next_head(at + 1, stop)
                    yield Break(at, stop if head is None else head.at, before, None if head is None else head.number)
                    if head is None:
                        break
                before = head.number
                yield head
                at = head.at + head.size
            over = max(at - self.size, 0)

    def remnants(self, pieces: list[tuple[int, int]]) -> Iterator[Head]:
        """Yield the records that stand outside of `pieces`: left over, or cut into by what was written since."""
        at = HEADER
        for first, stop in [*sorted(pieces), (self.size, self.size)]:
            head = self.next_head(at, first)
            while head is not None:
                if head.at + head.size > first:
                    head = self.next_head(head.at + 4, first)
                    continue
                yield head
                at = head.at + head.size
                head = self.head(at) if at < first else None
                head = head or self.next_head(at, first)
            at = max(at, stop)
