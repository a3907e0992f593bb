"""The writer: the one process that holds a trail's key. Collectors and the console reach it over local sockets.

Started by the service's supervisor, or as `python -m mailwitness.collect.writer_process TRAIL`. It ends on SIGTERM or
SIGINT when everything under way is answered. What it has answered is durable, whatever happens to it then; what it has
not answered is sent again, and counts once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mailwitness.collect.arrivals import Arrivals
from mailwitness.collect.commits import Commits
from mailwitness.collect.interface import Act, Ask, Batch, Notice, NotTaken, Receipt, Status, WriterBusy
from mailwitness.collect.trail_holder import TrailHolder
from mailwitness.collect.wire import (
    FRAME_BYTES,
    LENGTH,
    Answer,
    Evidence,
    Refusal,
    Request,
    address,
    frame,
    refusal_of,
    request_of,
)
from mailwitness.errors import MailwitnessError
from mailwitness.intake.workers import COMMAND
from mailwitness.trail.writer import Writer

T = TypeVar("T")

WAITING_BYTES = 128 << 20
"""Bytes of requests that are in memory at once; beyond them the writer is busy. One request is always taken."""
CONNECTIONS = 256
UPLOAD = "upload"
"""The collector of evidence that a person brought in over the console or the API."""
STOP_SECONDS = 8.0
"""How long requests under way may take when the writer is told to end."""
_CHUNK = 1 << 20
_PEER = struct.Struct("3i")
_MODE = 0o660


def writer_socket(trail: Path) -> Path:
    """Return where collectors reach the writer of a trail."""
    return trail / "run" / "writer.sock"


def acts_socket(trail: Path) -> Path:
    """Return where the console reaches it: there acts are taken, and no evidence."""
    return trail / "run" / "acts.sock"


def uploads_socket(trail: Path) -> Path:
    """Return where the console hands over what people upload: there raw evidence is taken that says so, and no more."""
    return trail / "run" / "uploads.sock"


class WriterProcess:
    """The writer of one trail, serving until `stop`."""

    def __init__(
        self,
        trail: Path,
        key_path: Path | None = None,
        *,
        folders: Sequence[Path] = (),
        readers: int = 2,
        waiting_bytes: int = WAITING_BYTES,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        """Take the trail's lock; raises as Writer.open does. `folders` are those that deposits may lie in."""
        self._holder = TrailHolder(trail, key_path)
        try:
            self._arrivals = Arrivals(self._holder, readers, folders, command)
        except BaseException:
            self._holder.close()
            raise
        self._commits = Commits(self._holder, trail, self._arrivals.forget)
        self._room = _Room(waiting_bytes)
        self._stopping = threading.Event()
        self._doors: list[_Door] = []

    def listen(self, path: Path, *, acts_only: bool = False, uploads_only: bool = False) -> None:
        """Serve a socket at `path` (mode 0660), beginning now; what stood there before is replaced."""
        answer = self._answer_acts if acts_only else self._answer_uploads if uploads_only else self._answer
        self._doors.append(_Door(path, answer, self._room))

    def stop(self) -> None:
        """Take nothing new, finish what is under way, commit, seal, and give the trail back."""
        for door in self._doors:
            door.close()
        self._room.wait_empty(STOP_SECONDS)
        self._commits.close()
        self._arrivals.close()
        self._holder.close()

    def tend(self, work: Callable[[Writer], T]) -> T:
        """Let `work` use the trail's writer alone, for what a service sees to by itself; raises WriterFailing."""
        return self._holder.run(self._holder.session().writer, work)

    def status(self) -> Status:
        """Return how the writer is."""
        committed = self._holder.committed
        return Status(
            size=committed.size,
            root=committed.root.hex(),
            waiting_batches=self._room.count,
            waiting_bytes=self._room.bytes,
            committed_at=self._commits.committed_at,
            failing=self._holder.failing,
            not_merging=self._holder.not_merging,
        )

    def _answer(self, request: Request, peer_uid: int) -> Answer:
        """Return the answer to one request, when what it says is durable."""
        if isinstance(request, Ask):
            return self.status()
        try:
            if isinstance(request, Act):
                return self._commits.durable(self._arrivals.act(request, peer_uid))
            return self._durable(request)
        except MailwitnessError as error:
            return refusal_of(error)
        except Exception as error:  # noqa: BLE001 - a defect costs the request that met it, and says so
            return Refusal(kind="not_taken", what=f"the writer failed on it: {type(error).__name__}: {error}"[:1000])

    def _durable(self, request: Evidence | Notice) -> Receipt:
        if isinstance(request, Notice):
            return self._commits.durable(self._arrivals.notice(request))
        # a large file takes its time: no commit waits for it
        expecting = self._commits.expecting() if isinstance(request, Batch) else contextlib.nullcontext()
        with expecting:
            took = self._arrivals.take(request)
        return self._commits.durable(took)

    def _answer_acts(self, request: Request, peer_uid: int) -> Answer:
        if isinstance(request, Act | Ask):
            return self._answer(request, peer_uid)
        return Refusal(kind="not_taken", what="only acts are taken here", remedy="use the writer's own socket")

    def _answer_uploads(self, request: Request, peer_uid: int) -> Answer:
        """Answer who takes uploads: raw evidence under that name alone, which moves no bookmark and speaks for no host.

        What becomes of it is the readers' word, so who is at this socket chooses no entry's bytes.
        """
        if isinstance(request, Ask):
            return self.status()
        if (
            isinstance(request, Batch)
            and request.collector == UPLOAD
            and request.data
            and request.bookmark is None
            and request.claimed_host is None
        ):
            return self._answer(request, peer_uid)
        return Refusal(kind="not_taken", what="only uploads are taken here", remedy="use the writer's own socket")


class _Room:
    """The requests in memory: how many, how many bytes, and whether one more may come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self.bytes = 0
        self.count = 0

    def enter(self, length: int) -> bool:
        """Take a request of `length` bytes; False where there is no room."""
        with self._changed:
            if self.count and self.bytes + length > self._limit:
                return False
            self.bytes += length
            self.count += 1
            return True

    def leave(self, length: int) -> None:
        """Let go of a request that is answered."""
        with self._changed:
            self.bytes -= length
            self.count -= 1
            self._changed.notify_all()

    def wait_empty(self, seconds: float) -> None:
        """Wait until all are answered, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self.count, seconds)


class _Door:
    """A listening socket: a thread that accepts, and one for each connection."""

    def __init__(self, path: Path, answer: Callable[[Request, int], Answer], room: _Room) -> None:
        self._path = path
        self._answer = answer
        self._room = room
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        path.parent.mkdir(mode=0o750, exist_ok=True)
        path.unlink(missing_ok=True)  # of a writer that was killed: the lock is held
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with address(path) as where:
            self._listening.bind(where)
        path.chmod(_MODE)
        self._listening.listen(CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="accepting", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections and no more requests; requests under way are still answered."""
        with self._lock:
            self._is_closed = True
            connections = list(self._connections)
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listening.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listening.accept()[0]
            except OSError:
                with self._lock:
                    if self._is_closed:
                        return
                continue
            with self._lock:
                is_full = self._is_closed or len(self._connections) >= CONNECTIONS
                if not is_full:
                    self._connections.add(connection)
            if is_full:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="serving", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            peer_uid = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
            with contextlib.suppress(OSError, EOFError):
                while self._serve_one(connection, peer_uid):
                    pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _serve_one(self, connection: socket.socket, peer_uid: int) -> bool:
        """Answer one request; False where the connection is of no use any more."""
        (length,) = LENGTH.unpack(_receive(connection, LENGTH.size))
        if length > FRAME_BYTES:
            refused = NotTaken(f"a message of {length} bytes; {FRAME_BYTES} are taken")
            connection.sendall(frame(refusal_of(refused)))
            return False
        if not self._room.enter(length):
            _skip(connection, length)
            busy = WriterBusy("the writer has more to write than it keeps in memory", remedy="send it again later")
            connection.sendall(frame(refusal_of(busy)))
            return True
        try:
            connection.sendall(frame(self._answer_bytes(_receive(connection, length), peer_uid)))
        finally:
            self._room.leave(length)
        return True

    def _answer_bytes(self, body: bytearray, peer_uid: int) -> Answer:
        try:
            request = request_of(body)
        except msgspec.MsgspecError as error:
            return Refusal(kind="not_taken", what=f"no request: {error}"[:1000])
        return self._answer(request, peer_uid)


def _receive(connection: socket.socket, length: int) -> bytearray:
    data = bytearray(length)
    rest = memoryview(data)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data


def _skip(connection: socket.socket, length: int) -> None:
    while length:
        length -= len(_receive(connection, min(length, _CHUNK)))


def serve_writer(
    trail: Path,
    key_path: Path | None = None,
    *,
    socket_path: Path | None = None,
    acts_path: Path | None = None,
    folders: Sequence[Path] = (),
    readers: int = 2,
    stop: threading.Event | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Be the writer of a trail until `stop` is set, or, without one, until SIGTERM or SIGINT comes.

    Serves `socket_path` (TRAIL/run/writer.sock) and `acts_path` (TRAIL/run/acts.sock, acts only), and calls `ready`
    then. `folders` are those that deposits may lie in. Raises as Writer.open does: TrailLocked where another writer
    runs.
    """
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal, ending=stop: ending.set())
    writer = WriterProcess(trail, key_path, folders=folders, readers=readers)
    try:
        writer.listen(socket_path or writer_socket(trail))
        writer.listen(acts_path or acts_socket(trail), acts_only=True)
        if ready is not None:
            ready()
        stop.wait()
    finally:
        writer.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the writer as a process of its own; prints `ready` when its sockets are there."""
    parser = argparse.ArgumentParser(prog="mailwitness.collect.writer_process")
    parser.add_argument("trail", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--acts-socket", type=Path)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    parser.add_argument("--readers", type=int, default=2)
    given = parser.parse_args(arguments)

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    try:
        serve_writer(
            given.trail,
            given.key,
            socket_path=given.socket,
            acts_path=given.acts_socket,
            folders=given.folder,
            readers=given.readers,
            ready=ready,
        )
    except MailwitnessError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    os.umask(0o027)
    sys.exit(main())
