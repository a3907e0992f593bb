"""The verb setup-kit: the files that switch auditing on, and the audit entries of a live directory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwitness.errors import UsageError
from mailwitness.faces.exit_codes import FAILED, NOT_COVERED, accepted, strongest
from mailwitness.faces.options import AcceptOption, FormatOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_directory import (
    BindOption,
    CaOption,
    GssapiOption,
    PasswordFileOption,
    StartTlsOption,
    server_of,
)
from mailwitness.knowledge.audit_settings import GENERATIONS
from mailwitness.readiness.audit_entries import sentence
from mailwitness.readiness.kit import write_kit

if TYPE_CHECKING:
    from mailwitness.directory.ldap_connection import Server
    from mailwitness.readiness.sacl_plan import Plan
    from mailwitness.readiness.sacl_write import Outcome

_COLUMNS = {"dn": "Object", "reason": "Because of", "lacking": "Entries lacking", "state": "State"}
_UNDONE = {"dn": "Object", "entries": "Entries taken away", "state": "State"}


def setup_kit(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="A new folder for the kit.")] = None,
    generation: Annotated[str | None, typer.Option("--generation", help=f"One of: {', '.join(GENERATIONS)}.")] = None,
    host: Annotated[list[str] | None, typer.Option("--host", help="A server for the collector to call.")] = None,
    apply_sacl: Annotated[
        bool, typer.Option("--apply-sacl", help="Write audit entries over LDAP, once shown.")
    ] = False,
    undo: Annotated[Path | None, typer.Option("--undo", help="Take back what this undo file says was written.")] = None,
    undo_file: Annotated[Path | None, typer.Option("--undo-file", help="Where --apply-sacl keeps what was.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    server: Annotated[str | None, typer.Option("--server", help="ldaps://HOST or ldap://HOST of a domain.")] = None,
    bind: BindOption = None,
    password_file: PasswordFileOption = None,
    gssapi: GssapiOption = False,
    starttls: StartTlsOption = False,
    ca: CaOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Write the files that switch auditing on, with a README in the order of work; or the audit entries (SACLs)."""
    if sum((folder is not None, apply_sacl, undo is not None)) != 1:
        raise UsageError("say what to do", remedy="give one of DIR, --apply-sacl and --undo FILE")
    if folder is not None:
        write(_written(folder, generation, tuple(host or ())), form)
        return
    if server is None:
        raise UsageError("the audit entries of which directory?", remedy="give --server ldaps://HOST")
    target = server_of(server, bind, password_file, ca, gssapi=gssapi, starttls=starttls)
    codes = _undo(target, undo, form) if undo is not None else _apply(target, undo_file, form, yes=yes)
    raise typer.Exit(strongest(codes, accepted(accept)))


def add_to(app: typer.Typer) -> None:
    """Give `app` this verb."""
    app.command("setup-kit")(setup_kit)


def _written(folder: Path, generation: str | None, hosts: tuple[str, ...]) -> Answer:
    known = next((each for each in GENERATIONS if each == generation), None)
    if known is None:
        raise UsageError(f"--generation {generation} is not understood", remedy=f"give one of {', '.join(GENERATIONS)}")
    written = write_kit(folder, known, hosts)
    items = [{"file": str(path), "size": path.stat().st_size} for path in written]
    notes = [f"Begin with {folder / 'README.md'}. Nothing was run."]
    return Answer(verb="setup-kit", items=items, columns={"file": "File", "size": "Bytes"}, notes=notes)


def _apply(server: Server, undo_file: Path | None, form: Format, *, yes: bool) -> set[int]:
    from mailwitness.directory.ldap_connection import Connection  # noqa: PLC0415 - needs the extra `directory`
    from mailwitness.readiness.sacl_plan import plan as plan_of  # noqa: PLC0415
    from mailwitness.readiness.sacl_write import FAILED_STATES, apply  # noqa: PLC0415

    with Connection(server) as connection:
        plan = plan_of(connection)
        _tell(_difference(plan))
        outcomes: list[Outcome] = []
        notes = _remarks(plan)
        if plan.targets and _agreed(plan, yes=yes):
            path = undo_file or Path(f"sacl-undo-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json")
            outcomes = apply(connection, plan, path)
            notes.append(f"To take it back: mailwitness setup-kit --undo {path} --server {server.url} ...")
        elif plan.targets:
            notes.append("Nothing was written.")
    write(_applied(plan, outcomes, notes), form)
    if any(outcome.state in FAILED_STATES for outcome in outcomes):
        return {FAILED}
    return {NOT_COVERED} if plan.targets and not outcomes else set()


def _agreed(plan: Plan, *, yes: bool) -> bool:
    """Ask, where somebody is there to answer."""
    if yes or not sys.stdin.isatty():
        return yes
    return typer.confirm(f"Write these entries to {len(plan.targets)} objects of {plan.domain}?", err=True)


def _tell(lines: list[str]) -> None:
    """Show the difference before anybody is asked, beside the answer and not in it."""
    sys.stderr.write("".join(for_terminal(line) + "\n" for line in lines))


def _difference(plan: Plan) -> list[str]:
    lines = []
    for target in reversed(plan.targets):
        lines.append(f"{target.dn} ({target.reason}): {len(target.add)} of {target.wanted} entries are lacking")
        lines += [f"  + {sentence(ace, plan.entries.guids)}" for ace in target.add]
    return lines


def _remarks(plan: Plan) -> list[str]:
    notes = [f"Looked at {plan.looked_at} objects of {plan.domain}. Other domains of the forest: each by itself."]
    if plan.lacking:
        notes.append(f"Not in this directory's schema, so without an entry: {', '.join(plan.lacking)}.")
    if plan.never_audited:
        notes.append(f"searchFlags of the schema keep these out of every event 5136: {', '.join(plan.never_audited)}.")
    if plan.copied:
        notes.append(
            f"{plan.copied} protected accounts get AdminSDHolder's entries from the domain itself, within the hour."
        )
    return notes


def _applied(plan: Plan, outcomes: list[Outcome], notes: list[str]) -> Answer:
    states = {outcome.dn: outcome.state for outcome in outcomes}
    items: list[dict[str, Any]] = [
        {
            "dn": target.dn,
            "object_guid": target.object_guid,
            "reason": target.reason,
            "lacking": len(target.add),
            "add": [sentence(ace, plan.entries.guids) for ace in target.add],
            "state": states.get(target.dn, "not written"),
        }
        for target in reversed(plan.targets)
    ]
    if not items:
        notes.append("No audit entry is lacking.")
    more = {"domain": plan.domain, "not_in_schema": plan.lacking, "never_audited": plan.never_audited}
    return Answer(verb="setup-kit", items=items, columns=_COLUMNS, notes=notes, more=more)


def _undo(server: Server, path: Path, form: Format) -> set[int]:
    from mailwitness.directory.ldap_connection import Connection  # noqa: PLC0415 - needs the extra `directory`
    from mailwitness.readiness.sacl_write import FAILED_STATES, undo  # noqa: PLC0415

    with Connection(server) as connection:
        outcomes = undo(connection, path)
    items = [{"dn": each.dn, "entries": each.entries, "state": each.state} for each in outcomes]
    write(Answer(verb="setup-kit", items=items, columns=_UNDONE), form)
    return {FAILED} if any(each.state in FAILED_STATES for each in outcomes) else set()
