"""CSV as PowerShell, Exchange, Event Viewer and portals write it: any delimiter and encoding, `#TYPE` and `sep=` lines.

Fields may span lines and hold whole JSON documents; a field, a line and the number of columns are bounded. A quote
that never closes costs its own row: reading goes on behind the line where it opened.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from mailwitness.event import ProblemCode
from mailwitness.formats import encoded

FIELD_BYTES = 16 << 20
COLUMNS = 10_000
DELIMITERS = ",;\t|"
_REWINDS = 64
"""How often a row is read again from its second line: each may cost a field's limit, so not without end."""
_REWIND_LINES = 100_000
_NO_NAME = re.compile(r"[={}<>]")
_LETTER = re.compile(r"[^\W\d]")
_NAME_CHARACTERS = 256
_FIELDS = "#Fields:"
_LDIF = re.compile(r"(?:dn::? |version: \d|# extended LDIF)", re.IGNORECASE)


class Table(msgspec.Struct, frozen=True):
    """How a CSV file is laid out: its delimiter, its columns, and the line its first row stands on."""

    delimiter: str
    columns: tuple[str, ...]
    first_line: int
    type_name: str = ""  # what the #TYPE line says


class Row(msgspec.Struct, frozen=True):
    """One row and the line it begins on."""

    line: int
    values: list[str]


class BadRow(msgspec.Struct, frozen=True):
    """Lines that are no row, and why."""

    line: int
    code: ProblemCode
    found: str


def layout(head: bytes, name: str) -> Table | None:
    """Return the layout that the head of a file shows, or None where it is no CSV with a line of column names."""
    text = encoded.head_as_utf8(head).decode("utf-8", "replace")
    if not text or text.lstrip().startswith(("<", "{", "[")) or _LDIF.match(text):
        return None
    delimiter, type_name = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if "\x00" in line:  # up to the names only: a value must not make the file unreadable
            return None
        if line.startswith("#TYPE "):
            type_name = line.removeprefix("#TYPE ").strip().strip('"')
        elif line[:4].lower() == "sep=" and len(line.rstrip()) <= len("sep=;"):
            delimiter = line[4:5]
        elif line.startswith("#") and not line.startswith(_FIELDS):
            continue
        elif line.strip():
            named = line.removeprefix(_FIELDS).strip() if line.startswith(_FIELDS) else line
            return _table(named, delimiter, number, type_name, name)
    return None


def _table(line: str, delimiter: str, number: int, type_name: str, name: str) -> Table | None:
    options = []
    for candidate in delimiter or DELIMITERS:
        try:
            options.append((candidate, next(csv.reader([line], delimiter=candidate), [])))
        except csv.Error:
            continue
    if not options:
        return None
    delimiter, columns = max(options, key=lambda option: len(option[1]))
    if not _are_names(columns) or (len(columns) == 1 and not name.lower().endswith(".csv")):
        return None
    return Table(delimiter, tuple(_distinct([column.strip() for column in columns])), number + 1, type_name)


def _are_names(columns: list[str]) -> bool:
    return any(columns) and all(not column or _is_name(column) for column in columns)


def _is_name(column: str) -> bool:
    return len(column) <= _NAME_CHARACTERS and not _NO_NAME.search(column) and _LETTER.search(column) is not None


def _distinct(columns: list[str]) -> list[str]:
    """Return the names with (2), (3) behind those that come again, so that no value of theirs is lost."""
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if seen[column] == 1 else f"{column} ({seen[column]})")
    return names


def first_row(lines: Iterable[str], delimiter: str) -> list[str]:
    """Return the first row of some lines, or an empty one where there is none or it is damaged."""
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def layout_of(path: Path) -> Table | None:
    """Return the layout of the file at `path`."""
    with path.open("rb") as file:
        return layout(file.read(1 << 20), path.name)


def rows(path: Path, table: Table) -> Iterator[Row | BadRow]:
    """Yield the rows of a file behind its line of names, in order."""
    csv.field_size_limit(FIELD_BYTES)
    with encoded.open_utf8(path) as stream:
        lines = _Lines(stream)
        for _ in range(table.first_line - 1):
            lines.skip()
        yield from _rows(lines, csv.reader(lines, delimiter=table.delimiter, strict=True))


def _rows(lines: _Lines, reader: Iterator[list[str]]) -> Iterator[Row | BadRow]:
    rewinds = 0
    while True:
        lines.begin_row()
        line = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            code: ProblemCode = "limit" if "limit" in str(error) else "damaged"
            yield BadRow(line, code, f"no CSV: {error}")
            if lines.number > line and rewinds < _REWINDS:
                rewinds += 1
                lines.rewind()
        except _LineTooLongError:
            yield BadRow(line, "limit", f"a line of more than {FIELD_BYTES} bytes")
        else:
            if values:
                yield Row(line, values)


class _LineTooLongError(Exception):
    pass


class _Lines:
    """The lines of a stream, counted, of bounded length; those of the row at hand can be read again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = encoded.lines(stream, FIELD_BYTES)
        self._again: list[str] = []
        self._taken: list[str] = []
        self.number = 0
        self.row_lines = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._read()
        self.number += 1
        self.row_lines += 1
        if line is None:
            raise _LineTooLongError
        if self.row_lines <= _REWIND_LINES:
            self._taken.append(line)
        return line

    def _read(self) -> str | None:
        line = next(self._lines)
        return None if isinstance(line, int) else line.decode("utf-8", "surrogateescape")

    def skip(self) -> None:
        """Pass over one line."""
        try:
            next(self)
        except (StopIteration, _LineTooLongError):
            return

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._taken.clear()
        self.row_lines = 0

    def rewind(self) -> None:
        """Give the lines of this row again, its first one excepted, if they are not too many to have been kept."""
        if self.row_lines <= _REWIND_LINES:
            self._again.extend(reversed(self._taken[1:]))
            self.number -= len(self._taken) - 1
