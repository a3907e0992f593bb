"""The values of an audit record, however a container writes them: words for numbers, JSON as text, times, addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from mailwitness.event import Outcome, TimeQuality
from mailwitness.formats.instants import in_zone, parse_iso
from mailwitness.formats.interface import ExportRecord
from mailwitness.formats.locale_dates import day_first_shown, parse
from mailwitness.knowledge.mailbox_operations import outcomes

_NOT_GIVEN = frozenset({"", "not available", "unknown", "<null>"})


class Fields:
    """Named values, looked up without regard to case; what is JSON in a text is read when it is asked for."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any], names: Mapping[str, str] | None = None) -> None:
        """Keep `values`; `names` says which spelling (in lower case) stands for which name."""
        self._values: dict[str, Any] = {}
        for key, value in values.items():
            name = key.casefold()
            if names is not None and name in names and names[name] not in self._values:
                self._values[names[name]] = value
            self._values.setdefault(name, value)

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._values

    def get(self, name: str) -> Any:  # noqa: ANN401 - any value a container can hold
        """Return the value as written, or None."""
        return self._values.get(name.casefold())

    def text(self, *names: str) -> str | None:
        """Return the first of these values that says something, as text without white space at its ends."""
        for name in names:
            value = self._values.get(name.casefold())
            if isinstance(value, bool | int):
                return str(value)
            if isinstance(value, str) and (text := value.strip()).casefold() not in _NOT_GIVEN:
                return text
        return None

    def table(self, name: str) -> Fields:
        """Return the names and values under `name`; empty if there are none."""
        value = structured(self.get(name))
        return Fields(value) if isinstance(value, dict) else _EMPTY

    def rows(self, name: str) -> Iterator[Fields]:
        """Yield the objects of the list under `name`."""
        value = structured(self.get(name))
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                yield Fields(row)

    def within(self, name: str, element: str) -> Iterator[Fields]:
        """Yield the objects under `name`, or those in its elements where it is XML: `<Name><Element .../></Name>`."""
        for row in self.rows(name):
            if element in row:
                yield from row.rows(element)
            else:
                yield row

    def pairs(self, name: str, value_name: str = "Value", element: str = "") -> Iterator[tuple[str, str]]:
        """Yield the names and values of a list of `{Name, Value}` under `name`."""
        for row in self.within(name, element):
            key = row.text("Name")
            if key is not None:
                value = row.get(value_name)
                yield key, value if isinstance(value, str) else "" if value is None else as_text(value)

    def __bool__(self) -> bool:
        return bool(self._values)


_EMPTY = Fields({})


def structured(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return `value`, read as JSON if it is a text that begins like an object or a list."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def as_text(value: object) -> str:
    """Return a value as one text: lists joined, structures as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "; ".join(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return str(value)


def number_of(value: str | None, words: Mapping[str, int]) -> int | None:
    """Return a number written as digits (also as 1.00) or as a word of `words`, or None."""
    if value is None:
        return None
    digits, point, rest = value.partition(".")
    if digits.isascii() and digits.isdigit() and len(digits) < 6 and not rest.strip("0"):  # noqa: PLR2004
        return int(digits)
    return words.get(value.replace(" ", "").casefold()) if not point else None


def outcome_of(text: str | None) -> Outcome:
    """Return what a result word of any container says."""
    return outcomes().get((text or "").casefold(), "unknown")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PORT = re.compile(r"\[?([0-9A-Fa-f:.]{2,45})\]?(?::\d{1,5})?\Z")


def address_of(text: str | None) -> str | None:
    """Return an IP address without its port and brackets in its one short form, or None if the text is none."""
    if text is None:
        return None
    bare = text.strip()
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        found = _PORT.match(bare)
    if found is None:
        return None
    try:
        return str(ipaddress.ip_address(found[1]))
    except ValueError:
        host, _colon, _port = bare.rpartition(":")
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return None


def utc_of(text: str | None) -> tuple[datetime, TimeQuality] | None:
    """Return a time the record defines as UTC, whether or not it says so by a Z, or None if it is no ISO 8601."""
    parsed = parse_iso(text) if text is not None else None
    if parsed is None:
        return None
    at, quality = parsed
    return at, "second" if at.microsecond == 0 or quality != "exact" else "exact"


_JSON_DATE = re.compile(r"/Date\((-?\d{1,15})\)/\Z")
"""How Windows PowerShell 5 writes a DateTime as JSON: milliseconds since 1970, in UTC."""


def moment_of(
    text: str | None, *, day_first: bool | None, time_zone: str | None
) -> tuple[datetime, TimeQuality] | None:
    """Return the time of a shell's export in UTC and what it is worth, or None where it cannot be told.

    A time that names no zone is the exporting shell's: it needs `time_zone` (an IANA name the user gave), and a date
    in a locale's digits needs the order that its column shows.
    """
    if text is None:
        return None
    ticks = _JSON_DATE.match(text)
    if ticks is not None:
        return _after_epoch(int(ticks[1]))
    parsed = parse(text, day_first=day_first_shown(text) if day_first is None else day_first)
    if parsed is None or parsed[1] != "zone_assumed":
        return parsed
    if time_zone is None:
        return None
    return in_zone(parsed[0], time_zone), "zone_assumed"


def _after_epoch(milliseconds: int) -> tuple[datetime, TimeQuality] | None:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds), "exact"
    except OverflowError:  # a time no calendar has
        return None


def order_of(record: ExportRecord, name: str) -> bool | None:
    """Return whether the day comes first in the dates of a column, as some row of the file shows."""
    return next((shown for column, shown in record.day_first if column.casefold() == name.casefold()), None)


def server_of(text: str | None) -> str | None:
    """Return the name of a server written with its version: `EX01 (15.01.2507.039)`."""
    return text.partition(" (")[0].strip() or None if text else None
