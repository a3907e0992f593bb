"""Text from evidence made safe to show: every field is attacker-written."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\x00")


def for_terminal(text: str) -> str:
    r"""Return `text` with control, bidi and surrogate characters written as \u escapes (R19)."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def for_spreadsheet(text: str) -> str:
    """Return `text` inert in a spreadsheet: a leading formula character gets a single quote before it (CWE-1236)."""
    return "'" + text if text.startswith(_FORMULA) else text
