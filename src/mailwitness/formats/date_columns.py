"""Which columns of a CSV file hold locale dates, and whether some row of the file shows the order of day and month."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mailwitness.formats.csv_rows import BadRow, Table, rows
from mailwitness.formats.locale_dates import day_first_shown, is_locale_date

_SAMPLE = 1_000


def day_first(path: Path, table: Table, only: Iterable[int] | None = None) -> dict[int, bool]:
    """Return for each column (by index) whose date order the file shows, whether the day comes first.

    Reads the file once more, up to the row that decides the last such column. Columns with no locale date in their
    first thousand rows are not looked at further.
    """
    watched: set[int] = set(range(len(table.columns)) if only is None else only)
    dated: set[int] = set()
    shown: dict[int, bool] = {}
    for number, row in enumerate(rows(path, table)):
        if isinstance(row, BadRow):
            continue
        for column in watched if number < _SAMPLE else dated:
            if column >= len(row.values) or column in shown or not is_locale_date(row.values[column]):
                continue
            dated.add(column)
            order = day_first_shown(row.values[column])
            if order is not None:
                shown[column] = order
        if number >= _SAMPLE:
            dated -= shown.keys()
            if not dated:
                break
    return shown
