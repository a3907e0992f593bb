"""Text from evidence made safe to show: every field is attacker-written."""

from __future__ import annotations

import re

_INVISIBLE = (
    "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff"
)
"""C1 controls, bidi marks and what has no width: it turns text about, or lets two names look alike."""
_UNSAFE = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_UNSAFE_IN_JSON = re.compile(f"[{_INVISIBLE}]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LAST_OF_BMP = 0xFFFF


def for_terminal(text: str) -> str:
    r"""Return `text` with control, bidi, zero-width and surrogate characters written as \u escapes (R19)."""
    return _UNSAFE.sub(_escape, text)


def for_json(document: str) -> str:
    r"""Return a JSON document that says the same, such characters within its strings written as \u escapes."""
    return _UNSAFE_IN_JSON.sub(_json_escape, document)


def for_spreadsheet(text: str) -> str:
    """Return `text` inert in a spreadsheet: a leading formula character gets a single quote before it (CWE-1236).

    Spaces before it count for nothing, and its full-width form counts as the character: programs trim and fold them.
    """
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\u{point:04x}" if point <= _LAST_OF_BMP else f"\\U{point:08x}"


def _json_escape(match: re.Match[str]) -> str:
    """Write one character as JSON does: beyond the first plane as a pair of surrogates."""
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))
