"""What a provider says of somebody, checked: the ID token of OpenID Connect Core 1.0, section 3.1.3.7.

Algorithms are the ones with a public key, whatever the token's header says: `none` and those with a shared secret are
never taken (RFC 8725 sections 3.1 and 3.2).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import ExpiredTokenError, JoseError

from mailwitness.faces.web.page import Refused

KEY_TYPES = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
}
"""Algorithms that are taken, and the type of key each needs."""
LEEWAY = 60
"""Seconds that the provider's clock may be off."""
_SUBJECT = 255
_KEYS = 64
_TOKEN = 64 * 1024
_RSA_BITS = 2048


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an ID token has to answer to."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None = None


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a token, as far as it says which key it is to be checked with."""

    alg: str
    kid: str | None = None
    crit: list[str] | None = None


def heading_of(token: str) -> Heading:
    """Return a token's header. Raises Refused where it is no token, or of an algorithm that is not taken."""
    first, dot, _rest = token.partition(".")
    try:
        if not dot or len(token) > _TOKEN:
            raise ValueError(len(token))  # noqa: TRY301 - told with what else is no token
        heading = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)), type=Heading)
    except (ValueError, RecursionError) as cause:  # msgspec's errors are ValueErrors
        raise _refused("is none that can be read") from cause
    if heading.alg not in KEY_TYPES:
        raise _refused(f"is signed by {_plain(heading.alg)!r}, which proves nothing here")
    if heading.crit is not None:
        raise _refused("asks for an extension that is not known here")
    return heading


def keys_for(heading: Heading, published: Iterable[Any]) -> list[jwk.Key]:
    """Return the published keys that can have signed a token with this header; none where it was another."""
    found: list[jwk.Key] = []
    for raw in list(published)[:_KEYS]:
        if not isinstance(raw, dict) or raw.get("kty") != KEY_TYPES[heading.alg]:
            continue
        if raw.get("use", "sig") != "sig" or raw.get("alg", heading.alg) != heading.alg:
            continue
        if heading.kid is not None and raw.get("kid") != heading.kid:
            continue
        try:
            key = jwk.JWKRegistry.import_key(raw)
        except (JoseError, ValueError, TypeError, KeyError):  # of no use for this token: none may be left then
            continue
        if not isinstance(key, jwk.RSAKey) or key.public_key.key_size >= _RSA_BITS:
            found.append(key)
    return found


def claims_of(token: str, heading: Heading, keys: Sequence[jwk.Key], asked: Asked, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a token that one of `keys` signed and that answers `asked`. Raises Refused otherwise."""
    for key in keys:
        try:
            signed = jwt.decode(token, key, algorithms=[heading.alg])
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
        return _checked(signed, asked, int(now.timestamp()))
    raise _refused("is not signed by a key that the provider publishes")


def _checked(signed: jwt.Token, asked: Asked, now: int) -> Mapping[str, Any]:
    claims = signed.claims
    options = {"iss": {"essential": True, "value": asked.issuer}, "aud": {"essential": True, "value": asked.client_id}}
    told = CodeIDToken(
        claims,
        signed.header,
        options,
        {"nonce": asked.nonce, "client_id": asked.client_id, "access_token": asked.access_token},
    )
    try:
        told.validate(now, LEEWAY)
    except ExpiredTokenError as cause:
        raise _refused("has expired; the clocks may differ", "See to the clocks, here and there.") from cause
    except JoseError as cause:
        claim = _plain(str(getattr(cause, "claim", "") or cause))
        raise _refused(f"does not answer to this sign-in: {claim}", _REMEDIES.get(claim, "")) from cause
    except (ValueError, TypeError, OverflowError) as cause:
        raise _refused("has claims that are none") from cause
    subject, nonce = claims.get("sub"), claims.get("nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT or not subject.isprintable():
        raise _refused("names nobody: sub")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), asked.nonce.encode()):
        raise _refused("does not answer to this sign-in: nonce")
    return claims


_REMEDIES = {
    "aud": "It is for another client: see to client_id.",
    "azp": "It is for another client: see to client_id.",
    "iss": "See to `issuer`: it has to be the provider's own, letter by letter.",
    "iat": "It is issued in the future: see to the clocks, here and there.",
    "nbf": "It is not valid yet: see to the clocks, here and there.",
}


def _refused(what: str, remedy: str = "") -> Refused:
    return Refused(
        401, f"The token of the provider {what}.", remedy or "Sign in again; if it stays so, ask who runs it."
    )


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:80]
