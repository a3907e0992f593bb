"""What each process of a service does. A part ends when it is told to, or when its supervisor is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailwitness.alerts.dispatch import Dispatcher
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.interface import Collector
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import WriterProcess, acts_socket, uploads_socket, writer_socket
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.service.config import collector_module
from mailwitness.service.retention import EVERY_SECONDS, retain
from mailwitness.service.settings import Collection, ServiceConfig
from mailwitness.state.database import open_state

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

WRITER, DETECTOR, REPORTS, CONSOLE = "writer", "detector", "reports", "console"
COLLECT = "collect-"
"""The collectors of one kind share a process: `collect-folder`, `collect-http`, ..."""
_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 60.0


def part_names(config: ServiceConfig) -> list[str]:
    """Return the parts a configuration asks for."""
    kinds = dict.fromkeys(one.kind for one in config.collections)
    reports = [REPORTS] if config.reports else []
    console = [CONSOLE] if config.console.enabled else []
    return [WRITER, *(f"{COLLECT}{kind}" for kind in kinds), DETECTOR, *reports, *console]


def stop_on_signal() -> threading.Event:
    """Return what is set by SIGTERM and SIGINT, and when the process that started this one is gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stop.set())
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it went before it could be asked for
        stop.set()
    return stop


def run_writer(config: ServiceConfig, stop: threading.Event, log: FilteringBoundLogger) -> None:
    """Be the writer."""
    folders = [path for one in config.collections if (path := _folder(one)) is not None]
    trail, service = config.service.trail, config.service
    writer = WriterProcess(trail, service.key, folders=folders, readers=service.readers)
    try:
        writer.listen(writer_socket(trail))
        writer.listen(acts_socket(trail), acts_only=True)
        if config.console.enabled:
            writer.listen(uploads_socket(trail), uploads_only=True)
        log.info("writer_ready")
        while not stop.is_set():
            _retain(writer, config.retention.months, log)
            stop.wait(EVERY_SECONDS)
    finally:
        writer.stop()


def _retain(writer: WriterProcess, months: int | None, log: FilteringBoundLogger) -> None:
    if months is None:
        return
    try:
        writer.tend(lambda own: retain(own, months, datetime.now(UTC), log.info))
    except MailwitnessError as error:  # a full disk, say: the next hour tries again
        log.warning("retention_failed", error=str(error))


def _folder(one: Collection) -> Path | None:
    path = getattr(one.settings, "path", None)
    return path if isinstance(path, Path) else None


def run_detector(config: ServiceConfig, stop: threading.Event, log: FilteringBoundLogger) -> None:
    """Detect and deliver."""
    from mailwitness.service.detector import Detector  # noqa: PLC0415 - rules and engine: for this part alone

    def heard(destination: str, key: str, error: str | None) -> None:
        if error is None:
            log.info("alert_delivered", destination=destination, key=key)
        else:
            log.warning("alert_not_delivered", destination=destination, key=key, error=error)

    with (
        Detector(config, log.info) as detector,
        Dispatcher(config.service.trail, config.alerts, heard) as dispatcher,
    ):
        log.info("detector_ready", rules=len(detector.corpus.rules), refused=len(detector.corpus.refused))
        detector.run(stop, dispatcher.wake)


def run_collectors(config: ServiceConfig, kind: str, stop: threading.Event, log: FilteringBoundLogger) -> None:
    """Run every collector of one kind, each in a thread; one that fails is started again, ever later."""
    with WriterClient(writer_socket(config.service.trail)) as writer:
        threads = []
        for one in config.collections:
            if one.kind == kind:
                collector = collector_module(kind).make(one.settings, writer, config.service.trail)
                threads.append(threading.Thread(target=_keep, args=(collector, config, stop, log), name=one.name))
        if not threads:
            raise UsageError(f"no collector {kind} is configured", where=str(config.path))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _keep(collector: Collector, config: ServiceConfig, stop: threading.Event, log: FilteringBoundLogger) -> None:
    pause = 1.0
    while not stop.is_set():
        log.info("collector_started", name=collector.name)
        error = _attempt(lambda: collector.run(stop))
        if stop.is_set():
            return
        log.warning("collector_ended", name=collector.name, error=error, again_in=pause)
        connection = open_state(config.service.trail)
        try:
            Heartbeats(connection).beat(collector.name, datetime.now(UTC), {}, error or "it ended by itself")
        finally:
            connection.close()
        stop.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _attempt(run: Callable[[], None]) -> str | None:
    """Return what a collector failed with; one that has a defect must not take the others of its kind with it."""
    try:
        run()
    except MailwitnessError as error:
        return error.diagnostics()
    except Exception as error:  # noqa: BLE001 - it is said in the log, the heartbeat and the metrics
        return f"{type(error).__name__}: {error}"
    return None
