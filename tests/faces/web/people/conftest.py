"""A console with accounts, a clock that is turned by hand, and browsers that know nothing but cookies and forms."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import httpx
import pyotp
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.faces.web.conftest import running
from tests.faces.web.people.corporation import Corporation
from tests.faces.web.people.openid_provider import OpenIdProvider

from mailwitness.collect.interface import Act, NotAcknowledged, Receipt
from mailwitness.faces.web.application import application
from mailwitness.faces.web.people.accounts import People
from mailwitness.faces.web.people.passwords import hash_password
from mailwitness.faces.web.people.roles import ROLES
from mailwitness.faces.web.people.sealing import purpose_of
from mailwitness.state import people as kept

PASSWORD = "four quiet herons on ice"  # noqa: S105 - of the tests
ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **by: float) -> None:
        self.at += timedelta(**by)


class Noting:
    """A writer that notes acts, or acknowledges none."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.is_away = False
        self._lock = Lock()

    def act(self, act: Act) -> Receipt:
        with self._lock:
            if self.is_away:
                raise NotAcknowledged("no writer answers")
            self.acts.append(act)
        return Receipt()


class Browser:
    """Keeps cookies, sends them where a browser would, and follows no redirect."""

    def __init__(self, portal: BlockingPortal, app, scheme: str, client: str) -> None:
        transport = httpx.ASGITransport(app, client=(client, 50_000))
        self._portal = portal
        self._client = httpx.AsyncClient(transport=transport, base_url=f"{scheme}://localhost", headers=ORIGIN)
        self.cookies = self._client.cookies

    def request(self, method: str, path: str, *, without: str = "", **more) -> httpx.Response:
        request = self._client.build_request(method, path, **more)
        request.headers.pop(without, None)
        return self._portal.call(self._client.send, request)

    def get(self, path: str, **more) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more) -> httpx.Response:
        return self.request("POST", path, **more)


class Console:
    """The console with accounts: one of every role, called like it."""

    def __init__(self, trail: Path, portal: BlockingPortal) -> None:
        self.trail = trail
        self.portal = portal
        self.clock = Clock()
        self.writer = Noting()
        self.people = People(trail, clock=self.clock)
        self.app = application(trail, writer=self.writer, readers=self.people)
        self.secrets: dict[str, str] = {}

    def add(self, name: str, role: kept.Role, *, is_ready: bool = True) -> None:
        connection = self.people._connection
        kept.add_account(connection, name, role, _HASHED, self.clock())
        if is_ready:
            secret = pyotp.random_base32(32)
            kept.set_password(connection, kept.need_account(connection, name), _HASHED, keep=b"")
            account = kept.need_account(connection, name)
            kept.begin_totp(connection, account, self.people.sealer.seal(secret, purpose_of(account.account_id)))
            kept.confirm_totp(connection, kept.need_account(connection, name), 0, ["abcdefghijklmnop"])
            self.secrets[name] = secret

    def browser(self, *, scheme: str = "https", client: str = "127.0.0.1") -> Browser:
        return Browser(self.portal, self.app, scheme, client)

    def code(self, name: str) -> str:
        self.clock.turn(seconds=31)
        return pyotp.TOTP(self.secrets[name]).at(self.clock())

    def sign_in(self, name: str, **more) -> Browser:
        browser = self.browser(**more)
        fields = {"name": name, "password": PASSWORD}
        if name in self.secrets:
            fields["code"] = self.code(name)
        answer = browser.post("/login", data=fields)
        assert answer.status_code == 303, answer.text
        return browser


_HASHED = hash_password(PASSWORD)


def form_token(browser: Browser, page: str = "/me") -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', browser.get(page).text)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def served_trail(demo_folder, tmp_path_factory) -> Path:
    copy = tmp_path_factory.mktemp("people") / "trail"
    shutil.copytree(demo_folder / "trail", copy)
    return copy


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def shared(served_trail, portal) -> Iterator[Console]:
    """Return a console that tests only look at; its pictures are drawn once."""
    console = Console(served_trail, portal)
    with portal.wrap_async_context_manager(console.app.router.lifespan_context(console.app)):
        for role in ROLES:
            console.add(role, role)
        yield console
    console.people.close()


@pytest.fixture
def console(shared, portal, tmp_path) -> Iterator[Console]:
    """Return a console with accounts of its own, and the pictures of the shared one."""
    (tmp_path / "trail").mkdir()
    made = Console(tmp_path / "trail", portal)
    made.app.state.pictures = shared.app.state.pictures
    made.app.state.trail = shared.app.state.trail
    for role in ROLES:
        made.add(role, role)
    yield made
    made.people.close()


@pytest.fixture
def corporation(console, tmp_path):
    provider = OpenIdProvider(console.clock)
    with running(provider.app) as address:
        provider.address = address
        yield Corporation(console, provider, tmp_path)
