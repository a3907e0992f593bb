"""Signing in at a provider: sending the browser there, and letting in whom it comes back as.

What was asked travels in a sealed cookie, not in a table: whoever begins sign-ins and never ends them fills nothing.
Its key lives as long as the process. An answer serves once.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.people.accounts import People, address_of
from mailwitness.faces.web.people.forms import people_of
from mailwitness.faces.web.people.provider import Person, Provider, plain
from mailwitness.faces.web.people.sealing import Sealer
from mailwitness.faces.web.people.sign_in import PLAIN, TOO_OFTEN, door, let_in, place
from mailwitness.state import people as kept
from mailwitness.state import people_sessions

TIME = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_SECURE_COOKIE = "__Host-sign-in-elsewhere"
_PLAIN_COOKIE = "sign-in-elsewhere"
_PURPOSE = "a sign-in at a provider"
_CODE = 4096
_AGAIN = "Begin again."


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that a browser began: what it was sent away with."""

    state: str
    nonce: str
    verifier: str
    back: str
    next: str
    at: datetime


class Elsewhere:
    """Sign-ins at one provider: which are under way, and which answers were used."""

    def __init__(self, provider: Provider, *, url: str | None) -> None:
        """Send people to `provider`; they come back to `url`, or where it is None to where they were."""
        self.provider = provider
        self._url = url
        self._sealer = Sealer(secrets.token_bytes(32))
        self._used: dict[str, datetime] = {}

    def begin(self, request: Request, next_: str, now: datetime) -> Begun:
        """Return a sign-in to send a browser away with."""
        base = self._url or str(request.base_url)
        return Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            back=base.rstrip("/") + "/login/return",
            next=next_,
            at=now,
        )

    def sealed(self, begun: Begun) -> str:
        """Return a sign-in as its cookie carries it."""
        return self._sealer.seal(msgspec.json.encode(begun).decode(), _PURPOSE)

    def answered(self, cookie: str | None, state: str, now: datetime) -> Begun:
        """Return the sign-in that an answer is to, once. Raises Refused (400) where there is none."""
        if cookie is None:
            raise Refused(400, "This browser began no sign-in, or took longer than 10 minutes.", _AGAIN)
        try:
            begun = msgspec.json.decode(self._sealer.open(cookie, _PURPOSE), type=Begun)
        except (MailwitnessError, msgspec.MsgspecError) as cause:
            raise Refused(400, "This sign-in began before the console was started anew.", _AGAIN) from cause
        if not hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "surrogateescape")):
            raise Refused(400, "This answer is to another sign-in than the one your browser began last.", _AGAIN)
        if not timedelta(0) <= now - begun.at < TIME:
            raise Refused(400, "This sign-in took longer than 10 minutes.", _AGAIN)
        self._used = {used: at for used, at in self._used.items() if now - at < TIME}
        if begun.state in self._used:
            raise Refused(400, "This answer was used already.", _AGAIN)
        self._used[begun.state] = begun.at
        return begun


async def login_elsewhere(request: Request) -> Response:
    """Send somebody to the provider."""
    people = people_of(request)
    next_ = place(request.query_params.get("next", ""))
    try:
        elsewhere = _elsewhere(request, people)
        begun = elsewhere.begin(request, next_, people.now())
        address = await elsewhere.provider.address(
            back=begun.back, state=begun.state, nonce=begun.nonce, verifier=begun.verifier
        )
    except Refused as refused:
        return _refusal(request, people, refused, next_)
    answer = RedirectResponse(address, 303)
    secure = people.is_secure(request)
    answer.set_cookie(
        _cookie(people, request),
        elsewhere.sealed(begun),
        max_age=int(TIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


async def login_return(request: Request) -> Response:
    """Let in who comes back from the provider, in the one role his claims give."""
    people = people_of(request)
    next_ = ""
    try:
        elsewhere = _elsewhere(request, people)
        query = request.query_params
        begun = elsewhere.answered(request.cookies.get(_cookie(people, request)), query.get("state", ""), people.now())
        next_ = begun.next
        person = await _person(request, people, elsewhere.provider, begun)
        answer = await _let_in(request, people, elsewhere.provider, person, next_)
    except Refused as refused:
        answer = _refusal(request, people, refused, next_)
    answer.delete_cookie(
        _cookie(people, request), path="/", httponly=True, samesite="lax", secure=people.is_secure(request)
    )
    return answer


async def _person(request: Request, people: People, provider: Provider, begun: Begun) -> Person:
    """Return who the answer names. It counts as failed until it is through: an address gets so many and no more."""
    name, query = f"at {provider.settings.short_issuer}", request.query_params
    attempt = await people.use(
        lambda c: people_sessions.begin_attempt(c, name, address_of(request), people.now(), per_name=0)
    )
    if attempt is None:
        raise Refused(429, TOO_OFTEN)
    issuer = query.get("iss")
    wants_issuer = (await provider.described()).authorization_response_iss_parameter_supported
    if issuer != provider.settings.issuer and (issuer is not None or wants_issuer):
        raise Refused(401, "This answer is of another provider than the one asked (iss).", _AGAIN)
    if "error" in query:
        said = plain(query.get("error_description") or query["error"])
        raise Refused(403, f"{provider.settings.short_issuer} did not sign you in: {said}.", _AGAIN)
    code = query.get("code", "")
    if not 0 < len(code) <= _CODE:
        raise Refused(400, "The answer of the provider has no code.", _AGAIN)
    person = await provider.person(code=code, back=begun.back, nonce=begun.nonce, verifier=begun.verifier)
    await people.use(lambda c: people_sessions.take_back(c, attempt))
    return person


async def _let_in(request: Request, people: People, provider: Provider, person: Person, next_: str) -> Response:
    settings = provider.settings
    known = await people.use(lambda c: kept.account_elsewhere(c, settings.issuer, person.subject))
    if known is not None and known.disabled_at is not None:
        raise Refused(403, "Your account is closed here.", "Ask an administrator.")
    name = await people.use(
        lambda c: kept.name_elsewhere(c, settings.issuer, person.subject, person.name, settings.short_issuer)
    )

    async def admit() -> kept.Account:
        try:
            return await people.use(
                lambda c: kept.admit(
                    c, issuer=settings.issuer, subject=person.subject, name=name, role=person.role, now=people.now()
                )
            )
        except UsageError as cause:
            raise Refused(409, f"{cause.what}.", cause.remedy) from cause

    return await let_in(
        request, people, name, person.role, next_, admit, way="oidc", issuer=settings.issuer, of=person.subject
    )


def _elsewhere(request: Request, people: People) -> Elsewhere:
    if people.elsewhere is None:
        raise Refused(404, "This console signs in nobody elsewhere.", "Sign in with a name and a password.")
    if not people.may_sign_in(request):
        raise Refused(403, PLAIN)
    return people.elsewhere


def _cookie(people: People, request: Request) -> str:
    return _SECURE_COOKIE if people.is_secure(request) else _PLAIN_COOKIE


def _refusal(request: Request, people: People, refused: Refused, next_: str) -> Response:
    wrong = f"{refused.what} {refused.remedy}".strip()
    return door(request, people, next_=next_, wrong=wrong, status=refused.status)
