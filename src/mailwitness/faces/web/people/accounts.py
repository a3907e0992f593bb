"""Who is behind a request: sessions in cookies for people, tokens for programs; and signing in with a password."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.errors import MailwitnessError
from mailwitness.faces.web.guard import HOST_COOKIE, LOCAL_COOKIE
from mailwitness.faces.web.people.passwords import hash_password, is_outdated, is_password
from mailwitness.faces.web.people.sealing import purpose_of, seal_what_is_not, sealer_of
from mailwitness.faces.web.people.second_factor import recovery_code, step_of
from mailwitness.faces.web.reader import Reader
from mailwitness.state import people as kept
from mailwitness.state import people_sessions
from mailwitness.state.people_tables import open_people

if TYPE_CHECKING:
    from mailwitness.faces.web.people.sign_in_elsewhere import Elsewhere

Made = TypeVar("Made")
Clock = Callable[[], datetime]
SecondFactor = Literal["required", "optional"]
_FIRST_THINGS = ("/me", "/logout")
_HASHING_AT_ONCE = 2
TOO_MANY = "too many"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class People:
    """The accounts of a trail's console. One connection, used by one thread at a time."""

    def __init__(
        self,
        trail: Path,
        *,
        second_factor: SecondFactor = "required",
        is_behind_tls: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """Use the accounts in TRAIL/state.db. `is_behind_tls`: people reach the console by https over a proxy."""
        self.sealer = sealer_of(trail)
        self._connection = open_people(trail, across_threads=True)
        seal_what_is_not(self._connection, self.sealer)
        self._lock = Lock()
        self._hashing = anyio.CapacityLimiter(_HASHING_AT_ONCE)
        self.second_factor = second_factor
        self.is_behind_tls = is_behind_tls
        self.now = clock
        self.elsewhere: Elsewhere | None = None
        """The provider at which people can sign in, too."""

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    async def use(self, work: Callable[[sqlite3.Connection], Made]) -> Made:
        """Do `work` with the connection, in a thread."""

        def locked() -> Made:
            with self._lock:
                return work(self._connection)

        return await anyio.to_thread.run_sync(locked)

    async def hashing(self, work: Callable[[], Made]) -> Made:
        """Do work that hashes passwords, in a thread; few at once, since each takes 64 MiB."""
        return await anyio.to_thread.run_sync(work, limiter=self._hashing)

    async def of(self, request: Request) -> Reader | Response:
        """Return who is behind a request, or the answer that leads him to sign in."""
        if request.url.path.startswith("/api/") and (token := _bearer(request)) is not None:
            known = await self.use(lambda c: people_sessions.token_of(c, token, self.now()))
            if known is None:
                return Response("This token is not known, or it has ended.", status_code=401, media_type="text/plain")
            return Reader(name=f"token {known.name}", role=known.role, scopes=known.scopes)
        found = await self.session_of(request)
        if found is None:
            return _to_sign_in(request)
        _session, account = found
        if self.first_thing(account) and not request.url.path.startswith(_FIRST_THINGS):
            return RedirectResponse("/me", 303)
        return Reader(name=account.name, role=account.role, is_signed_in=True)

    async def session_of(self, request: Request) -> tuple[people_sessions.Session, kept.Account] | None:
        """Return the living session of a request's cookie, and whose it is."""
        token = self.cookie_of(request)
        if token is None:
            return None
        found = await self.use(lambda c: people_sessions.session_of(c, token, self.now()))
        return found if found is not None and self.lets_in(found[1].issuer) else None

    def lets_in(self, issuer: str | None) -> bool:
        """Return whether those who sign in at `issuer` (None: with a password here) are let in by the settings."""
        if self.elsewhere is None:
            return issuer is None
        settings = self.elsewhere.provider.settings
        return settings.local_accounts if issuer is None else issuer == settings.issuer

    def first_thing(self, account: kept.Account) -> str:
        """Return what somebody has to do before he may do anything else; empty where he may."""
        if not account.is_local:
            return ""
        if account.must_change:
            return "Choose a password of your own first."
        if account.totp_secret is None and self.second_factor == "required":
            return "Set up a second factor first."
        return ""

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser reaches the console by https."""
        return self.is_behind_tls or request.url.scheme == "https"

    def may_sign_in(self, request: Request) -> bool:
        """Return whether a password may travel as this request did: by https, or not beyond this machine."""
        return self.is_secure(request) or is_loopback(address_of(request))

    def cookie_of(self, request: Request) -> str | None:
        """Return the session's token as the browser sent it."""
        return request.cookies.get(HOST_COOKIE if self.is_secure(request) else LOCAL_COOKIE)

    def set_cookie(self, request: Request, answer: Response, token: str) -> None:
        """Give the browser a session's token: it ends with the browser, and sooner here."""
        secure = self.is_secure(request)
        name = HOST_COOKIE if secure else LOCAL_COOKIE
        answer.set_cookie(name, token, path="/", httponly=True, samesite="lax", secure=secure)

    def drop_cookie(self, request: Request, answer: Response) -> None:
        """Have the browser forget the token."""
        secure = self.is_secure(request)
        name = HOST_COOKIE if secure else LOCAL_COOKIE
        answer.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)

    def form_token(self, request: Request) -> str:
        """Return what a form of this session has to bring along."""
        return hmac.digest((self.cookie_of(request) or "").encode(), b"form of mailwitness", "sha256").hex()

    async def sign_in(self, name: str, password: str, code: str, address: str) -> kept.Account | str:
        """Return the account of a name, password and code; else what to say, which is the same whatever was wrong.

        Every way through takes one argon2id. An attempt counts as failed before it is looked at, so that many at once
        do not get around the limits.
        """
        name = name.strip().lower()[:80]
        attempt = await self.use(lambda c: people_sessions.begin_attempt(c, name, address, self.now()))
        if attempt is None:
            return TOO_MANY
        account = await self.use(lambda c: kept.account_named(c, name))
        hashed = account.password if account is not None else None
        is_right = await self.hashing(lambda: is_password(hashed, password))
        if not is_right or account is None or account.disabled_at is not None:
            return "wrong"
        if account.totp_secret is not None and not await self._is_code(account, code):
            return "wrong"
        if hashed is not None and is_outdated(hashed):
            renewed = await self.hashing(lambda: hash_password(password))
            await self.use(lambda c: kept.rehash(c, account, renewed))
        await self.use(lambda c: people_sessions.attempt_succeeded(c, attempt, name))
        return account

    async def _is_code(self, account: kept.Account, code: str) -> bool:
        """Return whether a code is the device's, or recovers. Raises MailwitnessError where the device is not known."""
        lost: MailwitnessError | None = None
        try:
            step = step_of(self.secret_of(account, account.totp_secret), code, self.now())
        except MailwitnessError as cause:  # codes that recover need no key
            step, lost = None, cause
        if step is not None:
            return await self.use(lambda c: kept.use_totp_step(c, account, step))
        typed = recovery_code(code)
        if await self.use(lambda c: kept.use_recovery_code(c, account, typed)):
            return True
        if lost is not None:
            raise lost
        return False

    def secret_of(self, account: kept.Account, sealed: str | None) -> str:
        """Return a second factor's secret, opened. Raises MailwitnessError where the key is another."""
        return "" if sealed is None else self.sealer.open(sealed, purpose_of(account.account_id))

    async def begin(self, request: Request, account: kept.Account) -> str:
        """Begin a new session and end the one the browser had; return the new one's token."""
        old, agent, address = self.cookie_of(request), request.headers.get("user-agent", ""), address_of(request)

        def work(connection: sqlite3.Connection) -> str:
            if old is not None:
                people_sessions.end_session(connection, old)
            return people_sessions.begin_session(connection, account, address, agent, self.now())

        return await self.use(work)


def address_of(request: Request) -> str:
    """Return where a request came from."""
    return request.client.host if request.client else ""


def is_loopback(address: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _to_sign_in(request: Request) -> Response:
    if request.method not in ("GET", "HEAD") or request.url.path == "/":
        return RedirectResponse("/login", 303)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='')}", 303)
