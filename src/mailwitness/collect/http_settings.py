"""The settings of the HTTP intake, table [intake.http], and the tokens that let senders in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mailwitness.collect.interface import BATCH_BYTES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sender's token: its name, the SHA-256 of its value, and where it may come from (everywhere if not said).

    The value is made by `mailwitness intake-token NAME` with 256 random bits, so a plain hash of it gives nothing away.
    """

    name: str
    sha256: str
    networks: list[str] = []

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a token: letters, digits, dots and hyphens")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is 64 lower-case hexadecimal digits: `mailwitness intake-token NAME` makes them")
        for network in self.networks:
            ipaddress.ip_network(network)

    def may_come_from(self, address: str) -> bool:
        """Return whether a sender at this address may use the token."""
        return is_from(address, self.networks)


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[intake.http]: where senders deliver, and what is taken.

    Beyond loopback it is served over TLS only, unless `plain_text` says that something before it does that. Sizes are
    bytes: `body_bytes` as it comes over the wire, `unpacked_bytes` after gzip, `waiting_bytes` of all requests at
    once. `elasticsearch_version` is what senders that look for an Elasticsearch are told; some refuse an older one
    than themselves.
    """

    name: str = "http"
    listen: str = "127.0.0.1:9200"
    certificate: Path | None = None
    certificate_key: Path | None = None
    client_ca: Path | None = None
    """Where senders have to show a certificate that this authority signed, beside their token."""
    plain_text: bool = False
    tokens: list[Token] = []
    body_bytes: int = 32 << 20
    unpacked_bytes: int = 48 << 20
    waiting_bytes: int = 128 << 20
    elasticsearch_version: str = "8.17.0"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_protection(self)
        if not self.tokens:
            raise ValueError("nobody could deliver: name a token (`mailwitness intake-token NAME` makes one)")
        if len({token.name for token in self.tokens}) < len(self.tokens):
            raise ValueError("two tokens have one name")
        if not 0 < self.body_bytes <= BATCH_BYTES or not 0 < self.unpacked_bytes <= BATCH_BYTES:
            raise ValueError(f"body_bytes and unpacked_bytes are 1 to {BATCH_BYTES}")
        if self.waiting_bytes < self.unpacked_bytes:
            raise ValueError("waiting_bytes is less than one request may have")
        if not re.fullmatch(r"\d{1,2}\.\d{1,3}\.\d{1,3}", self.elasticsearch_version):
            raise ValueError("elasticsearch_version is written like 8.17.0")


def new_token() -> tuple[str, str]:
    """Return a new token's value, for its sender, and the SHA-256 of it, for the settings."""
    value = secrets.token_urlsafe(32)
    return value, digest_of(value)


def digest_of(value: str) -> str:
    """Return what the settings hold of a token's value."""
    return hashlib.sha256(value.encode()).hexdigest()


def let_in(tokens: Sequence[Token], authorization: str, address: str) -> Token | None:
    """Return whose token an Authorization header carries, None where nobody's that may come from `address`.

    Read are `Bearer VALUE`, `Splunk VALUE`, `ApiKey base64(NAME:VALUE)` and `Basic base64(NAME:VALUE)`; Splunk's
    senders also give any name before the colon.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    name: str | None = None
    match scheme.lower():
        case "bearer" | "splunk":
            value = rest
        case "apikey" | "basic":
            try:
                name, _, value = base64.b64decode(rest, validate=True).decode().partition(":")
            except ValueError:  # no base64, or no UTF-8 in it
                return None
        case _:
            return None
    if not value:
        return None
    digest = digest_of(value)
    found: Token | None = None
    for token in tokens:  # all of them, so that the time taken tells nothing
        if hmac.compare_digest(token.sha256, digest):
            found = token
    if found is None or not found.may_come_from(address):
        return None
    return found if name in {None, found.name, "x", "splunk"} else None


def address_of(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[HOST]:PORT`. Raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError(f"{text!r} is no address: write 0.0.0.0:9200")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host's name or address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Listening(Protocol):
    """What the settings of every intake say of where it listens, and of what protects it there."""

    @property
    def listen(self) -> str:
        """HOST:PORT."""

    @property
    def certificate(self) -> Path | None:
        """The certificate it shows."""

    @property
    def certificate_key(self) -> Path | None:
        """The key of it."""

    @property
    def client_ca(self) -> Path | None:
        """The authority whose certificates senders have to show."""

    @property
    def plain_text(self) -> bool:
        """Whether others are served without TLS."""


def check_protection(intake: Listening) -> None:
    """Raise ValueError where an intake would listen at no address, or to others without protection."""
    host, _port = address_of(intake.listen)
    if (intake.certificate is None) is not (intake.certificate_key is None):
        raise ValueError("certificate and certificate_key belong together")
    if intake.client_ca is not None and intake.certificate is None:
        raise ValueError("client_ca needs certificate and certificate_key")
    if intake.certificate is None and not intake.plain_text and not is_loopback(host):
        raise ValueError("senders elsewhere need TLS: name certificate and certificate_key, or set plain_text")


def is_from(address: str, networks: Sequence[str]) -> bool:
    """Return whether a peer's address is in one of the networks, or no network is named."""
    if not networks:
        return True
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in ipaddress.ip_network(network) for network in networks)
