"""The JSON that the evtx library renders of one record, as a `Record`. The hot path of every import.

What the library does to a record and this undoes or accepts: positional Data come as one list; values of a number type
come as numbers, flags as true and false; GUIDs lose their braces (given back), times their seventh digit (lost);
several Data of one name come as several keys of that name, which a plain decoder would drop; several elements of one
name get _1, _2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from mailwitness.formats.event_xml import audit_of
from mailwitness.formats.interface import Record

NAME = "evtx"

_SUFFIX = re.compile(r"(.+)_[0-9]+", re.DOTALL)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_GUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_GUID_LENGTH = 36
_PADDED = re.compile(r"0x0+(?=[0-9a-f])")
_PADDED_LENGTHS = {10, 18}
_NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)
_ATTRIBUTES, _CONTENT = "#attributes", "#text"


class _Attributes(msgspec.Struct, gc=False):
    """The attributes of System's elements that a Record carries."""

    name: str = msgspec.field(name="Name", default="")
    system_time: str = msgspec.field(name="SystemTime", default="")
    activity_id: str | None = msgspec.field(name="ActivityID", default=None)
    user_id: str | None = msgspec.field(name="UserID", default=None)


class _Element(msgspec.Struct, gc=False):
    """An element with attributes, and its text where it has one."""

    attributes: _Attributes = msgspec.field(name=_ATTRIBUTES, default_factory=_Attributes)
    text: int | str | None = msgspec.field(name=_CONTENT, default=None)


class _System(msgspec.Struct, gc=False):
    provider: _Element | None = msgspec.field(name="Provider")
    event_id: int | str | _Element = msgspec.field(name="EventID")
    time: _Element = msgspec.field(name="TimeCreated")
    record_id: int | str | None = msgspec.field(name="EventRecordID", default=None)
    computer: str | None = msgspec.field(name="Computer", default=None)
    channel: str | None = msgspec.field(name="Channel", default=None)
    keywords: int | str | None = msgspec.field(name="Keywords", default=None)
    version: int | str | None = msgspec.field(name="Version", default=None)
    level: int | str | None = msgspec.field(name="Level", default=None)
    correlation: _Element | None = msgspec.field(name="Correlation", default=None)
    security: _Element | None = msgspec.field(name="Security", default=None)


class _Rendering(msgspec.Struct, gc=False):
    message: str | None = msgspec.field(name="Message", default=None)


_ABSENT = msgspec.Raw(b"null")


class _Event(msgspec.Struct, gc=False):
    system: _System = msgspec.field(name="System")
    event_data: msgspec.Raw = msgspec.field(name="EventData", default=_ABSENT)
    user_data: msgspec.Raw = msgspec.field(name="UserData", default=_ABSENT)
    error_data: msgspec.Raw = msgspec.field(name="ProcessingErrorData", default=_ABSENT)
    rendering: _Rendering | None = msgspec.field(name="RenderingInfo", default=None)


class _Document(msgspec.Struct, gc=False):
    event: _Event = msgspec.field(name="Event")


_decode = msgspec.json.Decoder(_Document).decode
_decode_any = msgspec.json.Decoder().decode


def record_of(rendered: str, offset: int) -> Record:
    """Return the record that `rendered` holds; `offset` is its place in the file.

    Raises ValueError where it lacks what a record must have (provider, event id, time) or is no JSON.
    """
    event = _decode(rendered).event
    system = event.system
    code = system.event_id
    if not isinstance(code, int):
        code = _number(code.text if isinstance(code, _Element) else code)
    record_id = system.record_id
    if isinstance(record_id, str):
        record_id = _number(record_id)
    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    data = None
    if event.event_data is not _ABSENT:
        names, values, data = _event_data(event.event_data)
    if event.user_data is not _ABSENT or event.error_data is not _ABSENT:
        names, values = _other_data(names, values, event)
    level, version = system.level, system.version
    return Record(
        format=NAME,
        offset=offset,
        provider="" if system.provider is None else system.provider.attributes.name,
        event_code=code,
        computer=system.computer or "",
        channel=system.channel or "",
        record_id=record_id,
        occurred_at=_instant(system.time.attributes.system_time),
        time_quality="exact",
        values=values,
        names=names,
        audit=None if system.keywords is None else _audit(str(system.keywords)),
        level=level if level is None or level.__class__ is int else _number(level),
        version=version if version is None or version.__class__ is int else _number(version),
        user_sid=None if system.security is None else system.security.attributes.user_id,
        message=None if event.rendering is None else event.rendering.message,
        data=data,
        related_activity=None if system.correlation is None else _braced(system.correlation.attributes.activity_id),
    )


def _instant(text: str) -> datetime:
    """Return the time, cut (not rounded) to microseconds, as Python's own parser does."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return at


def _number(value: int | str | None) -> int:
    if value is None:
        raise ValueError("a number is missing")
    return int(value)


def _braced(guid: str | None) -> str | None:
    return guid if guid is None or guid.startswith("{") else f"{{{guid}}}"


_audit = lru_cache(maxsize=256)(audit_of)


Data = tuple[tuple[str, ...], tuple[str, ...], bytes | None]


def _event_data(raw: msgspec.Raw) -> Data:
    """Return names, values and binary data of EventData."""
    content = _decode_any(raw)
    if content.__class__ is not dict:
        return (), () if content is None else (text_of(content),), None
    if bytes(raw).count(b'":') != len(content):
        return _unusual_event_data(bytes(raw))  # nested, positional, or a name given twice
    data = None
    if "Binary" in content and (content["Binary"] is None or _HEX.fullmatch(str(content["Binary"]))):
        data = bytes.fromhex(content.pop("Binary") or "") or None
    values = [v if v.__class__ is str else text_of(v) for v in content.values()]
    return tuple(content), tuple(_with_braces(values) if _GUID_LENGTH in map(len, values) else values), data


def _unusual_event_data(raw: bytes) -> Data:
    """Do the same, pair by pair."""
    names: list[str] = []
    values: list[str] = []
    data = None
    is_positional = False
    for name, value in _pairs(raw):
        if name == _ATTRIBUTES:
            continue
        if name == "Data" and isinstance(value, _Pairs):
            is_positional = True
            given = dict(value).get(_CONTENT)
            if isinstance(given, list):
                values.extend(text_of(v) for v in given)
            elif given:  # of one empty string and of none at all the library writes the same; none is usual
                values.append(text_of(given))
            names.extend([""] * (len(values) - len(names)))
        elif name == "Binary" and (value is None or (isinstance(value, str) and _HEX.fullmatch(value))):
            data = bytes.fromhex(value or "") or None
        else:
            for leaf, text in _leaves(name, value):
                names.append(leaf)
                values.append(text)
    if is_positional and not any(names):
        names = []
    return tuple(names), tuple(_with_braces(values) if names else values), data


def _with_braces(values: list[str]) -> list[str]:
    """Return the values of a manifest's event with GUIDs as Windows writes them."""
    return [f"{{{v}}}" if len(v) == _GUID_LENGTH and _GUID.fullmatch(v) else v for v in values]


def _other_data(names: tuple[str, ...], values: tuple[str, ...], event: _Event) -> tuple[tuple[str, ...], ...]:
    """Add what UserData and ProcessingErrorData say: the leaves below their elements."""
    leaves = list(zip(names, values, strict=False))
    for raw in (event.user_data, event.error_data):
        content = _pairs(bytes(raw))
        if isinstance(content, _Pairs):
            for name, value in _named(content):
                leaves.extend(_leaves(name, value))
    return tuple(name for name, _ in leaves), tuple(_with_braces([text for _, text in leaves]))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose keys may come twice."""


def _pairs(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(raw, object_pairs_hook=_Pairs)


def _named(content: _Pairs) -> Iterator[tuple[str, Any]]:
    """Yield the elements of an object under the names they have in the record: _1, _2 behind a twin are dropped."""
    present = {name for name, _ in content}
    for name, value in content:
        if name == _ATTRIBUTES:
            continue
        twin = _SUFFIX.fullmatch(name)
        yield (twin[1] if twin is not None and twin[1] in present else name), value


def _leaves(name: str, value: object) -> list[tuple[str, str]]:
    """Return the leaves under an element: their own names, or its name for its own text, empty where it has none."""
    if isinstance(value, _Pairs):
        return [
            leaf for inner, given in _named(value) for leaf in _leaves(name if inner == _CONTENT else inner, given)
        ] or [(name, "")]
    if isinstance(value, list):
        return [leaf for given in value for leaf in _leaves(name, given)]
    return [(name, text_of(value))]


def text_of(value: object) -> str:
    """Return a value as Windows writes it: nothing for null, true and false in small letters."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_first_reader(record: Record) -> Record:
    """Return a record that libevtx rendered with its values as evtx writes them: 0x3e7, six digits of a second."""
    return msgspec.structs.replace(record, values=tuple(_as_first_reader(v) for v in record.values))


def _as_first_reader(value: str) -> str:
    if value.startswith("0x"):
        return _PADDED.sub("0x", value) if len(value) in _PADDED_LENGTHS else value
    return value[:-4] + "Z" if _NANOSECONDS.fullmatch(value) else value
