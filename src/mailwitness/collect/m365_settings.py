"""Settings of a Microsoft 365 collector: which tenant, as which application, and how far back it looks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailwitness.errors import UsageError
from mailwitness.knowledge.m365_clouds import Cloud, CloudName, m365

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MAIL_CONTENTS = ("Audit.Exchange", "Audit.AzureActiveDirectory", "Audit.General")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant, and the application that reads its audit log.

    The application proves itself with a certificate (`certificate`: a PEM file with the private key and the
    certificate) or a secret (`secret_file`, or `secret_env`: the name of an environment variable). `overlap_minutes`
    and `relist_hours` are how far every look, and one look an hour, list again what was listed before: content turns
    up late. `management_url`, `graph_url` and `sign_in_url` replace the cloud's own (a proxy; tests).
    """

    name: str = "m365"
    tenant: str
    client: str
    cloud: CloudName = "worldwide"
    certificate: Path | None = None
    secret_file: Path | None = None
    secret_env: str | None = None
    contents: tuple[str, ...] = _MAIL_CONTENTS
    interval_seconds: float = 60.0
    overlap_minutes: float = 60.0
    relist_hours: float = 24.0
    publisher: str | None = None
    graph: bool = False
    """Query over Graph what the Management Activity API does not have any more; `backfill_days` of it at first."""
    backfill_days: float = 0.0
    query_services: tuple[str, ...] = ()
    """Graph's serviceFilters, one query each; none: everything the tenant logs."""
    ca: Path | None = None
    management_url: str | None = None
    graph_url: str | None = None
    sign_in_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for label, value in (("tenant", self.tenant), ("client", self.client), ("publisher", self.publisher)):
            if value is not None and not _GUID.fullmatch(value):
                raise ValueError(f"{label} is no GUID: {value!r}; copy it from Entra ID")
        for content in self.contents:
            if content not in m365().activity.contents:
                raise ValueError(f"{content!r} is no content of the feed; use {', '.join(m365().activity.contents)}")
        if sum(given is not None for given in (self.certificate, self.secret_file, self.secret_env)) != 1:
            raise ValueError(
                "how the application proves itself: give one of certificate, secret_file and secret_env, and one only"
            )
        for url in (self.management_url, self.graph_url, self.sign_in_url):
            if url is not None and not _is_safe(url):
                raise ValueError(f"{url} is not protected: write https://HOST")
        if self.graph and not self.endpoints.graph_audit_log:
            raise ValueError(f"{self.endpoints.title} does not offer audit log queries over Graph: leave graph out")
        if not 1 <= self.interval_seconds <= 3600 or min(self.overlap_minutes, self.relist_hours) < 0:  # noqa: PLR2004
            raise ValueError("interval_seconds is between 1 and 3600, overlap_minutes and relist_hours not below 0")

    @property
    def endpoints(self) -> Cloud:
        """Where the services of the tenant's cloud answer."""
        cloud = m365().clouds[self.cloud]
        return msgspec.structs.replace(
            cloud,
            management=(self.management_url or cloud.management).rstrip("/"),
            graph=(self.graph_url or cloud.graph).rstrip("/"),
            sign_in=(self.sign_in_url or cloud.sign_in).rstrip("/"),
        )


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class Certificate(msgspec.Struct, frozen=True):
    """A private key and the SHA-256 of its certificate: what Entra ID knows the application by."""

    key: RSAPrivateKey
    thumbprint: bytes

    def __repr__(self) -> str:
        """Never show the key."""
        return "Certificate(...)"


class Secret(msgspec.Struct, frozen=True):
    """A client secret."""

    value: str

    def __repr__(self) -> str:
        """Never show it."""
        return "Secret(...)"


def credential_of(settings: Settings) -> Certificate | Secret:
    """Read what the application proves itself with. Raises UsageError naming file or variable, never a value."""
    if settings.certificate is not None:
        return _certificate(settings.certificate)
    if settings.secret_env is not None:
        value = os.environ.get(settings.secret_env, "").strip()
        where = f"the environment variable {settings.secret_env}"
    else:
        where = str(settings.secret_file)
        value = _read(Path(where)).decode("utf-8", "replace").strip()
    if not value:
        raise UsageError("the client's secret is empty", where=where, remedy="make a new one in Entra ID")
    return Secret(value)


def _certificate(path: Path) -> Certificate:
    data = _read(path)
    try:
        key = load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (ValueError, TypeError) as cause:
        raise UsageError(
            "no private key (without a password) and certificate can be read",
            where=str(path),
            remedy="put both into one PEM file: cat key.pem certificate.pem",
        ) from cause
    if not isinstance(key, RSAPrivateKey):
        raise UsageError("the private key is no RSA key, which Entra ID asks for", where=str(path))
    if key.public_key() != certificate.public_key():
        raise UsageError("private key and certificate do not belong together", where=str(path))
    return Certificate(key, certificate.fingerprint(SHA256()))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as cause:
        raise UsageError(f"the file cannot be read: {cause.strerror}", where=str(path)) from cause
