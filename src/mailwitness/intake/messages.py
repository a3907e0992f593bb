"""What the importing process and its reading processes say to each other, and how it is framed on a pipe.

A frame is two little-endian uint32 lengths, a msgpack head and a body; the body is an Arrow IPC record batch of
`trail.schema.BATCH_SCHEMA` (without its schema message), or empty.
"""

from __future__ import annotations

import struct
from datetime import datetime

import msgspec

from mailwitness.directory.model import Origin
from mailwitness.event import Blob, Problem
from mailwitness.formats.interface import Span

FRAME = struct.Struct("<II")


class Plan(msgspec.Struct, frozen=True, tag=True):
    """Say which format reads the file and in which spans. `name` is the evidence's own name, not that of its copy."""

    path: str
    name: str


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a span was read: so many readings of its format, the last one that has an offset at `offset`."""

    readings: int = 0
    offset: int | None = None


class Read(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read `spans` of a file, in order.

    A read is atomic (one delivery, after its last record) unless `streamed`: then deliveries come as rows gather, and
    `resume_after` is the mark of the last delivery an earlier reader made before it died. `careful` delivers after
    every record, so that a death costs no record before it. `second` asks for the format's second reader.
    """

    path: str
    name: str
    format: str
    spans: tuple[Span, ...]
    evidence_sha256: str
    organization: str
    observed_origin: str | None = None
    time_zone: str | None = None
    collected_at: datetime | None = None
    salt: str | None = None
    streamed: bool = False
    careful: bool = False
    second: bool = False
    resume_after: Mark = Mark()

    @property
    def size(self) -> int:
        """Return the bytes that are asked for."""
        return sum(span.end - span.start for span in self.spans)


Request = Plan | Read


class Planned(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Plan`: the format's name (None: no format reads it) and the spans to read."""

    format: str | None
    spans: tuple[Span, ...] = ()
    problem: Problem | None = None


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """The EventRecordIDs seen of one log, as closed ranges: first, last, first, last, ... in ascending order."""

    computer: str
    channel: str
    ranges: tuple[int, ...]


class Clear(msgspec.Struct, frozen=True, array_like=True):
    """A record that says the log was cleared."""

    computer: str
    channel: str
    record_id: int | None
    at: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What `records` records said of how things stood: rows of the directory's tables, as Arrow IPC messages.

    `observed_at` is the time of all rows that have none of their own, `latest_at` the latest of those that have.
    """

    records: int
    batches: tuple[tuple[str, bytes], ...]
    observed_at: datetime | None = None
    latest_at: datetime | None = None
    complete: bool = False
    remark: str | None = None
    origin: Origin = "export"


class Delivery(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What was read since the last delivery. Counts are of records, `events` of rows in the body.

    `rows_of` is the number of rows of each record in turn, as little-endian uint32, or empty where every record gave
    one. `through` says how far the span is read; `final` says that the read is complete.
    """

    seen: int
    filtered: int
    unread: int
    events: int
    rows_of: bytes = b""
    problems: tuple[Problem, ...] = ()
    more_problems: int = 0  # beyond those listed
    numbers: tuple[Numbers, ...] = ()
    clears: tuple[Clear, ...] = ()
    blobs: tuple[Blob, ...] = ()
    observed: Observed | None = None
    through: Mark = Mark()
    final: bool = False


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A reader that raised instead of yielding a Problem: handled like a death, without the loss of the process."""

    cause: str


Reply = Planned | Delivery | Failed

encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
