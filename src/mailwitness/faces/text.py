"""Text from evidence made safe to show: every field is attacker-written."""

from __future__ import annotations

import re

from mailwitness.inert import INVISIBLE, inert

_UNSAFE_IN_JSON = re.compile(f"[{INVISIBLE}]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def for_terminal(text: str) -> str:
    r"""Return `text` with control, bidi, zero-width and surrogate characters written as \u escapes (R19)."""
    return inert(text)


def for_json(document: str) -> str:
    r"""Return a JSON document that says the same, such characters within its strings written as \u escapes."""
    return _UNSAFE_IN_JSON.sub(_json_escape, document)


def for_spreadsheet(text: str) -> str:
    """Return `text` inert in a spreadsheet: a leading formula character gets a single quote before it (CWE-1236).

    Spaces before it count for nothing, and its full-width form counts as the character: programs trim and fold them.
    """
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _json_escape(match: re.Match[str]) -> str:
    """Write one character as JSON does: beyond the first plane as a pair of surrogates."""
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))
