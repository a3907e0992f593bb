"""One 64 KiB chunk of an EVTX file: records, the names and templates they share, and both checksums.

References: libevtx, "Windows XML Event Log (EVTX) format" (chunk, record, template), [MS-EVEN6] 2.2.12 (BinXml tokens).
"""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from mailwitness.errors import UsageError
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.binary_values import filetime, guid_bytes, hex_number, sid_bytes, utf16
from mailwitness.simulate.writers.evtx_templates import (
    GUID,
    HEX32,
    HEX64,
    LITERAL_BODY,
    MANIFEST_BODY,
    NULL,
    SID,
    STRING,
    UINT32,
    VALUE_TYPES,
    Element,
    Slot,
    Template,
    Text,
    templates_of,
)

CHUNK_SIZE = 0x10000
_RECORDS_AT = 512
_NAMES_AT = 128
_TEMPLATES_AT = 384
_VALUE_LIMIT = 0xFFFF
_FRAGMENT = b"\x0f\x01\x01\x00"
_RECORD = struct.Struct("<IIQQ")
_SUBSTITUTION = struct.Struct("<HBB")
_INSTANCE = struct.Struct("<BBII")
_ELEMENT = struct.Struct("<BHI")
_HASH_FACTOR = 65599
_SHORT = 80


class SealedChunk(msgspec.Struct, frozen=True):
    """A finished chunk that can be written again under other record numbers and times.

    `numbers` and `times` are index arrays (n, 8) of the bytes that hold each record's number and FILETIME, twice over:
    the record header's and the System element's.
    """

    data: bytes
    records: int
    first_record_id: int
    used: int
    numbers: NDArray[np.int64]
    times: NDArray[np.int64]

    def renumbered(self, first_record_id: int, shift: timedelta = timedelta(0)) -> bytes:
        """Return the chunk's bytes with its records numbered from `first_record_id`, each later by `shift`."""
        buffer = np.frombuffer(self.data, dtype=np.uint8).copy()
        numbers = np.arange(first_record_id, first_record_id + self.records, dtype="<u8").view(np.uint8).reshape(-1, 8)
        buffer[self.numbers] = np.concatenate((numbers, numbers))
        if shift:
            ticks = np.ascontiguousarray(buffer[self.times]).view("<u8") + np.uint64(
                shift // timedelta(microseconds=1) * 10
            )
            buffer[self.times] = ticks.view(np.uint8).reshape(-1, 8)
        return seal(bytearray(buffer.tobytes()), self.used, first_record_id, first_record_id + self.records - 1)


class Chunk:
    """A chunk being filled. `add` says whether the record found room."""

    def __init__(self, first_number: int) -> None:
        self._buffer = bytearray(CHUNK_SIZE)
        self._at = _RECORDS_AT
        self._last_at = _RECORDS_AT
        self._names: dict[str, int] = {}
        self._templates: dict[bytes, int] = {}
        self._number_places: list[tuple[int, int]] = []
        self._time_places: list[tuple[int, int]] = []
        self._ids: list[int] = []
        self.first_number = first_number

    @property
    def records(self) -> int:
        """Return how many records stand in the chunk."""
        return len(self._ids)

    def add(self, record: WindowsRecord) -> bool:
        """Write `record` and return True, or return False if it needs a fresh chunk.

        Raises UsageError for a record that no chunk can hold.
        """
        outer, inner = templates_of(record)
        own, own_values = _own_values(record)
        need = 24 + 12 + 2 * 10 + 8 + 20 * 4 + 128 + len(own) + 2 * len(record.provider) + 2 * len(record.channel) + 16
        need += sum(t.bound for t in (outer, inner) if t.guid not in self._templates)
        if self._at + need > CHUNK_SIZE:
            if not self._ids:
                raise UsageError(
                    f"a record of about {need} bytes does not fit into an EVTX chunk",
                    where=f"event {record.event_code}, record {record.record_id}",
                    remedy="shorten its values: a chunk holds 65,024 bytes",
                )
            return False
        self._write(record, outer, inner, own, own_values)
        return True

    def _write(self, record: WindowsRecord, outer: Template, inner: Template, own: bytes, own_values: int) -> None:
        start = self._at
        self._last_at = start
        ticks = filetime(record.occurred_at)
        self._at = start + 24
        self._put(_FRAGMENT)
        self._instance(outer)
        values = _system_values(record, ticks)
        body = len(values) - 1
        self._put(struct.pack("<I", len(values)))
        descriptors = self._at
        for value_type, data in values:
            self._put(_SUBSTITUTION.pack(len(data), value_type, 0))
        for index, (_value_type, data) in enumerate(values):
            if index == 6:  # noqa: PLR2004 - the indexes of the system template
                self._time_places.append((start + 16, self._at))
            elif index == 10:  # noqa: PLR2004
                self._number_places.append((start + 8, self._at))
            self._put(data)
        body_at = self._at
        if body == LITERAL_BODY:
            self._put(_FRAGMENT)
        self._instance(inner)
        self._put(struct.pack("<I", own_values))
        self._put(own)
        self._put(b"\x00")
        _SUBSTITUTION.pack_into(self._buffer, descriptors + 4 * body, self._at - body_at, 0x21, 0)
        self._put(b"\x00")
        self._at += -(self._at + 4 - start) % 8
        size = self._at + 4 - start
        self._put(struct.pack("<I", size))
        _RECORD.pack_into(self._buffer, start, 0x2A2A, size, record.record_id, ticks)
        self._ids.append(record.record_id)

    def _put(self, data: bytes) -> None:
        end = self._at + len(data)
        self._buffer[self._at : end] = data
        self._at = end

    def _instance(self, template: Template) -> None:
        known = self._templates.get(template.guid)
        at = self._at + 10
        identity = int.from_bytes(template.guid[:4], "little")
        self._put(_INSTANCE.pack(0x0C, 1, identity, known or at))
        if known is None:
            self._templates[template.guid] = at
            self._define(template, at)

    def _define(self, template: Template, at: int) -> None:
        bucket = _TEMPLATES_AT + 4 * (name_hash(template.guid) % 32)
        self._put(bytes(self._buffer[bucket : bucket + 4]) + template.guid + b"\x00\x00\x00\x00" + _FRAGMENT)
        self._buffer[bucket : bucket + 4] = struct.pack("<I", at)
        self._element(template.root)
        self._put(b"\x00")
        struct.pack_into("<I", self._buffer, at + 20, self._at - at - 24)

    def _element(self, element: Element) -> None:
        start = self._at
        self._put(_ELEMENT.pack(0x41 if element.attributes else 0x01, element.slot, 0))
        self._name(element.name)
        if element.attributes:
            self._attributes(element.attributes)
        if element.content:
            self._put(b"\x02")
            for child in element.content:
                if isinstance(child, Element):
                    self._element(child)
                else:
                    self._leaf(child)
            self._put(b"\x04")
        else:
            self._put(b"\x03")
        struct.pack_into("<I", self._buffer, start + 3, self._at - start - 7)

    def _attributes(self, attributes: tuple[tuple[str, Text | Slot], ...]) -> None:
        size_at = self._at
        self._at += 4
        for left, (name, value) in zip(range(len(attributes) - 1, -1, -1), attributes, strict=True):
            self._put(b"\x46" if left else b"\x06")
            self._name(name)
            self._leaf(value)
        struct.pack_into("<I", self._buffer, size_at, self._at - size_at - 4)

    def _leaf(self, leaf: Text | Slot) -> None:
        if isinstance(leaf, Text):
            data = utf16(leaf.text)
            self._put(struct.pack("<BBH", 0x05, STRING, len(data) // 2) + data)
        else:
            self._put(struct.pack("<BHB", 0x0E if leaf.optional else 0x0D, leaf.index, leaf.value_type))

    def _name(self, name: str) -> None:
        known = self._names.get(name)
        if known is not None:
            self._put(struct.pack("<I", known))
            return
        at = self._at + 4
        self._names[name] = at
        data = utf16(name)
        number = name_hash(data)
        bucket = _NAMES_AT + 4 * (number % 64)
        chained = bytes(self._buffer[bucket : bucket + 4])
        self._put(struct.pack("<I", at) + chained + struct.pack("<HH", number, len(data) // 2) + data + b"\x00\x00")
        self._buffer[bucket : bucket + 4] = struct.pack("<I", at)

    def sealed(self) -> SealedChunk:
        """Return the finished chunk: header, offsets, both checksums."""
        first, last = self.first_number, self.first_number + len(self._ids) - 1
        ids = (min(self._ids), max(self._ids)) if self._ids else (first, last)
        struct.pack_into("<QQII", self._buffer, 24, *ids, 128, self._last_at)
        data = seal(self._buffer, self._at, first, last, ids)
        return SealedChunk(
            data,
            len(self._ids),
            self._ids[0] if self._ids else first,
            self._at,
            _places(self._number_places),
            _places(self._time_places),
        )


def name_hash(data: bytes) -> int:
    """Return the 16-bit hash under which a chunk files a name (UTF-16LE) or a template (its GUID)."""
    number = 0
    for (unit,) in struct.iter_unpack("<H", data):
        number = (number * _HASH_FACTOR + unit) & 0xFFFFFFFF
    return number & 0xFFFF


def _places(pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
    starts = np.array([first for first, _ in pairs] + [second for _, second in pairs], dtype=np.int64)
    return starts[:, None] + np.arange(8)


def seal(buffer: bytearray, used: int, first: int, last: int, ids: tuple[int, int] | None = None) -> bytes:
    """Return the chunk's bytes with its header numbers and checksums set; `used` is where free space begins."""
    last_at = struct.unpack_from("<I", buffer, 44)[0]
    low, high = ids or (first, last)
    struct.pack_into("<8sQQQQIII", buffer, 0, b"ElfChnk\x00", first, last, low, high, 128, last_at, used)
    struct.pack_into("<I", buffer, 52, zlib.crc32(memoryview(buffer)[_RECORDS_AT:used]))
    struct.pack_into("<I", buffer, 120, 1)
    head = zlib.crc32(memoryview(buffer)[:120])
    struct.pack_into("<I", buffer, 124, zlib.crc32(memoryview(buffer)[128:_RECORDS_AT], head))
    return bytes(buffer)


def _system_values(record: WindowsRecord, ticks: int) -> list[tuple[int, bytes]]:
    pack = struct.pack
    classic, literal = record.qualifiers is not None, record.qualifiers is not None or record.user_data is not None
    sid = sid_bytes(record.user_sid) if record.user_sid else None
    activity = guid_bytes(record.activity_id) if record.activity_id else None
    values = [
        (0x04, pack("<B", record.level)),
        (0x04, pack("<B", record.opcode)),
        (0x06, pack("<H", record.task)),
        (0x06, pack("<H", record.event_code)),
        (0x06, pack("<H", record.qualifiers)) if classic else (NULL, b""),
        (HEX64, pack("<Q", record.keywords)),
        (0x11, pack("<Q", ticks)),
        (GUID, activity) if activity else (NULL, b""),
        (UINT32, pack("<I", record.process_id)),
        (UINT32, pack("<I", record.thread_id)),
        (0x0A, pack("<Q", record.record_id)),
        (0x04, pack("<B", record.version)),
        (SID, sid) if sid else (NULL, b""),
        (NULL, b""),
    ]
    if literal:
        values += [(NULL, b"")] * (LITERAL_BODY - len(values))
    else:
        guid = guid_bytes(record.provider_guid) if record.provider_guid else None
        values += [
            (STRING, utf16(record.provider)),
            (GUID, guid) if guid else (NULL, b""),
            (STRING, utf16(record.channel)),
        ]
        assert len(values) == MANIFEST_BODY  # noqa: S101 - the layout Windows writes
    values.append((0x21, b""))
    return values


def _own_values(record: WindowsRecord) -> tuple[bytes, int]:
    """Return descriptors and values of the event's own data, and how many there are."""
    if not record.names:
        strings = b"".join(utf16(v) + b"\x00\x00" for v in record.values)
        parts = [(0x81, strings) if record.values else (NULL, b""), (UINT32, b"\x00\x00\x00\x00")]
        parts.append((0x0E, record.data) if record.data else (NULL, b""))
    else:
        parts = [
            _short_typed(n, v) if len(v) < _SHORT else _typed(n, v)
            for n, v in zip(record.names, record.values, strict=True)
        ]
    for value_type, data in parts:
        if len(data) > _VALUE_LIMIT:
            raise UsageError(
                f"a value of {len(data)} bytes does not fit into an EVTX record (type {value_type})",
                where=f"event {record.event_code}, record {record.record_id}",
                remedy="a value holds 65,535 bytes",
            )
    return b"".join([*(_SUBSTITUTION.pack(len(d), t, 0) for t, d in parts), *(d for _, d in parts)]), len(parts)


def _typed(name: str, text: str) -> tuple[int, bytes]:
    """Return the value as Windows stores this field, or as text where the text is not that field's usual form."""
    value_type = VALUE_TYPES.get(name)
    if value_type == SID:
        sid = sid_bytes(text)
        if sid is not None:
            return SID, sid
    elif value_type == GUID:
        guid = guid_bytes(text)
        if guid is not None:
            return GUID, guid
    elif value_type in {HEX32, HEX64}:
        number = hex_number(text)
        if number is not None and (value_type == HEX64 or number < 1 << 32):
            return (HEX64, struct.pack("<Q", number)) if value_type == HEX64 else (HEX32, struct.pack("<I", number))
    elif value_type == UINT32 and text.isascii() and text.isdigit() and str(int(text)) == text and int(text) < 1 << 32:
        return UINT32, struct.pack("<I", int(text))
    return STRING, utf16(text) + b"\x00\x00"


_short_typed = lru_cache(maxsize=8192)(_typed)
