"""The verbs of live intake that stand alone: watch, which follows a folder, and intake-token."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.collect.folder import FolderCollector
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.collect.http_settings import new_token
from mailwitness.collect.interface import WriterAway
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import WriterProcess, acts_socket, writer_socket
from mailwitness.errors import TrailLocked, UsageError
from mailwitness.faces.exit_codes import PROBLEMS, accepted, strongest
from mailwitness.faces.options import AcceptOption, FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.text import for_terminal

_COUNTED = ("seen", "recorded", "duplicates", "filtered", "unread", "problems")


def watch(
    folder: Annotated[Path, typer.Argument(help="The folder whose files are taken in as they come and grow.")],
    trail: TrailOption,
    key: Annotated[Path | None, typer.Option(help="The private key's file.", show_default=False)] = None,
    name: Annotated[str, typer.Option(help="What its bookmarks are kept under; one name a folder.")] = "watch",
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone of times that name none.", show_default=False)
    ] = None,
    poll: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    quiet: Annotated[float, typer.Option(help="Seconds without a write after which a file is whole.")] = 5.0,
    atomic: Annotated[bool, typer.Option("--atomic", help="Files appear whole, by a rename.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Take in what is there now, then end.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Reading processes.")] = 2,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Follow a folder: take in its files as they come, grow and are rotated, until Ctrl-C."""
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), remedy="name the folder that files are put in")
    if folder.resolve().is_relative_to(trail.resolve()):
        raise UsageError("the trail is no evidence", where=str(folder), remedy="name the evidence's own folder")
    try:
        settings = FolderSettings(
            path=folder.resolve(), name=name, poll_seconds=poll, quiet_seconds=quiet, atomic=atomic, time_zone=time_zone
        )
    except ValueError as error:
        raise UsageError(str(error), remedy="see `mailwitness watch --help`") from error
    stop = _stopped_by_signals()
    with _writer(trail, key, settings.path, workers) as client:
        collector = FolderCollector(settings, client, trail)
        totals = collector.run_once(stop) if once else _follow(collector, stop, form)
    if form is Format.table:
        sys.stdout.write(_sentence(totals) + "\n")
    else:
        items = [{name: totals.get(name, 0) for name in _COUNTED}]
        write(Answer(verb="watch", items=items, columns={name: name.capitalize() for name in _COUNTED}), form)
    raise typer.Exit(strongest({PROBLEMS} if totals.get("problems") else set(), accepted(accept)))


def _follow(collector: FolderCollector, stop: threading.Event, form: Format) -> dict[str, int]:
    """Run the collector, print a line whenever something came in, and return the totals."""
    totals: dict[str, int] = {}

    def told(counts: dict[str, int]) -> None:
        for key, count in counts.items():
            totals[key] = totals.get(key, 0) + count
        if any(counts.values()) and form is Format.table:
            sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {_sentence(counts)}\n")
            sys.stdout.flush()

    collector.on_counts = told
    collector.run(stop)
    return totals


@contextlib.contextmanager
def _writer(trail: Path, key: Path | None, folder: Path, workers: int) -> Iterator[WriterClient]:
    """Give the way to the trail's writer: one of our own, or that of the service that runs."""
    try:
        process = WriterProcess(trail, key, folders=[folder], readers=workers)
    except TrailLocked as locked:
        with WriterClient(writer_socket(trail)) as client:
            try:
                client.status()
            except WriterAway:
                raise locked from None
            sys.stderr.write(for_terminal(f"the service's writer takes it in: {writer_socket(trail)}") + "\n")
            yield client
        return
    try:
        process.listen(writer_socket(trail))
        process.listen(acts_socket(trail), acts_only=True)
        with WriterClient(writer_socket(trail)) as client:
            yield client
    finally:
        process.stop()


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stop.set())
    return stop


def _sentence(counts: dict[str, int]) -> str:
    said = {name: counts.get(name, 0) for name in _COUNTED}
    return (
        f"seen {said['seen']} = recorded {said['recorded']} + duplicates {said['duplicates']} + filtered"
        f" {said['filtered']} + unread {said['unread']}; {said['problems']} problems"
    )


def intake_token(
    name: Annotated[str, typer.Argument(help="What the sender is called, in settings and custody.")],
) -> None:
    """Make a token that lets a sender deliver to the HTTP intake: its value, and the lines for the settings."""
    value, digest = new_token()
    sys.stdout.write(
        f"Give the sender this, once; it is kept nowhere:\n  {value}\n"
        "Put this into the configuration of the service:\n"
        f'  [[intake.http.tokens]]\n  name = "{for_terminal(name)}"\n  sha256 = "{digest}"\n'
    )


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(watch)
    app.command("intake-token")(intake_token)
