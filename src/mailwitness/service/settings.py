"""The settings of a service, table by table. What a collector takes is its own module's to say."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from mailwitness.alerts.settings import AlertSettings, checked_url
from mailwitness.alerts.span import span_of
from mailwitness.collect.http_settings import address_of, is_loopback
from mailwitness.service.oidc_settings import OidcSettings
from mailwitness.service.report_settings import ReportSettings

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[service]: the trail, its key, and how the parts run."""

    trail: Path
    key: Path | None = None
    """The private key, where it is not in the place that `init` noted."""
    readers: int = 2
    """Processes that read evidence."""
    monitor: str = "127.0.0.1:9464"
    """Where /metrics, /health/live and /health/ready are served; empty: nowhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    collector_user: str | None = None
    detector_user: str | None = None
    console_user: str | None = None
    """OS users of the parts that do not hold the key. The supervisor has to start as root for that."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 1 <= self.readers <= 64:  # noqa: PLR2004 - as `import --workers`
            raise ValueError("readers is 1 to 64")
        if self.monitor:
            address_of(self.monitor)
        for user in (self.collector_user, self.detector_user, self.console_user):
            if user is not None and not _USER.fullmatch(user):
                raise ValueError(f"{user!r} is no user's name")


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[rules]: which rules run."""

    folders: list[Path] = []
    builtin: bool = True
    switched_off: list[str] = []
    """Ids of rules that do not run."""
    analyses_every: str = "5m"
    """How often the rules on patterns of use and on silent hosts run: they look further back, and cost more."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        span_of(self.analyses_every)


class SilenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[silence]: how long a source may bring nothing before that is a finding. `off` for one that may be silent."""

    default: str = "24h"
    sources: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for text in (self.default, *self.sources.values()):
            if text != "off":
                span_of(text)

    def longest(self, name: str) -> timedelta | None:
        """Return how long a source may be silent, None where it may be for ever."""
        text = self.sources.get(name, self.default)
        return None if text == "off" else span_of(text)


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[retention]: months of events that are kept beyond the current one. Absent: everything is kept."""

    months: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.months is not None and not 1 <= self.months <= 1200:  # noqa: PLR2004 - a century
            raise ValueError("months is 1 to 1200")


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[console]: where it is served. Beyond loopback only over TLS. Further keys are the console's own."""

    enabled: bool = True
    bind: str = "127.0.0.1"
    port: int = 8443
    certificate: Path | None = None
    certificate_key: Path | None = None
    url: str | None = None
    """As people reach it, behind a proxy for example."""
    oidc: OidcSettings | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if (self.certificate is None) is not (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together")
        if self.enabled and self.certificate is None and not is_loopback(self.bind):
            raise ValueError("a console that others reach needs certificate and certificate_key")
        if self.url is not None:
            checked_url(self.url)


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """One collector that runs: its kind, its name, and the settings its module takes."""

    kind: str
    name: str
    settings: Any


class ServiceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration, checked."""

    path: Path
    service: ServiceSettings
    collections: tuple[Collection, ...] = ()
    rules: RuleSettings = RuleSettings()
    alerts: AlertSettings = AlertSettings()
    silence: SilenceSettings = SilenceSettings()
    retention: RetentionSettings = RetentionSettings()
    reports: dict[str, ReportSettings] = {}
    console: ConsoleSettings = ConsoleSettings()
    console_table: dict[str, Any] = {}
    """[console] as it is written, for what the console itself takes from it."""
