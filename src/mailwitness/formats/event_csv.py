"""Windows events as CSV: Event Viewer's "Save all events as", Get-WinEvent and Get-EventLog with Export-Csv.

None of them has the values of a record, only its text; Event Viewer's has no record number, channel or computer
either. Their times are locale dates without a zone (formats.locale_dates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from mailwitness.event import Place, Problem
from mailwitness.formats import csv_rows, encoded
from mailwitness.formats.csv_rows import BadRow, Row, Table
from mailwitness.formats.date_columns import day_first
from mailwitness.formats.event_xml import audit_of, is_record_number
from mailwitness.formats.interface import Reading, Record, Span, Wanted
from mailwitness.formats.locale_dates import parse
from mailwitness.formats.skips import Skips
from mailwitness.formats.windows_json import number_of

NAME = "event csv"
DOC = (
    "Windows events as CSV: Event Viewer's export, Get-WinEvent or Get-EventLog with Export-Csv. Text only, no values."
)

_VIEWER_COLUMNS = 5
_VIEWER_TIME, _VIEWER_SOURCE, _VIEWER_CODE, _VIEWER_TEXT = 1, 2, 3, 5


class _Kind(msgspec.Struct, frozen=True):
    """Which exporter wrote the file, told by its columns, and where the time and the code stand."""

    name: Literal["get-winevent", "get-eventlog", "viewer"]
    time: int
    code: int


def recognise(head: bytes, name: str) -> bool:
    """Return whether the file is a CSV of Windows events."""
    table = csv_rows.layout(head, name)
    return table is not None and _kind_of(table, head) is not None


def spans(path: Path) -> list[Span]:
    """Return the file as one range: a quoted field may hold any line."""
    return [Span(0, path.stat().st_size)]


def _kind_of(table: Table, head: bytes) -> _Kind | None:
    columns = {column: index for index, column in enumerate(table.columns)}
    if {"TimeCreated", "Id"} <= columns.keys() and columns.keys() & {"ProviderName", "LogName", "RecordId"}:
        return _Kind("get-winevent", columns["TimeCreated"], columns["Id"])
    if {"TimeGenerated", "EventID", "EntryType", "Source"} <= columns.keys():
        return _Kind("get-eventlog", columns["TimeGenerated"], columns["EventID"])
    if len(table.columns) == _VIEWER_COLUMNS and _is_viewer_row(table, head):
        return _Kind("viewer", _VIEWER_TIME, _VIEWER_CODE)
    return None


def _is_viewer_row(table: Table, head: bytes) -> bool:
    """Return whether the first row has one value more than the header: the text has no column name in any language."""
    text = encoded.head_as_utf8(head).decode("utf-8", "replace")
    lines = text.splitlines(keepends=True)[table.first_line - 1 :]
    row = csv_rows.first_row(lines, table.delimiter)
    return len(row) > _VIEWER_COLUMNS and row[_VIEWER_CODE].strip().isdigit()


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:  # noqa: ARG001 - there is one span
    """Yield the events of the file."""
    table = csv_rows.layout_of(path)
    with path.open("rb") as file:
        kind = None if table is None else _kind_of(table, file.read(1 << 16))
    if table is None or kind is None:
        yield Problem(
            code="unknown_format",
            where=Place(evidence=path.name, line=1),
            expected="the columns of an event export",
            found="others",
            records=1,
        )
        return
    reader = _READERS[kind.name]
    order = day_first(path, table, (kind.time,)).get(kind.time)
    skips = Skips()
    for row in csv_rows.rows(path, table):
        where = Place(evidence=path.name, line=row.line)
        if isinstance(row, BadRow):
            yield Problem(code=row.code, where=where, expected="a row", found=row.found, records=1)
        elif len(row.values) < len(table.columns):
            yield Problem(
                code="damaged",
                where=where,
                expected=f"{len(table.columns)} values",
                found=f"{len(row.values)}",
                records=1,
            )
        else:
            yield from _event(row, kind, reader, _Asked(table, order, wanted, skips), where)
        if skips.full:
            yield from skips.drain()
    yield from skips.drain()


class _Asked(msgspec.Struct, frozen=True):
    """What holds for every row of a file."""

    table: Table
    day_first: bool | None
    wanted: Wanted
    skips: Skips


_Fields = Callable[[Row, Table], dict[str, Any]]


def _event(row: Row, kind: _Kind, fields_of: _Fields, asked: _Asked, where: Place) -> Iterator[Record | Problem]:
    code = number_of(row.values[kind.code].strip())
    time = row.values[kind.time]
    if code is not None and not asked.wanted.has(code):
        fields = fields_of(row, asked.table)
        asked.skips.add(fields.get("computer", ""), fields.get("channel", ""), fields.get("record_id"))
        return
    at = parse(time, day_first=asked.day_first)
    if at is None:
        yield Problem(
            code="ambiguous",
            where=where,
            expected="a time whose order of day and month the file shows, or ISO 8601",
            found=repr(time[:80]),
            records=1,
        )
    elif code is None or code >= 1 << 32:
        yield Problem(
            code="unparsable", where=where, expected="an event code", found=repr(row.values[kind.code][:80]), records=1
        )
    else:
        given: dict[str, Any] = {"computer": "", "channel": "", "record_id": None} | fields_of(row, asked.table)
        yield Record(format=NAME, offset=row.line, event_code=code, occurred_at=at[0], time_quality=at[1], **given)


def _viewer(row: Row, table: Table) -> dict[str, Any]:  # noqa: ARG001 - one signature for all kinds
    return {
        "provider": row.values[_VIEWER_SOURCE].strip(),
        "audit": _AUDIT_WORDS.get(row.values[0].strip()),
        "message": _VIEWER_SEPARATOR.join(row.values[_VIEWER_TEXT:]),
    }


def _winevent(row: Row, table: Table) -> dict[str, Any]:
    cells = dict(zip(table.columns, row.values, strict=False))
    return {
        "provider": cells.get("ProviderName", ""),
        "computer": cells.get("MachineName", ""),
        "channel": cells.get("LogName", ""),
        "record_id": _record_number(cells.get("RecordId")),
        "audit": audit_of(cells.get("Keywords", "")) or _AUDIT_WORDS.get(cells.get("KeywordsDisplayNames", "")),
        "level": number_of(cells.get("Level")),
        "version": number_of(cells.get("Version")),
        "user_sid": cells.get("UserId") or None,
        "message": cells.get("Message"),
        "related_activity": _braced(cells.get("ActivityId")),
    }


def _eventlog(row: Row, table: Table) -> dict[str, Any]:
    cells = dict(zip(table.columns, row.values, strict=False))
    return {
        "provider": cells.get("Source", ""),
        "computer": cells.get("MachineName", ""),
        "record_id": _record_number(cells.get("Index")),
        "audit": _AUDIT_WORDS.get(cells.get("EntryType", "")),
        "message": cells.get("Message"),
    }


def _record_number(text: str | None) -> int | None:
    number = number_of(text)
    return number if number is not None and is_record_number(number) else None


def _braced(guid: str | None) -> str | None:
    return f"{{{guid}}}" if guid and not guid.startswith("{") else guid or None


_READERS: dict[str, _Fields] = {"viewer": _viewer, "get-winevent": _winevent, "get-eventlog": _eventlog}
_VIEWER_SEPARATOR = ","
_AUDIT_WORDS: dict[str, Literal["success", "failure"]] = {
    "Audit Success": "success",
    "Audit Failure": "failure",
    "SuccessAudit": "success",
    "FailureAudit": "failure",
}
"""What the English viewer and the EntryType enumeration say; other languages' words are left to the text."""
