"""The verbs of cases: what the service's rules found, and what a person on the server decides about it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from mailwitness.alerts.cases import Case, Cases, Move, State
from mailwitness.alerts.suppressions import Suppressions
from mailwitness.analysis.names import short
from mailwitness.collect.interface import Act
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket
from mailwitness.errors import UsageError
from mailwitness.faces.options import FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.state.database import open_state

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's id: see `case list`.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason; it is kept with the decision.")]
ROLE = "administrator"
Tell = Callable[[Act], object] | None
_COLUMNS = {
    "case_id": "Case",
    "state": "State",
    "level": "Level",
    "title": "Finding",
    "who": "Who",
    "target": "Mailbox",
    "findings": "Findings",
    "last_at": "Last (UTC)",
}
case = typer.Typer(
    name="case",
    help="The cases of findings: list, ack, close, reopen, comment, suppress.",
    no_args_is_help=True,
)


@case.command("list")
def list_cases(
    trail: TrailOption,
    state: Annotated[str, typer.Option("--state", help=f"{', '.join(get_args(State))}, or all.")] = "open",
    form: FormatOption = Format.table,
) -> None:
    """List the cases, the newest first; open ones unless told otherwise."""
    known: State | None = next((each for each in get_args(State) if each == state), None)
    if known is None and state != "all":
        raise UsageError(f"--state {state} is not understood", remedy=f"give {', '.join(get_args(State))}, or all")
    with _cases(trail) as (cases, _suppressions):
        listed = cases.all(state=known)
    notes = [] if listed else ["There is none: `mailwitness serve` makes cases of what it finds."]
    write(Answer(verb="case list", items=[_item(each) for each in listed], columns=_COLUMNS, notes=notes), form)


@case.command("ack")
def ack(trail: TrailOption, case_id: CaseArgument, why: WhyOption, form: FormatOption = Format.table) -> None:
    """Acknowledge a case: somebody looks at it."""
    _moved(trail, case_id, "acknowledge", why, form)


@case.command("close")
def close(trail: TrailOption, case_id: CaseArgument, why: WhyOption, form: FormatOption = Format.table) -> None:
    """Close a case: it is done with."""
    _moved(trail, case_id, "close", why, form)


@case.command("reopen")
def reopen(trail: TrailOption, case_id: CaseArgument, why: WhyOption, form: FormatOption = Format.table) -> None:
    """Open a case again."""
    _moved(trail, case_id, "reopen", why, form)


@case.command("comment")
def comment(trail: TrailOption, case_id: CaseArgument, why: WhyOption, form: FormatOption = Format.table) -> None:
    """Note something on a case."""
    _moved(trail, case_id, "comment", why, form)


@case.command("suppress")
def suppress(
    trail: TrailOption,
    case_id: CaseArgument,
    why: WhyOption,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="For how many days.")] = 30,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Which of the case's rules; that of its gravest finding unless given.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Be told no more of a case's rule about its mailbox and account, for some days. Cases are still kept."""
    now = datetime.now(UTC)
    with _cases(trail) as (cases, suppressions), _recorder(trail) as (tell, notes):
        meant = rule or cases.case(case_id).rule_id
        about = next((one for one in reversed(cases.evidence(case_id)) if one.rule_id == meant), None)
        if about is None:
            known = ", ".join(cases.case(case_id).rules)
            raise UsageError(f"the case has nothing of the rule {meant}", remedy=f"give one of its rules: {known}")
        until = now + timedelta(days=days)
        text = f"suppress {meant} until {until:%Y-%m-%d}: {why}" if why.strip() else ""
        cases.move(case_id, "comment", who=_who(), role=ROLE, why=text, at=now, tell=tell)
        made = suppressions.add(
            who=_who(),
            comment=why,
            at=now,
            expires_at=until,
            rule_id=meant,
            mailbox_ref=about.mailbox_ref,
            actor=about.actor,
        )
    item = {
        "number": made.number,
        "rule_id": made.rule_id,
        "mailbox_ref": made.mailbox_ref,
        "actor": made.actor,
        "expires_at": made.expires_at,
    }
    columns = {
        "number": "Suppression",
        "rule_id": "Rule",
        "mailbox_ref": "Mailbox",
        "actor": "Who",
        "expires_at": "Until (UTC)",
    }
    write(Answer(verb="case suppress", items=[item], columns=columns, notes=notes), form)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.add_typer(case)


def _moved(trail: Path, case_id: str, move: Move, why: str, form: Format) -> None:
    with _cases(trail) as (cases, _suppressions), _recorder(trail) as (tell, notes):
        cases.move(case_id, move, who=_who(), role=ROLE, why=why, at=datetime.now(UTC), tell=tell)
        after = cases.case(case_id)
    write(Answer(verb=f"case {move}", items=[_item(after)], columns=_COLUMNS, notes=notes), form)


@contextmanager
def _cases(trail: Path) -> Iterator[tuple[Cases, Suppressions]]:
    if not (trail / "log").is_dir():
        raise UsageError("there is no trail here", where=str(trail), remedy="give --trail, or `mailwitness init` one")
    with closing(open_state(trail)) as connection:
        yield Cases(connection), Suppressions(connection)


@contextmanager
def _recorder(trail: Path) -> Iterator[tuple[Tell, list[str]]]:
    """Give who records decisions in the trail, and what is to be said where nobody does.

    A writer that should answer and does not stops the decision: NotAcknowledged, and nothing is changed.
    """
    socket = acts_socket(trail)
    if not socket.exists():
        yield None, ["This is not recorded in the trail: no writer runs."]
        return
    with WriterClient(socket) as writer:
        yield writer.act, []


def _who() -> str:
    return f"{getpass.getuser()} (on the server)"


def _item(one: Case) -> dict[str, Any]:
    item: dict[str, Any] = {
        name: value for name in one.__struct_fields__ if (value := getattr(one, name)) not in (None, (), "")
    }
    return item | {"who": short(one.actor), "target": short(one.mailbox_ref)}
