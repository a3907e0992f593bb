"""A provider of sign-ins (OpenID Connect): its description, its keys, a code for a token, and who that names.

Sources: OpenID Connect Core 1.0 section 3.1 (authorization code flow), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (the
issuer in the answer), RFC 9700 (best current practice).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import anyio
import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.people.fetching import SECONDS, Fetcher
from mailwitness.faces.web.people.id_token import Asked, Heading, claims_of, heading_of, keys_for
from mailwitness.service.oidc_settings import OidcSettings, checked_address
from mailwitness.state.people import Role

WELL_KNOWN = "/.well-known/openid-configuration"
FRESH = timedelta(hours=1)
"""How long a provider's description and keys are taken as they were; a key nobody knows is asked for at once."""
AGAIN = timedelta(seconds=5)
"""How soon a provider that failed, or its keys, are asked again."""
_NAME = 80


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What of a provider's description is needed (Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token names: for ever by `subject`, to people by `name`; and the one role his claims give."""

    subject: str
    name: str
    role: Role


class Provider:
    """One provider. What it says is kept for a while; it is asked by one request at a time."""

    def __init__(self, settings: OidcSettings, now: Callable[[], datetime], *, seconds: float = SECONDS) -> None:
        """Use the provider of `settings`; `seconds` is how long each of its answers may take."""
        self.settings = settings
        self._now = now
        self._fetcher = Fetcher(settings.short_issuer, settings.ca_file, seconds=seconds)
        self._lock = anyio.Lock()
        self._described: tuple[datetime, Described] | None = None
        self._keys: tuple[datetime, list[Any]] | None = None
        self._failed: tuple[datetime, Refused] | None = None

    async def address(self, *, back: str, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to sign in; it comes back to `back`. Raises Refused (502)."""
        described = await self.described()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in described.authorization_endpoint else "?"
        return described.authorization_endpoint + joint + urlencode(query)

    async def described(self) -> Described:
        """Return the provider's description. Raises Refused (502) where it has none that can be used."""
        async with self._lock:
            now = self._now()
            if self._described is not None and now - self._described[0] < FRESH:
                return self._described[1]
            if self._failed is not None and now - self._failed[0] < AGAIN:
                raise self._failed[1]
            try:
                described = await self._describe()
            except Refused as refused:
                self._failed = (now, refused)
                raise
            self._described, self._failed = (now, described), None
            return described

    async def person(self, *, code: str, back: str, nonce: str, verifier: str) -> Person:
        """Return who a code stands for. Raises Refused: 502, 401 (not proved), 403 (no role, or more than one)."""
        described = await self.described()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        auth = None
        secret = self._secret()
        methods = described.token_endpoint_auth_methods_supported
        if secret is not None and ("client_secret_basic" in methods or "client_secret_post" not in methods):
            auth = (quote(self.settings.client_id, safe=""), quote(secret, safe=""))  # RFC 6749 section 2.3.1
        else:
            form |= {"client_id": self.settings.client_id} | ({"client_secret": secret} if secret is not None else {})
        answer = await self._fetcher.post(described.token_endpoint, form, auth)
        token, access = answer.body.get("id_token"), answer.body.get("access_token")
        if answer.status != 200 or not isinstance(token, str):  # noqa: PLR2004 - OK
            said = plain(answer.body.get("error_description") or answer.body.get("error") or "no token")
            raise Refused(401, f"{self.settings.short_issuer} does not take this sign-in: {said}.", "Sign in again.")
        asked = Asked(
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=nonce,
            access_token=access if isinstance(access, str) else None,
        )
        heading = heading_of(token)
        keys = keys_for(heading, await self._published(described, heading))
        claims = claims_of(token, heading, keys, asked, self._now())
        return Person(subject=str(claims["sub"]), name=self._name(claims), role=self._role(claims))

    async def _describe(self) -> Described:
        settings = self.settings
        answer = await self._fetcher.get(settings.issuer.rstrip("/") + WELL_KNOWN)
        try:
            described = msgspec.convert(answer.body, Described)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                checked_address(getattr(described, name), name, plain_here=settings.is_here)
        except ValueError as cause:
            raise self._unfit(f"answered with status {answer.status} and no description of use ({cause})") from cause
        if described.issuer != settings.issuer:
            raise self._unfit(
                f"calls itself {plain(described.issuer)}, which is not the issuer of the settings, letter by letter"
            )
        return described

    async def _published(self, described: Described, heading: Heading) -> list[Any]:
        """Return the provider's keys, asked for anew where the one that is needed is not among those of before."""
        async with self._lock:
            now = self._now()
            if self._keys is not None:
                age = now - self._keys[0]
                if age < AGAIN or (age < FRESH and keys_for(heading, self._keys[1])):
                    return self._keys[1]
            answer = await self._fetcher.get(described.jwks_uri)
            keys = answer.body.get("keys")
            if not isinstance(keys, list):
                raise self._unfit(f"answered with status {answer.status} and no keys")
            self._keys = (now, keys)
            return keys

    def _secret(self) -> str | None:
        path = self.settings.client_secret_file
        if path is None:
            return None
        try:
            secret = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as cause:
            raise Refused(500, f"The client's secret cannot be read: {cause}.", "See to client_secret_file.") from cause
        if not secret:
            raise Refused(500, f"The client's secret is empty: {path}.", "See to client_secret_file.")
        return secret

    def _name(self, claims: Mapping[str, Any]) -> str:
        claim = self.settings.name_claim
        value = claims.get(claim, claims["sub"])
        if claim == "email" and "email" in claims and claims.get("email_verified") is not True:
            raise Refused(403, "The provider did not verify this address.", "Have it verified, or set name_claim.")
        text = " ".join(unicodedata.normalize("NFKC", value).lower().split()) if isinstance(value, str) else ""
        if not text or not text.isprintable() or len(text) > _NAME:
            raise Refused(403, f"The claim {claim} is no name that can be shown.", "Have it set right, or name_claim.")
        return text

    def _role(self, claims: Mapping[str, Any]) -> Role:
        claim = self.settings.role_claim
        value, left_out = _claim(claims, claim), claims.get("_claim_names")
        if value is None and isinstance(left_out, dict) and claim in left_out:
            raise Refused(
                403,
                f"The claim {claim} is too long for the token.",
                "Have the provider put only groups in it that count.",
            )
        values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        known = self.settings.roles
        roles = sorted({known[each] for each in values if isinstance(each, str) and each in known})
        if not roles:
            raise Refused(
                403,
                f"Nothing in your claim {claim} stands for a role here.",
                "Have the provider give you one; which ones count is in the console's settings.",
            )
        if len(roles) > 1:
            raise Refused(
                403,
                f"Your claim {claim} stands for the roles {' and '.join(roles)}, which cannot be combined.",
                "Have the provider take all but one from you.",
            )
        return roles[0]

    def _unfit(self, what: str) -> Refused:
        return Refused(502, f"{self.settings.short_issuer} {what}.", "Ask who runs it, or see to [console.oidc].")


def plain(text: object) -> str:
    """Return what a provider says as one short line without anything that is not seen."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:200]


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its whole name, else by the way through objects that dots in it tell."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
