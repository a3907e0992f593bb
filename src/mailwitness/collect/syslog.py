"""The syslog intake: RFC 5424 and 3164 over TCP and TLS (RFC 5425, 6587), carrying events as XML or JSON.

A sender is read from only as fast as the trail takes it: TCP then has it wait, and its own queue fills. Senders hear
nothing of what became durable; docs/limits.md says what that means.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import ssl
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailwitness.collect.heartbeats import EVERY, Heartbeats
from mailwitness.collect.interface import NotAcknowledged, Notice
from mailwitness.collect.listening import listening
from mailwitness.collect.syslog_sender import Room, Sender, Shared, Tally
from mailwitness.collect.syslog_settings import SyslogSettings
from mailwitness.collect.writer_client import AsyncWriterClient, WriterClient
from mailwitness.errors import UsageError
from mailwitness.state.database import open_state

settings = SyslogSettings
STOP_SECONDS = 8.0
"""How long what was received may take to become durable when the collector is told to end."""
HANDSHAKE_SECONDS = 15.0
SHUTDOWN_SECONDS = 2.0
REFUSALS_EVERY = timedelta(minutes=1)
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 4))


class SyslogIntake:
    """The collector: serves until it is told to stop."""

    def __init__(self, settings: SyslogSettings, writer: WriterClient, state: Path) -> None:
        """Deliver to `writer`; `state` is the trail's folder. Nothing is opened before `run` or `bind`."""
        self.name = settings.name
        self._settings = settings
        self._writer = writer
        self._state = state
        self._socket: socket.socket | None = None
        self._told_at = -REFUSALS_EVERY.total_seconds()

    def bind(self) -> tuple[str, int]:
        """Open the listening socket and return its address. Raises UsageError where that cannot be."""
        self._socket = listening(self._settings.listen, "the syslog intake", "intake.syslog")
        bound = self._socket.getsockname()
        return str(bound[0]), int(bound[1])

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; what was received then is still handed over."""
        tls = self._settings.tls()
        if self._socket is None:
            self.bind()
        assert self._socket is not None  # noqa: S101 - bound just now
        try:
            with closing(open_state(self._state)) as connection:
                beats = Heartbeats(connection)
                beats.began(self.name, _now())
                began = Notice(collector=self.name, what="began", at=_now(), where=self._settings.listen)
                self._writer.notice_patiently(began, stop)
                asyncio.run(self._serve(stop, beats, tls))
        except sqlite3.Error as error:
            raise UsageError(f"the syslog intake cannot go on: {error}", where=self._settings.listen) from error
        finally:
            self._socket.close()
            self._socket = None

    async def _serve(self, stop: threading.Event, beats: Heartbeats, tls: ssl.SSLContext | None) -> None:
        shared = Shared(
            settings=self._settings,
            writer=AsyncWriterClient(self._writer.path),
            stopping=asyncio.Event(),
            room=Room(self._settings.waiting_bytes),
            tally=Tally(),
            too_long_from={},
        )
        door = _Door(shared)
        server = await asyncio.start_server(
            door.serve,
            sock=self._socket,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=None if tls is None else SHUTDOWN_SECONDS,
            limit=64 << 10,
        )
        try:
            beaten_at = time.monotonic()
            while not stop.is_set():
                await asyncio.sleep(0.2)
                if time.monotonic() - beaten_at >= EVERY.total_seconds() / 4:
                    beaten_at = time.monotonic()
                    await self._beat(beats, shared)
        finally:
            server.close()
            shared.stopping.set()
            await door.ended(STOP_SECONDS)
            self._told_at = -REFUSALS_EVERY.total_seconds()
            await self._beat(beats, shared)
            await self._say_ended(shared)
            await shared.writer.close()

    async def _beat(self, beats: Heartbeats, shared: Shared) -> None:
        error, shared.last_error = shared.last_error, None
        beats.beat(self.name, _now(), shared.tally.take(), error, data_at=shared.data_at)
        if time.monotonic() - self._told_at >= REFUSALS_EVERY.total_seconds():
            self._told_at = time.monotonic()
            await self._say_refused(shared)
            await self._say_lost(shared)

    async def _say_lost(self, shared: Shared) -> None:
        """Have sealed how many messages were received and could not be handed over."""
        count = shared.lost
        if not count:
            return
        notice = Notice(
            collector=self.name,
            what="lost",
            at=_now(),
            where=self._settings.listen,
            found="messages that were received and that the writer did not take",
            records=count,
        )
        with contextlib.suppress(NotAcknowledged):
            await shared.writer.notice(notice)
            shared.lost -= count

    async def _say_refused(self, shared: Shared) -> None:
        """Have sealed what was too long to be taken, sender by sender."""
        said = dict(shared.too_long_from)
        for origin, count in said.items():
            notice = Notice(
                collector=self.name,
                what="refused",
                at=_now(),
                where=origin,
                found=f"messages longer than {self._settings.message_bytes} bytes",
                records=count,
            )
            with contextlib.suppress(NotAcknowledged):
                await shared.writer.notice(notice)
                left = shared.too_long_from[origin] - count
                if left:
                    shared.too_long_from[origin] = left
                else:
                    del shared.too_long_from[origin]

    async def _say_ended(self, shared: Shared) -> None:
        notice = Notice(collector=self.name, what="ended", at=_now(), where=self._settings.listen)
        with contextlib.suppress(NotAcknowledged):  # without a writer nobody can be told; its absence is seen
            await shared.writer.notice(notice)


class _Door:
    """Lets senders in, and knows who is there."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server makes one
        self._tasks.add(task)
        try:
            peer = writer.get_extra_info("peername")
            origin = str(peer[0]) if peer else "unknown"
            if not self._shared.settings.may_connect(origin) or len(self._tasks) > self._shared.settings.connections:
                self._shared.tally.turned_away += 1
                self._shared.last_error = f"{origin} was turned away"
                return
            self._shared.tally.connections += 1
            _keep_alive(writer)
            await Sender(self._shared, reader, origin, _certificate_name(writer)).serve()
        except asyncio.CancelledError:
            self._shared.last_error = "what a sender brought could not be handed over before the end"
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError, OSError):
                await writer.wait_closed()

    async def ended(self, seconds: float) -> None:
        """Wait until all have handed over what they brought; after `seconds` the rest is given up."""
        if not self._tasks:
            return
        _done, left = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Have the kernel notice a peer that is gone without a word."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _certificate_name(writer: asyncio.StreamWriter) -> str | None:
    """Return the name in the certificate a sender showed, None where it had to show none."""
    certificate = writer.get_extra_info("peercert")
    if not certificate:
        return None
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return f"certificate {names[0]}" if names else "a certificate without a name"


def _now() -> datetime:
    return datetime.now(UTC)


def make(settings: SyslogSettings, writer: WriterClient, state: Path) -> SyslogIntake:
    """Return the collector of [intake.syslog]."""
    return SyslogIntake(settings, writer, state)
