"""The verbs that run a service and look after it: serve, alerts."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.sending import send
from mailwitness.alerts.telling import trial
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.faces.exit_codes import FAILED, FINE
from mailwitness.faces.text import for_terminal
from mailwitness.service.config import load_config
from mailwitness.service.settings import ConsoleSettings, ServiceConfig
from mailwitness.trail.settings import load_settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

CONFIG = "/etc/mailwitness/service.toml"
ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="MAILWITNESS_CONFIG", help="The service's configuration.")
]
alerts = typer.Typer(help="Where alerts go: try a destination.", no_args_is_help=True)


def serve(
    config: ConfigOption = Path(CONFIG),
    check: Annotated[bool, typer.Option("--check", help="Only check the configuration.")] = False,
    part: Annotated[
        str | None,
        typer.Option("--part", help="Run this part alone: under a user of its own, by a unit of its own."),
    ] = None,
) -> None:
    """Run the service: writer, collectors, detector and console, each a process of its own."""
    read = load_config(config)
    load_settings(read.service.trail)
    if check:
        sys.stdout.write(f"{for_terminal(str(config))} can be used\n")
        return
    os.umask(0o027)
    if part is not None:
        _run_part(read, part)
        return
    from mailwitness.service.logs import open_log  # noqa: PLC0415 - the service's own libraries
    from mailwitness.service.running import run_service  # noqa: PLC0415

    whole = run_service(
        read,
        lambda name: (sys.executable, "-m", "mailwitness.faces.cli", "serve", "--config", str(config), "--part", name),
        open_log("supervisor", read.service.log_level),
    )
    raise typer.Exit(FINE if whole else FAILED)


def _run_part(config: ServiceConfig, name: str) -> None:
    """Run one part; what ends it stands in the log as one line, not as a traceback over many."""
    from mailwitness.service import parts  # noqa: PLC0415 - detection and its libraries
    from mailwitness.service.logs import open_log  # noqa: PLC0415

    log = open_log(name, config.service.log_level)
    run: Callable[[ServiceConfig, Event, FilteringBoundLogger], None]
    if name == parts.WRITER:
        run = parts.run_writer
    elif name == parts.DETECTOR:
        run = parts.run_detector
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
        raise typer.Exit(error.exit_code) from error
    except Exception as error:
        log.exception("part_failed")
        raise typer.Exit(FAILED) from error


def _run_console(config: ServiceConfig, stop: Event, log: FilteringBoundLogger) -> None:
    """Serve the console until it is told to end."""
    from threading import Thread  # noqa: PLC0415

    import uvicorn  # noqa: PLC0415 - an extra

    from mailwitness.collect.writer_client import WriterClient  # noqa: PLC0415
    from mailwitness.collect.writer_process import acts_socket  # noqa: PLC0415
    from mailwitness.faces.web import application as web  # noqa: PLC0415

    own = set(ConsoleSettings.__struct_fields__) - set(web.ConsoleSettings.__struct_fields__)
    table: dict[str, Any] = {name: value for name, value in config.console_table.items() if name not in own}
    try:
        settings = msgspec.convert(table, web.ConsoleSettings)
    except msgspec.ValidationError as cause:
        raise UsageError(f"console: {cause}", where=str(config.path)) from cause
    with WriterClient(acts_socket(config.service.trail)) as writer:
        app = web.application(config.service.trail, writer=writer, config=settings)
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
            )
        )

        def end() -> None:
            stop.wait()
            server.should_exit = True

        Thread(target=end, daemon=True).start()
        log.info("console_starts", bind=config.console.bind, port=config.console.port)
        server.run()


@alerts.command("test")
def alerts_test(
    destination: Annotated[
        str | None, typer.Argument(help="One destination, e.g. smtp.team; all unless given.")
    ] = None,
    config: ConfigOption = Path(CONFIG),
) -> None:
    """Send a test to every destination, or to one, and say what became of it."""
    read = load_config(config)
    organization = load_settings(read.service.trail).organization
    destinations = read.alerts.destinations()
    chosen = destinations if destination is None else {n: d for n, d in destinations.items() if n == destination}
    if not chosen:
        known = ", ".join(destinations) or "none"
        raise UsageError(f"there is no destination {destination or ''}", remedy=f"the configuration has: {known}")
    failed = False
    for name, to in chosen.items():
        try:
            send(to, trial(getpass.getuser(), name, datetime.now(UTC), organization))
        except DeliveryFailed as error:
            failed = True
            sys.stdout.write(for_terminal(f"{name}: FAILED: {error}") + "\n")
        else:
            sys.stdout.write(for_terminal(f"{name}: taken") + "\n")
    raise typer.Exit(FAILED if failed else FINE)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(serve)
    app.add_typer(alerts, name="alerts")
