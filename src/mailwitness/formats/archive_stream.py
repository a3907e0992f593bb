"""What is read in one direction: a gzip file, and a tar, plain or in gzip."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mailwitness.event import Problem
from mailwitness.formats.archive_limits import (
    MEMBERS,
    TAR_BLOCK,
    Archive,
    BeyondLimitError,
    Member,
    copied,
    kind_of,
    shown,
)

_HEADER_BYTES = 16 << 20
"""tarfile reads long names and extended headers at once: at most this much of each."""
_CHUNK = 1 << 20
_GZIP = 31  # zlib's window bits that mean a gzip header and trailer


class _Gunzip:
    """Unpacks a gzip file, all its members one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(wbits=_GZIP)
        self._input = b""

    def __call__(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end; raises EOFError or zlib.error."""
        while True:
            if self._inflate.eof:
                self._input = (self._inflate.unused_data or self._file.read(_CHUNK)).lstrip(b"\x00")
                if not self._input:
                    return b""
                self._inflate = zlib.decompressobj(wbits=_GZIP)
            given = self._input or self._file.read(_CHUNK)
            piece = self._inflate.decompress(given, size)
            self._input = self._inflate.unconsumed_tail
            if piece:
                return piece
            if not given and not self._inflate.eof:
                raise EOFError("the compressed data ends before its end mark")


class _Forward:
    """A source of bytes that tarfile may read and seek, forwards, with every byte counted."""

    def __init__(self, archive: Archive, source: Callable[[int], bytes]) -> None:
        self._archive = archive
        self._source = source
        self._ahead = b""
        self._position = 0
        self.last_block = b""

    def peek(self, size: int) -> bytes:
        """Return the next bytes without passing over them."""
        while len(self._ahead) < size and (piece := self._source(size - len(self._ahead))):
            self._archive.unpack(len(piece))
            self._ahead += piece
        return self._ahead[:size]

    def some(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            piece = self._source(size)
            self._archive.unpack(len(piece))
        self._position += len(piece)
        return piece

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end; refuses to take in a giant header."""
        if size > _HEADER_BYTES:
            raise BeyondLimitError(f"a header of {size} bytes")
        pieces = []
        wanted = size
        while wanted > 0 and (piece := self.some(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        data = b"".join(pieces)
        if size == TAR_BLOCK:
            self.last_block = data
        return data

    def passes_content(self) -> bool:
        """Pass over the rest, to its checksum, and return whether any byte of it is not zero."""
        found = False
        while piece := self.some(_CHUNK):
            found = found or bool(piece.strip(b"\x00"))
        return found

    def tell(self) -> int:
        """Return how many bytes were passed."""
        return self._position

    def seek(self, position: int) -> int:
        """Pass over bytes up to `position`."""
        if position < self._position:
            raise tarfile.ReadError("a member that lies before the one read last")
        while self._position < position and self.some(min(_CHUNK, position - self._position)):
            pass
        return self._position


def gz_members(archive: Archive, file: BinaryIO) -> Iterator[Member | Problem]:
    """Yield the one file of a gzip, or the members of the tar in it."""
    stream = _Forward(archive, _Gunzip(file))
    try:
        head = stream.peek(TAR_BLOCK)
    except (EOFError, zlib.error, OSError) as error:
        head = b""
        if isinstance(error, zlib.error):
            yield archive.problem("damaged", "a sound gzip", str(error))
            return
    if kind_of(head) == "tar":
        yield from _tar(archive, stream)
        return
    name = archive.name.removesuffix(".gz")
    yield Member(shown(name), None, lambda target: copied(archive, stream.some, name, target))


def tar_members(archive: Archive, file: BinaryIO) -> Iterator[Member | Problem]:
    """Yield the files of a plain tar, and what is refused."""
    yield from _tar(archive, _Forward(archive, file.read))


def _tar(archive: Archive, stream: _Forward) -> Iterator[Member | Problem]:
    try:
        yield from _tar_files(archive, stream)
        last_block, follows = stream.last_block, stream.passes_content()
    except BeyondLimitError as error:
        yield archive.problem("limit", "an archive within the limits", str(error))
    except EOFError as error:
        yield archive.problem("truncated", "a whole archive", str(error), records=0)
    except (tarfile.TarError, zlib.error, OSError, ValueError) as error:
        is_short = "end of data" in str(error)
        yield archive.problem("truncated" if is_short else "damaged", "a sound tar", str(error), records=not is_short)
    else:
        # tarfile takes any header it cannot read for the end, and nothing makes it read what follows
        if not last_block:
            yield archive.problem("truncated", "the end mark of a tar", "the end of the file", records=0)
        elif last_block.strip(b"\x00"):
            yield archive.problem("damaged", "the header of a member", f"bytes {last_block[:16]!r}")
        elif follows:
            yield archive.problem("damaged", "the end of the archive", "bytes behind its end mark")


def _tar_files(archive: Archive, stream: _Forward) -> Iterator[Member | Problem]:
    opened = tarfile.TarFile(fileobj=stream, mode="r")  # type: ignore[arg-type] # all of a file that it uses
    count = 0
    while (info := opened.next()) is not None:
        opened.members.clear()  # type: ignore[attr-defined] # it keeps all it has seen
        count += 1
        if count > MEMBERS:
            raise BeyondLimitError(f"more than {MEMBERS} members")
        if not info.isdir():
            yield (
                archive.admits(info.name)
                or _refusal(archive, info)
                or Member(shown(info.name), info.size, _copy(archive, stream, info))
            )


def _refusal(archive: Archive, info: tarfile.TarInfo) -> Problem | None:
    if not info.isreg() or info.issparse():
        return archive.problem("refused", "a file", "a link, a device or a sparse file", info.name)
    return None


def _copy(archive: Archive, stream: _Forward, info: tarfile.TarInfo) -> Callable[[BinaryIO], Problem | None]:
    # not by tarfile.extractfile: its buffer loses what was read before the data ended
    def copy(target: BinaryIO) -> Problem | None:
        left = info.size

        def counted(size: int) -> bytes:
            nonlocal left
            stream.seek(info.offset_data + info.size - left)
            piece = stream.some(min(size, left)) if left else b""
            if not piece and left:
                raise EOFError("the archive ends within the member")
            left -= len(piece)
            return piece

        return copied(archive, counted, info.name, target)

    return copy
