"""One sender's connection: its messages gathered into batches, as they came, and handed to the writer.

Syslog has no answer: what a sender has sent and the writer does not hold yet is lost if this process dies. So little
of it is kept here, and nothing more is read from a sender while its last batch is not durable and the next is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from mailwitness.collect.interface import Batch, NotAcknowledged, NotTaken, Receipt
from mailwitness.collect.syslog_settings import SyslogSettings
from mailwitness.collect.writer_client import AsyncWriterClient
from mailwitness.formats.syslog_frames import Cutter, Message, TooLong, Torn
from mailwitness.formats.syslog_message import parse_message

READ_BYTES = 256 << 10
CLAIMS = 8
"""Names of claimed hosts that a batch lists; a relay may have more."""
_LONGEST_PAUSE = 10.0


class Tally(msgspec.Struct):
    """What all connections brought since it was last taken."""

    messages: int = 0
    batches: int = 0
    bytes: int = 0
    connections: int = 0
    turned_away: int = 0
    too_long: int = 0
    recorded: int = 0
    duplicates: int = 0
    filtered: int = 0
    unread: int = 0
    problems: int = 0
    not_taken: int = 0
    lost: int = 0

    def take(self) -> dict[str, int]:
        """Return the counts and begin anew."""
        counts = {name: count for name, count in msgspec.structs.asdict(self).items() if count}
        for name in counts:
            setattr(self, name, 0)
        return counts


class Room:
    """What waits in memory of all connections, in bytes."""

    def __init__(self, limit: int) -> None:
        """Hold up to `limit` bytes."""
        self._limit = limit
        self.bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read before something is durable."""
        return self.bytes >= self._limit


class Shared(msgspec.Struct, kw_only=True):
    """What the connections of one collector have in common."""

    settings: SyslogSettings
    writer: AsyncWriterClient
    stopping: asyncio.Event
    room: Room
    tally: Tally
    last_error: str | None = None
    data_at: datetime | None = None
    too_long_from: dict[str, int] = {}
    """Messages beyond the limit, by sender, that are not told of yet."""
    lost: int = 0
    """Messages that were received and not taken, and not told of yet."""


class Sender:
    """Serves one connection until it ends or the collector stops."""

    def __init__(self, shared: Shared, reader: asyncio.StreamReader, origin: str, delivered_by: str | None) -> None:
        """Read from `reader`; `origin` is the peer's address, `delivered_by` its certificate's name."""
        self._shared = shared
        self._reader = reader
        self._origin = origin
        self._delivered_by = delivered_by
        self._cutter = Cutter(shared.settings.message_bytes)
        self._waiting = bytearray()
        self._claims: dict[str, None] = {}
        self._count = 0
        self._first_at = 0.0
        self._number = 0
        self._began = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._under_way: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[bytes] | None = None

    async def serve(self) -> None:
        """Read, gather and hand over. What is gathered when the connection ends is handed over too."""
        stopping = asyncio.ensure_future(self._shared.stopping.wait())
        try:
            while not stopping.done():
                data = await self._read(stopping)
                if data is None:
                    await self._hand_over()
                elif not data:
                    break
                else:
                    self._gather(data)
                    if len(self._waiting) >= self._shared.settings.batch_bytes or self._shared.room.is_full:
                        await self._hand_over()
        except (ConnectionError, TimeoutError, OSError) as error:  # the peer went, or its TLS broke off
            self._shared.last_error = f"{self._origin}: the connection broke: {type(error).__name__}"
        finally:
            stopping.cancel()
            if self._reading is not None:
                self._reading.cancel()
        last = self._cutter.end()
        if last is not None:
            self._keep(last)
        await self._hand_over()
        if self._under_way is not None:
            await self._under_way

    async def _read(self, stopping: asyncio.Future[Any]) -> bytes | None:
        """Return bytes, none at the connection's end, or None when what waits has waited long enough, or at the stop.

        A read that is under way goes on meanwhile: nothing of it is lost.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._reader.read(READ_BYTES))
        left = None
        if self._waiting:
            left = max(0.0, self._first_at + self._shared.settings.batch_seconds - time.monotonic())
        await asyncio.wait({self._reading, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not self._reading.done():
            return None
        data, self._reading = self._reading.result(), None
        return data

    def _gather(self, data: bytes) -> None:
        for piece in self._cutter.feed(data):
            self._keep(piece)

    def _keep(self, piece: Message | TooLong | Torn) -> None:
        if isinstance(piece, TooLong):
            self._shared.tally.too_long += 1
            said = self._shared.too_long_from
            said[self._origin] = said.get(self._origin, 0) + 1
            return
        if not self._waiting:
            self._first_at = time.monotonic()
        self._waiting += piece.frame
        self._shared.room.bytes += len(piece.frame)
        self._count += 1
        if isinstance(piece, Message) and len(self._claims) <= CLAIMS:
            host = parse_message(piece.data[:512]).host
            if host is not None:
                self._claims[host] = None

    async def _hand_over(self) -> None:
        """Begin handing over what waits, when the batch before is durable: two batches are held at most."""
        if self._under_way is not None:
            await self._under_way
            self._under_way = None
        if not self._waiting:
            return
        self._number += 1
        names = list(self._claims)
        batch = Batch(
            name=f"syslog/{self._origin.replace(':', '_')}/{self._began}-{self._number:06}.syslog",
            data=bytes(self._waiting),
            collector=self._shared.settings.name,
            received_at=datetime.now(UTC),
            format="syslog",
            claimed_host=", ".join(names[:CLAIMS]) + (", ..." if len(names) > CLAIMS else "") or None,
            observed_origin=self._origin,
            delivered_by=self._delivered_by,
            time_zone=self._shared.settings.time_zone,
        )
        count = self._count
        self._waiting.clear()
        self._claims.clear()
        self._count = 0
        self._under_way = asyncio.create_task(self._submit(batch, count))

    async def _submit(self, batch: Batch, count: int) -> None:
        try:
            receipt = await self._durable(batch)
        finally:
            self._shared.room.bytes -= len(batch.data)
        tally = self._shared.tally
        if receipt is None:
            tally.lost += count
            self._shared.lost += count
            return
        tally.batches += 1
        tally.messages += count
        tally.bytes += len(batch.data)
        for name in ("recorded", "duplicates", "filtered", "unread", "problems"):
            setattr(tally, name, getattr(tally, name) + getattr(receipt, name))
        self._shared.data_at = datetime.now(UTC)

    async def _durable(self, batch: Batch) -> Receipt | None:
        """Return the receipt, however often it has to be sent; None where the collector has to end before."""
        pause = 0.0
        while True:
            try:
                return await self._shared.writer.submit(batch)
            except NotAcknowledged as error:
                self._shared.last_error = str(error)
                pause = min(_LONGEST_PAUSE, max(error.retry_after, 1.5 * pause))
                if self._shared.stopping.is_set():
                    return None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._shared.stopping.wait()
            except NotTaken as error:
                self._shared.last_error = str(error)
                self._shared.tally.not_taken += 1
                return None
