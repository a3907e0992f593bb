"""How an answer is written: a table for people, JSON, JSON lines or CSV for programs. No logic."""

from __future__ import annotations

import csv
import io
import os
import sys
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailwitness.event import canonical, instant
from mailwitness.faces.text import for_json, for_spreadsheet, for_terminal


class Format(StrEnum):
    """The forms an answer can take."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


class Answer(msgspec.Struct, kw_only=True):
    """What a verb found: its items, and what was hidden, not covered or not proven beside them.

    `columns` name the fields a table shows, each with its heading; `notes` are sentences for people.
    """

    verb: str
    items: list[dict[str, Any]]
    columns: dict[str, str]
    hidden: dict[str, int] = msgspec.field(default_factory=dict)
    coverage: list[dict[str, Any]] = msgspec.field(default_factory=list)
    trail: dict[str, Any] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    more: dict[str, Any] = msgspec.field(default_factory=dict)

    def envelope(self) -> dict[str, Any]:
        """Return the JSON object of docs/json.md."""
        return {
            "verb": self.verb,
            **self.more,
            "items": self.items,
            "count": len(self.items),
            "hidden": self.hidden,
            "coverage": self.coverage,
            "trail": self.trail,
        }


def write(answer: Answer, form: Format) -> None:
    """Write `answer` to standard output in `form`."""
    if form is Format.json:
        _binary(dumps(answer.envelope(), indent=True))
    elif form is Format.jsonl:
        for item in answer.items:
            _binary(dumps(item))
    elif form is Format.csv:
        _binary(as_csv(answer).encode())
    else:
        _table(answer)


def dumps(value: object, *, indent: bool = False) -> bytes:
    """Return JSON with a final newline; lone surrogates are escaped as in entries (docs/event.md).

    Control and bidi characters are escaped as JSON allows, so that a terminal shows them and does not obey them.
    """
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        data = orjson.dumps(plain(value), option=option)
    except TypeError:
        data = orjson.dumps(orjson.loads(canonical(plain(value))), option=option)
    return data if data.isascii() and b"\x7f" not in data else for_json(data.decode()).encode()


def plain(value: object) -> object:
    """Return `value` of JSON's own types: times as text, tuples as lists, structs as objects without nulls."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, msgspec.Struct):
        return {name: plain(v) for name in value.__struct_fields__ if (v := getattr(value, name)) not in (None, ())}
    if isinstance(value, dict):
        return {str(name): plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(v) for v in value]
    return value


def as_csv(answer: Answer) -> str:
    """Return the items as CSV, with every field a column, inert in spreadsheets and on terminals."""
    names: dict[str, None] = dict.fromkeys(answer.columns)
    for item in answer.items:
        names.update(dict.fromkeys(item))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for item in answer.items:
        writer.writerow([for_spreadsheet(for_terminal(cell(item.get(name)))) for name in names])
    return out.getvalue()


def cell(value: object) -> str:
    """Return `value` as the text of one cell."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, list | tuple):
        return ", ".join(cell(v) for v in value)
    if isinstance(value, dict | msgspec.Struct):
        return dumps(value).decode().rstrip("\n")
    return str(value)


def _binary(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _table(answer: Answer) -> None:
    console = table_console()
    table = Table(show_edge=False, pad_edge=False, header_style="bold", expand=False)
    for name, heading in answer.columns.items():
        whole = name in _WHOLE
        table.add_column(heading, overflow="fold", no_wrap=whole, min_width=19 if name == "occurred_at" else None)
    for item in answer.items:
        table.add_row(*[Text(for_terminal(_short(item.get(name)))) for name in answer.columns])
    console.print(table)
    for note in answer.notes:
        console.print(Text(for_terminal(note)))


_WHOLE = frozenset({"occurred_at", "outcome", "strength", "event_code", "action"})
"""Columns that are not to be broken over lines."""
_WIDTH = 140


def table_console() -> Console:
    """Return where tables go: as wide as the terminal, and readable where there is none."""
    console = Console(soft_wrap=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console


def _short(value: object) -> str:
    """Times for people: whole seconds unless the record knows more is of no use in a table."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return cell(value)
