"""Files of a watched folder: what tells them apart when they are renamed, and how a growing one is read."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Literal

import msgspec
import orjson

from mailwitness.formats import encoded

HEAD = 1024
"""Bytes at the beginning, and before the place reached, by whose hash a file is known again."""
CHUNK = 4 << 20
"""Bytes of lines that are handed over at once, about."""
LONGEST_LINE = 20 << 20
"""A longer line is handed over in pieces: the formats refuse it anyway, and say so."""
_PROBE = 64 << 10

Kind = Literal["json", "event xml", "whole"]


class Seen(msgspec.Struct, frozen=True):
    """What the file system says of a file at one moment."""

    inode: int
    size: int
    modified_ns: int


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a file was taken in, and what to know it by: the value of its bookmark.

    `offset` is where the next line begins; `told` the size up to which a last line without an end was handed over as
    it stood. For files that are taken in whole, `seen` is how they were then.
    """

    kind: Kind
    seen: Seen
    offset: int = 0
    told: int = 0
    head_length: int = 0
    head_sha256: str = ""
    tail_sha256: str = ""

    def unread(self, size: int) -> int:
        """Return how many bytes of a file of that size were not taken in."""
        return max(0, size - max(self.offset, self.told)) if self.kind != "whole" else 0


class Piece(msgspec.Struct, frozen=True):
    """Whole lines of a file, where they begin, and the mark after them."""

    data: bytes
    offset: int
    mark: Mark


class Watched:
    """How a file was at the last looks, and whether there is nothing more to do about it."""

    def __init__(self, at: Seen) -> None:
        self.at = at
        self._since = time.monotonic()
        self.done_at: Seen | None = None

    def look(self, at: Seen) -> None:
        """Note how it is now."""
        if at != self.at:
            self.at = at
            self._since = time.monotonic()

    def quiet_for(self) -> float:
        """Return for how many seconds nobody has written to it."""
        return time.monotonic() - self._since

    def done(self, at: Seen) -> None:
        """Say that nothing is to be done until it changes."""
        self.done_at = at

    @property
    def is_done(self) -> bool:
        """Return whether nothing is to be done until it changes."""
        return self.done_at == self.at


def seen(path: Path) -> Seen:
    """Return how a file is now. Raises OSError."""
    status = path.stat(follow_symlinks=False)
    return Seen(status.st_ino, status.st_size, status.st_mtime_ns)


def kind_of(path: Path, *, is_quiet: bool) -> Kind | None:
    """Return how a file is to be read: by lines of JSON or of event XML, or whole; None while that cannot be told yet.

    Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(_PROBE)
    if encoded.encoding_of(head).name != "utf-8":
        return "whole"
    text = encoded.head_as_utf8(head).lstrip()
    if not text.startswith((b"{", b"<Event>", b"<Event ")):
        return "whole" if text or is_quiet else None
    is_cut = len(head) == _PROBE
    if text.startswith(b"<"):  # its texts may hold line ends: an event ends where it says so
        return "event xml" if b"</Event>" in text or is_cut else "whole" if is_quiet else None
    line, end, _rest = text.partition(b"\n")
    if not end and not is_quiet and not is_cut:
        return None
    return "json" if line.rstrip().endswith(b"}") or (not end and is_cut) else "whole"


def is_same(path: Path, mark: Mark) -> bool:
    """Return whether a file still begins, and goes on up to the place reached, as the one that was marked."""
    try:
        with path.open("rb") as file:
            head = file.read(mark.head_length)
            if len(head) < mark.head_length or _sha256(head) != mark.head_sha256:
                return False
            start = max(0, mark.offset - HEAD)
            file.seek(start)
            tail = file.read(mark.offset - start)
            return len(tail) == mark.offset - start and _sha256(tail) == mark.tail_sha256
    except OSError:
        return False


def goes_on(path: Path, mark: Mark) -> bool:
    """Return whether a file with another inode is the one that was marked: some servers give new ones at a mount."""
    try:
        if mark.kind == "whole":
            at = seen(path)
            return (at.size, at.modified_ns) == (mark.seen.size, mark.seen.modified_ns)
        return bool(mark.head_length) and is_same(path, mark)
    except OSError:
        return False


def first_mark(kind: Kind, at: Seen) -> Mark:
    """Return the mark of a file of which nothing was taken in."""
    nothing = _sha256(b"")
    return Mark(kind=kind, seen=msgspec.structs.replace(at, size=0), head_sha256=nothing, tail_sha256=nothing)


def next_piece(path: Path, mark: Mark, at: Seen, *, is_settled: bool) -> Piece | None:
    """Return the whole lines after a mark, CHUNK bytes of them about; None where there is none.

    Where nobody has written for long (`is_settled`), a last line without an end counts as one. Raises OSError.
    """
    if at.size <= mark.offset or at.size == mark.told:
        return None
    with path.open("rb") as file:
        file.seek(mark.offset)
        data = file.read(CHUNK)
        end = _end_of_lines(data, mark.kind)
        while not end and len(data) < LONGEST_LINE and (more := file.read(CHUNK)):
            data += more
            end = _end_of_lines(data, mark.kind)
        if not end and len(data) >= LONGEST_LINE:
            end = len(data)
        is_last = not end and (is_settled or _is_whole(data, mark.kind))
        if is_last:
            end = len(data)
        if not end:
            return None
        data = data[:end]
        return Piece(data, mark.offset, _after(file.fileno(), mark, at, data, is_last=is_last))


def _end_of_lines(data: bytes, kind: Kind) -> int:
    """Return where the last whole record ends, 0 where none does. The text of an event may hold line ends."""
    if kind == "event xml":
        for seam in (b"</Event>\n", b"</Event>\r\n"):
            end = data.rfind(seam) + 1
            if end:
                return end - 1 + len(seam)
        return 0
    return data.rfind(b"\n") + 1


def _is_whole(data: bytes, kind: Kind) -> bool:
    """Return whether a last line without an end is a whole record: nothing is to come but its line end."""
    if kind == "event xml":
        return data.rstrip().endswith(b"</Event>")
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False


def _after(handle: int, mark: Mark, at: Seen, data: bytes, *, is_last: bool) -> Mark:
    reached = mark.offset + len(data)
    offset = mark.offset if is_last else reached  # a line that goes on after all is read again from its beginning
    head = os.pread(handle, min(HEAD, offset), 0)
    tail = os.pread(handle, min(HEAD, offset), max(0, offset - HEAD))
    return Mark(
        kind=mark.kind,
        seen=msgspec.structs.replace(at, size=max(at.size, reached)),
        offset=offset,
        told=reached if is_last else 0,
        head_length=len(head),
        head_sha256=_sha256(head),
        tail_sha256=_sha256(tail),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
