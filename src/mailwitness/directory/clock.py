"""Times as whole microseconds since 1970 (UTC), so that intervals compare as numbers, and their two open ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

BEGINNING = -(1 << 62)
"""Before anything on record."""
STILL = 1 << 62
"""After anything on record: an interval that ends here has not ended."""


def micros(at: datetime) -> int:
    """Return the microseconds of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime | None:
    """Return the time of `at`, None for an open end."""
    return None if at in (BEGINNING, STILL) else _EPOCH + timedelta(microseconds=at)
