"""The strings of a Windows event out of its rendered English text, for forms that carry no strings.

Values in a text are attacker-written and may look like labels. So a label counts only in its section, a text that has
a section or a string twice is refused, and what follows a value without being a label of this event belongs to it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mailwitness.knowledge.windows_texts import several_lines, windows_texts

_LIMIT = 262_144
"""Characters of a text that are read: a directory value of 65,535 characters fits, twice escaped."""
_LINE = re.compile(r"(\s*)([^:\s][^:\t\r\n]{0,60}?)\s*:(?:\s+(.*))?", re.DOTALL)


class Labelled(NamedTuple):
    """Strings by name, in the order of the text; or `fault`: why the text cannot be read."""

    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    fault: str | None = None


@lru_cache(maxsize=512)
def labels_of(strings: frozenset[str]) -> dict[tuple[str, str], str]:
    """Return the names of an event's `strings` by section and label."""
    found: dict[tuple[str, str], str] = {}
    for section, labels in windows_texts().items():
        for label, names in labels.items():
            name = next((name for name in names if name in strings), None)
            if name is not None:
                found[section, label] = name
    return found


def strings_of(text: str, strings: frozenset[str]) -> Labelled:
    """Return which of an event's `strings` its rendered text holds."""
    if len(text) > _LIMIT:
        return Labelled(fault=f"a text of {len(text)} characters")
    labels = labels_of(strings)
    sections = {section for section, _ in labels if section}
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    section = ""
    value: list[str] | None = None
    for line in text.splitlines():
        parts = _LINE.fullmatch(line)
        indent, label, rest = (parts[1], parts[2].casefold(), parts[3]) if parts is not None else ("", "", None)
        if not indent and rest is None and label in sections:
            if label in seen:
                return Labelled(fault=f"two sections {label!r}")
            seen.add(label)
            section, value = label, None
            continue
        name = labels.get((section, label)) if indent else None
        name = name or labels.get(("", label))
        if name is None:
            if value is not None:
                value.append(line)
            continue
        if name in found:
            return Labelled(fault=f"two values of {name}")
        found[name] = [rest or ""]
        value = found[name] if name in several_lines() else None
    return Labelled(tuple(found), tuple("\r\n".join(lines).strip() for lines in found.values()))
