"""Write rows as Export-Csv does: every value quoted, a #TYPE line where the shell was Windows PowerShell."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

from mailwitness.simulate.truth import AuditRow
from mailwitness.simulate.writers.record_writer import RecordWriter


def shell_date(at: datetime) -> str:
    """Return a time as an en-US shell prints it, in the zone `at` carries."""
    half = "AM" if at.hour < 12 else "PM"  # noqa: PLR2004 - noon
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {half}"


class CsvExportWriter(RecordWriter[AuditRow]):
    """Write one Export-Csv file with the given columns; a field that a row lacks is empty."""

    def __init__(self, path: Path, columns: Sequence[str], *, type_name: str | None, encoding: str = "utf-8") -> None:
        super().__init__(path)
        self._columns = tuple(columns)
        self._file: TextIO = path.open("w", encoding=encoding, newline="")
        if type_name is not None:
            self._file.write(f"#TYPE {type_name}\r\n")
        self._rows = csv.writer(self._file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        self._rows.writerow(self._columns)

    def write(self, record: AuditRow) -> None:
        """Append a row."""
        self._rows.writerow(["" if v is None else v for v in map(record.fields.get, self._columns)])
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()
