"""The shapes in which collectors write a Windows event as JSON, each as a Record.

* Winlogbeat 7 and later: `winlog.*`, `event.code`; before: `event_id`, `event_data`, `log_name` at the top.
  `@timestamp` is the event's TimeCreated (the time of reading is event.created). Empty values are left out, unnamed
  ones are called param1, param2, ... by position, line ends are LF (elastic/beats, winlogbeat/sys/winevent).
* NXLog im_msvistalog and im_mseventlog: one flat object, Keywords signed. EventTime comes without a zone unless
  configured otherwise (docs.nxlog.co, im_msvistalog); @timestamp, if there, is a later hop's time.
* OpenWEC: Json (event.xsd's names), Raw JSON (the XML in `data`) and its imitation of NXLog (cea-sec/openwec,
  doc/formats.md). It leaves empty unnamed values out, so positions mean nothing: they come under the name "Data".

Where a shape carries the event's own XML, that is read: it is complete and in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
import orjson

from mailwitness.event import Place, Problem, TimeQuality
from mailwitness.formats.event_xml import NotAnEventError, audit_of, data_of_fragment, events_of, is_record_number
from mailwitness.formats.instants import parse_epoch, parse_iso
from mailwitness.formats.interface import Record

Object = dict[str, Any]


class Shape(msgspec.Struct, frozen=True):
    """One collector's shape: its parts of the event, each from the parsed object."""

    name: str
    code_key: bytes  # as it stands in the JSON: more than one of it and a second code could hide behind the first
    code: Callable[[Object], object]
    origin: Callable[[Object], tuple[object, object, object]]
    xml: Callable[[Object], object]
    record: Callable[[Object, int], Record]


def shape_of(event: Object) -> Shape | None:
    """Return the shape of a parsed JSON object, or None where it is no Windows event."""
    if isinstance(event.get("winlog"), dict):
        return WINLOGBEAT
    if "event_id" in event and ("event_data" in event or "log_name" in event):
        return WINLOGBEAT_6
    if "EventID" in event and ("SourceName" in event or "Channel" in event):
        return NXLOG
    system = event.get("System")
    if isinstance(system, dict) and "EventID" in system:
        return OPENWEC
    if isinstance(event.get("data"), str) and isinstance(event.get("meta"), dict) and "<Event" in event["data"][:200]:
        return OPENWEC_RAW
    return None


def code_of(event: Object, shape: Shape) -> int | None:
    """Return the event code, or None where it cannot be told before the record is read."""
    return number_of(shape.code(event))


def origin_of(event: Object, shape: Shape) -> tuple[str, str, int | None]:
    """Return computer, channel and record number, as far as they show."""
    computer, channel, number = shape.origin(event)
    number = number_of(number)
    return (
        computer if isinstance(computer, str) else "",
        channel if isinstance(channel, str) else "",
        number if number is not None and is_record_number(number) else None,
    )


def read(event: Object, shape: Shape, offset: int, where: Place) -> Iterator[Record | Problem]:
    """Yield the Record of an event, or the Problem it is."""
    xml = shape.xml(event)
    start = xml.find("<Event", 0, _PROLOG) if isinstance(xml, str) else -1
    if isinstance(xml, str) and start >= 0:
        message = next((event[key] for key in ("message", "Message") if isinstance(event.get(key), str)), None)
        for reading in events_of(xml[start:].encode("utf-8", "replace"), shape.name, offset, where):
            if isinstance(reading, Record) and reading.message is None and message:
                yield msgspec.structs.replace(reading, message=message)
            else:
                yield reading
        return
    try:
        yield shape.record(event, offset)
    except NotAnEventError as error:
        yield Problem(code="unparsable", where=where, expected=error.expected, found=error.found, records=1)


_PROLOG = 200
"""An XML declaration may stand before the event."""


def text_of(value: object) -> str:
    """Return a value as text: nothing for null, JSON for what is nested; raises NotAnEventError if too deep."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, integers beyond 64 bits, depth
        try:
            return json.dumps(value)
        except RecursionError:
            raise NotAnEventError("values that are not nested without end", type(value).__name__) from None


def number_of(value: object) -> int | None:
    """Return a whole number given as such or as its digits, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _UINT64_DIGITS:
        return int(value)
    return None


_UINT64_DIGITS = 20


def _code(value: object) -> int:
    code = number_of(value)
    if code is None or not 0 <= code < 1 << 32:
        raise NotAnEventError("an event code", value)
    return code


def _record_number(value: object) -> int | None:
    number = number_of(value)
    if number is not None and not is_record_number(number):
        raise NotAnEventError("a record number that a log can hold", value)
    return number


def _instant(*candidates: object) -> tuple[datetime, TimeQuality]:
    """Return the first of the given times that reads as one."""
    for candidate in candidates:
        at = None
        if isinstance(candidate, str):
            at = parse_iso(candidate)
        elif isinstance(candidate, int) and not isinstance(candidate, bool):
            at = parse_epoch(candidate)
        if at is not None:
            return at
    raise NotAnEventError("the event's time in ISO 8601", next((c for c in candidates if c is not None), None))


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def _optional(value: object) -> str | None:
    return text_of(value) or None


def _binary(value: object) -> bytes | None:
    """Return the bytes written in hexadecimal, or None where it is something else."""
    try:
        return bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        return None


_PARAM = re.compile(r"param([1-9][0-9]{0,3})", re.ASCII)


def _pairs(data: Object) -> tuple[tuple[str, ...], tuple[str, ...], bytes | None]:
    """Return names, values and binary of Winlogbeat's event_data; param1, param2, ... go back to their positions."""
    binary = _binary(data.get("Binary"))
    pairs = {n: text_of(v) for n, v in data.items() if not (n == "xml_name" or (n == "Binary" and binary is not None))}
    positions = {match[1]: value for name, value in pairs.items() if (match := _PARAM.fullmatch(name))}
    if positions and len(positions) == len(pairs):
        last = max(map(int, positions))
        return (), tuple(positions.get(str(i), "") for i in range(1, last + 1)), binary
    return tuple(pairs), tuple(pairs.values()), binary


def _keyword_audit(*words: object) -> Literal["success", "failure"] | None:
    """Return the outcome that event.outcome or the keywords' English names say."""
    for word in words:
        for each in word if isinstance(word, list) else (word,):
            if each in ("failure", "Audit Failure", "AUDIT_FAILURE"):
                return "failure"
            if each in ("success", "Audit Success", "AUDIT_SUCCESS"):
                return "success"
    return None


def _winlogbeat(event: Object, offset: int) -> Record:
    log, meta = event["winlog"], _object(event.get("event"))
    at, quality = _instant(log.get("time_created"), event.get("@timestamp"))
    names, values, binary = _pairs(_object(log.get("user_data") or log.get("event_data")))
    return Record(
        format=WINLOGBEAT.name,
        offset=offset,
        provider=text_of(log.get("provider_name") or meta.get("provider")),
        event_code=_code(_winlogbeat_code(event)),
        computer=text_of(log.get("computer_name")),
        channel=text_of(log.get("channel")),
        record_id=_record_number(log.get("record_id")),
        occurred_at=at,
        time_quality=quality,
        values=values,
        names=names,
        audit=_keyword_audit(meta.get("outcome"), log.get("outcome"), log.get("keywords")),
        version=number_of(log.get("version")),
        user_sid=_optional(_object(log.get("user")).get("identifier")),
        message=_optional(event.get("message")),
        data=binary,
        related_activity=_optional(log.get("activity_id")),
    )


def _winlogbeat_code(event: Object) -> object:
    code = event["winlog"].get("event_id")
    return _object(event.get("event")).get("code") if code is None else code


WINLOGBEAT = Shape(
    "winlogbeat",
    b"event_id",
    _winlogbeat_code,
    lambda e: (e["winlog"].get("computer_name"), e["winlog"].get("channel"), e["winlog"].get("record_id")),
    lambda e: _object(e.get("event")).get("original"),
    _winlogbeat,
)


def _winlogbeat_6(event: Object, offset: int) -> Record:
    at, quality = _instant(event.get("@timestamp"))
    names, values, binary = _pairs(_object(event.get("user_data") or event.get("event_data")))
    return Record(
        format=WINLOGBEAT_6.name,
        offset=offset,
        provider=text_of(event.get("source_name")),
        event_code=_code(event.get("event_id")),
        computer=text_of(event.get("computer_name")),
        channel=text_of(event.get("log_name")),
        record_id=_record_number(event.get("record_number")),
        occurred_at=at,
        time_quality=quality,
        values=values,
        names=names,
        audit=_keyword_audit(event.get("keywords")),
        version=number_of(event.get("version")),
        user_sid=_optional(_object(event.get("user")).get("identifier")),
        message=_optional(event.get("message")),
        data=binary,
        related_activity=_optional(event.get("activity_id")),
    )


WINLOGBEAT_6 = Shape(
    "winlogbeat",
    b"event_id",
    lambda e: e.get("event_id"),
    lambda e: (e.get("computer_name"), e.get("log_name"), e.get("record_number")),
    lambda e: e.get("xml"),
    _winlogbeat_6,
)

_NXLOG_OWN = frozenset(
    "AccountName AccountType ActivityID Category Channel Domain ERROR_EVT_UNRESOLVED EventID EventReceivedTime "
    "EventTime EventTimeWritten EventType EventXML ExecutionProcessID ExecutionThreadID FileName Hostname Keywords "
    "Level LevelValue Message MessageSourceAddress OpcodeValue Opcode ProviderGuid RecordNumber RelatedActivityID "
    "Severity SeverityValue SourceModuleName SourceModuleType SourceName Task TaskValue ThreadID TimeCreated UserID "
    "Version OpenWEC @timestamp @version host port tags type Binary Data UserData".split()
)
"""What NXLog and the hops behind it (Logstash, OpenWEC) write beside the event's own data."""


def _nxlog(event: Object, offset: int) -> Record:
    at, quality = _instant(event.get("EventTime"), event.get("TimeCreated"))
    names, values, binary = _nxlog_data(event)
    return Record(
        format=NXLOG.name,
        offset=offset,
        provider=text_of(event.get("SourceName")),
        event_code=_code(event.get("EventID")),
        computer=text_of(event.get("Hostname")),
        channel=text_of(event.get("Channel") or event.get("FileName")),
        record_id=_record_number(event.get("RecordNumber")),
        occurred_at=at,
        time_quality=quality,
        values=values,
        names=names,
        # Keywords first: an event's own field of the name EventType takes the place of NXLog's (Sysmon's does)
        audit=audit_of(text_of(event.get("Keywords"))) or _keyword_audit(event.get("EventType")),
        version=number_of(event.get("Version")),
        user_sid=_optional(event.get("UserID")),
        message=_optional(event.get("Message")),
        data=binary,
        related_activity=_optional(event.get("ActivityID")),
    )


def _nxlog_data(event: Object) -> tuple[tuple[str, ...], tuple[str, ...], bytes | None]:
    fields = [(name, text_of(value)) for name, value in event.items() if name not in _NXLOG_OWN]
    fields += _unplaced(event.get("Data")) + _user_data(event.get("UserData"))
    binary = _binary(event.get("Binary"))
    if binary is None and "Binary" in event:
        fields.append(("Binary", text_of(event["Binary"])))
    return tuple(name for name, _ in fields), tuple(value for _, value in fields), binary


def _unplaced(data: object) -> list[tuple[str, str]]:
    """Return OpenWEC's unnamed values. It drops the empty ones, so their positions are unknown: hence the name."""
    if data is None:
        return []
    return [("Data", text_of(value)) for value in (data if isinstance(data, list) else [data])]


def _user_data(fragment: object) -> list[tuple[str, str]]:
    """Return the leaves of UserData that OpenWEC keeps as a piece of XML; as one value where that does not parse."""
    if not isinstance(fragment, str):
        return []
    pairs = data_of_fragment(fragment)
    return [("UserData", fragment)] if pairs is None else pairs


NXLOG = Shape(
    "nxlog",
    b"EventID",
    lambda e: e.get("EventID"),
    lambda e: (e.get("Hostname"), e.get("Channel") or e.get("FileName"), e.get("RecordNumber")),
    lambda e: e.get("EventXML"),
    _nxlog,
)


def _openwec(event: Object, offset: int) -> Record:
    system, data = event["System"], _object(event.get("EventData"))
    at, quality = _instant(system.get("TimeCreated"))
    binary = _binary(data.get("Binary"))
    named = [(n, text_of(v)) for n, v in data.items() if n != "Data" and (n != "Binary" or binary is None)]
    fields = named + _unplaced(data.get("Data")) + _user_data(event.get("UserData"))
    provider = _object(system.get("Provider"))
    return Record(
        format=OPENWEC.name,
        offset=offset,
        provider=text_of(provider.get("Name") or provider.get("EventSourceName")),
        event_code=_code(system.get("EventID")),
        computer=text_of(system.get("Computer")),
        channel=text_of(system.get("Channel")),
        record_id=_record_number(system.get("EventRecordID")),
        occurred_at=at,
        time_quality=quality,
        values=tuple(value for _, value in fields),
        names=tuple(name for name, _ in fields),
        audit=audit_of(text_of(system.get("Keywords"))),
        level=number_of(system.get("Level")),
        version=number_of(system.get("Version")),
        user_sid=_optional(system.get("UserID")),
        message=_optional(_object(event.get("RenderingInfo")).get("Message")),
        data=binary,
        related_activity=_optional(_object(system.get("Correlation")).get("ActivityID")),
    )


OPENWEC = Shape(
    "openwec",
    b"EventID",
    lambda e: e["System"].get("EventID"),
    lambda e: (e["System"].get("Computer"), e["System"].get("Channel"), e["System"].get("EventRecordID")),
    lambda _: None,
    _openwec,
)
OPENWEC_RAW = Shape(
    "openwec", b"EventID", lambda _: None, lambda _: (None, None, None), lambda e: e["data"], lambda e, _: e["data"]
)
