"""Signing in to Entra ID as an application: OAuth 2.0 client credentials, by certificate (RFC 7523) or secret.

Neither the secret, the assertion nor a token ever stands in an error or a heartbeat.
"""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import orjson
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256

from mailwitness.collect.m365_settings import Certificate, Secret, Settings
from mailwitness.errors import MailwitnessError

ASSERTION_SECONDS = 600
_EARLY_SECONDS = 300
"""A token is renewed so long before it expires: a clock that is off must not cost a look."""
_SHORTEST_SECONDS = 60
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CODE = re.compile(r"AADSTS[0-9]{1,10}")
_TEXT = 300
_PASSING = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT)


class SignInError(MailwitnessError):
    """Entra ID does not let the application in. `passing` says whether trying again may help by itself."""

    passing = False


class _Token(msgspec.Struct, frozen=True):
    value: str
    renew_at: float


class SignIn:
    """Gets and renews the tokens of one application in one tenant."""

    def __init__(
        self,
        settings: Settings,
        credential: Certificate | Secret,
        http: httpx.Client,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked for yet. `now` gives seconds since 1970."""
        self._settings = settings
        self._credential = credential
        self._http = http
        self._now = now
        self._tokens: dict[str, _Token] = {}
        self._ahead = 0.0

    @property
    def url(self) -> str:
        """Where tokens are given out."""
        return f"{self._settings.endpoints.sign_in}/{self._settings.tenant}/oauth2/v2.0/token"

    def token(self, resource: str) -> str:
        """Return a token for the service at the root `resource`. Raises SignInError."""
        known = self._tokens.get(resource)
        if known is None or self._now() >= known.renew_at:
            known = self._tokens[resource] = self._ask(resource)
        return known.value

    def forget(self, resource: str) -> None:
        """Have the next token for `resource` asked for anew: the service no longer takes this one."""
        self._tokens.pop(resource, None)

    def clock_is_ahead(self, seconds: float) -> None:
        """Say how far this machine's clock is ahead of the service's: assertions are dated by the latter."""
        self._ahead = seconds

    def _ask(self, resource: str) -> _Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client,
            "scope": f"{resource}/.default",
        }
        if isinstance(self._credential, Secret):
            form["client_secret"] = self._credential.value
        else:
            form |= {"client_assertion_type": _JWT_BEARER, "client_assertion": self._assertion(self._credential)}
        began = self._now()
        try:
            answer = self._http.post(self.url, data=form)
        except httpx.HTTPError as cause:
            raise self._error(f"Entra ID does not answer: {type(cause).__name__}", passing=True) from cause
        said = _object(answer.content)
        token, seconds = said.get("access_token"), said.get("expires_in")
        if answer.status_code != httpx.codes.OK or not isinstance(token, str) or not token:
            raise self._refused(answer.status_code, said)
        lifetime = float(seconds) if isinstance(seconds, int) and seconds > 0 else _SHORTEST_SECONDS
        return _Token(token, began + max(_SHORTEST_SECONDS / 2, lifetime - _EARLY_SECONDS))

    def _refused(self, status: int, said: dict[str, Any]) -> SignInError:
        description = said.get("error_description")
        text = description if isinstance(description, str) else ""
        code = _CODE.search(text)
        word = said.get("error")
        reason = (code.group() if code else "") or (word if isinstance(word, str) else "")
        first_line = text.splitlines()[0][:_TEXT] if text else f"status {status}"
        passing = status in (httpx.codes.OK, *_PASSING) or status >= httpx.codes.INTERNAL_SERVER_ERROR
        return self._error(f"Entra ID refuses the application ({reason}): {first_line}", passing=passing)

    def _error(self, what: str, *, passing: bool) -> SignInError:
        error = SignInError(
            what,
            where=self.url,
            remedy="check tenant, client, cloud, and that certificate or secret is the application's and not expired",
        )
        error.passing = passing
        return error

    def _assertion(self, certificate: Certificate) -> str:
        """Return the signed statement of who asks (RFC 7523; Entra ID's form: PS256 and x5t#S256)."""
        at = int(self._now() - self._ahead)
        header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64(certificate.thumbprint)}
        claims = {
            "aud": self.url,
            "iss": self._settings.client,
            "sub": self._settings.client,
            "jti": str(uuid.uuid4()),
            "nbf": at,
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
        }
        signed = f"{_base64(orjson.dumps(header))}.{_base64(orjson.dumps(claims))}"
        signature = certificate.key.sign(signed.encode(), PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH), SHA256())
        return f"{signed}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
