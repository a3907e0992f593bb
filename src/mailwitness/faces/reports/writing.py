"""Writes a report in the forms asked for, each with its hash beside it; a file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from mailwitness.errors import UsageError
from mailwitness.faces.reports.pages import as_html, as_pdf
from mailwitness.faces.reports.plain_forms import as_csv, as_json, as_xlsx
from mailwitness.faces.reports.report import Report
from mailwitness.faces.reports.seal import beside, line_beside, sealed
from mailwitness.trail.durable import put

FORMS: dict[str, Callable[[Report], bytes]] = {
    "html": as_html,
    "pdf": as_pdf,
    "xlsx": as_xlsx,
    "csv": as_csv,
    "json": as_json,
}


class Written(msgspec.Struct, frozen=True):
    """A file that was written: where, its form, and its SHA-256."""

    path: Path
    form: str
    sha256: str


def rendered(report: Report, form: str) -> bytes:
    """Return the report in a form, with the hash it carries. Raises UsageError for a form there is not."""
    if form not in FORMS:
        raise UsageError(f"there is no form {form}", remedy=f"give one of {', '.join(FORMS)}")
    return sealed(FORMS[form](report))


def stem(report: Report) -> str:
    """Return the name of a report's file without its form: kind, end of the period, and leaves of the checkpoint."""
    until = report.until or report.made_at
    return f"mailwitness-{report.kind}-{until:%Y%m%dT%H%M%SZ}-{report.checkpoint.size}"


def write_report(report: Report, folder: Path, forms: Iterable[str]) -> list[Written]:
    """Write the report into `folder`. Raises UsageError where that cannot be; what stands there is not written over."""
    written = []
    for form in forms:
        data = rendered(report, form)
        path = folder / f"{stem(report)}.{form}"
        line = line_beside(path, data)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                raise UsageError("this report is there already", where=str(path), remedy="give another folder: --out")
            put(path, data)
            put(beside(path), line)
        except OSError as cause:
            raise UsageError(f"the report cannot be written: {cause.strerror}", where=str(path)) from cause
        written.append(Written(path, form, line[:64].decode()))
    return written
