"""The page of one's own account: password, second factor, sessions."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.errors import UsageError
from mailwitness.faces.web.page import Refused, Shown, render
from mailwitness.faces.web.people import second_factor
from mailwitness.faces.web.people.accounts import People
from mailwitness.faces.web.people.forms import people_of, posted, record_people
from mailwitness.faces.web.people.passwords import ADVISED, LEAST, check_password, hash_password, is_password
from mailwitness.faces.web.people.sealing import purpose_of
from mailwitness.faces.web.reader import Reader
from mailwitness.state import people as kept
from mailwitness.state import people_sessions
from mailwitness.state.people import Account
from mailwitness.state.people_sessions import Session


async def me(request: Request) -> Response:
    """Show the account."""
    return await _show(request)


async def me_password(request: Request) -> Response:
    """Change the password; every other session ends."""
    people, reader, session, account = await _myself(request)
    fields = await posted(request)
    await _prove(people, account, fields)
    new = fields.get("new", "")
    if new != fields.get("again", ""):
        raise Refused(400, "The new password was not typed the same twice.", "Try again.")
    if new == fields.get("password", ""):
        raise Refused(400, "The new password is the old one.", "Choose another.")
    try:
        check_password(new, name=account.name)
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    hashed = await people.hashing(lambda: hash_password(new))
    await record_people(request, reader, f"password of {account.name}", what="changed")
    await people.use(lambda c: kept.set_password(c, account, hashed, keep=session.token_sha256))
    return RedirectResponse("/me", 303)


async def me_factor(request: Request) -> Response:
    """Begin a second factor: show its secret once."""
    people, _reader, _session, account = await _myself(request)
    fields = await posted(request)
    await _prove(people, account, fields)
    secret = second_factor.new_secret()
    sealed = people.sealer.seal(secret, purpose_of(account.account_id))
    await people.use(lambda c: kept.begin_totp(c, account, sealed))
    address = second_factor.address_of(secret, account.name)
    size, path = second_factor.picture_of(address)
    return await _show(request, setting_up={"secret": secret, "size": size, "path": path})


async def me_confirm(request: Request) -> Response:
    """Make the second factor count, once a code shows that the device has it; show the recovery codes once."""
    people, reader, _session, account = await _myself(request)
    fields = await posted(request)
    if account.totp_pending is None:
        raise Refused(409, "No second factor is being set up.", "Begin on the page of your account.")
    step = second_factor.step_of(people.secret_of(account, account.totp_pending), fields.get("code", ""), people.now())
    if step is None:
        raise Refused(
            400, "This is not the code of now.", "See to the clock of your device, and begin the second factor again."
        )
    codes = second_factor.recovery_codes()
    await record_people(request, reader, f"second factor of {account.name}", what="set up")
    await people.use(lambda c: kept.confirm_totp(c, account, step, codes))
    return await _show(request, codes=codes)


async def me_end(request: Request) -> Response:
    """End a session of one's own, or all but this one."""
    people, _reader, session, account = await _myself(request)
    fields = await posted(request)
    number = fields.get("session", "")

    def work(connection: sqlite3.Connection) -> None:
        for each in people_sessions.sessions(connection, people.now(), account):
            is_other = each.session_id != session.session_id
            if (number == "others" and is_other) or number == str(each.session_id):
                people_sessions.end_session_numbered(connection, each.session_id, account)

    await people.use(work)
    return RedirectResponse("/me", 303)


async def _myself(request: Request) -> tuple[People, Reader, Session, Account]:
    people = people_of(request)
    found = await people.session_of(request)
    if found is None:
        raise Refused(403, "Your session ended.", "Sign in again.")
    reader: Reader = request.state.reader
    return people, reader, *found


async def _prove(people: People, account: Account, fields: dict[str, str]) -> None:
    """Ask for the password again: a session that was left open does not change what guards the account."""
    if not account.is_local:
        raise Refused(409, "You sign in elsewhere.", f"Change it at {account.issuer}.")
    now, old = people.now(), fields.get("password", "")
    attempt = await people.use(lambda c: people_sessions.begin_attempt(c, account.name, "", now))
    if attempt is None:
        raise Refused(429, "Too many passwords were wrong.", "Wait 15 minutes.")
    if not await people.hashing(lambda: is_password(account.password, old)):
        raise Refused(403, "This is not your present password.", "Try again.")
    await people.use(lambda c: people_sessions.attempt_succeeded(c, attempt, account.name))


async def _show(request: Request, **more: Any) -> Response:  # noqa: ANN401 - what the template takes
    people, reader, session, account = await _myself(request)
    own = await people.use(lambda c: people_sessions.sessions(c, people.now(), account))
    left = await people.use(lambda c: kept.recovery_codes_left(c, account))
    view = {
        "account": account,
        "sessions": own,
        "this": session.session_id,
        "recovery_left": left,
        "first": people.first_thing(account),
        "form_token": people.form_token(request),
        "least": LEAST,
        "advised": ADVISED,
        "setting_up": None,
        "codes": (),
    }
    return render(request, reader, Shown("me.html", view | more))
