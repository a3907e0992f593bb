"""The settings of the Kafka intake, table [intake.kafka]."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.errors import UsageError

_OWN = frozenset(
    "bootstrap.servers group.id enable.auto.commit enable.auto.offset.store auto.offset.reset isolation.level "
    "security.protocol ssl.ca.location ssl.certificate.location ssl.key.location sasl.mechanism sasl.mechanisms "
    "sasl.username sasl.password enable.partition.eof client.id allow.auto.create.topics plugin.library.paths "
    "ssl.engine.location ssl.providers".split()
)
"""What librdkafka is told by the settings themselves, and what would load other code."""

_QUIETLY: dict[str, str | int | bool] = {
    "log_level": 2,
    "reconnect.backoff.ms": 1000,
    "reconnect.backoff.max.ms": 30_000,
}
"""Brokers that are away are asked at ease; errors are heard by the collector, which says them in its heartbeat."""


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[intake.kafka]: which topics, from which brokers, as which group.

    With `tls` (the default) brokers are reached over TLS, their certificates checked by `ca` or the system's
    authorities; `certificate` and `certificate_key` are shown to them. `user` with `password_file` is SASL. `options`
    are further options of librdkafka. All who read for one trail share `group`; another trail takes another one.
    """

    name: str = "kafka"
    brokers: list[str]
    topics: list[str]
    group: str = "mailwitness"
    tls: bool = True
    ca: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    sasl: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    batch_messages: int = 5000
    batch_bytes: int = 16 << 20
    time_zone: str | None = None
    """IANA zone of times in the events that name none."""
    options: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not self.brokers or not self.topics:
            raise ValueError("brokers and topics name one each at least")
        if (self.certificate is None) is not (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together")
        if (self.user is None) is not (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if not self.tls and (self.ca is not None or self.certificate is not None):
            raise ValueError("ca and certificate need tls")
        if not self.tls and self.user is not None:
            raise ValueError("a password needs tls")
        for name in self.options:
            if name in _OWN:
                raise ValueError(f"options.{name} is not an option's to say")
        if not 1 <= self.batch_messages <= 100_000 or not 1 << 10 <= self.batch_bytes <= 32 << 20:  # noqa: PLR2004
            raise ValueError("batch_messages is 1 to 100000, batch_bytes 1024 to 33554432")

    def configuration(self) -> dict[str, str | int | bool]:
        """Return what librdkafka is told. Raises UsageError where the password cannot be read."""
        protocol = ("SASL_" if self.user is not None else "") + ("SSL" if self.tls else "PLAINTEXT")
        given: dict[str, str | int | bool] = {
            **_QUIETLY,
            **self.options,
            "bootstrap.servers": ",".join(self.brokers),
            "group.id": self.group,
            "client.id": f"mailwitness-{self.name}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "security.protocol": protocol,
        }
        files = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.certificate_key,
        }
        given |= {name: str(path) for name, path in files.items() if path is not None}
        if self.user is not None and self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as cause:
                raise UsageError("the password's file cannot be read", where=str(self.password_file)) from cause
            given |= {"sasl.mechanism": self.sasl, "sasl.username": self.user, "sasl.password": password}
        return given
