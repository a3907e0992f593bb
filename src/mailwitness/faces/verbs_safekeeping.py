"""The verbs that keep an installation well: backup, restore, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.faces.exit_codes import FINE, FOUND, NOT_COVERED, accepted, strongest
from mailwitness.faces.options import AcceptOption, FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_service import CONFIG, ConfigOption
from mailwitness.faces.verbs_trail import verdict_sentences
from mailwitness.service.backup import back_up
from mailwitness.service.backup import restore as put_back
from mailwitness.service.config import load_config
from mailwitness.trail.settings import load_settings

DOCTOR_COLUMNS = {"check": "Check", "result": "Result", "found": "Found", "to_do": "What to do"}


def backup(target: Annotated[Path, typer.Argument(help="A new folder for the copy.")], trail: TrailOption) -> None:
    """Copy a trail, consistently while it is written, and verify the copy."""
    made = back_up(trail, target)
    sys.stdout.write(
        f"{made.size} leaves, root {made.root}: {made.files} files, {made.bytes} bytes in {for_terminal(str(target))}\n"
        "The private key is not in it: keep that elsewhere.\n"
    )


def restore(
    source: Annotated[Path, typer.Argument(help="What `mailwitness backup` wrote.")],
    trail: TrailOption,
    key: Annotated[str | None, typer.Option(help="The verifier key, kept elsewhere.", show_default=False)] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint kept elsewhere.", show_default=False)] = None,
    accept: AcceptOption = "",
) -> None:
    """Put a backup in place of a trail that is gone; one that is older than the kept checkpoint is refused."""
    key_path = Path(load_settings(source).key_path)
    head = key_path.with_name(key_path.name + ".head")
    verdict = put_back(source, trail, key=key, checkpoint=checkpoint, head=head)
    sys.stdout.write("".join(for_terminal(line) + "\n" for line in verdict_sentences(verdict)))
    sys.stdout.write(f"restored to {for_terminal(str(trail))}\n")
    codes = {NOT_COVERED} if verdict.state == "not_anchored" else {FINE}
    raise typer.Exit(strongest(codes, accepted(accept)))


def doctor(config: ConfigOption = Path(CONFIG), form: FormatOption = Format.table, accept: AcceptOption = "") -> None:
    """Check an installation: key, disk, clock, settings, sources, certificates, rules, alerts, auditing."""
    from mailwitness.service.doctor import examine  # noqa: PLC0415 - it looks at all parts of the service

    found = examine(load_config(config))
    items = [item for item in map(plain, found) if isinstance(item, dict)]
    write(Answer(verb="doctor", items=items, columns=DOCTOR_COLUMNS), form)
    codes = {{"wrong": FOUND, "look": NOT_COVERED, "ok": FINE}[one.result] for one in found}
    raise typer.Exit(strongest(codes, accepted(accept)))


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(backup)
    app.command()(restore)
    app.command()(doctor)
