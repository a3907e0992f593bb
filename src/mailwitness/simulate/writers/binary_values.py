"""Texts of Windows as the bytes they are stored in: SIDs, GUIDs, times, strings.

References: [MS-DTYP] 2.4.2 (SID), 2.3.4 (GUID), 2.3.3 (FILETIME).
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SID = re.compile(r"S-1-(0|[1-9][0-9]{0,14})((?:-(?:0|[1-9][0-9]{0,9}))*)\Z")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_HEX = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,15})\Z")
_SUBAUTHORITIES = 15


def filetime(at: datetime) -> int:
    """Return the 100-nanosecond intervals since 1601 of an aware time."""
    return (at - _FILETIME_EPOCH) // _MICROSECOND * 10


def utf16(text: str) -> bytes:
    """Return UTF-16LE; a lone surrogate stays one, as Windows does not check."""
    return text.encode("utf-16-le", "surrogatepass")


@lru_cache(maxsize=4096)
def sid_bytes(text: str) -> bytes | None:
    """Return the binary form of a canonical SID, or None if `text` is none."""
    match = _SID.match(text)
    if match is None:
        return None
    parts = [int(p) for p in match.group(2).split("-")[1:]]
    authority = int(match.group(1))
    if len(parts) > _SUBAUTHORITIES or authority >= 1 << 32 or any(p >= 1 << 32 for p in parts):
        return None
    return struct.pack(f"<BB6s{len(parts)}I", 1, len(parts), authority.to_bytes(6, "big"), *parts)


def guid_bytes(text: str) -> bytes | None:
    """Return the 16 bytes of a GUID written as Windows renders it (braces, lower case), or None."""
    bare = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else ""
    return UUID(bare).bytes_le if _GUID.match(bare) else None


def hex_number(text: str) -> int | None:
    """Return the number of a text like 0x3e7 (lower case, no leading zeros), or None."""
    return int(text, 16) if _HEX.match(text) else None
