"""A console and a provider of sign-ins that is set up for it."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from tests.faces.web.people.openid_provider import CLIENT, SECRET

from mailwitness.faces.web.people.provider import Provider
from mailwitness.faces.web.people.sign_in_elsewhere import Elsewhere
from mailwitness.service.oidc_settings import OidcSettings
from mailwitness.state.people import accounts

ROLES = {"mw-auditors": "auditor", "mw-admins": "administrator", "mw-audit-2": "auditor", "mw-witness": "witness"}


class Corporation:
    """A console, a provider, and what lies between them."""

    def __init__(self, console, provider, folder) -> None:
        self.console, self.provider = console, provider
        self.secret_file = folder / "client.secret"
        self.secret_file.write_text(SECRET + "\n")
        self.settings: dict = {}
        self.configure()

    def configure(self, *, seconds: float = 10, **more) -> None:
        """Set the console to the provider; what was known of it is forgotten."""
        self.settings |= more
        wanted = {
            "issuer": self.provider.address,
            "client_id": CLIENT,
            "client_secret_file": self.secret_file,
            "roles": ROLES,
        }
        people = self.console.people
        provider = Provider(OidcSettings(**(wanted | self.settings)), self.console.clock, seconds=seconds)
        people.elsewhere = Elsewhere(provider, url=None)

    def back(self, browser, path="/login/elsewhere") -> str:
        """Send a browser to the provider; return where it is sent from there."""
        away = browser.get(path)
        assert away.status_code == 303, away.text
        assert away.headers["location"].startswith(self.provider.address + "/authorize")
        answer = httpx.get(away.headers["location"])
        assert answer.status_code == 302, answer.text
        parts = urlsplit(answer.headers["location"])
        assert (parts.scheme, parts.netloc, parts.path) == ("https", "localhost", "/login/return")
        return f"{parts.path}?{parts.query}"

    def sign_in(self, browser=None, path="/login/elsewhere"):
        """Return the console's answer to somebody who signed in at the provider."""
        browser = browser or self.console.browser()
        return browser.get(self.back(browser, path))

    def refused(self, status: int, *words: str) -> None:
        """Sign in; the console has to refuse it, saying so."""
        answer = self.sign_in()
        self.was_refused(answer, status, *words)

    def was_refused(self, answer, status: int, *words: str) -> None:
        assert answer.status_code == status, answer.text
        for word in words:
            assert word in answer.text
        assert "__Host-mailwitness" not in str(answer.headers.get_list("set-cookie"))
        assert all(account.is_local for account in accounts(self.console.people._connection))
