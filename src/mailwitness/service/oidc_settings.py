"""The settings of signing in elsewhere, table [console.oidc] (OpenID Connect Core 1.0)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mailwitness.collect.http_settings import is_loopback
from mailwitness.state.people import Role


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[console.oidc]: who tells who somebody is, and which role a value of his claims gives.

    `roles` maps values of the claim `role_claim` to roles; a dot in the claim's name leads into an object
    (`realm_access.roles`) where no claim has the whole name. `name_claim` names the person in pages and acts.
    """

    issuer: str
    client_id: str
    roles: dict[str, Role]
    client_secret_file: Path | None = None
    """The client's secret; without one the client is public, with PKCE alone."""
    role_claim: str = "roles"
    name_claim: str = "preferred_username"
    scopes: tuple[str, ...] = ("openid", "profile")
    local_accounts: bool = True
    """Whether accounts with a password here are let in, too."""
    ca_file: Path | None = None
    """Certificates (PEM) that the provider's is checked against, instead of the system's."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        checked_address(self.issuer, "issuer", plain_here=True)
        if "?" in self.issuer or "#" in self.issuer:
            raise ValueError("issuer has neither a query nor a fragment (OpenID Connect Discovery 1.0)")
        if not self.client_id or not self.client_id.isprintable():
            raise ValueError("client_id is the id that the provider gave this console")
        if not self.roles:
            raise ValueError("roles is empty, so nobody could sign in: map values of the claim to roles")
        if not self.role_claim or not self.name_claim:
            raise ValueError("role_claim and name_claim are names of claims")
        if "openid" not in self.scopes:
            raise ValueError("scopes has to hold openid")
        if any(not scope.isascii() or not scope.isprintable() or " " in scope for scope in self.scopes):
            raise ValueError("a scope has neither white space nor anything beyond ASCII")

    @property
    def is_here(self) -> bool:
        """Return whether the provider is on this machine, which alone may do without TLS."""
        return is_loopback(urlsplit(self.issuer).hostname or "")

    @property
    def short_issuer(self) -> str:
        """Return the issuer as people read it: host and path."""
        return self.issuer.partition("://")[2].rstrip("/")


def checked_address(url: str, what: str, *, plain_here: bool) -> str:
    """Return `url` if it is https with a host; with `plain_here` http to this machine will do. Raises ValueError."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{what} may hold no white space and nothing beyond ASCII")
    parts = urlsplit(url)
    is_plain_here = plain_here and parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or is_plain_here):
        raise ValueError(f"{what} has to begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(f"{what} may hold neither a password nor a fragment")
    _ = parts.port  # raises ValueError beyond 65535
    return url
