"""Reports for programs and spreadsheets: JSON, which is exact, and CSV and XLSX, which are inert."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from mailwitness.errors import UsageError
from mailwitness.event import instant
from mailwitness.faces.output import dumps
from mailwitness.faces.reports.report import Report, Section
from mailwitness.faces.reports.seal import ZEROS
from mailwitness.faces.text import for_spreadsheet, for_terminal

CELL = 32_767
"""Characters a cell of XLSX holds."""
SHEET_ROWS = 1_000_000
"""Rows of a sheet we fill; XLSX ends at 1,048,576."""


def head_lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what stands before the tables of every form: name and text."""
    checkpoint = report.checkpoint
    yield "Report", report.title
    yield "Period", report.period
    yield "Verdict", report.verdict
    yield "Checkpoint", checkpoint_line(report)
    yield "Made", f"{report.made_at:%Y-%m-%d %H:%M:%S} UTC by {report.made_by}"
    yield "Query", "; ".join(f"{name} = {value}" for name, value in report.query.items())
    yield "Check", f"mailwitness report verify FILE --trail TRAIL (log {checkpoint.origin})"
    for line in (*report.said, *report.coverage):
        yield "Note", line
    for line in report.blind:
        yield "Not covered", line


def checkpoint_line(report: Report) -> str:
    """Return the checkpoint in the words that `report verify` finds it by."""
    at = report.checkpoint
    return f"Checkpoint: {at.origin}, {at.size} leaves, root {at.root}"


def as_json(report: Report) -> bytes:
    """Return the report as JSON, texts exact; the hash stands first, to be put in place of the zeros."""
    at = report.checkpoint
    document: dict[str, Any] = {
        "sha256": ZEROS.decode(),
        "report": report.kind,
        "title": report.title,
        "made_at": instant(report.made_at),
        "made_by": report.made_by,
        "since": report.since,
        "until": report.until,
        "query": report.query,
        "checkpoint": {"origin": at.origin, "size": at.size, "root": at.root},
        "covered": report.is_covered,
        "verdict": report.verdict,
        "coverage": report.coverage,
        "not_covered": report.blind,
        "said": report.said,
        "sections": [_object(each) for each in report.sections],
    }
    return dumps(document, indent=True)


def _object(section: Section) -> dict[str, Any]:
    names = [column.name for column in section.columns]
    return {
        "title": section.title,
        "controls": section.controls,
        "said": section.said,
        "columns": {column.name: column.heading for column in section.columns},
        "items": [dict(zip(names, row, strict=True)) for row in section.rows],
        "count": len(section.rows),
    }


def inert(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula and no terminal obeys."""
    return for_spreadsheet(for_terminal(text))


def as_csv(report: Report) -> bytes:
    """Return the report as CSV (RFC 4180): the head, an empty line, and each section after its title."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for name, text in head_lines(report):
        writer.writerow([name, inert(text)])
    for section in report.sections:
        writer.writerow([])
        writer.writerow(["Section", inert(section.title)])
        writer.writerows([["Serves", inert(line)] for line in section.controls])
        writer.writerows([["Note", inert(line)] for line in section.said])
        writer.writerow([column.heading for column in section.columns])
        writer.writerows([inert(cell) for cell in row] for row in section.rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(report: Report) -> bytes:
    """Return the report as a workbook: a sheet of the head, and one for each section; every cell is text.

    Raises UsageError without the extra `reports`.
    """
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise UsageError(
            "XLSX needs xlsxwriter, which is not installed", remedy="pip install 'mailwitness[reports]', or take CSV"
        ) from cause
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties(
            {
                "title": inert(report.title),
                "comments": checkpoint_line(report),
                "author": report.made_by,
                "created": report.made_at.replace(tzinfo=None),
            }
        )
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet("Report")
        sheet.set_column(0, 0, 14)
        sheet.set_column(1, 1, 120)
        for number, (name, text) in enumerate(head_lines(report)):
            sheet.write_string(number, 0, name, bold)
            sheet.write_string(number, 1, inert(text)[:CELL])
        for number, section in enumerate(report.sections, 1):
            _sheet(book, number, section, bold)
    return out.getvalue()


def _sheet(book: Any, number: int, section: Section, bold: Any) -> None:  # noqa: ANN401 - xlsxwriter has no types
    title = "".join(c for c in section.title if c not in "[]:*?/\\'")
    sheet = book.add_worksheet(f"{number} {title}"[:31].rstrip())
    line = 0
    left = len(section.rows) - SHEET_ROWS
    said = [f"The first {SHEET_ROWS} rows; {left} more are in the CSV and the JSON."] if left > 0 else []
    for text in (section.title, *section.controls, *section.said, *said):
        sheet.write_string(line, 0, inert(text)[:CELL])
        line += 1
    for place, column in enumerate(section.columns):
        sheet.write_string(line, place, column.heading, bold)
    sheet.set_column(0, len(section.columns) - 1, 22)
    sheet.freeze_panes(line + 1, 0)
    if section.rows:
        sheet.autofilter(line, 0, line + min(len(section.rows), SHEET_ROWS), len(section.columns) - 1)
    for row_number, row in enumerate(section.rows[:SHEET_ROWS], line + 1):
        for place, cell in enumerate(row):
            sheet.write_string(row_number, place, inert(cell)[:CELL])
