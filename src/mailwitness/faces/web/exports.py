"""What a search shows, as a file: CSV inert in spreadsheets, JSON lines that are exact, XLSX without formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

import orjson
from starlette.responses import Response

from mailwitness.event import instant
from mailwitness.faces.text import for_spreadsheet, for_terminal
from mailwitness.faces.views.change import ChangeItem
from mailwitness.faces.views.people import Named
from mailwitness.faces.views.search import EXPORTED, RecordLine, SearchView
from mailwitness.faces.web.page import Refused

EXPORTS = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CELL = 32_767
"""Characters a cell of XLSX holds."""
_CHANGE = ("occurred_at", "actor", "what", "target", "trustee", "rights", "outcome", "through", "proof", "change_id")
_RECORD = (
    "occurred_at",
    "actor",
    "what",
    "where",
    "trustee",
    "rights",
    "outcome",
    "client",
    "source",
    "code",
    "event_id",
    "leaf",
)


def export_of(form: str, view: SearchView) -> Response:
    """Return the rows of a search as a file. Raises Refused where there are more than can be given."""
    is_changes = not view.records and bool(view.changes) and view.record_count == 0
    total = view.change_count if is_changes else view.record_count
    if total > EXPORTED:
        raise Refused(413, f"{total} rows are more than {EXPORTED}.", "Narrow the search by time, kind or name.")
    columns, rows = (_CHANGE, view.changes) if is_changes else (_RECORD, view.records)
    data = {"csv": _csv, "jsonl": _jsonl, "xlsx": _xlsx}[form](columns, list(_cells(columns, rows)))
    name = f"mailwitness-{view.as_of.size}-{view.as_of.root[:8]}.{form}"
    return Response(data, media_type=EXPORTS[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _cells(
    columns: tuple[str, ...], rows: tuple[ChangeItem, ...] | tuple[RecordLine, ...]
) -> Iterator[list[str | int]]:
    for row in rows:
        yield [_cell(getattr(row, name)) for name in columns]


def _cell(value: object) -> str | int:
    if isinstance(value, Named):
        return value.text
    if isinstance(value, datetime):
        return instant(value)
    return value if isinstance(value, int) else str(value)


def _csv(columns: tuple[str, ...], rows: list[list[str | int]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([for_spreadsheet(for_terminal(str(cell))) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "backslashreplace")


def _jsonl(columns: tuple[str, ...], rows: list[list[str | int]]) -> bytes:
    return b"".join(
        orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in rows
    )


def _xlsx(columns: tuple[str, ...], rows: list[list[str | int]]) -> bytes:
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise Refused(
            501, "XLSX needs xlsxwriter, which is not installed.", "pip install 'mailwitness[reports]', or take CSV."
        ) from cause
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("Search")
        bold = book.add_format({"bold": True})
        sheet.write_row(0, 0, columns, bold)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, 22)
        for number, row in enumerate(rows, 1):
            for place, cell in enumerate(row):
                if isinstance(cell, int):
                    sheet.write_number(number, place, cell)
                else:
                    sheet.write_string(number, place, for_spreadsheet(for_terminal(cell))[:CELL])
    return out.getvalue()
