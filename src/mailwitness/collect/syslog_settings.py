"""The settings of the syslog intake, table [intake.syslog], and what protects it."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import msgspec

from mailwitness.collect.http_settings import check_protection, is_from
from mailwitness.collect.interface import BATCH_BYTES
from mailwitness.errors import UsageError
from mailwitness.formats.syslog_frames import MESSAGE_BYTES


class SyslogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[intake.syslog]: where senders connect over TCP, with TLS (RFC 5425) or, for this machine alone, without.

    `senders` are the addresses and networks that may connect, everybody if empty. `client_ca`: senders have to show a
    certificate that this authority signed. A batch is handed to the writer when it has `batch_bytes` or its first
    message has waited `batch_seconds`. `waiting_bytes` is what may wait of all connections; beyond it nothing is read.
    """

    name: str = "syslog"
    listen: str = "127.0.0.1:6514"
    certificate: Path | None = None
    certificate_key: Path | None = None
    client_ca: Path | None = None
    plain_text: bool = False
    """Serve others without TLS, because something before it does that."""
    senders: list[str] = []
    connections: int = 512
    message_bytes: int = MESSAGE_BYTES
    batch_bytes: int = 1 << 20
    batch_seconds: float = 1.0
    waiting_bytes: int = 128 << 20
    time_zone: str | None = None
    """IANA zone of times in the events that name none (NXLog's EventTime)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_protection(self)
        for network in self.senders:
            ipaddress.ip_network(network)
        if not 1 <= self.connections <= 10_000:  # noqa: PLR2004 - each is a socket
            raise ValueError("connections is 1 to 10000")
        if not 1 <= self.message_bytes <= MESSAGE_BYTES:
            raise ValueError(f"message_bytes is 1 to {MESSAGE_BYTES}")
        if not self.message_bytes <= self.batch_bytes <= BATCH_BYTES // 2 <= self.waiting_bytes:
            raise ValueError(f"message_bytes <= batch_bytes <= {BATCH_BYTES // 2} <= waiting_bytes")
        if not 0 < self.batch_seconds <= 60:  # noqa: PLR2004 - a minute
            raise ValueError("batch_seconds is above 0, 60 at most")

    def may_connect(self, address: str) -> bool:
        """Return whether a sender at this address is let in."""
        return is_from(address, self.senders)

    def tls(self) -> ssl.SSLContext | None:
        """Return what a connection is protected with, None for plain TCP. Raises UsageError for unusable files."""
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.certificate_key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the certificate cannot be used: {error}",
                where=f"{self.certificate}",
                remedy="name PEM files of certificate, key and authority in [intake.syslog]",
            ) from error
        return context
