"""CSV exports of cmdlets and portals: one ExportRecord a row, values as they are written, names from the first line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Place, Problem
from mailwitness.formats import csv_rows, event_csv
from mailwitness.formats.csv_rows import COLUMNS, BadRow, Row, Table
from mailwitness.formats.date_columns import day_first
from mailwitness.formats.interface import ExportRecord, Reading, Span, Wanted

NAME = "csv"
DOC = (
    "CSV exports of Exchange, PowerShell and Microsoft 365: any delimiter and encoding, `#TYPE` lines, JSON in fields."
)

_LONGEST_NAME = 120


def recognise(head: bytes, name: str) -> bool:
    """Return whether the file is a CSV with column names that is no export of Windows events."""
    table = csv_rows.layout(head, name)
    return table is not None and all(map(_may_name_a_column, table.columns)) and not event_csv.recognise(head, name)


def _may_name_a_column(text: str) -> bool:
    """Return whether `text` can name a column: prose that happens to hold commas is no CSV."""
    return len(text) <= _LONGEST_NAME and ". " not in text and not text.startswith(("# ", "//"))


def spans(path: Path) -> list[Span]:
    """Return the file as one range: a quoted field may hold any line."""
    return [Span(0, path.stat().st_size)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:  # noqa: ARG001 - one span, no event codes
    """Yield the rows of the file."""
    table = csv_rows.layout_of(path)
    top = Place(evidence=path.name, line=1)
    if table is None:
        yield Problem(code="unknown_format", where=top, expected="a line of column names", found="none", records=1)
        return
    if len(table.columns) > COLUMNS:
        yield Problem(
            code="limit", where=top, expected=f"at most {COLUMNS} columns", found=str(len(table.columns)), records=1
        )
        return
    orders = tuple((table.columns[index], first) for index, first in sorted(day_first(path, table).items()))
    is_told = False
    for row in csv_rows.rows(path, table):
        where = Place(evidence=path.name, line=row.line)
        if isinstance(row, BadRow):
            yield Problem(code=row.code, where=where, expected="a row", found=row.found, records=1)
        elif len(row.values) < len(table.columns) or any(row.values[len(table.columns) :]):
            yield Problem(
                code="damaged",
                where=where,
                expected=f"{len(table.columns)} values",
                found=f"{len(row.values)}",
                records=1,
            )
        else:
            if not is_told and (is_told := _holds_other_bytes(row)):
                yield Problem(
                    code="ambiguous",
                    where=where,
                    expected="UTF-8 or UTF-16",
                    found="bytes of another encoding, kept as they are (U+DC80 to U+DCFF)",
                )
            yield _record(row, table, orders)


def _holds_other_bytes(row: Row) -> bool:
    return any(not value.isascii() and any("\udc80" <= c <= "\udcff" for c in value) for value in row.values)


def _record(row: Row, table: Table, orders: tuple[tuple[str, bool], ...]) -> ExportRecord:
    return ExportRecord(
        format=NAME,
        offset=row.line,
        container="csv",
        shape=table.columns,
        fields=dict(zip(table.columns, row.values, strict=False)),
        day_first=orders,
    )
