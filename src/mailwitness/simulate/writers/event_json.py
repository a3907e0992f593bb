"""Write Windows records as JSON lines in the shapes of three collectors: Winlogbeat, NXLog and OpenWEC.

References: Winlogbeat's exported fields, NXLog's im_msvistalog fields, OpenWEC's doc/formats.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

from mailwitness.simulate.organisation import guid_of
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_xml import user_data_xml, xml_time
from mailwitness.simulate.writers.record_writer import RecordWriter

Shape = Literal["winlogbeat", "nxlog", "openwec"]
_SIGN = 1 << 63


def winlogbeat(record: WindowsRecord) -> dict[str, Any]:
    """Return the record as Winlogbeat 8 ships it: empty values dropped, unnamed ones as param1, param2, ..."""
    event: dict[str, Any] = {"code": str(record.event_code), "kind": "event", "provider": record.provider}
    if record.audit:
        event["outcome"] = record.audit
    shipped: dict[str, Any] = {
        "@timestamp": record.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": "8.11.1"},
        "winlog": _winlog(record),
        "event": event,
        "host": {"name": record.computer},
        "log": {"level": {2: "error", 3: "warning"}.get(record.level, "information")},
    }
    if record.message is not None:
        shipped["message"] = record.message
    return shipped


def _winlog(record: WindowsRecord) -> dict[str, Any]:
    names = record.names or tuple(f"param{i}" for i in range(1, len(record.values) + 1))
    data = {n: v for n, v in zip(names, record.values, strict=True) if v}
    keywords = {"success": ["Audit Success"], "failure": ["Audit Failure"], None: ["Classic"]}[record.audit]
    optional = {
        "provider_guid": record.provider_guid,
        "version": record.version,
        "user": {"identifier": record.user_sid} if record.user_sid else None,
        "activity_id": record.activity_id,
        "user_data": None if record.user_data is None else {"xml_name": record.user_data[0]} | data,
        "event_data": None if record.user_data is not None else data,
    }
    return {
        "api": "wineventlog",
        "channel": record.channel,
        "computer_name": record.computer,
        "event_id": str(record.event_code),
        "record_id": record.record_id,
        "provider_name": record.provider,
        "process": {"pid": record.process_id, "thread": {"id": record.thread_id}},
        "keywords": keywords,
    } | {name: value for name, value in optional.items() if value}


def nxlog(record: WindowsRecord) -> dict[str, Any]:
    """Return the record as NXLog's im_msvistalog writes it: flat, keywords signed, EventTime with offset."""
    keywords = record.keywords - (1 << 64 if record.keywords & _SIGN else 0)
    kind = {"success": "AUDIT_SUCCESS", "failure": "AUDIT_FAILURE"}.get(record.audit or "")
    severity = {2: "ERROR", 3: "WARNING"}.get(record.level, "INFO")
    row: dict[str, Any] = {
        "EventTime": record.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"),
        "Hostname": record.computer,
        "Keywords": keywords,
        "EventType": kind or severity,
        "SeverityValue": {"ERROR": 4, "WARNING": 3}.get(severity, 2),
        "Severity": severity,
        "EventID": record.event_code,
        "SourceName": record.provider,
        "Version": record.version,
        "Task": record.task,
        "OpcodeValue": record.opcode,
        "RecordNumber": record.record_id,
        "ExecutionProcessID": record.process_id,
        "ExecutionThreadID": record.thread_id,
        "Channel": record.channel,
    }
    if record.provider_guid:
        row["ProviderGuid"] = record.provider_guid.upper()
    if record.activity_id:
        row["ActivityID"] = record.activity_id.upper()
    if record.user_sid:
        row["UserID"] = record.user_sid
    if record.message is not None:
        row["Message"] = record.message
    row |= {n: v for n, v in zip(record.names, record.values, strict=False) if n not in row}
    return row | {"EventReceivedTime": row["EventTime"], "SourceModuleName": "in", "SourceModuleType": "im_msvistalog"}


def openwec(record: WindowsRecord) -> dict[str, Any]:
    """Return the record as OpenWEC's Json format has it: event.xsd's names, EventData in no order of its own."""
    provider = {"Name": record.provider} | ({"Guid": record.provider_guid} if record.provider_guid else {})
    system: dict[str, Any] = {
        "Provider": provider,
        "EventID": record.event_code,
        "Version": record.version,
        "Level": record.level,
        "Task": record.task,
        "Opcode": record.opcode,
        "Keywords": f"0x{record.keywords:x}",
        "TimeCreated": xml_time(record),
        "EventRecordID": record.record_id,
        "Correlation": {"ActivityID": record.activity_id} if record.activity_id else {},
        "Execution": {"ProcessID": record.process_id, "ThreadID": record.thread_id},
        "Channel": record.channel,
        "Computer": record.computer,
    }
    if record.qualifiers is not None:
        system["EventIDQualifiers"] = record.qualifiers
    if record.user_sid:
        system["UserID"] = record.user_sid
    event: dict[str, Any] = {"System": system}
    if record.user_data is not None:
        event["UserData"] = user_data_xml(record)
    elif record.names:
        event["EventData"] = dict(sorted(zip(record.names, record.values, strict=True)))
    elif record.values:
        event["EventData"] = {"Data": list(record.values)}
    if record.message is not None:
        event["RenderingInfo"] = {"Message": record.message, "Culture": "en-US"}
    event["OpenWEC"] = {
        "IpAddress": "192.0.2.10",
        "TimeReceived": record.occurred_at.isoformat(timespec="milliseconds"),
        "Principal": f"{record.computer.split('.')[0].upper()}$@EXAMPLE",
        "Subscription": {"Uuid": guid_of("subscription").upper(), "Version": "1", "Name": "all", "Uri": "/all"},
    }
    return event


_SHAPES: dict[Shape, Callable[[WindowsRecord], dict[str, Any]]] = {
    "winlogbeat": winlogbeat,
    "nxlog": nxlog,
    "openwec": openwec,
}


class EventJsonWriter(RecordWriter[WindowsRecord]):
    """Write one JSON object a line in the shape of one collector; a context manager."""

    def __init__(self, path: Path, shape: Shape) -> None:
        super().__init__(path)
        self._shape = _SHAPES[shape]
        self._file: BinaryIO = path.open("wb")

    def write(self, record: WindowsRecord) -> None:
        """Append a record."""
        self._file.write(orjson.dumps(self._shape(record)) + b"\n")
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()
