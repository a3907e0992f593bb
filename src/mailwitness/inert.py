"""Text from evidence made inert: what turns lines about or cannot be seen is written as escapes. Needs nothing else."""

from __future__ import annotations

import re

INVISIBLE = (
    "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff"
)
"""C1 controls, bidi marks and what has no width: it turns text about, or lets two names look alike."""
_UNSAFE = re.compile(f"[\x00-\x1f{INVISIBLE}]")
_LAST_OF_BMP = 0xFFFF


def inert(text: str) -> str:
    r"""Return `text` with control, bidi, zero-width and surrogate characters written as \u escapes (R19)."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\u{point:04x}" if point <= _LAST_OF_BMP else f"\\U{point:08x}"
