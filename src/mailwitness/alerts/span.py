"""Spans of time as a configuration writes them: 90s, 15m, 12h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta

_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,5})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span_of(text: str) -> timedelta:
    """Return the span `text` names. Raises ValueError for anything but a number and s, m, h or d."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no span of time: write 90s, 15m, 12h or 7d")
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
