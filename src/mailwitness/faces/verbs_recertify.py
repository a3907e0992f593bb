"""The verbs of recertification: report recertify writes the sheet, report answer records what came back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket
from mailwitness.errors import UsageError
from mailwitness.faces.options import FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.reports.recertification import answers_in, record, sheet, to_recertify

COLUMNS = {
    "account": "Account",
    "right": "Right",
    "answer": "Answer",
    "reason": "Reason",
    "how": "How it is taken away",
}
ASKED_COLUMNS = {"account": "Account", "right": "Right", "way": "Way", "since": "Since (UTC)", "given_by": "Given by"}
MailboxArgument = Annotated[str, typer.Argument(help="The mailbox, by any of its names.")]


def recertify(
    mailbox: MailboxArgument,
    trail: TrailOption,
    out: Annotated[Path, typer.Option("--out", help="The sheet to write, a new CSV file.")],
    form: FormatOption = Format.table,
) -> None:
    """Write for a mailbox's owner who can open it: a CSV whose columns answer and reason are to be filled."""
    asked = to_recertify(trail, mailbox, datetime.now(UTC))
    try:
        with out.open("xb") as file:
            file.write(sheet(asked))
    except OSError as cause:
        raise UsageError(f"the sheet cannot be written: {cause.strerror}", where=str(out)) from cause
    items = [{name: getattr(each, name) for name in each.__struct_fields__} for each in asked]
    notes = [
        f"{len(items)} rights. Answer keep or remove with a reason, then: mailwitness report answer {mailbox} {out}"
    ]
    write(Answer(verb="report recertify", items=items, columns=ASKED_COLUMNS, notes=notes), form)


def answer(
    mailbox: MailboxArgument,
    file: Annotated[Path, typer.Argument(help="The sheet, filled in.")],
    trail: TrailOption,
    who: Annotated[str, typer.Option("--who", help="Whose answers they are: the owner or the manager.")],
    form: FormatOption = Format.table,
) -> None:
    """Record an owner's answers in the trail, and say how what is to be removed is removed; the writer has to run."""
    answers = answers_in(file)
    now = datetime.now(UTC)
    asked = to_recertify(trail, mailbox, now)
    socket = acts_socket(trail)
    if not socket.exists():
        raise UsageError(
            "no writer runs, so nothing can be recorded", where=str(socket), remedy="start `mailwitness serve`"
        )
    with WriterClient(socket) as writer:
        made = record(asked, answers, who, now, writer.act)
    items = [
        {name: getattr(each.asked, name) for name in each.asked.__struct_fields__}
        | {"answer": each.answer, "reason": each.reason, "how": each.how}
        for each in made
    ]
    notes = [f"{len(items)} answers recorded, {len(asked) - len(items)} rights left open. Nothing was removed by this."]
    more = {"open": len(asked) - len(items)}
    write(Answer(verb="report answer", items=items, columns=COLUMNS, notes=notes, more=more), form)


def add_to(report: typer.Typer) -> None:
    """Add these verbs to `report`."""
    report.command()(recertify)
    report.command()(answer)
