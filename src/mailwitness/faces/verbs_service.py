"""The verbs that run a service and look after it: serve, alerts."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.sending import send
from mailwitness.alerts.telling import trial
from mailwitness.errors import UsageError
from mailwitness.faces.exit_codes import FAILED, FINE
from mailwitness.faces.text import for_terminal
from mailwitness.service.config import load_config
from mailwitness.trail.settings import load_settings

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
        from mailwitness.faces.service_part import run_part  # noqa: PLC0415 - as below

        raise typer.Exit(run_part(read, part))
    from mailwitness.service.logs import open_log  # noqa: PLC0415 - the service's own libraries
    from mailwitness.service.running import run_service  # noqa: PLC0415

    whole = run_service(
        read,
        lambda name: (sys.executable, "-m", "mailwitness.faces.service_part", str(config.absolute()), name),
        open_log("supervisor", read.service.log_level),
    )
    raise typer.Exit(FINE if whole else FAILED)


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
