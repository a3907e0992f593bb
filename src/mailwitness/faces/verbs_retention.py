"""The verbs that end and that keep: purge, hold."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.errors import UsageError
from mailwitness.faces.options import FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.faces.text import for_terminal
from mailwitness.trail.holds import ASKED, Hold, holds_of, lifting, new_hold
from mailwitness.trail.layout import Trail
from mailwitness.trail.purge import check_month
from mailwitness.trail.writer import Writer

HOLD_COLUMNS = {
    "case": "Case",
    "months": "Months",
    "mailbox": "Mailbox",
    "by": "Set by",
    "reason": "Reason",
    "lift_asked_by": "Lifting asked for by",
}
KeyOption = Annotated[Path | None, typer.Option("--key", help="The private key's file.", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it becomes part of the trail.")]
hold = typer.Typer(help="Legal holds: what must not be purged.", no_args_is_help=True)


def purge(
    month: Annotated[str, typer.Argument(help="The month whose events go, e.g. 2024-01.")],
    trail: TrailOption,
    reason: ReasonOption,
    key: KeyOption = None,
) -> None:
    """Take away all events of a month: rows and bytes go, hashes stay, everything else verifies as before."""
    check_month(month)
    if not reason.strip():
        raise UsageError("a purge needs a reason")
    with Writer.open(trail, key) as writer:
        count = writer.purge(month, by=person(), reason=reason)
    shutil.rmtree(Trail(trail).derived, ignore_errors=True)  # what was made of them; the next question makes it anew
    sys.stdout.write(f"{count} events of {month} were purged\n")


@hold.command("set")
def hold_set(
    case: Annotated[str, typer.Argument(help="The case it is for.")],
    trail: TrailOption,
    reason: ReasonOption,
    month: Annotated[list[str] | None, typer.Option("--month", help="Only this month; may be given often.")] = None,
    mailbox: Annotated[str | None, typer.Option("--mailbox", help="Only months with events of this mailbox.")] = None,
    key: KeyOption = None,
) -> None:
    """Block purges until two persons lift the hold."""
    asked = Hold(case=case, by=person(), reason=reason, months=tuple(map(check_month, month or ())), mailbox=mailbox)
    with Writer.open(trail, key) as writer:
        writer.custody(new_hold(asked, holds_of(writer.trail)).statement())
    sys.stdout.write(f"held for {for_terminal(case)}\n")


@hold.command("lift")
def hold_lift(
    case: Annotated[str, typer.Argument(help="The case whose hold ends.")],
    trail: TrailOption,
    reason: ReasonOption,
    key: KeyOption = None,
) -> None:
    """Ask for a hold to be lifted; by another person than the one who asked: lift it."""
    with Writer.open(trail, key) as writer:
        said = lifting(case, person(), reason, holds_of(writer.trail))
        writer.custody(said)
    if said["act"] == ASKED:
        sys.stdout.write(f"asked for: another person has to run `mailwitness hold lift {for_terminal(case)}` as well\n")
    else:
        sys.stdout.write(f"the hold of {for_terminal(case)} is lifted\n")


@hold.command("list")
def hold_list(trail: TrailOption, form: FormatOption = Format.table) -> None:
    """List the holds in force."""
    items = [item for item in map(plain, holds_of(Trail(trail))) if isinstance(item, dict)]
    write(Answer(verb="hold list", items=items, columns=HOLD_COLUMNS), form)


def person() -> str:
    """Return the account that runs this command; behind sudo the one that ran it. Nobody types his own name here."""
    if os.geteuid() == 0 and (name := os.environ.get("SUDO_USER")):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(purge)
    app.add_typer(hold, name="hold")
