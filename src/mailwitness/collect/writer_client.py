"""How collectors and the console reach the writer process: batches, acts and notices over its local socket."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from mailwitness.collect.interface import (
    Act,
    Ask,
    NotAcknowledged,
    Notice,
    NotTaken,
    Receipt,
    Status,
    WriterAway,
)
from mailwitness.collect.wire import LENGTH, Evidence, Request, address, answer_of, frame, length_of

ANSWER_SECONDS = 120.0
"""How long an answer is waited for; a writer under load answers within a second."""
LONGEST_PAUSE = 30.0
_IDLE = 16


class WriterClient:
    """Asks the writer, from any number of threads: each request under way has a connection of its own."""

    def __init__(self, path: Path, timeout: float = ANSWER_SECONDS) -> None:
        """Reach the writer at the socket `path` (TRAIL/run/writer.sock); nothing is opened before the first request."""
        self.path = path
        self._timeout = timeout
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()

    def submit(self, batch: Evidence) -> Receipt:
        """Hand evidence over and return when it is durable.

        Raises NotAcknowledged (WriterBusy, WriterAway, WriterFailing) where it is not, or not known to be: send it
        again after `retry_after`; records that were durable all the same count as duplicates then. Raises NotTaken for
        what no trying again will help.
        """
        return _receipt(self._ask(batch))

    def submit_patiently(self, batch: Evidence, stop: threading.Event) -> Receipt | None:
        """Hand a batch over, again and again until it is durable; None where `stop` was set before."""
        return self._patiently(batch, stop)

    def notice_patiently(self, notice: Notice, stop: threading.Event) -> Receipt | None:
        """Have sealed what a collector says of its own coverage, as submit_patiently does."""
        return self._patiently(notice, stop)

    def _patiently(self, request: Request, stop: threading.Event) -> Receipt | None:
        pause = 0.0
        while not stop.is_set():
            try:
                return _receipt(self._ask(request))
            except NotAcknowledged as error:
                pause = min(LONGEST_PAUSE, max(error.retry_after, 1.5 * pause))
                stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - keeps collectors apart, no secret
        return None

    def act(self, act: Act) -> Receipt:
        """Have an act sealed. Whoever shows its effect waits for this; raises as `submit` does.

        An act that was sealed but whose answer got lost stands twice, with the same `at`, when it is sent again.
        """
        return _receipt(self._ask(act))

    def notice(self, notice: Notice) -> Receipt:
        """Have sealed what a collector says of its own coverage; raises as `submit` does."""
        return _receipt(self._ask(notice))

    def status(self) -> Status:
        """Return how the writer is. Raises WriterAway where none answers."""
        answer = self._ask(Ask())
        if not isinstance(answer, Status):
            raise _strange(self.path)
        return answer

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request) -> Receipt | Status:
        message = frame(request)
        with self._lock:
            used = self._idle.pop() if self._idle else None
        try:
            if used is not None:
                with contextlib.suppress(ConnectionError, EOFError):  # the writer was started anew: once more, afresh
                    return self._exchange(used, message)
            return self._exchange(self._connect(), message)
        except (OSError, EOFError) as cause:
            raise _away(self.path, cause) from cause

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._timeout)
            with address(self.path) as where:
                connection.connect(where)
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchange(self, connection: socket.socket, message: bytes) -> Receipt | Status:
        try:
            connection.sendall(message)
            body = _receive(connection, length_of(_receive(connection, LENGTH.size)))
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()
        return _answer(body, self.path)


def _receive(connection: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    rest = memoryview(data)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise EOFError("the connection was closed")
        rest = rest[count:]
    return bytes(data)


class AsyncWriterClient:
    """The same for asyncio, within one event loop."""

    def __init__(self, path: Path, timeout: float = ANSWER_SECONDS) -> None:
        """Reach the writer at the socket `path`."""
        self.path = path
        self._timeout = timeout
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def submit(self, batch: Evidence) -> Receipt:
        """Hand a batch over; as WriterClient.submit."""
        return _receipt(await self._ask(batch))

    async def act(self, act: Act) -> Receipt:
        """Have an act sealed; as WriterClient.act."""
        return _receipt(await self._ask(act))

    async def notice(self, notice: Notice) -> Receipt:
        """Have a collector's word sealed; as WriterClient.notice."""
        return _receipt(await self._ask(notice))

    async def status(self) -> Status:
        """Return how the writer is; as WriterClient.status."""
        answer = await self._ask(Ask())
        if not isinstance(answer, Status):
            raise _strange(self.path)
        return answer

    async def close(self) -> None:
        """Close the connections that are not in use."""
        idle, self._idle = self._idle, []
        for _reader, writer in idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, request: Request) -> Receipt | Status:
        message = frame(request)
        try:
            if self._idle:
                with contextlib.suppress(ConnectionError, EOFError):  # as above: a writer that was started anew
                    return await self._exchange(*self._idle.pop(), message)
            with address(self.path) as where:
                streams = await asyncio.open_unix_connection(where)
            return await self._exchange(*streams, message)
        except (OSError, EOFError) as cause:
            raise _away(self.path, cause) from cause

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes
    ) -> Receipt | Status:
        try:
            async with asyncio.timeout(self._timeout):
                writer.write(message)
                await writer.drain()
                body = await reader.readexactly(length_of(await reader.readexactly(LENGTH.size)))
        except BaseException:
            writer.close()
            raise
        if len(self._idle) < _IDLE:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return _answer(body, self.path)


def _answer(body: bytes, path: Path) -> Receipt | Status:
    try:
        return answer_of(body)
    except msgspec.MsgspecError as cause:
        raise _strange(path) from cause


def _receipt(answer: Receipt | Status) -> Receipt:
    if not isinstance(answer, Receipt):
        raise NotTaken("the writer answered what was not asked")
    return answer


def _away(path: Path, cause: Exception) -> WriterAway:
    return WriterAway(
        f"the writer does not answer: {str(cause) or type(cause).__name__}",
        where=str(path),
        remedy="start it with `mailwitness serve`, or see why it ended",
    )


def _strange(path: Path) -> NotTaken:
    return NotTaken("what answers at the socket is no writer of this version", where=str(path))
