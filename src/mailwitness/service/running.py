"""A whole service: the supervisor with its parts, the monitor beside it, and what systemd is told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mailwitness.collect.interface import NotAcknowledged, Status
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import writer_socket
from mailwitness.errors import UsageError
from mailwitness.service.health import Monitor, console_not_ready
from mailwitness.service.metrics import exposition
from mailwitness.service.notify import Notifier, watchdog_interval
from mailwitness.service.parts import COLLECT, CONSOLE, DETECTOR, REPORTS, WRITER, part_names, stop_on_signal
from mailwitness.service.settings import ServiceConfig
from mailwitness.service.supervisor import Part, Supervisor

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

ASK_SECONDS = 2.0
_RANKS = {CONSOLE: 1, REPORTS: 1, DETECTOR: 1, WRITER: 2}
"""Collectors end first, the writer last."""


def parts_of(config: ServiceConfig, command: Callable[[str], tuple[str, ...]]) -> list[Part]:
    """Return the processes a configuration asks for; `command` says what runs the part of a name."""
    detector = config.service.detector_user
    users = {DETECTOR: detector, REPORTS: detector, CONSOLE: config.service.console_user}
    return [
        Part(
            name=name,
            command=command(name),
            user=config.service.collector_user if name.startswith(COLLECT) else users.get(name),
            rank=_RANKS.get(name, 0),
        )
        for name in part_names(config)
    ]


def run_service(config: ServiceConfig, command: Callable[[str], tuple[str, ...]], log: FilteringBoundLogger) -> bool:
    """Run until SIGTERM or SIGINT; return whether everything ended by itself within the time it has."""
    stop = stop_on_signal()
    supervisor = Supervisor(parts_of(config, command), log.info)
    notifier = Notifier()
    rounds = _Rounds(supervisor, stop.is_set, notifier, config)
    if not config.service.monitor:
        return supervisor.run(rounds)
    try:
        monitor = Monitor(
            config.service.monitor,
            lambda: not_ready(config, supervisor),
            lambda: exposition(config.service.trail, lambda: supervisor.states),
        )
    except OSError as cause:
        raise UsageError(f"service.monitor cannot be served: {cause}", where=config.service.monitor) from cause
    with monitor:
        log.info("service_started", pid=os.getpid(), monitor=":".join(map(str, monitor.address)))
        well = supervisor.run(rounds)
    log.info("service_ended", well=well)
    return well


def not_ready(config: ServiceConfig, supervisor: Supervisor) -> Mapping[str, str]:
    """Return what is not ready, and why."""
    wrong = {state.name: "it does not run" for state in supervisor.states if state.pid is None}
    status = _status(config)
    if isinstance(status, str):
        wrong.setdefault(WRITER, status)
    elif status.failing is not None:
        wrong[WRITER] = status.failing
    if config.console.enabled and CONSOLE not in wrong:
        said = console_not_ready(config.console, _name_of(config), ASK_SECONDS)
        if said is not None:
            wrong[CONSOLE] = said
    return wrong


def _name_of(config: ServiceConfig) -> str:
    """Return a name that the console answers to."""
    names = [name for name in config.console_table.get("hosts", ()) if name != "*"]
    return str(names[0]) if names else "localhost"


def _status(config: ServiceConfig) -> Status | str:
    try:
        with WriterClient(writer_socket(config.service.trail), timeout=ASK_SECONDS) as writer:
            return writer.status()
    except NotAcknowledged as error:
        return str(error)


class _Rounds:
    """What the supervisor's loop does besides: pass signals on, tell systemd."""

    def __init__(
        self, supervisor: Supervisor, stopping: Callable[[], bool], notifier: Notifier, config: ServiceConfig
    ) -> None:
        self._supervisor = supervisor
        self._stopping = stopping
        self._notifier = notifier
        self._config = config
        self._every = watchdog_interval()
        self._told_at = 0.0
        self._ready = False

    def __call__(self) -> None:
        if self._stopping():
            self._notifier.tell("STOPPING=1")
            self._supervisor.stop()
            return
        now = time.monotonic()
        if not self._ready and now - self._told_at > 0.5:  # noqa: PLR2004 - while it starts
            self._told_at = now
            self._ready = isinstance(_status(self._config), Status)
            if self._ready:
                self._notifier.tell("READY=1")
        if self._every is not None and now - self._told_at > self._every.total_seconds():
            self._told_at = now
            self._notifier.tell("WATCHDOG=1")
