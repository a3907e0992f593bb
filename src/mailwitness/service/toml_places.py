"""In which line of a TOML text a table or a key stands: tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Place = tuple[str, ...]
_KEY = re.compile(
    r"\s*(?P<key>(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_HEADER = re.compile(r"\s*\[{1,2}(?P<key>[^\[\]]+)\]{1,2}\s*(?:#.*)?$")


def places(text: str) -> dict[Place, int]:
    """Return the line, from 1 on, where each table and key of a valid TOML text first stands."""
    found: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text):
        if header := _HEADER.match(statement):
            table = _parts(header["key"])
            place = table
        elif key := _KEY.match(statement):
            place = (*table, *_parts(key["key"]))
        else:
            continue
        for length in range(1, len(place) + 1):
            found.setdefault(place[:length], number)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with the number of its first line; one that goes over several lines as one text."""
    gathered, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first if gathered else number
        gathered = f"{gathered}\n{line}" if gathered else line
        if _is_whole(gathered):
            yield first, gathered
            gathered = ""


def _is_whole(statement: str) -> bool:
    if not _KEY.match(statement):
        return True
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _parts(key: str) -> Place:
    """Return a dotted key's parts, quotes gone."""
    inner: object = tomllib.loads(f"{key} = 1")
    parts: list[str] = []
    while isinstance(inner, dict):
        (name, inner), *_ = inner.items()
        parts.append(name)
    return tuple(parts)
