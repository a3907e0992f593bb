"""Write .evt files: the event log of Windows NT 4.0 to Server 2003.

A log can be written as a closed system leaves it, as a running one has it (`dirty`: header behind the content), wrapped
round its capacity, and with `remnants` of cleared records behind the end. References: [MS-EVEN] and the Win32
structures EVENTLOGHEADER, EVENTLOGEOF, EVENTLOGRECORD; libevt, "Windows Event Log (EVT) format".
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from mailwitness.errors import UsageError
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.binary_values import sid_bytes, utf16
from mailwitness.simulate.writers.record_writer import RecordWriter

_HEADER = struct.Struct("<12I")
_END = struct.Struct("<10I")
_RECORD = struct.Struct("<6I4H6I")
_SIGNATURE = 0x654C664C  # "LfLe"
_HEADER_SIZE = 48
_SMALLEST = _RECORD.size
_FILLER = struct.pack("<I", 0x27)
_DIRTY, _WRAPPED = 1, 2
_AUDIT_SUCCESS, _AUDIT_FAILURE = 8, 16
_LEVEL_TYPES = {2: 1, 3: 2, 4: 4, 0: 4}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def evt_record(record: WindowsRecord) -> bytes:
    """Return one EVENTLOGRECORD. Times are cut to the second, as the format holds no more."""
    if record.audit:
        kind = _AUDIT_SUCCESS if record.audit == "success" else _AUDIT_FAILURE
    else:
        kind = _LEVEL_TYPES.get(record.level, 4)
    names = utf16(record.provider) + b"\0\0" + utf16(record.computer) + b"\0\0"
    sid = (sid_bytes(record.user_sid) if record.user_sid else None) or b""
    sid_at = _RECORD.size + len(names)
    if sid:
        sid_at += -sid_at % 4
    strings = b"".join(utf16(v) + b"\0\0" for v in record.values)
    strings_at = sid_at + len(sid)
    data_at = strings_at + len(strings)
    end = data_at + len(record.data)
    size = end + -end % 4 + 4
    seconds = (record.occurred_at - _EPOCH) // timedelta(seconds=1)
    identifier = record.event_code | (record.qualifiers or 0) << 16
    head = _RECORD.pack(
        *(size, _SIGNATURE, record.record_id, seconds, seconds, identifier),
        *(kind, len(record.values), record.task, 0),
        *(0, strings_at, len(sid), sid_at, len(record.data), data_at),
    )
    body = (head + names).ljust(sid_at, b"\0") + sid + strings + record.data
    return body.ljust(size - 4, b"\0") + struct.pack("<I", size)


class EvtWriter(RecordWriter[WindowsRecord]):
    """Write one .evt file; a context manager. Records come in the order of their numbers, without holes.

    Without `capacity` the file grows and is written as it comes. With `capacity` (bytes, a multiple of 4) it is a ring:
    the newest records overwrite the oldest.
    """

    def __init__(
        self, path: Path, *, dirty: bool = False, capacity: int | None = None, remnants: Iterable[WindowsRecord] = ()
    ) -> None:
        if capacity is not None and (capacity % 4 or capacity < 0x400):  # noqa: PLR2004 - room for a few records
            raise UsageError(f"an event log of {capacity} bytes", remedy="give a multiple of 4, at least 1,024")
        super().__init__(path)
        self._dirty = dirty
        self._remnants = remnants
        self._file: BinaryIO = path.open("wb")
        self._ring = _Ring(capacity) if capacity is not None else None
        self._end = _HEADER_SIZE
        self._first: int | None = None
        self._last = 0
        self._file.write(bytes(_HEADER_SIZE))

    def write(self, record: WindowsRecord) -> None:
        """Append a record."""
        data = evt_record(record)
        if self._ring is not None:
            self._ring.write(record.record_id, data)
        else:
            self._file.write(data)
            self._end += len(data)
        if self._first is None:
            self._first = record.record_id
        self._last = record.record_id
        self.written += 1

    def close(self) -> None:
        """Write the end record, the remnants and the header."""
        if self._file.closed:
            return
        if self._ring is not None:
            self._file.seek(0)
            self._file.write(self._ring.image(dirty=self._dirty))
        else:
            first, following = self._first or 0, self._last + 1
            oldest_at, end = _HEADER_SIZE, self._end
            self._file.write(_end_record(oldest_at, end, following, first))
            for remnant in self._remnants:
                self._file.write(evt_record(remnant))
            size = self._file.tell()
            padded = size + -size % 0x10000
            self._file.write(bytes(padded - size))
            self._file.seek(0)
            if self._dirty:  # as when the log was created: Windows writes the header when it closes the log
                self._file.write(_header(_HEADER_SIZE, _HEADER_SIZE, 1, 0, padded, _DIRTY))
            else:
                self._file.write(_header(oldest_at, end, following, first, padded, 0))
        self._file.close()


def _header(oldest_at: int, end: int, following: int, oldest: int, size: int, flags: int) -> bytes:
    return _HEADER.pack(_HEADER_SIZE, _SIGNATURE, 1, 1, oldest_at, end, following, oldest, size, flags, 0, _HEADER_SIZE)


def _end_record(oldest_at: int, end: int, following: int, oldest: int) -> bytes:
    marks = (0x11111111, 0x22222222, 0x33333333, 0x44444444)
    return _END.pack(_END.size, *marks, oldest_at, end, following, oldest, _END.size)


class _Ring:
    """The file's bytes as a ring: a record that meets the end goes on behind the header."""

    def __init__(self, capacity: int) -> None:
        self._bytes = bytearray(capacity)
        self._at = _HEADER_SIZE
        self._live: deque[tuple[int, int, int]] = deque()  # number, offset, bytes from offset on (over the end)
        self._wrapped = False
        self._free = capacity - _HEADER_SIZE
        self._stale = (_HEADER_SIZE, _HEADER_SIZE, 1, 0)  # what the header of a running system still says

    def write(self, number: int, data: bytes) -> None:
        capacity = len(self._bytes)
        left = capacity - self._at
        filler = left if left < _SMALLEST and left < len(data) else 0
        need = filler + len(data) + _END.size + _SMALLEST
        if need > capacity - _HEADER_SIZE:
            raise UsageError(f"a record of {len(data)} bytes in a log of {capacity}", remedy="give a larger capacity")
        while self._free < need:
            self._free += self._live.popleft()[2]
        if filler:
            self._bytes[self._at :] = (_FILLER * (left // 4))[:left]
            self._at, self._wrapped = _HEADER_SIZE, True
        self._live.append((number, self._at, len(data) + filler))
        self._free -= len(data) + filler
        self._at = self._put(self._at, data)

    def _put(self, at: int, data: bytes) -> int:
        left = len(self._bytes) - at
        self._bytes[at : at + min(left, len(data))] = data[:left]
        if len(data) < left:
            return at + len(data)
        self._wrapped = True
        rest = data[left:]
        self._bytes[_HEADER_SIZE : _HEADER_SIZE + len(rest)] = rest
        if self._live:
            self._stale = (self._live[0][1], _HEADER_SIZE + len(rest), self._live[-1][0] + 1, self._live[0][0])
        return _HEADER_SIZE + len(rest)

    def image(self, *, dirty: bool) -> bytes:
        """Return the whole file."""
        following = self._live[-1][0] + 1 if self._live else 1
        oldest, oldest_at = (self._live[0][0], self._live[0][1]) if self._live else (0, _HEADER_SIZE)
        if len(self._bytes) - self._at < _END.size:
            self._bytes[self._at :] = _FILLER * ((len(self._bytes) - self._at) // 4)
            self._at, self._wrapped = _HEADER_SIZE, True
        self._put(self._at, _end_record(oldest_at, self._at, following, oldest))
        flags = (_DIRTY if dirty else 0) | (_WRAPPED if self._wrapped else 0)
        if dirty:
            head = _header(*self._stale, len(self._bytes), flags)
        else:
            head = _header(oldest_at, self._at, following, oldest, len(self._bytes), flags)
        self._bytes[:_HEADER_SIZE] = head
        return bytes(self._bytes)
