"""One part of a service as a process of its own: `python -m mailwitness.faces.service_part CONFIG NAME`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import msgspec

from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket, uploads_socket
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.faces.exit_codes import FAILED, FINE
from mailwitness.service import parts
from mailwitness.service.config import load_config
from mailwitness.service.logs import open_log
from mailwitness.service.settings import ConsoleSettings, ServiceConfig

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

LIMITS: dict[str, Any] = {
    "h11_max_incomplete_event_size": 64 << 10,
    "http": "h11",
    "ws": "none",
    "limit_concurrency": 200,
    "timeout_keep_alive": 30,
    "backlog": 256,
}
"""Of the web process: bytes of a request's head, connections at once (503 beyond them), seconds one may be idle."""


def run_part(config: ServiceConfig, name: str) -> int:
    """Run one part until it is told to end; return its exit code. What ends it stands in the log, a line an entry."""
    log = open_log(name, config.service.log_level)
    run: Callable[[ServiceConfig, Event, FilteringBoundLogger], None]
    if name == parts.WRITER:
        run = parts.run_writer
    elif name == parts.DETECTOR:
        run = parts.run_detector
    elif name == parts.REPORTS:
        run = _run_reports
    elif name == parts.CONSOLE:
        run = _run_console
    elif name in parts.part_names(config):
        kind = name.removeprefix(parts.COLLECT)
        run = lambda config, stop, log: parts.run_collectors(config, kind, stop, log)  # noqa: E731
    else:
        raise UsageError(f"there is no part {name}", remedy=f"give one of {', '.join(parts.part_names(config))}")
    try:
        run(config, parts.stop_on_signal(), log)
    except MailwitnessError as error:
        log.error("part_failed", error=error.what, where=error.where, remedy=error.remedy)  # noqa: TRY400
        return error.exit_code
    except Exception:
        log.exception("part_failed")
        return FAILED
    return FINE


def _run_reports(config: ServiceConfig, stop: Event, log: FilteringBoundLogger) -> None:
    """Make reports by the calendar until it is told to end."""
    from mailwitness.faces.reports.calendar import Calendar  # noqa: PLC0415 - analyses: for this part alone

    log.info("reports_ready", schedules=len(config.reports))
    Calendar(config.service.trail, config.reports, config.alerts, log.info).run(stop)


def _run_console(config: ServiceConfig, stop: Event, log: FilteringBoundLogger) -> None:
    """Serve the console until it is told to end."""
    import uvicorn  # noqa: PLC0415 - an extra

    from mailwitness.faces.web import application as web  # noqa: PLC0415

    own = set(ConsoleSettings.__struct_fields__) - set(web.ConsoleSettings.__struct_fields__)
    table: dict[str, Any] = {name: value for name, value in config.console_table.items() if name not in own}
    try:
        settings = msgspec.convert(table, web.ConsoleSettings)
    except msgspec.ValidationError as cause:
        raise UsageError(f"console: {cause}", where=str(config.path)) from cause
    trail = config.service.trail
    with WriterClient(acts_socket(trail)) as writer, WriterClient(uploads_socket(trail)) as uploads:
        readers = web.readers_of(trail, settings, config.console.oidc)
        app = web.application(
            trail, writer=writer, uploads=uploads, config=settings, readers=readers, alerts=config.alerts
        )
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=config.console.bind,
                port=config.console.port,
                ssl_certfile=config.console.certificate,
                ssl_keyfile=config.console.certificate_key,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
                **LIMITS,
            )
        )

        def end() -> None:
            stop.wait()
            server.should_exit = True

        Thread(target=end, daemon=True).start()
        log.info("console_starts", bind=config.console.bind, port=config.console.port)
        server.run()
        if not stop.is_set():
            raise MailwitnessError("the console ended by itself", remedy="see what its log says before this line")


def main(arguments: list[str]) -> int:
    """Run the part of `CONFIG NAME`; return the exit code."""
    path, name = arguments
    os.umask(0o027)
    try:
        config = load_config(Path(path))
    except MailwitnessError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        return error.exit_code
    return run_part(config, name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
