"""What collectors, the writer process and the console say to each other.

A collector hands the writer batches of raw evidence and hears when they are durable. The console hands it acts of
persons. Nobody but the writer holds the key or chooses an entry's bytes.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec

from mailwitness.directory.model import Snapshot
from mailwitness.errors import MailwitnessError
from mailwitness.event import Problem

BATCH_BYTES = 64 << 20
"""Bytes of evidence in one batch at most; more is refused. A collector that has more cuts it at a record."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: others are refused at the socket."""

Verb = Literal["read", "unmask", "upload", "attest", "finding", "people", "settings"]


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Evidence as it came in, whole records, not interpreted.

    `name` names it in Problems and in the custody leaf (`host/stream.ndjson`); its suffix breaks ties where the content
    does not tell the format, and `format` says it outright (the NAME of a module of mailwitness.formats: `json`,
    `event xml`, ...); with it, data that begins with an empty line has one record a line, whatever the first of them
    looks like. `claimed_host` is who says it is the sender, `observed_origin` the peer address it came from:
    they are kept apart. `delivered_by` is the token or account that was let in. `bookmark` is (stream, value): stored
    for the collector when, and only when, everything up to it is durable. Without data a batch only moves a bookmark.
    """

    name: str
    data: bytes
    collector: str
    received_at: Instant
    format: str | None = None
    claimed_host: str | None = None
    observed_origin: str | None = None
    delivered_by: str | None = None
    time_zone: str | None = None
    """IANA zone of times in the data that name none."""
    collected_at: Instant | None = None
    """When an export of a state (a directory, rights) was made that does not say so itself."""
    bookmark: tuple[str, str] | None = None


class Deposit(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file for the writer to take in by itself: large logs, archives, whatever is no stream of lines.

    The writer takes files only from below the folders it was told of, and only such as nobody writes to any more.
    The fields are those of Batch.
    """

    path: str
    name: str
    collector: str
    received_at: Instant
    claimed_host: str | None = None
    observed_origin: str | None = None
    delivered_by: str | None = None
    time_zone: str | None = None
    collected_at: Instant | None = None
    bookmark: tuple[str, str] | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a collector read of a directory, as rows of its tables, and the raw evidence it read them from.

    `tables` are Arrow IPC messages by table, as `directory.rows.Rows.take_batches` gives them and `intake.states`
    sends them; the snapshot's `evidence_sha256` has to be that of `data`. What is too large for a request lies in the
    folder TRAIL/run/observations/`spool` (mailwitness.collect.spool), and `data` and `tables` are empty.
    """

    collector: str
    name: str
    data: bytes
    received_at: Instant
    tables: tuple[tuple[str, bytes], ...]
    snapshot: Snapshot
    problems: tuple[Problem, ...] = ()
    spool: str | None = None
    observed_origin: str | None = None
    bookmark: tuple[str, str] | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a person did with the trail. It becomes a leaf before its effect is shown."""

    who: str
    role: str
    verb: Verb
    subject: str
    at: Instant
    reason: str | None = None
    detail: dict[str, str] = {}


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a collector says of its own coverage: it began, it ended, it could not get what should have been there.

    It becomes a custody leaf with `act` = `collection`. `what` is one of the words below; `where` is the stream (a
    path, a feed, a host); `since_at` and `until_at` bound the time that is not covered.
    """

    collector: str
    what: Literal["began", "ended", "lost", "silent", "resumed", "refused", "reset"]
    at: Instant
    where: str = ""
    found: str = ""
    since_at: Instant | None = None
    until_at: Instant | None = None
    records: int | None = None


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Ask the writer how it is."""


class Status(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How the writer is. `failing` says why it cannot write at the moment, None where it can."""

    size: int
    root: str
    waiting_batches: int
    waiting_bytes: int
    committed_at: Instant | None = None
    failing: str | None = None
    not_merging: str | None = None
    """Why small files of the table are not merged at the moment: questions get slower meanwhile."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The writer's word that everything of a batch, an act or a notice is durable.

    Counts are of records: seen = recorded + duplicates + filtered + unread. `events` counts new events, `problems`
    Problems; the first of those (200 at most) are in `listed`, their lines counted from 1. `size` and `root` (hex) are
    what the log committed to.
    """

    seen: int = 0
    recorded: int = 0
    duplicates: int = 0
    filtered: int = 0
    unread: int = 0
    events: int = 0
    problems: int = 0
    listed: tuple[Problem, ...] = ()
    size: int = 0
    root: str = ""


class NotAcknowledged(MailwitnessError):
    """The writer did not acknowledge: nothing may be assumed. Sending the same again is always safe.

    `retry_after` is when to try again, in seconds.
    """

    exit_code = 75
    retry_after: float = 1.0


class WriterBusy(NotAcknowledged):
    """More waits to be written than the writer takes; nothing of this was taken."""


class WriterAway(NotAcknowledged):
    """No writer answers at the socket, or it ended before it answered."""

    retry_after = 2.0


class WriterFailing(NotAcknowledged):
    """The trail cannot be written at the moment (a full disk, say). The writer goes on when it can."""

    retry_after = 5.0


class NotTaken(MailwitnessError):
    """The writer will never take this, however often it is sent: too large, or not what it may be asked."""

    exit_code = 2


class Collector(Protocol):
    """Something that brings evidence in, in a thread or process of its own.

    Each kind of collector is a package or module with `settings`, the msgspec.Struct of its table in the service's
    configuration, and `make(settings, writer, state) -> Collector`, where `writer` is a WriterClient and `state` the
    trail's folder, for `state.database.open_state` (a connection belongs to the thread that opens it).
    """

    name: str

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set, then return soon. Raises only what no trying again will mend."""
        ...
