"""Keeps the parts of a service running, each a process: the writer, collectors, the detector, the console."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from mailwitness.errors import UsageError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds after which a part that runs counts as well, and its pause begins anew."""
STOP_SECONDS = 9.0
"""From SIGTERM to the end of everything; what is left then is killed, which costs nothing that was acknowledged."""
LOOK_EVERY = 0.1
Heard = Callable[..., Any]
"""Is told what happens: a word, and values by name (a log's `info`)."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its name, what runs it, and as whom. Parts of a higher `rank` are ended later."""

    name: str
    command: tuple[str, ...]
    user: str | None = None
    rank: int = 0


class PartState(msgspec.Struct, kw_only=True):
    """How a part is, for the health page and the metrics."""

    name: str
    pid: int | None = None
    starts: int = 0
    since: datetime | None = None
    last_exit: int | None = None


class _Kept:
    """A part and its process."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.state = PartState(name=part.name)
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = FIRST_PAUSE
        self.start_at = 0.0
        self.began = 0.0


class Supervisor:
    """Starts the parts, starts them again when they end, and ends them. Use `run`."""

    def __init__(self, parts: Sequence[Part], heard: Heard = lambda *_args, **_more: None) -> None:
        """Check that the users of the parts are there. Raises UsageError where one is not, or cannot be taken on."""
        self._kept = [_Kept(part) for part in parts]
        self._heard = heard
        self._stop = threading.Event()
        for part in parts:
            if part.user is not None:
                _check_user(part)

    @property
    def states(self) -> list[PartState]:
        """How the parts are."""
        return [msgspec.structs.replace(kept.state) for kept in self._kept]

    def stop(self) -> None:
        """Have `run` end the parts and return. May be called from a signal's handler."""
        self._stop.set()

    def run(self, each_round: Callable[[], None] = lambda: None) -> bool:
        """Keep the parts running until `stop`; return whether all ended by themselves then, within STOP_SECONDS."""
        try:
            while not self._stop.is_set():
                for kept in self._kept:
                    self._look_after(kept, time.monotonic())
                each_round()
                self._stop.wait(LOOK_EVERY)
        finally:
            well = self._end()
        return well

    def _look_after(self, kept: _Kept, now: float) -> None:
        if kept.process is not None:
            code = kept.process.poll()
            if code is None:
                if now - kept.began > STEADY:
                    kept.pause = FIRST_PAUSE
                return
            self._heard("part_ended", name=kept.part.name, code=code, again_in=kept.pause)
            kept.process, kept.state.pid, kept.state.last_exit = None, None, code
            kept.start_at = now + kept.pause
            kept.pause = min(2 * kept.pause, LONGEST_PAUSE)
        if now >= kept.start_at:
            self._start(kept, now)

    def _start(self, kept: _Kept, now: float) -> None:
        try:
            kept.process = subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
                kept.part.command,
                stdin=subprocess.DEVNULL,
                stdout=2,  # to the log: standard output of a service is nobody's
                start_new_session=True,  # a terminal's Ctrl+C is for the supervisor, which ends them in order
                **_as_user(kept.part.user),
            )
        except OSError as cause:
            self._heard("part_failed", name=kept.part.name, error=str(cause), again_in=kept.pause)
            kept.start_at = now + kept.pause
            kept.pause = min(2 * kept.pause, LONGEST_PAUSE)
            return
        kept.began = now
        kept.state.pid, kept.state.starts = kept.process.pid, kept.state.starts + 1
        kept.state.since = datetime.now(UTC)
        self._heard("part_started", name=kept.part.name, pid=kept.process.pid)

    def _end(self) -> bool:
        """End the parts rank by rank: who brings in first, the writer last, so that it can answer the others."""
        ends_at = time.monotonic() + STOP_SECONDS
        well = True
        ranks = sorted({kept.part.rank for kept in self._kept})
        for place, rank in enumerate(ranks):
            group = [kept for kept in self._kept if kept.part.rank == rank and kept.process is not None]
            for kept in group:
                _signal(kept, signal.SIGTERM)
            left = ends_at - time.monotonic()
            due = time.monotonic() + left / (len(ranks) - place)  # a slow rank leaves the later ones their share
            for kept in group:
                well &= self._wait(kept, due)
        return well

    def _wait(self, kept: _Kept, due: float) -> bool:
        process = kept.process
        if process is None:
            return True
        try:
            code = process.wait(max(due - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self._heard("part_killed", name=kept.part.name)
            _signal(kept, signal.SIGKILL)
            process.wait()
            return False
        self._heard("part_ended", name=kept.part.name, code=code)
        kept.process, kept.state.pid, kept.state.last_exit = None, None, code
        return code == 0


def _signal(kept: _Kept, number: signal.Signals) -> None:
    if kept.process is not None and kept.process.poll() is None:
        kept.process.send_signal(number)


def _check_user(part: Part) -> None:
    try:
        pwd.getpwnam(part.user or "")
    except KeyError as cause:
        raise UsageError(
            f"there is no user {part.user} for {part.name}", remedy="make it: see docs/operate.md"
        ) from cause
    if os.geteuid() != 0:
        raise UsageError(
            f"{part.name} is to run as {part.user}, which only root can see to",
            remedy="start the service as root, or each part by a unit of its own (deploy/systemd)",
        )


def _as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}
