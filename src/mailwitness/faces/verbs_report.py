"""The verbs of reports: report make, report list, report verify."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mailwitness.errors import UsageError
from mailwitness.faces import verbs_export, verbs_recertify
from mailwitness.faces.exit_codes import FOUND, NOT_COVERED, accepted, strongest
from mailwitness.faces.options import (
    AcceptOption,
    FormatOption,
    MailboxOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.reports.ground import Wish
from mailwitness.faces.reports.kinds import KINDS
from mailwitness.faces.reports.making import PACK_DAYS, make_report, names
from mailwitness.faces.reports.schedule import load_schedules, make_due
from mailwitness.faces.reports.seal import check
from mailwitness.faces.reports.writing import FORMS, write_report
from mailwitness.knowledge.report_packs import packs

report = typer.Typer(
    name="report", help="Reports and packs for audits: make them, list them, check them.", no_args_is_help=True
)
MADE_COLUMNS = {"path": "File", "form": "Form", "sha256": "SHA-256"}
LIST_COLUMNS = {"report": "Report", "title": "Title", "period": "Usual period", "serves": "Evidence for"}
CHECK_COLUMNS = {
    "path": "Report",
    "within": "Hash within",
    "beside": "Hash beside",
    "of_trail": "Checkpoint",
    "holds": "Holds",
}


@report.command()
def make(
    name: Annotated[str, typer.Argument(help="A report or a pack: see `mailwitness report list`.")],
    trail: TrailOption,
    out: Annotated[Path, typer.Option("--out", help="The folder that the files are written into.")],
    forms: Annotated[str, typer.Option("--as", help=f"Forms, by commas: {', '.join(FORMS)}.")] = "html",
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    days: Annotated[int, typer.Option("--days", min=1, max=36500, help="unused: not used for so many days.")] = 90,
    anchors: Annotated[
        Path | None, typer.Option("--anchors", help="integrity: checkpoints kept elsewhere.", show_default=False)
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="integrity: the verifier key, kept elsewhere.", show_default=False)
    ] = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Make a report of the trail: HTML, PDF, XLSX, CSV or JSON, each with its SHA-256 beside it."""
    now = datetime.now(UTC)
    first, last = instant_of(since, "--since"), instant_of(until, "--until") or now
    if first is not None and first >= last:
        raise UsageError(f"--until {last:%Y-%m-%d} is not after --since {since}", remedy="ask for a time not empty")
    wish = Wish(since=first, until=last, mailbox=mailbox, days=days, anchors=anchors, key=key)
    wanted = forms_of(forms)
    made = make_report(trail, name, wish, now)
    written = write_report(made, out, wanted)
    answer = Answer(
        verb="report make",
        items=[{"path": str(each.path), "form": each.form, "sha256": each.sha256} for each in written],
        columns=MADE_COLUMNS,
        trail={"size": made.checkpoint.size, "root": made.checkpoint.root, "anchored": False},
        notes=[made.verdict, "Keep the .sha256 where nobody who can write this folder can write."],
        more={"report": made.kind, "rows": sum(len(section.rows) for section in made.sections)},
    )
    write(answer, form)
    raise typer.Exit(strongest(set() if made.is_covered else {NOT_COVERED}, accepted(accept)))


@report.command("list")
def list_reports(form: FormatOption = Format.table) -> None:
    """List the reports and the packs, with what each is evidence for."""
    items: list[dict[str, Any]] = [
        {"report": name, "title": kind.title, "period": f"{kind.days} days" if kind.days else "all", "serves": ""}
        for name, kind in KINDS.items()
    ]
    items += [
        {"report": name, "title": pack.title, "period": f"{PACK_DAYS} days", "serves": pack.rule}
        for name, pack in packs().items()
    ]
    write(Answer(verb="report list", items=items, columns=LIST_COLUMNS, notes=[f"{len(names())} reports."]), form)


@report.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Reports, in any form.")],
    trail: Annotated[
        Path | None, typer.Option("--trail", envvar="MAILWITNESS_TRAIL", help="The trail.", show_default=False)
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Hold reports to their hashes and, with a trail, to the checkpoint they name; exit code 1 where one fails."""
    items, failed = [], False
    for path in files:
        found = check(path, trail)
        failed = failed or not found.holds
        items.append(
            {"path": str(path), "holds": found.holds, "sha256": found.sha256}
            | {name: said_of(getattr(found, name)) for name in ("within", "beside", "of_trail")}
            | ({"checkpoint": found.checkpoint} if found.checkpoint else {})
        )
    notes = ["A hash that stands in or beside a report proves nothing against who can rewrite both: keep it elsewhere."]
    if trail is None:
        notes.append("Without --trail the checkpoint was not looked at.")
    write(Answer(verb="report verify", items=items, columns=CHECK_COLUMNS, notes=notes), form)
    raise typer.Exit(strongest({FOUND} if failed else set()))


@report.command()
def scheduled(
    schedules: Annotated[Path, typer.Argument(help="A TOML file of schedules: [reports.NAME].")],
    trail: TrailOption,
    form: FormatOption = Format.table,
) -> None:
    """Make the reports whose period has ended and that are not there yet; for a timer to call as often as it likes."""
    made = make_due(trail, load_schedules(schedules), schedules.absolute().parent, datetime.now(UTC))
    items = [{"path": str(each.path), "form": each.form, "sha256": each.sha256} for each in made]
    write(Answer(verb="report scheduled", items=items, columns=MADE_COLUMNS, notes=[f"{len(items)} files."]), form)


def said_of(held: object) -> str:
    """Return how one check of a report went."""
    return "not there" if held is None else "holds" if held is True else "FAILS"


def forms_of(text: str) -> list[str]:
    """Return the forms that `html,pdf` names. Raises UsageError for what is none."""
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [each for each in wanted if each not in FORMS]
    if unknown or not wanted:
        raise UsageError(f"--as {text} is not understood", remedy=f"give some of {', '.join(FORMS)}")
    return list(dict.fromkeys(wanted))


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`, and with them export, which writes the same for programs."""
    verbs_recertify.add_to(report)
    app.add_typer(report)
    verbs_export.add_to(app)
