"""Reading the configuration of a service: TOML in which everything unknown is refused, naming file, line and key."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from mailwitness.alerts.settings import (
    AlertSettings,
    FileSettings,
    SlackSettings,
    SmtpSettings,
    SyslogSettings,
    TeamsSettings,
    WebhookSettings,
)
from mailwitness.errors import UsageError
from mailwitness.service.report_settings import ReportSettings, out_of_reach
from mailwitness.service.settings import (
    Collection,
    ConsoleSettings,
    RetentionSettings,
    RuleSettings,
    ServiceConfig,
    ServiceSettings,
    SilenceSettings,
)
from mailwitness.service.toml_places import Place, places

T = TypeVar("T")

SIZE_LIMIT = 1 << 20
COLLECTORS: dict[str, str] = {
    "folder": "mailwitness.collect.folder",
    "http": "mailwitness.collect.http_intake",
    "syslog": "mailwitness.collect.syslog",
    "m365": "mailwitness.collect.m365",
    "directory": "mailwitness.collect.directory_follow",
    "kafka": "mailwitness.collect.kafka",
}
"""Tables below [intake], and the module each kind of collector is; imported only where one is configured."""
_TABLES = ("service", "intake", "rules", "alerts", "silence", "retention", "reports", "console")
_DESTINATIONS: dict[str, type[msgspec.Struct]] = {
    "smtp": SmtpSettings,
    "webhook": WebhookSettings,
    "slack": SlackSettings,
    "teams": TeamsSettings,
    "syslog": SyslogSettings,
    "file": FileSettings,
}
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_WITHIN = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def load_config(path: Path) -> ServiceConfig:
    """Read a configuration. Raises UsageError that names file, line and key where something cannot be used."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        text = data.decode()
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"the configuration cannot be read: {cause}", where=str(path)) from cause
    except tomllib.TOMLDecodeError as cause:
        raise UsageError(f"the configuration is no TOML: {cause}", where=str(path)) from cause
    if len(data) > SIZE_LIMIT:
        raise UsageError("the configuration is larger than 1 MiB", where=str(path))
    return _Reader(path, text).config(tables)


class _Reader:
    """One configuration being read."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._places = places(text)

    def config(self, tables: dict[str, Any]) -> ServiceConfig:
        for name in tables:
            if name not in _TABLES:
                raise self._refused((name,), f"there is no table [{name}]; there are {', '.join(_TABLES)}")
        if "service" not in tables:
            raise UsageError("the table [service] is missing", where=str(self._path))
        console = self._table(tables, "console")
        alerts = self._alerts(self._table(tables, "alerts"))
        return ServiceConfig(
            path=self._path,
            service=self._read(("service",), tables["service"], ServiceSettings),
            collections=tuple(self._collections(self._table(tables, "intake"))),
            rules=self._read(("rules",), self._table(tables, "rules"), RuleSettings),
            alerts=alerts,
            reports=self._reports(self._table(tables, "reports"), alerts),
            silence=self._read(("silence",), self._table(tables, "silence"), SilenceSettings),
            retention=self._read(("retention",), self._table(tables, "retention"), RetentionSettings),
            console=self._read(("console",), console, ConsoleSettings),
            console_table=console,
        )

    def _table(self, tables: dict[str, Any], name: str, *above: str) -> dict[str, Any]:
        value = tables.get(name, {})
        if not isinstance(value, dict):
            raise self._refused((*above, name), f"{'.'.join((*above, name))} is a table")
        return value

    def _alerts(self, table: dict[str, Any]) -> AlertSettings:
        for kind, settings in _DESTINATIONS.items():
            for name, one in self._table(table, kind, "alerts").items():
                self._named(("alerts", kind, name))
                self._read(("alerts", kind, name), one, settings)  # one by one: the message names the destination
        return self._read(("alerts",), table, AlertSettings)

    def _reports(self, table: dict[str, Any], alerts: AlertSettings) -> dict[str, ReportSettings]:
        found = {}
        for name, one in table.items():
            place = ("reports", name)
            self._named(place)
            found[name] = self._read(place, one, ReportSettings)
            if (address := out_of_reach(found[name], alerts)) is not None:
                said = f"no [alerts.smtp.NAME] may reach {address!r}: name it in its `to` or `also_to`"
                raise self._refused((*place, "mail_to"), said)
        return found

    def _collections(self, table: dict[str, Any]) -> list[Collection]:
        found = []
        for kind in table:
            if kind not in COLLECTORS:
                raise self._refused(
                    ("intake", kind), f"there is no collector {kind}; there are {', '.join(COLLECTORS)}"
                )
            settings = self._collector(kind).settings
            one = self._table(table, kind, "intake")
            named: list[tuple[Place, Any]] = [((kind,), one)]
            if one and all(isinstance(value, dict) for value in one.values()):
                named = [((kind, name), value) for name, value in one.items()]
            for place, value in named:
                self._named(("intake", *place))
                name = ".".join(place)
                if "name" in settings.__struct_fields__ and isinstance(value, dict):
                    value = {"name": name, **value}  # noqa: PLW2901 - what is written wins
                read = self._read(("intake", *place), value, settings)
                found.append(Collection(kind=kind, name=getattr(read, "name", name), settings=read))
        twice = {one.name for one in found if [other.name for other in found].count(one.name) > 1}
        if twice:
            raise self._refused(("intake",), f"two collectors have the name {min(twice)}")
        return found

    def _collector(self, kind: str) -> ModuleType:
        return collector_module(kind, f"{self._path}, line {self._line(('intake', kind))}")

    def _named(self, place: Place) -> None:
        if not _NAME.fullmatch(place[-1]):
            raise self._refused(place, f"{place[-1]!r} is no name: letters, digits, dots, hyphens and underscores")

    def _read(self, place: Place, value: object, kind: type[T]) -> T:
        folder = self._path.absolute().parent

        def hook(wanted: type, given: object) -> object:
            if wanted is Path and isinstance(given, str) and given:
                return folder / given  # from the configuration on, so that it says the same wherever it is read
            raise ValueError(f"{given!r} is no {wanted.__name__.lower()}")

        try:
            return msgspec.convert(value, kind, dec_hook=hook)
        except msgspec.ValidationError as cause:
            raise self._invalid(place, str(cause)) from cause

    def _invalid(self, place: Place, said: str) -> UsageError:
        """Return the error, with the place that msgspec's message tells and without its notation."""
        within = _WITHIN.search(said)
        said = said[: within.start()] if within else said
        if within:
            place = (*place, *[part for part in re.split(r"[.\[\]]+", within["path"]) if part and not part.isdigit()])
        place = tuple(part for part in place if part != "...")
        if unknown := _UNKNOWN.search(said):
            return self._refused((*place, unknown["name"]), "there is no such setting")
        if missing := _MISSING.search(said):
            return self._refused(place, f"{missing['name']} is missing")
        return self._refused(place, said)

    def _refused(self, place: Place, said: str) -> UsageError:
        return UsageError(
            f"{'.'.join(place)}: {said}", where=f"{self._path}, line {self._line(place)}", remedy="see docs/operate.md"
        )

    def _line(self, place: Place) -> int:
        while place and place not in self._places:
            place = place[:-1]
        return self._places.get(place, 1)


def collector_module(kind: str, where: str = "") -> ModuleType:
    """Return the module of a kind of collector. Raises UsageError where what it needs is not installed."""
    try:
        return importlib.import_module(COLLECTORS[kind])
    except ModuleNotFoundError as cause:
        extra = {"directory": "directory", "kafka": "kafka"}.get(kind, "live")
        raise UsageError(
            f"the collector {kind} needs {cause.name}, which is not installed",
            where=where,
            remedy=f"pip install 'mailwitness[{extra}]', or make setup-service",
        ) from cause
