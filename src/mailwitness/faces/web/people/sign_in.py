"""The pages of signing in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailwitness.errors import MailwitnessError
from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.people.accounts import TOO_MANY, People, address_of
from mailwitness.faces.web.people.forms import fields_of, people_of, posted, record_people
from mailwitness.faces.web.people.roles import FIRST
from mailwitness.faces.web.reader import Reader
from mailwitness.state import people_sessions
from mailwitness.state.people import Account, Role
from mailwitness.state.people_sessions import WINDOW

_PLACE = 1_000
_WRONG = "Name, password and code do not belong together, or the account is closed."
TOO_OFTEN = f"Too many sign-ins failed. Wait {int(WINDOW.total_seconds() // 60)} minutes, or ask an administrator."
PLAIN = (
    "This console is reached without TLS from another machine, so that a password would travel readable. Give it a"
    " certificate (console.certificate), or a proxy with one (console.url)."
)


async def login(request: Request) -> Response:
    """Show the form of signing in."""
    people = people_of(request)
    return door(request, people, next_=place(request.query_params.get("next", "")))


async def login_try(request: Request) -> Response:
    """Sign somebody in with name, password and, where he has a second factor, its code."""
    people = people_of(request)
    fields = await fields_of(request)
    next_ = place(fields.get("next", ""))
    if not people.lets_in(None):
        wrong = "Accounts of this console are switched off: sign in where the button leads."
        return door(request, people, next_=next_, wrong=wrong, status=403)
    if not people.may_sign_in(request):
        return door(request, people, next_=next_, wrong=PLAIN, status=403)
    try:
        found = await people.sign_in(
            fields.get("name", ""), fields.get("password", ""), fields.get("code", ""), address_of(request)
        )
    except MailwitnessError as error:  # after a right password, so it tells nobody else anything
        return door(request, people, next_=next_, wrong=f"{error.what}: {error.remedy}.", status=500)
    if found == TOO_MANY:
        return door(request, people, next_=next_, wrong=TOO_OFTEN, status=429)
    if not isinstance(found, Account):
        return door(request, people, next_=next_, wrong=_WRONG, status=401)
    account = found

    async def admit() -> Account:
        return account

    return await let_in(request, people, account.name, account.role, next_, admit, way="password")


async def let_in(
    request: Request,
    people: People,
    name: str,
    role: Role,
    next_: str,
    admit: Callable[[], Awaitable[Account]],
    **detail: str,
) -> Response:
    """Begin the session of somebody who proved who he is, once that is recorded; `admit` gives his account then."""
    reader = Reader(name=name, role=role)
    try:
        await record_people(request, reader, f"sign-in of {name}", address=address_of(request), **detail)
        account = await admit()
    except Refused as refused:
        return door(request, people, next_=next_, wrong=f"{refused.what} {refused.remedy}", status=refused.status)
    answer = RedirectResponse(next_ or FIRST[account.role], 303)
    people.set_cookie(request, answer, await people.begin(request, account))
    return answer


async def logout(request: Request) -> Response:
    """End the session, here and in the browser."""
    people = people_of(request)
    await posted(request)
    token = people.cookie_of(request)
    if token is not None:
        await people.use(lambda c: people_sessions.end_session(c, token))
    answer = RedirectResponse("/login", 303)
    people.drop_cookie(request, answer)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def place(text: str) -> str:
    """Return where to go after signing in: a page of this console, or nothing."""
    is_here = text.startswith("/") and len(text) <= _PLACE and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_here and not text.startswith(("/login", "/logout")) else ""


def door(request: Request, people: People, *, next_: str, wrong: str = "", status: int = 200) -> Response:
    """Return the page of signing in, saying what is `wrong`."""
    theme = request.cookies.get("theme")
    elsewhere = people.elsewhere
    view: dict[str, Any] = {
        "next": next_,
        "wrong": wrong,
        "elsewhere": elsewhere.provider.settings.short_issuer if elsewhere is not None else "",
        "has_passwords": people.lets_in(None),
        "is_plain": not people.is_secure(request),
        "theme": theme if theme in ("light", "dark") else "",
    }
    return HTMLResponse(request.app.state.templates.get_template("login.html").render(**view), status_code=status)
