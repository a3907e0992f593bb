"""Requests of somebody who does not see names: what they ask for, what is refused them, and what they may not learn.

`enclosed` puts this before every page; the API asks for the same in faces/web/api/serving.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwitness.errors import MailwitnessError
from mailwitness.faces.pseudonyms.asked import NotAsked, in_names
from mailwitness.faces.pseudonyms.codes import codes_of, secret_of
from mailwitness.faces.pseudonyms.unmasking import Unmaskings
from mailwitness.faces.pseudonyms.veil import Veil
from mailwitness.faces.views.picture import Pictures
from mailwitness.faces.web.guard import HOST_COOKIE, LOCAL_COOKIE
from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.reader import Reader, Role

Handler = Callable[[Request], Awaitable[Response]]
COVERED = frozenset(
    "home mailbox access account group application object change event findings finding finding_move coverage kit"
    " integrity verify progress sources evidence search export views import upload theme static login login_try logout"
    " me me_password me_factor me_confirm me_end people people_add people_change people_token unmask unmask_do".split()
)
"""Routes of which somebody decided what they show to those who do not see names; others are refused to them."""

COVERED_OPERATIONS = frozenset(
    "overview mailboxes mailbox accounts groups applications objects account group application object changes change"
    " accesses explanation event search export findings finding move unmaskings unmask coverage kit integrity progress"
    " verify upload sources evidence".split()
)
"""The same of the API."""


class Pseudonyms:
    """Whom a console hides names from, and what each session unmasked."""

    def __init__(
        self, trail: Path, roles: Iterable[Role], *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Hide names from `roles`. Raises MailwitnessError where the secret cannot be read or made."""
        self.roles = frozenset(roles)
        self.unmaskings = Unmaskings(clock)
        self._secret = secret_of(trail)

    def veil(self, request: Request, reader: Reader) -> Veil | None:
        """Return what stands before the views of this request, None for somebody who sees names. Takes time once."""
        if reader.role not in self.roles:
            return None
        pictures: Pictures = request.app.state.pictures
        shown = frozenset(each.subject.shown for each in self.unmaskings.of(session_of(request, reader)))
        return Veil(codes_of(pictures.current, self._secret), self._secret, shown)


def session_of(request: Request, reader: Reader) -> str:
    """Return what tells this session (or token) from every other; who is behind it was asked before."""
    said = [reader.name, request.headers.get("authorization", "")]
    said += [request.cookies.get(name, "") for name in (HOST_COOKIE, LOCAL_COOKIE)]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def veil_of(request: Request) -> Veil | None:
    """Return what stands before the views of this request, None for somebody who sees names."""
    veil: Veil | None = getattr(request.state, "veil", None)
    return veil


async def drawn(request: Request, reader: Reader) -> Request:
    """Return the request with names of the trail in place of pseudonyms, where its reader does not see names.

    Raises Refused (400, 403) for what he may not ask.
    """
    pseudonyms: Pseudonyms | None = request.app.state.pseudonyms
    if pseudonyms is None or reader.role not in pseudonyms.roles:
        return request
    fields = request.query_params.multi_items()

    def work() -> tuple[Veil | None, list[tuple[str, str]]]:
        veil = pseudonyms.veil(request, reader)
        return veil, in_names(veil, fields) if veil else fields

    try:
        request.state.veil, meant = await anyio.to_thread.run_sync(work)
    except NotAsked as cause:
        raise Refused(HTTPStatus.FORBIDDEN, cause.what, cause.remedy) from cause
    return Request({**request.scope, "query_string": urlencode(meant).encode()}, request.receive)


def untold(request: Request, failure: Exception) -> Exception:
    """Return a failure without the names it may tell to somebody who does not see them."""
    veil = veil_of(request)
    if veil is None:
        return failure
    status = getattr(failure, "status", None)
    if isinstance(failure, MailwitnessError):
        return Refused(500, "This cannot be shown while names are hidden.", "Somebody who sees names is told why.")
    if veil.typed and status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        return Refused(status, "Nothing can be shown for this.", "Give another pseudonym, or ask in another way.")
    return failure


def enclosed(routes: Sequence[Route]) -> list[Route]:
    """Return the routes so that each hides names from those who do not see them. The API does so itself."""
    return [each if each.path.startswith("/api/") else _enclosed(each) for each in routes]


def _enclosed(route: Route) -> Route:
    methods = sorted((route.methods or {"GET"}) - {"HEAD"})
    return Route(route.path, _behind(route.endpoint, route.name), methods=methods, name=route.name)


def _behind(endpoint: Handler, name: str) -> Handler:
    async def handler(request: Request) -> Response:
        reader: Reader | None = getattr(request.state, "reader", None)
        if reader is None:  # of everybody: style sheets, signing in
            return await endpoint(request)
        request = await drawn(request, reader)
        if veil_of(request) is not None and name not in COVERED:
            raise Refused(
                403, "This page is not made for those who do not see names.", "Ask somebody who sees names for it."
            )
        try:
            return await endpoint(request)
        except Exception as failure:
            told = untold(request, failure)
            if told is failure:
                raise
            raise told from None

    return handler
