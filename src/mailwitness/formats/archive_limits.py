"""What an archive may unpack to, which names its members may have, and how one is copied out under both."""

from __future__ import annotations

import re
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, Literal

import msgspec

from mailwitness.event import Place, Problem, ProblemCode

MEMBERS = 10_000
TOTAL_BYTES = 50 << 30
RATIO = 200
RATIO_FROM = 64 << 20
"""An event log is allocated in advance and mostly empty at first: below this size a high ratio is no bomb."""
_CHUNK = 1 << 20
_NAME_CHARACTERS = 1024

Kind = Literal["zip", "tar", "gz"]
_TAR_MAGIC = slice(257, 262)
TAR_BLOCK = 512


def kind_of(head: bytes) -> Kind | None:
    """Return which kind of archive begins with these bytes (512 at least), or None."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    return "tar" if head[_TAR_MAGIC] == b"ustar" else None


class Member(msgspec.Struct, frozen=True):
    """One file in an archive: its name for people to read, its size as declared (None where nothing declares it)."""

    name: str
    size: int | None
    _copy: Callable[[BinaryIO], Problem | None]

    def extract_to(self, file: BinaryIO) -> Problem | None:
        """Write the member's bytes to `file` and return None, or the Problem that ended it early.

        After `truncated` or `damaged` what was written is what could be had of it; after any other the caller throws it
        away. To be called before the next member is asked for: a tar is read in one direction.
        """
        return self._copy(file)


class BeyondLimitError(Exception):
    """More was unpacked than may be."""


class Archive:
    """What is counted over all members of one archive."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._size = size
        self.names: set[str] = set()
        self._unpacked = 0

    def problem(self, code: ProblemCode, expected: str, found: str, member: str = "", records: int = 1) -> Problem:
        """Return a Problem placed at a member of this archive."""
        evidence = f"{self.name}!{shown(member)}" if member else self.name
        return Problem(code=code, where=Place(evidence=evidence), expected=expected, found=found, records=records)

    def admits(self, name: str) -> Problem | None:
        """Return why a member of this name is refused, or None."""
        why = _refusal(name)
        folded = unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()
        if why is None and folded in self.names:
            why = "a name that came before"
        self.names.add(folded)
        return None if why is None else self.problem("refused", "a plain relative name", why, name)

    def unpack(self, count: int) -> None:
        """Count bytes unpacked; raises BeyondLimitError."""
        self._unpacked += count
        if self._unpacked > TOTAL_BYTES:
            raise BeyondLimitError(f"more than {TOTAL_BYTES} bytes unpacked")
        if self._unpacked > RATIO_FROM and self._unpacked > RATIO * self._size:
            raise BeyondLimitError(f"more than {RATIO} times its size unpacked")


def shown(name: str) -> str:
    """Return a name as text that no terminal or page takes for anything else."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)
    return shown if len(shown) <= _NAME_CHARACTERS else shown[:_NAME_CHARACTERS] + "..."


_DRIVE = re.compile(r"[A-Za-z]:")


def _refusal(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if not name.strip() or len(name) > _NAME_CHARACTERS:
        return "no name" if not name.strip() else "a name too long"
    if not parts[0] or _DRIVE.match(name):
        return "an absolute name"
    if ".." in parts:
        return "a name that climbs"
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in name):
        return "a name with control characters"
    return None


def copied(archive: Archive, source: Callable[[int], bytes], name: str, target: BinaryIO) -> Problem | None:
    """Copy what `source` gives to `target`, in the archive's limits; archives within are refused."""
    is_first = True
    try:
        while chunk := source(_CHUNK):
            if is_first and kind_of(chunk) is not None:
                return archive.problem("refused", "a file", "an archive inside an archive", name)
            is_first = False
            target.write(chunk)
    except BeyondLimitError as error:
        return archive.problem("limit", f"{TOTAL_BYTES} bytes and {RATIO} times the size at most", str(error), name)
    except EOFError as error:
        return archive.problem("truncated", "the whole member", str(error) or "the end of the file", name)
    except (zipfile.BadZipFile, zlib.error, OSError, tarfile.TarError, ValueError, RuntimeError) as error:
        return archive.problem("damaged", "a sound member", str(error), name)
    except NotImplementedError as error:
        return archive.problem("unknown_format", "a known compression", str(error), name)
    return None
