"""Dates in the format of somebody's Windows, never guessed: 03/04/2021 is read only where the file itself says how.

One value of the same column with a number above 12 decides for all of them. Years first and equal day and month need no
such help. The zone is the exporting shell's, so the digits are kept as if UTC with the quality `zone_assumed`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mailwitness.event import TimeQuality
from mailwitness.formats.instants import parse_iso

_MARK = r"AM|PM|A\.M\.|P\.M\.|A\. M\.|P\. M\.|上午|下午|午前|午後|오전|오후"
_DATE = re.compile(
    rf"(\d{{1,4}})([./-]) ?(\d{{1,2}})\2 ?(\d{{1,4}})\.?,? (?:({_MARK}) ?)?"
    rf"(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}})(?:[.,]\d{{1,9}})?)?(?: ?({_MARK}))?",
    re.IGNORECASE,
)
_AFTERNOON = ("P", "下", "午後", "오후")
_MONTHS = 12
_YEAR_DIGITS = 4


def _match(text: str) -> re.Match[str] | None:
    return _DATE.fullmatch(" ".join(text.split()))


def is_locale_date(text: str) -> bool:
    """Return whether a value is a numeric date and time whose order of day and month is its locale's."""
    match = _match(text)
    return match is not None and len(match[4]) == _YEAR_DIGITS and len(match[1]) <= 2  # noqa: PLR2004 - two digits


def day_first_shown(text: str) -> bool | None:
    """Return whether a date shows by a number above 12 that the day (True) or the month (False) comes first."""
    match = _match(text)
    if match is None or len(match[1]) == _YEAR_DIGITS:
        return None
    first, second = int(match[1]), int(match[3])
    if first > _MONTHS >= second:
        return True
    if second > _MONTHS >= first:
        return False
    return None


def parse(text: str, *, day_first: bool | None) -> tuple[datetime, TimeQuality] | None:
    """Return a date and time and what it is worth: ISO 8601, or numeric with the order its column shows.

    None where it cannot be told, which is a Problem `ambiguous` to who reads the record. A two-digit year cannot.
    """
    iso = parse_iso(text)
    if iso is not None:
        return iso
    match = _match(text)
    if match is None:
        return None
    order = _order(match, day_first=day_first)
    if order is None:
        return None
    hour = int(match[6])
    mark = (match[5] or match[9] or "").upper()
    if mark:
        if not 1 <= hour <= _MONTHS:  # twelve hours, as it happens
            return None
        hour = hour % 12 + (12 if mark.startswith(_AFTERNOON) else 0)
    try:
        return datetime(*order, hour, int(match[7]), int(match[8] or 0), tzinfo=UTC), "zone_assumed"
    except ValueError:
        return None


def _order(match: re.Match[str], *, day_first: bool | None) -> tuple[int, int, int] | None:
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == _YEAR_DIGITS:
        return first, second, third
    if len(match[4]) != _YEAR_DIGITS:
        return None
    if first == second or day_first:
        return third, second, first
    return None if day_first is None else (third, first, second)
