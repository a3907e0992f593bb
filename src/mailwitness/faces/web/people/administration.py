"""The page of people: accounts, sessions, tokens. Every change is an act in the trail before it has its effect."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.errors import UsageError
from mailwitness.faces.web.page import Refused, Shown, render
from mailwitness.faces.web.people.forms import people_of, posted, record_people
from mailwitness.faces.web.people.passwords import first_password, hash_password
from mailwitness.faces.web.people.roles import ROLES
from mailwitness.faces.web.reader import Reader
from mailwitness.state import people as kept
from mailwitness.state import people_sessions

SCOPES = ("read", "decide", "verify", "upload", "administer")
_DAYS = 366


async def people(request: Request) -> Response:
    """Show who there is."""
    return await _show(request)


async def people_add(request: Request) -> Response:
    """Add somebody; his first password is shown once."""
    fields = await posted(request)
    try:
        name, role = kept.local_name(fields.get("name", "")), kept.role_named(fields.get("role", ""))
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    registry = people_of(request)
    password = first_password()
    hashed = await registry.hashing(lambda: hash_password(password))
    await _do(
        request,
        f"account {name}",
        lambda c: kept.add_account(c, name, role, hashed, registry.now()),
        what="added",
        to_role=role,
    )
    return await _show(request, secret=(f"The first password of {name}", password))


async def people_change(request: Request) -> Response:
    """Change somebody's role, let him in no more or again, give him a new first password, or end his sessions."""
    fields = await posted(request)
    registry, name, what = people_of(request), fields.get("name", "").strip().lower(), fields.get("what", "")
    account = await registry.use(lambda c: kept.account_named(c, name))
    if account is None:
        raise Refused(404, "There is no such account.", "Choose one from the list.")
    now = registry.now()
    if what == "reset":
        password = first_password()
        hashed = await registry.hashing(lambda: hash_password(password))
        await _do(request, f"account {name}", lambda c: kept.reset(c, name, hashed), what=what)
        return await _show(request, secret=(f"The new first password of {name}", password))
    if what == "role":
        role = next((each for each in ROLES if each == fields.get("role")), None)
        if role is None:
            raise Refused(400, "There is no such role.", f"Choose one of {', '.join(ROLES)}.")
        await _do(request, f"account {name}", lambda c: kept.set_role(c, name, role), what=what, to_role=role)
    elif what == "disable":
        await _do(request, f"account {name}", lambda c: kept.disable(c, name, now), what=what)
    elif what == "enable":
        await _do(request, f"account {name}", lambda c: kept.enable(c, name), what=what)
    elif what == "end":
        await _do(request, f"account {name}", lambda c: kept.end_sessions(c, name), what="sessions ended")
    else:
        raise Refused(400, "This is nothing that can be changed.", "Use the buttons of the page.")
    return RedirectResponse("/people", 303)


async def people_token(request: Request) -> Response:
    """Make a token for programs, which is shown once; or end one."""
    fields = await posted(request)
    registry = people_of(request)
    now, name = registry.now(), fields.get("name", "").strip().lower()
    if fields.get("what") == "end":
        await _do(request, f"token {name}", lambda c: people_sessions.end_token(c, name, now), what="ended")
        return RedirectResponse("/people", 303)
    reader: Reader = request.state.reader
    days = fields.get("days", "")
    if not (days.isascii() and days.isdigit()) or not 1 <= int(days[:9]) <= _DAYS:
        raise Refused(400, f"A token lives 1 to {_DAYS} days.", "Give a number of days.")
    scopes = tuple(scope for scope in SCOPES if fields.get(f"scope_{scope}"))
    if not scopes:
        raise Refused(400, "A token without a use is none.", f"Choose some of {', '.join(SCOPES)}.")
    made: list[str] = []
    try:
        role = kept.role_named(fields.get("role", ""))
        kept.local_name(name)
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause

    def make(connection: sqlite3.Connection) -> None:
        life = timedelta(days=int(days))
        made.append(people_sessions.make_token(connection, name, role, reader.name, now, life=life, scopes=scopes))

    await _do(request, f"token {name}", make, what="made", to_role=role, scopes=" ".join(scopes), days=days)
    return await _show(request, secret=(f"The token {name}", made[0]))


async def _do(request: Request, subject: str, work: Callable[[sqlite3.Connection], object], **detail: str) -> None:
    """Record what is about to be done, then do it. Raises Refused where either cannot be."""
    await record_people(request, request.state.reader, subject, **detail)
    try:
        await people_of(request).use(work)
    except UsageError as cause:
        raise Refused(409, cause.what, cause.remedy) from cause


async def _show(request: Request, secret: tuple[str, str] | None = None) -> Response:
    registry = people_of(request)
    now = registry.now()
    view = {
        "accounts": await registry.use(kept.accounts),
        "sessions": await registry.use(lambda c: people_sessions.sessions(c, now)),
        "tokens": await registry.use(people_sessions.tokens),
        "failures": await registry.use(lambda c: people_sessions.failures(c, now)),
        "roles": ROLES,
        "scopes": SCOPES,
        "secret": secret,
        "now": now,
        "form_token": registry.form_token(request),
    }
    reader: Reader = request.state.reader
    return render(request, reader, Shown("people.html", view))
