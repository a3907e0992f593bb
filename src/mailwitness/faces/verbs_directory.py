"""The verbs that bring the directory in: directory import, snapshot, follow."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwitness.errors import TrailLocked, UsageError
from mailwitness.faces.exit_codes import PROBLEMS, accepted, strongest
from mailwitness.faces.options import AcceptOption, FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_trail import import_
from mailwitness.intake.custody import taking

if TYPE_CHECKING:
    from mailwitness.directory.ldap_connection import Server
    from mailwitness.directory.ldap_snapshot import Taken

PASSWORD = "MAILWITNESS_LDAP_PASSWORD"  # noqa: S105 - the variable's name
COLUMNS = {
    "observed_at": "When (UTC)",
    "server": "Server",
    "objects": "Objects",
    "members": "Links",
    "descriptors": "Descriptors",
    "distinct": "Distinct",
    "settings": "Settings",
    "problem_count": "Problems",
    "state": "State",
}
_LISTED = 20

KeyOption = Annotated[Path | None, typer.Option("--key", help="The private key's file.", show_default=False)]
ServerOption = Annotated[
    str, typer.Option("--server", help="ldaps://HOST, or ldap://HOST (StartTLS, or sealed Kerberos).")
]
BindOption = Annotated[
    str | None,
    typer.Option("--bind", help="Bind as this account: DOMAIN\\name, name@domain or a DN.", show_default=False),
]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help=f"The password's file. Else {PASSWORD}, else you are asked."),
]
GssapiOption = Annotated[bool, typer.Option("--gssapi", help="Bind with the Kerberos ticket at hand (kinit).")]
StartTlsOption = Annotated[bool, typer.Option("--starttls", help="StartTLS, even with --gssapi.")]
CaOption = Annotated[Path | None, typer.Option("--ca", help="PEM file of the authorities to trust, not the system's.")]

directory = typer.Typer(help="Bring the directory in: who is in which group, which rights stand where.")


@directory.command("import")
def import_exports(
    paths: Annotated[list[Path], typer.Argument(help="LDIF (ldifde, ldapsearch) or CSV (csvde, Get-ADObject) files.")],
    trail: TrailOption,
    at: Annotated[str, typer.Option("--at", help="When the export was made (UTC), or 30d, 12h back.")],
    key: KeyOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Bring exports of a directory in, as of the time they were made."""
    import_(paths, trail, key=key, collected_at=at, form=form, accept=accept)


@directory.command()
def snapshot(
    trail: TrailOption,
    server: ServerOption,
    bind: BindOption = None,
    password_file: PasswordFileOption = None,
    gssapi: GssapiOption = False,
    starttls: StartTlsOption = False,
    ca: CaOption = None,
    key: KeyOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Read the directory of a domain controller as it is now."""
    target = server_of(server, bind, password_file, ca, gssapi=gssapi, starttls=starttls)
    from mailwitness.directory.ldap_snapshot import take_snapshot  # noqa: PLC0415 - needs the extra `directory`

    taken = take_snapshot(trail, key, target, said=_by())
    _write("directory snapshot", [taken], form)
    raise typer.Exit(strongest({PROBLEMS} if taken.problems.count else set(), accepted(accept)))


@directory.command()
def follow(
    trail: TrailOption,
    server: ServerOption,
    bind: BindOption = None,
    password_file: PasswordFileOption = None,
    gssapi: GssapiOption = False,
    starttls: StartTlsOption = False,
    ca: CaOption = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    key: KeyOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Follow the directory of a domain controller: everything at first, then what changes (DirSync)."""
    target = server_of(server, bind, password_file, ca, gssapi=gssapi, starttls=starttls)
    from mailwitness.directory.dirsync import Follower  # noqa: PLC0415 - needs the extra `directory`

    follower = Follower(trail, key, target, _by())
    if once:
        taken = follower.look()
        _write("directory follow", [] if taken is None else [taken], form)
        has_problems = taken is not None and taken.problems.count
        raise typer.Exit(strongest({PROBLEMS} if has_problems else set(), accepted(accept)))
    _until_ended(follower.look, interval, form)


def _until_ended(look: Callable[[], Taken | None], interval: float, form: Format) -> None:
    """Look again and again until SIGTERM or SIGINT; a look under way is finished."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while not ended.is_set():
        try:
            taken = look()
        except TrailLocked as busy:  # what changed is still to be had at the next look
            sys.stderr.write(for_terminal(str(busy)) + "\n")
        else:
            if taken is not None:
                _write("directory follow", [taken], Format.jsonl if form is Format.json else form)
        ended.wait(interval)


def server_of(
    url: str, bind: str | None, password_file: Path | None, ca: Path | None, *, gssapi: bool, starttls: bool
) -> Server:
    """Return the server that options name. Raises UsageError where they contradict or the extra is not there."""
    try:
        from mailwitness.directory.ldap_connection import Server  # noqa: PLC0415 - needs the extra `directory`
    except ImportError as cause:
        raise UsageError(
            f"reading a directory needs python-ldap, which is not installed ({cause})",
            remedy="pip install 'mailwitness[directory]' (builds with gcc, libldap2-dev, libsasl2-dev)",
        ) from cause
    if gssapi == (bind is not None):
        raise UsageError("say how to bind", remedy="give either --bind NAME or --gssapi")
    return Server(
        url=url,
        name=bind,
        password=None if gssapi else _password(password_file),
        gssapi=gssapi,
        start_tls=starttls,
        ca=ca,
    )


def _password(file: Path | None) -> str:
    """Return the password from a file, the environment or the person: never from the command line, which all see."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as cause:
            raise UsageError("the password's file cannot be read", where=str(file)) from cause
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError("there is no password", remedy=f"set {PASSWORD} or give --password-file")
    return getpass.getpass("Password: ")


def _by() -> dict[str, str]:
    by = taking()
    return {"person": by.person, "host": by.host, "version": by.version}


def _write(verb: str, taken: list[Taken], form: Format) -> None:
    items = [_item(each) for each in taken]
    notes = [
        f"{problem.code}: {problem.where}: expected {problem.expected}, found {problem.found}"
        for each in taken
        for problem in each.problems.listed[:_LISTED]
    ]
    if not taken:
        notes.append("Nothing changed.")
    write(Answer(verb=verb, items=items, columns=COLUMNS, notes=notes), form)


def _item(taken: Taken) -> dict[str, Any]:
    rows, seen = taken.recorded.rows, taken.snapshot
    return {
        "observed_at": seen.observed_at,
        "server": seen.name,
        "complete": seen.complete,
        "remark": seen.remark,
        "objects": taken.objects,
        "members": rows["members"],
        "descriptors": taken.descriptors,
        "distinct": taken.distinct,
        "settings": rows["settings"],
        "schema_guids": rows["schema_guids"],
        "evidence_sha256": taken.recorded.evidence_sha256,
        "state": "new" if taken.recorded.is_new else "as before",
        "problem_count": taken.problems.count,
        "problems": [plain(problem) for problem in taken.problems.listed],
    }


def add_to(app: typer.Typer) -> None:
    """Give `app` these verbs."""
    app.add_typer(directory, name="directory")
