"""The labels of rendered English texts of Windows events, as windows_texts.yaml lists them."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.loader import load
from mailwitness.knowledge.windows_events import catalogue

FILE = "windows_texts.yaml"


class WindowsTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: the strings by section and label, and those that run over several lines."""

    source: str
    several_lines: tuple[str, ...]
    sections: dict[str, dict[str, str | tuple[str, ...]]]


@cache
def several_lines() -> frozenset[str]:
    """Return the names of the strings that may run over several lines."""
    return frozenset(load(FILE, WindowsTexts).several_lines)


@cache
def windows_texts() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the strings by casefolded section and label; raises KnowledgeError for a string no event has."""
    known = {
        name for entry in catalogue().entries.values() for layout in entry.event.layouts for name in layout.strings
    }
    sections: dict[str, dict[str, tuple[str, ...]]] = {}
    for section, labels in load(FILE, WindowsTexts).sections.items():
        for label, names in labels.items():
            choices = (names,) if isinstance(names, str) else names
            if not known.issuperset(choices):
                raise KnowledgeError(f"no event has a string {choices}", where=f"{FILE}, {section}, {label}")
            sections.setdefault(section.casefold(), {})[label.casefold()] = choices
    return sections
