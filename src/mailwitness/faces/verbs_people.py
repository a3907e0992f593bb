"""The verbs of people: the accounts of the console. There is none before `people add` makes it."""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from mailwitness.collect.interface import Act, NotAcknowledged
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket
from mailwitness.errors import UsageError
from mailwitness.faces.options import FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.state import people as kept
from mailwitness.state.people_tables import open_people

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
RoleOption = Annotated[str, typer.Option("--role", help=f"One of: {', '.join(kept.ROLES)}.")]
_COLUMNS = {
    "name": "Name",
    "role": "Role",
    "state": "State",
    "signs_in": "Signs in",
    "second_factor": "Second factor",
    "created_at": "Since (UTC)",
}
_ONCE = {"name": "Name", "role": "Role", "first_password": "First password"}
people = typer.Typer(
    name="people", help="The accounts of the console: add, list, role, disable, enable, reset.", no_args_is_help=True
)


@people.command("add")
def add(trail: TrailOption, name: NameArgument, role: RoleOption, form: FormatOption = Format.table) -> None:
    """Add an account; its first password is shown once and has to be changed at the first sign-in."""
    hashing = _passwords()
    name, known = kept.local_name(name), kept.role_named(role)
    password = hashing.first_password()
    hashed = hashing.hash_password(password)
    notes = _do(
        trail, name, "added", lambda c: kept.add_account(c, name, known, hashed, datetime.now(UTC)), to_role=known
    )
    _once(name, known, password, notes, form)


@people.command("list")
def list_accounts(trail: TrailOption, form: FormatOption = Format.table) -> None:
    """List the accounts."""
    _need(trail)
    with closing(open_people(trail)) as connection:
        items = [_item(account) for account in kept.accounts(connection)]
    notes = (
        [] if items else ["There is no account: `mailwitness people add NAME --role administrator` makes the first."]
    )
    write(Answer(verb="people list", items=items, columns=_COLUMNS, notes=notes), form)


@people.command("role")
def role_of(trail: TrailOption, name: NameArgument, role: RoleOption, form: FormatOption = Format.table) -> None:
    """Give an account another role; its sessions end."""
    known = kept.role_named(role)
    _changed(trail, name, "role", lambda c: kept.set_role(c, name, known), form, to_role=known)


@people.command("disable")
def disable(trail: TrailOption, name: NameArgument, form: FormatOption = Format.table) -> None:
    """Let an account in no more; its sessions end."""
    _changed(trail, name, "disable", lambda c: kept.disable(c, name, datetime.now(UTC)), form)


@people.command("enable")
def enable(trail: TrailOption, name: NameArgument, form: FormatOption = Format.table) -> None:
    """Let an account in again."""
    _changed(trail, name, "enable", lambda c: kept.enable(c, name), form)


@people.command("reset")
def reset(trail: TrailOption, name: NameArgument, form: FormatOption = Format.table) -> None:
    """Give an account a new first password: second factor, recovery codes, sessions and failed sign-ins go."""
    hashing = _passwords()
    password = hashing.first_password()
    hashed = hashing.hash_password(password)
    notes = _do(trail, name, "reset", lambda c: kept.reset(c, name, hashed))
    with closing(open_people(trail)) as connection:
        account = kept.need_account(connection, name)
    _once(account.name, account.role, password, notes, form)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.add_typer(people)


def _passwords() -> ModuleType:
    try:
        from mailwitness.faces.web.people import passwords  # noqa: PLC0415 - needs the extra
    except ImportError as cause:
        raise UsageError(
            f"accounts need {cause.name}, which is not installed",
            remedy="pip install 'mailwitness[console]', or make setup-service",
        ) from cause
    return passwords


def _need(trail: Path) -> None:
    if not (trail / "log").is_dir():
        raise UsageError("there is no trail here", where=str(trail), remedy="give --trail, or `mailwitness init` one")


def _do(trail: Path, name: str, what: str, work: Callable[[sqlite3.Connection], object], **detail: str) -> list[str]:
    """Do something to the accounts, recorded before where a writer runs; return what is to be said of that."""
    _need(trail)
    with closing(open_people(trail)) as connection:
        if what != "added":
            name = kept.need_account(connection, name).name
        notes = _recorded(trail, name, what, detail)
        work(connection)
    return notes


def _recorded(trail: Path, name: str, what: str, detail: dict[str, str]) -> list[str]:
    socket = acts_socket(trail)
    act = Act(
        who=f"{getpass.getuser()} (on the server)",
        role="administrator",
        verb="people",
        subject=f"account {name}",
        at=datetime.now(UTC),
        detail={"what": what, **detail},
    )
    if socket.exists():
        try:
            with WriterClient(socket) as writer:
                writer.act(act)
        except NotAcknowledged as cause:
            return [f"This is not recorded in the trail: {cause.what}."]
        return []
    return ["This is not recorded in the trail: no writer runs."]


def _changed(
    trail: Path,
    name: str,
    what: str,
    work: Callable[[sqlite3.Connection], object],
    form: Format,
    **detail: str,
) -> None:
    notes = _do(trail, name, what, work, **detail)
    with closing(open_people(trail)) as connection:
        item = _item(kept.need_account(connection, name))
    write(Answer(verb=f"people {what}", items=[item], columns=_COLUMNS, notes=notes), form)


def _once(name: str, role: str, password: str, notes: list[str], form: Format) -> None:
    item = {"name": name, "role": role, "first_password": password}
    said = ["The password is shown this once and has to be changed at the first sign-in.", *notes]
    write(Answer(verb="people add", items=[item], columns=_ONCE, notes=said), form)


def _item(account: kept.Account) -> dict[str, Any]:
    state = "closed" if account.disabled_at else "has not signed in" if account.must_change else "open"
    return {
        "name": account.name,
        "role": account.role,
        "state": state,
        "signs_in": "with a password" if account.issuer is None else f"at {account.issuer}",
        "second_factor": account.totp_secret is not None,
        "created_at": account.created_at,
        "disabled_at": account.disabled_at,
    }
