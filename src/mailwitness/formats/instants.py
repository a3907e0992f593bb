"""Times as evidence writes them, never guessed: ISO 8601 with or without a zone, and what a zone-less one is worth."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailwitness.event import TimeQuality

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MICROSECONDS = 100_000_000_000_000
"""Numbers of at least this size are microseconds since 1970 (from 1973 on), from a thousandth of it milliseconds, from
a millionth seconds: the three ranges do not meet within the years a Windows log can hold."""


def parse_iso(text: str) -> tuple[datetime, TimeQuality] | None:
    """Return an ISO 8601 date and time in UTC and what it is worth, or None.

    A time with a zone is `exact` (or `second` where it has no fraction and no more can be known). Without a zone the
    digits are kept as if they were UTC and the quality is `zone_assumed`: whoever knows the zone of the machine shifts
    them, nobody else may rely on them. More than six digits of a second are cut, not rounded.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    date, time, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{date}T{time.replace(',', '.')}")
        if zone is None:
            return at.replace(tzinfo=UTC), "zone_assumed"
        offset = timedelta(0) if zone == "Z" else _offset(zone)
        return (at - offset).replace(tzinfo=UTC), "exact" if len(time) > len("00:00:00") else "second"
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timedelta:
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))


def parse_epoch(number: int) -> tuple[datetime, TimeQuality] | None:
    """Return the time of a count since 1970 in seconds, milliseconds or microseconds (told by its size), or None."""
    if number >= _EARLIEST_MICROSECONDS:
        microseconds, quality = number, "exact"
    elif number >= _EARLIEST_MICROSECONDS // 1_000:
        microseconds, quality = number * 1_000, "exact"
    elif number >= _EARLIEST_MICROSECONDS // 1_000_000:
        microseconds, quality = number * 1_000_000, "second"
    else:
        return None
    try:
        return _EPOCH + timedelta(microseconds=microseconds), quality  # type: ignore[return-value]
    except OverflowError:
        return None


def in_zone(digits: datetime, zone: str) -> datetime:
    """Return the moment (UTC) when clocks of `zone` show the digits of `digits`; years 1 and 9999 stay as they are."""
    if digits.year in (MINYEAR, MAXYEAR):
        return digits.replace(tzinfo=UTC)
    return digits.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
