"""Rules that can be converted and yet find nothing: those on Windows events that are never taken in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailwitness.sources import wanted

_NAMES = frozenset({"eventid", "event_id"})


def asleep(document: dict[str, Any]) -> str | None:
    """Return why a rule for Windows finds nothing, or None: none of the events it names is taken in.

    Told by the numbers the rule gives for EventID as they are; a rule that names none may find something.
    """
    logsource = document.get("logsource")
    if not isinstance(logsource, dict) or logsource.get("product") != "windows":
        return None
    named = set(_codes(document.get("detection"), 0))
    taken_in = wanted().codes
    if not named or taken_in is None or named & taken_in:
        return None
    listed = ", ".join(map(str, sorted(named)[:5]))
    return f"no record of event {listed} is taken in: the rule finds nothing"


def _codes(value: object, depth: int) -> Iterator[int]:
    if isinstance(value, list):
        for each in value:
            yield from _codes(each, depth)
    elif isinstance(value, dict) and depth < 4:  # noqa: PLR2004 - a detection is not deeper
        for name, inner in value.items():
            if isinstance(name, str) and name.casefold() in _NAMES:
                yield from _numbers(inner)
            else:
                yield from _codes(inner, depth + 1)


def _numbers(value: object) -> Iterator[int]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, int) and not isinstance(each, bool):
            yield each
        elif isinstance(each, str) and each.isascii() and each.isdigit() and len(each) < 10:  # noqa: PLR2004 - a code
            yield int(each)
