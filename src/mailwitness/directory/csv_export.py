"""CSV exports of a directory: csvde, and Get-ADObject, Get-ADUser and their like with Export-Csv. Rows to observations.

csvde writes a binary value as X'0105...' and several values with semicolons between them. Export-Csv writes of a
collection only the name of its type: such an export is never complete, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mailwitness.directory.export import Export
from mailwitness.directory.model import Origin
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.event import Place
from mailwitness.formats import csv_rows
from mailwitness.formats.csv_rows import BadRow, Row, Table
from mailwitness.knowledge.directory_objects import directory_objects
from mailwitness.knowledge.state_exports import export_of_columns

NAME = "directory_csv"
ORIGIN: Origin = "csv"
_CLASS = "objectclass"
_OF_RECIPIENTS = "recipienttype"
_BINARY = re.compile(r"X'((?:[0-9a-fA-F]{2})*)'")
_SEMICOLON = re.compile(r"(?<!\\);")
_WORDS = {"true": True, "false": False}
_SIGNED = 1 << 31


def recognise(head: bytes, name: str) -> bool:
    """Return whether a file begins like a directory's objects as CSV: their DNs and classes, no view of recipients."""
    table = csv_rows.layout(head, name)
    if table is None:
        return False
    columns = [column.casefold() for column in table.columns]
    is_of_recipients = any(column.startswith(_OF_RECIPIENTS) for column in columns)
    if is_of_recipients or export_of_columns(columns) is not None:  # Exchange's cmdlets write DNs and classes too
        return False
    return _dn_column(table) is not None and _CLASS in columns


def _dn_column(table: Table) -> int | None:
    names = {name.casefold() for name in directory_objects().csv.dn_columns}
    return next((number for number, column in enumerate(table.columns) if column.casefold() in names), None)


def read(path: Path, name: str, reader: SnapshotReader) -> Export:
    """Read the export at `path`, called `name`, into `reader`."""
    export = Export(reader)
    table = csv_rows.layout_of(path)
    dn_column = None if table is None else _dn_column(table)
    if table is None or dn_column is None:
        reader.note(Place(evidence=name, line=1), "unknown_format", "a line of column names", "none")
    else:
        _Rows(table, dn_column, name, reader, export).read(csv_rows.rows(path, table))
    export.finish()
    return export


class _Rows:
    """The rows of one file."""

    def __init__(self, table: Table, dn_column: int, name: str, reader: SnapshotReader, export: Export) -> None:
        known = directory_objects()
        self._table = table
        self._dn_column = dn_column
        self._name = name
        self._reader = reader
        self._export = export
        self._csv = known.csv
        properties = {said.casefold(): attribute for said, attribute in known.csv.properties.items()}
        self._attributes = [properties.get(column.casefold(), column) for column in table.columns]
        many = [each.attribute for each in known.names if each.form in ("texts", "sids")]
        many += [each.attribute for group in (known.links, known.settings) for each in group]
        self._many = {attribute.casefold() for attribute in [*many, _CLASS]}
        self._lost: set[str] = set()

    def read(self, rows: Iterator[Row | BadRow]) -> None:
        for row in rows:
            where = Place(evidence=self._name, line=row.line)
            if isinstance(row, BadRow):
                self._reader.note(where, row.code, "a row", row.found)
            elif len(row.values) != len(self._table.columns):
                expected = f"{len(self._table.columns)} values"
                self._reader.note(where, "damaged", expected, str(len(row.values)))
            elif not row.values[self._dn_column].strip():
                self._reader.note(where, "unparsable", "a DN", "none")
            else:
                self._reader.take(row.values[self._dn_column], self._values(row, where), row.line)

    def _values(self, row: Row, where: Place) -> dict[str, list[bytes]]:
        values: dict[str, list[bytes]] = {}
        words: dict[str, str] = {}
        for number, text in enumerate(row.values):
            attribute = self._attributes[number]
            if text in self._csv.lost:
                self._lose(attribute, text, where)
            elif number != self._dn_column:
                values[attribute] = self._split(attribute, text) if text else []
                words[attribute.casefold()] = text.strip().casefold()
        self._enabled(values, words)
        self._group_type(values, words)
        return values

    def _lose(self, attribute: str, text: str, where: Place) -> None:
        self._export.leave_out(f"the values of {attribute} were not exported, only the name of their type")
        if attribute not in self._lost:
            self._lost.add(attribute)
            self._reader.note(where, "unparsable", f"values of {attribute}", f"the name of their type, {text}", 0)

    def _split(self, attribute: str, text: str) -> list[bytes]:
        parts = [text]
        if attribute.casefold() in self._many:
            parts = [part.replace("\\;", ";").strip() for part in _SEMICOLON.split(text)]
        return [_bytes(part) for part in parts if part]

    def _enabled(self, values: dict[str, list[bytes]], words: dict[str, str]) -> None:
        """Put the cmdlets' Enabled where userAccountControl is missing: of its bits it tells this one."""
        said = _WORDS.get(words.get(self._csv.enabled.casefold(), ""))
        if said is not None and not words.get("useraccountcontrol"):
            values["userAccountControl"] = [b"0" if said else b"2"]

    def _group_type(self, values: dict[str, list[bytes]], words: dict[str, str]) -> None:
        """Put the cmdlets' GroupScope and GroupCategory where groupType is missing."""
        scopes = {word.casefold(): bits for word, bits in self._csv.group_scope.items()}
        bits = scopes.get(words.get("groupscope", ""))
        if bits is not None and not words.get("grouptype"):
            is_security = words.get("groupcategory") == "security"
            bits |= self._csv.security_group if is_security else 0
            values["groupType"] = [str(bits - 2 * _SIGNED if bits >= _SIGNED else bits).encode()]


def _bytes(text: str) -> bytes:
    match = _BINARY.fullmatch(text)
    return bytes.fromhex(match[1]) if match else text.encode("utf-8", "surrogateescape")
