"""The verb console: the web console of one trail, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mailwitness.errors import UsageError
from mailwitness.faces.options import TrailOption

PORT = 8080


def console(
    trail: TrailOption,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = PORT,
) -> None:
    """Show the trail in a browser on this machine (127.0.0.1), for one local auditor. `serve` does it for many."""
    serve_console(trail, port=port)


def serve_console(trail: Path, *, port: int) -> None:
    """Run the console of a trail on 127.0.0.1 until it is interrupted. Raises UsageError without its libraries."""
    uvicorn, application = _libraries()
    app = application(trail)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", server_header=False, date_header=True, access_log=False
    )
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    typer.echo(f"The console is at http://127.0.0.1:{sock.getsockname()[1]}/ (Ctrl+C ends it)")
    server.run(sockets=[sock])


def need_console() -> None:
    """Raise UsageError where the console's libraries are not installed, before any work is done."""
    _libraries()


def _libraries() -> tuple[Any, Any]:
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from mailwitness.faces.web.application import application  # noqa: PLC0415 - needs the extra
    except ImportError as cause:
        raise UsageError(
            f"the console needs {cause.name}, which is not installed",
            remedy="pip install 'mailwitness[console]', or make setup-service",
        ) from cause
    return uvicorn, application


def add_to(app: typer.Typer) -> None:
    """Add this verb to `app`."""
    app.command()(console)
