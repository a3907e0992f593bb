"""The verb console: the web console of one trail, on this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import writer_socket
from mailwitness.errors import TrailError, UsageError
from mailwitness.faces.options import TrailOption

PORT = 8080


def console(
    trail: TrailOption,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = PORT,
    key: Annotated[
        Path | None,
        typer.Option(help="The private key's file: what is read is recorded, and evidence can be uploaded."),
    ] = None,
) -> None:
    """Show the trail in a browser on this machine (127.0.0.1), for one local auditor. `serve` does it for many."""
    serve_console(trail, port=port, key=key)


def serve_console(trail: Path, *, port: int, key: Path | None = None) -> None:
    """Run the console of a trail on 127.0.0.1 until it is interrupted. Raises UsageError without its libraries.

    With the trail's private `key` a writer runs beside it, as a process of its own that alone reads the key.
    """
    uvicorn, application = _libraries()
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(_writer(trail, key)) if key is not None else None
        config = uvicorn.Config(
            application(trail, writer=writer, uploads=writer),
            log_level="warning",
            server_header=False,
            access_log=False,
        )
        server = uvicorn.Server(config)
        sock = stack.enter_context(_listening(port))
        typer.echo(f"The console is at http://127.0.0.1:{sock.getsockname()[1]}/ (Ctrl+C ends it)")
        server.run(sockets=[sock])


def _listening(port: int) -> socket.socket:
    """Return a socket that browsers can reach at once: they wait while the trail is being read.

    It names its protocol: asyncio sends without delay only on sockets that do.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen()
    except OSError as cause:
        sock.close()
        raise UsageError(f"port {port} cannot be had: {cause.strerror}", remedy="give another --port, or 0") from cause
    return sock


@contextlib.contextmanager
def _writer(trail: Path, key: Path) -> Iterator[WriterClient]:
    """Run a writer of the trail in a process of its own; give a client of it."""
    command = [sys.executable, "-m", "mailwitness.collect.writer_process", str(trail), "--key", str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise TrailError(
                    "the writer did not start",
                    where=str(trail),
                    remedy="see what it said above; another writer may hold the trail",
                )
            with WriterClient(writer_socket(trail)) as client:
                yield client
        finally:
            process.terminate()


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
