"""Merging small files of the table beside the writer: in a process of its own, so that no sender waits for it.

The long part touches files that nobody changes; what it made is put in their place between two commits. Its process is
started as `python -P -m mailwitness.collect.merging`, takes one order on its standard input and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

import msgspec

from mailwitness.errors import MailwitnessError, TrailError
from mailwitness.trail.compaction import Merged, prepare
from mailwitness.trail.delta_log import DataFile
from mailwitness.trail.layout import Trail
from mailwitness.trail.writer import Writer

AGAIN_AFTER = 60.0
"""Seconds until merging is tried again after it failed."""
_COMMAND = (sys.executable, "-P", "-m", "mailwitness.collect.merging")
_NICE = 5
_TAIL = 1000


class Order(msgspec.Struct, frozen=True):
    """What to merge: files of a trail, and the SHA-256 each had when it was written."""

    trail: str
    files: list[DataFile]
    hashes: dict[str, str]


class Portion(msgspec.Struct, frozen=True):
    """Files that are due, as a writer knows them."""

    writer: Writer
    files: list[DataFile]
    hashes: dict[str, str]


class Holder(Protocol):
    """Who holds the trail."""

    trail: Trail

    def to_merge(self) -> Portion | None:
        """Return what is due."""
        ...

    def adopt(self, portion: Portion, merged: Merged) -> None:
        """Put it in place."""
        ...


class Merger:
    """Merges what is due, one portion after the other, on a thread that waits for its process."""

    def __init__(self, holder: Holder) -> None:
        """Merge the files of `holder`, looking whenever it says so."""
        self._holder = holder
        self._look = threading.Event()
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.failing: str | None = None
        """Why merging failed last, None where it did not."""
        self._thread = threading.Thread(target=self._run, name="merging", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Say that something may be due."""
        self._look.set()

    def close(self) -> None:
        """End; what is being merged is given up."""
        self._closing.set()
        self._look.set()
        process = self._process
        if process is not None:
            process.kill()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._look.wait()
            self._look.clear()
            try:
                while not self._closing.is_set() and self._merge_one():
                    self.failing = None
            except MailwitnessError as error:
                self.failing = str(error)
                self._closing.wait(AGAIN_AFTER)
                self._look.set()

    def _merge_one(self) -> bool:
        portion = self._holder.to_merge()
        if portion is None:
            return False
        merged = self._made(Order(str(self._holder.trail.path), portion.files, portion.hashes))
        if merged is not None:
            self._holder.adopt(portion, merged)
        return merged is not None

    def _made(self, order: Order) -> Merged | None:
        """Have it made in a process; None where that is being ended."""
        with subprocess.Popen(  # noqa: S603 - our own module, an argument list
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            self._process = process
            if self._closing.is_set():
                process.kill()
            said, tail = process.communicate(msgspec.msgpack.encode(order))
            self._process = None
        if self._closing.is_set():
            return None
        if process.returncode:
            why = tail[-_TAIL:].decode("utf-8", "replace").strip() or f"code {process.returncode}"
            raise TrailError(f"small files of the table could not be merged: {why}", where=order.trail)
        return msgspec.msgpack.decode(said, type=Merged)


def main() -> int:
    """Carry out one order."""
    os.nice(_NICE)
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    try:
        merged = prepare(Trail(Path(order.trail)), order.files, order.hashes)
    except MailwitnessError as error:
        sys.stderr.write(str(error))
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename}")
        return TrailError.exit_code
    sys.stdout.buffer.write(msgspec.msgpack.encode(merged))
    return 0


if __name__ == "__main__":
    sys.exit(main())
