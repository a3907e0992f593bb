"""The settings of alerts: where they go, and what is told at once. Destinations stand here and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from mailwitness.alerts.span import span_of
from mailwitness.rules.finding import Level

_ADDRESS = re.compile(r"[^@\s<>\"\r\n]+@[^@\s<>\"\r\n]+")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class _Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    minimum_level: Level = "low"
    """Cases below are only in the digest."""
    per_minute: int = 20
    """Alerts a minute at most; what comes beyond is told together as soon as there is room."""
    digest: bool = True
    """Whether the daily digest goes there as well."""

    def __post_init__(self) -> None:
        if self.per_minute < 1:
            raise ValueError("per_minute is at least 1")


class SmtpSettings(_Destination, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.smtp.NAME]: mail. `security` is starttls (required, not tried), tls, or none."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    to: list[str]
    user: str | None = None
    password_file: Path | None = None
    """A file with the password alone, readable by the service only."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    also_to: list[str] = []
    """Whom reports and questions to owners of mailboxes may reach beside `to`: addresses, or a whole `@domain`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.to:
            raise ValueError("to names nobody")
        whole = [f"all{each}" if each.startswith("@") else each for each in self.also_to]
        for address in [self.sender, *self.to, *whole]:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address")
        if (self.user is None) is not (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password goes over starttls or tls only")

    def reaches(self, address: str) -> bool:
        """Return whether mail may go to an address that somebody gives; alerts themselves go to `to` alone."""
        allowed = {each.casefold() for each in (*self.to, *self.also_to)}
        wanted = address.casefold()
        return bool(_ADDRESS.fullmatch(wanted)) and not allowed.isdisjoint({wanted, "@" + wanted.rpartition("@")[2]})


class HttpsSettings(_Destination, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every destination over HTTPS has. `url` may stand in a file: with Slack and Teams it is a secret."""

    url: str | None = None
    url_file: Path | None = None
    allow_private: bool = False
    """Whether the host may be in the organisation's own network (private addresses). Loopback and link-local too."""
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) is (self.url_file is None):
            raise ValueError("give either url or url_file")
        if self.url is not None:
            checked_url(self.url)


class WebhookSettings(HttpsSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.webhook.NAME]: the alert as JSON, signed with the secret in `secret_file`."""

    secret_file: Path


class SlackSettings(HttpsSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.slack.NAME]: an incoming webhook of Slack, or of what speaks its form (Mattermost, Rocket.Chat)."""


class TeamsSettings(HttpsSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.teams.NAME]: a workflow of Teams that posts an Adaptive Card."""


class SyslogSettings(_Destination, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.syslog.NAME]: CEF in RFC 5424, over TLS, TCP (octet counting) or UDP."""

    host: str
    port: int = 6514
    transport: Literal["tls", "tcp", "udp"] = "tls"
    ca_file: Path | None = None


class FileSettings(_Destination, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts.file.NAME]: one JSON object a line, appended."""

    path: Path


Destination = SmtpSettings | WebhookSettings | SlackSettings | TeamsSettings | SyslogSettings | FileSettings


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[alerts]. `console_url` is where cases can be opened; `group_within` what belongs to one case."""

    group_within: str = "1h"
    oldest: str = "7d"
    """Findings about older events open cases and stand in the digest; they are not told at once."""
    digest_at: str = "07:00"
    """When the daily digest goes out, UTC."""
    console_url: str | None = None
    watchlists: list[Path] = []
    smtp: dict[str, SmtpSettings] = {}
    webhook: dict[str, WebhookSettings] = {}
    slack: dict[str, SlackSettings] = {}
    teams: dict[str, TeamsSettings] = {}
    syslog: dict[str, SyslogSettings] = {}
    file: dict[str, FileSettings] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        span_of(self.group_within)
        span_of(self.oldest)
        if not _TIME.fullmatch(self.digest_at):
            raise ValueError(f"digest_at {self.digest_at!r} is no time of day: write 07:00")
        if self.console_url is not None:
            checked_url(self.console_url)

    def smtp_to(self, address: str) -> SmtpSettings | None:
        """Return the first mail destination that may reach an address, None where none may."""
        return next((each for each in self.smtp.values() if each.reaches(address)), None)

    def destinations(self) -> dict[str, Destination]:
        """Return every destination by its full name, `smtp.NAME` and so on."""
        tables: dict[str, dict[str, Destination]] = {
            "smtp": {**self.smtp},
            "webhook": {**self.webhook},
            "slack": {**self.slack},
            "teams": {**self.teams},
            "syslog": {**self.syslog},
            "file": {**self.file},
        }
        return {f"{kind}.{name}": one for kind, named in tables.items() for name, one in named.items()}


def as_path(kind: type, value: object) -> object:
    """Return a text of a configuration as the Path a setting wants: the `dec_hook` of msgspec.convert."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise NotImplementedError(f"no setting is a {kind.__name__}")


def checked_url(url: str) -> str:
    """Return `url` if it is https with a host and nothing else that could mislead. Raises ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("the address has to begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("the address may hold neither a password nor a fragment")
    if not url.isascii() or any(c.isspace() or ord(c) < ord(" ") for c in url):
        raise ValueError("the address may hold no white space and nothing beyond ASCII")
    _ = parts.port  # raises ValueError beyond 65535
    return url
