"""Warm reading processes: each asked one request at a time, watched, and replaced when it dies."""

from __future__ import annotations

import contextlib
import itertools
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from mailwitness.intake.limits import reader_environment, wall_budget
from mailwitness.intake.messages import FRAME, Delivery, Failed, Plan, Planned, Read, decode_reply, encode

COMMAND = (sys.executable, "-P", "-m", "mailwitness.intake.reader")
WAITING_BYTES = 48 * 1024 * 1024
"""Bytes of deliveries that wait to be taken in; then no read is begun, and readers of streams wait."""
_TAIL = 300


class ReaderDied(Exception):
    """A reading process ended, hung or failed; the text says how."""


class ReadingProcess:
    """One reading process, started at its first request."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None

    def ask(self, request: Plan | Read) -> Iterator[tuple[Planned | Delivery, bytearray]]:
        """Yield the replies to one request, each with its body; raises ReaderDied, after which a new one starts."""
        process = self._running()
        size = request.size if isinstance(request, Read) and not request.streamed else 0
        head = encode(request)
        try:
            assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
            process.stdin.write(FRAME.pack(len(head), 0) + head)
            process.stdin.flush()
        except OSError:
            raise ReaderDied(self._end("")) from None
        while True:
            head_length, body_length = FRAME.unpack(self._receive(FRAME.size, size))
            reply = decode_reply(self._receive(head_length, size))
            body = self._receive(body_length, size)
            if isinstance(reply, Failed):
                raise ReaderDied(f"the reader failed: {reply.cause}")
            yield reply, body
            if isinstance(reply, Planned) or reply.final:
                return

    def start(self) -> None:
        """Start the process ahead of its first request: loading its libraries takes a while."""
        self._running()

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._end("")

    def kill(self) -> None:
        """Kill the process from another thread; whoever reads from it learns that it died."""
        process = self._process
        if process is not None:
            process.kill()

    def process_id(self) -> int | None:
        """Return the id of the running process, if any."""
        return self._process.pid if self._process is not None else None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            self._process = subprocess.Popen(  # noqa: S603 - our own module, an argument list
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                bufsize=0,
                env=reader_environment(),
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        return self._process

    def _receive(self, length: int, size: int) -> bytearray:
        """Return `length` bytes from the process; raises ReaderDied where it ends or stays silent for too long."""
        assert self._process is not None  # noqa: S101 - `ask` started it
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - it was opened as a pipe
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            if not poll.poll(wall_budget(size) * 1000):
                raise ReaderDied(self._end("it was silent for too long and was stopped"))
            count = pipe.readinto(rest)  # type: ignore[attr-defined] # a raw pipe reads into memory
            if not count:
                raise ReaderDied(self._end(""))
            rest = rest[count:]
        return data

    def _end(self, why: str) -> str:
        """Stop and forget the process; return how it ended."""
        process, self._process = self._process, None
        messages, self._messages = self._messages, None
        if process is None:
            return why
        if why or process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0 if why else 1)  # an end of output comes a moment before the end of the process
            process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        cause = why or _ending(code)
        if messages is not None:
            messages.seek(0, 2)
            messages.seek(max(0, messages.tell() - _TAIL))
            tail = " ".join(messages.read().decode("utf-8", "replace").split())
            messages.close()
            cause += f": {tail}" if tail else ""
        return cause


def _ending(code: int) -> str:
    """Return how a process with this exit code ended, in words."""
    if code == -signal.SIGXCPU:
        return "it used up its CPU seconds and was stopped"
    if code == -signal.SIGKILL:
        return "it was killed"
    if code == 3:  # noqa: PLR2004 - as reader.main ends it
        return "it used up its memory"
    return f"it died of signal {-code}" if code < 0 else f"it ended with code {code}"


class Died(msgspec.Struct, frozen=True):
    """The last thing in a job's replies when its reader died."""

    cause: str


class Backlog:
    """The bytes of deliveries nobody has taken yet, which hold readers back when they are many.

    The job that is being taken in is held back by its own bytes alone: those of later jobs must not stop it, since
    they wait for it.
    """

    def __init__(self, limit: int = WAITING_BYTES) -> None:
        self._limit = limit
        self._bytes: dict[Job, int] = {}
        self._head: Job | None = None
        self._changed = threading.Condition()
        self._is_closed = False

    def take_from(self, job: Job) -> None:
        """Say that the replies of `job` are being taken in."""
        with self._changed:
            self._head = job
            self._changed.notify_all()

    def add(self, job: Job, count: int) -> None:
        """Count bytes of `job` as waiting; negative ones as taken."""
        with self._changed:
            self._bytes[job] = self._bytes.get(job, 0) + count
            if not self._bytes[job]:
                del self._bytes[job]
            self._changed.notify_all()

    def wait(self, job: Job) -> bool:
        """Wait until there is room for more of `job`; return False where all is being closed."""

        def is_free() -> bool:
            counted = self._bytes.get(job, 0) if job is self._head else sum(self._bytes.values())
            return self._is_closed or counted < self._limit

        with self._changed:
            self._changed.wait_for(is_free)
            return not self._is_closed

    def close(self) -> None:
        """Let everybody go on."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class Job:
    """A request on its way: its replies come in order, the last one final, Planned or Died."""

    def __init__(self, request: Plan | Read, backlog: Backlog, now: Callable[[Read], Read] | None) -> None:
        self.request = request
        self._now = now
        self._backlog = backlog
        self._replies: queue.SimpleQueue[tuple[Planned | Delivery | Died, bytearray]] = queue.SimpleQueue()

    def replies(self) -> Iterator[tuple[Planned | Delivery | Died, bytearray]]:
        """Yield the replies as they come."""
        if isinstance(self.request, Read):
            self._backlog.take_from(self)
        while True:
            reply, body = self._replies.get()
            self._backlog.add(self, -len(body))
            yield reply, body
            if not isinstance(reply, Delivery) or reply.final:
                return

    def serve(self, process: ReadingProcess) -> None:
        """Ask `process` and pass on what it replies, as long as there is room."""
        if not self._backlog.wait(self):
            self.give_up()
            return
        if self._now is not None and isinstance(self.request, Read):
            self.request = self._now(self.request)
        try:
            for reply, body in process.ask(self.request):
                self._pass_on(reply, body)
                if isinstance(reply, Delivery) and not reply.final and not self._backlog.wait(self):
                    self.give_up()
                    return
        except ReaderDied as death:
            self._pass_on(Died(str(death)), bytearray())

    def give_up(self) -> None:
        """Tell whoever waits for replies that none will come."""
        self._pass_on(Died("all reading is being ended"), bytearray())

    def _pass_on(self, reply: Planned | Delivery | Died, body: bytearray) -> None:
        self._backlog.add(self, len(body))
        self._replies.put((reply, body))


_PLAN, _READ, _END = range(3)


class Pool:
    """Several reading processes that serve plans first, then reads in the order they came. Close it to end them."""

    def __init__(self, count: int, command: tuple[str, ...] = COMMAND) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._backlog = Backlog()
        self._closing = threading.Lock()
        self._is_closed = False
        self.processes = [ReadingProcess(command) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(process,), name="reading", daemon=True)
            for process in self.processes
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: Plan | Read, now: Callable[[Read], Read] | None = None) -> Job:
        """Queue a request; the job's replies can be read at once. `now` has the last word on it when its turn comes."""
        job = Job(request, self._backlog, now)
        with self._closing:
            if self._is_closed:
                job.give_up()
            else:
                self._jobs.put((_PLAN if isinstance(request, Plan) else _READ, next(self._numbers), job))
        return job

    def close(self) -> None:
        """End all processes; what is under way is given up."""
        with self._closing:
            self._is_closed = True
        self._backlog.close()
        for process in self.processes:
            process.kill()
        for _ in self._threads:
            self._jobs.put((_END, next(self._numbers), None))
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(queue.Empty):
            while True:  # what nobody served
                job = self._jobs.get_nowait()[2]
                if job is not None:
                    job.give_up()

    def _work(self, process: ReadingProcess) -> None:
        process.start()
        while True:
            job = self._jobs.get()[2]
            if job is None:
                process.stop()
                return
            job.serve(process)
