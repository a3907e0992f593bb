"""The one table of what each role may open; the console enforces it before a page is made.

auditor reads, verifies and reports; collector brings evidence in and reads nothing; administrator looks after people
and settings and sees no mailbox's trail; witness compares checkpoints. Nobody changes an entry: no route can. The API
has the same in its own table (faces/web/api/table.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.reader import Readers, Role

Asker = Role | Literal["anonymous"]
ROLES: tuple[Role, ...] = get_args(Role)
PERSONS: frozenset[Asker] = frozenset(ROLES)
EVERYBODY: frozenset[Asker] = PERSONS | {"anonymous"}
_READS: frozenset[Asker] = frozenset({"auditor"})
_WATCHES: frozenset[Asker] = frozenset({"auditor", "administrator", "witness"})
_BRINGS: frozenset[Asker] = frozenset({"auditor", "collector"})
_ADMINISTERS: frozenset[Asker] = frozenset({"administrator"})

TABLE: dict[str, frozenset[Asker]] = {
    "home": _READS,
    "mailbox": _READS,
    "access": _READS,
    "account": _READS,
    "group": _READS,
    "application": _READS,
    "object": _READS,
    "change": _READS,
    "event": _READS,
    "findings": _READS,
    "finding": _READS,
    "finding_move": _READS,
    "search": _READS,
    "export": _READS,
    "views": _READS,
    "unmask": _READS,
    "unmask_do": _READS,
    "sources": _READS,
    "evidence": _READS,
    "coverage": _WATCHES,
    "kit": _WATCHES,
    "integrity": _WATCHES,
    "progress": _WATCHES,
    "verify": frozenset({"auditor", "witness"}),
    "import": _BRINGS,
    "upload": _BRINGS,
    "reports": _READS,
    "report_make": _READS,
    "report_verify": _READS,
    "report_file": _READS,
    "recertification": _READS,
    "recertification_start": _READS,
    "recertification_list": _READS,
    "recertification_withdraw": _READS,
    "recertify": EVERYBODY,
    "recertify_answer": EVERYBODY,
    "theme": EVERYBODY,
    "static": EVERYBODY,
    "login": EVERYBODY,
    "login_try": EVERYBODY,
    "login_elsewhere": EVERYBODY,
    "login_return": EVERYBODY,
    "logout": PERSONS,
    "me": PERSONS,
    "me_password": PERSONS,
    "me_factor": PERSONS,
    "me_confirm": PERSONS,
    "me_end": PERSONS,
    "people": _ADMINISTERS,
    "people_add": _ADMINISTERS,
    "people_change": _ADMINISTERS,
    "people_token": _ADMINISTERS,
}
"""Who may open which route, by the route's name."""

FIRST: dict[Role, str] = {"auditor": "/", "administrator": "/people", "witness": "/integrity", "collector": "/import"}
"""Where a role begins."""
Handler = Callable[[Request], Awaitable[Response]]


def enforced(routes: Sequence[Route]) -> list[Route]:
    """Return the routes so that each answers only to the roles of its line.

    Raises ValueError for a route without a line: what nobody decided on is not served.
    """
    return [_enforced(route) for route in routes]


def _enforced(route: Route) -> Route:
    if route.path.startswith("/api/"):
        return route
    allowed = TABLE.get(route.name)
    if allowed is None:
        raise ValueError(f"the route {route.name} ({route.path}) has no line in the table of roles")
    methods = sorted((route.methods or {"GET"}) - {"HEAD"})
    return Route(route.path, _guarded(route.endpoint, allowed), methods=methods, name=route.name)


def _guarded(endpoint: Handler, allowed: frozenset[Asker]) -> Handler:
    async def handler(request: Request) -> Response:
        if "anonymous" in allowed:
            return await endpoint(request)
        readers: Readers = request.app.state.readers
        reader = await readers.of(request)
        if isinstance(reader, Response):
            return reader
        request.state.reader = reader
        if reader.role not in allowed:
            may = " or ".join(role for role in ROLES if role in allowed)
            raise Refused(403, f"The role {reader.role} does not open this page.", f"It is for the role {may}.")
        return await endpoint(request)

    return handler


def may(role: Role, name: str) -> bool:
    """Return whether a role may open the route called `name`."""
    return role in TABLE[name]
