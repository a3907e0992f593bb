"""Text evidence as a stream of UTF-8 bytes, whatever encoding Windows wrote it in.

PowerShell's `>` and Export-Clixml write UTF-16 with a byte-order mark, wevtutil and Winlogbeat UTF-8, older tools the
machine's ANSI code page. UTF-8 passes untouched; UTF-16 is transcoded chunk by chunk, so memory stays flat. Bytes that
are no UTF-8 are left as they are: who decodes them uses `surrogateescape`, which loses nothing.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

_CHUNK = 1 << 20


class Encoding(msgspec.Struct, frozen=True):
    """How a text file is encoded: the codec's name and the length of its byte-order mark in bytes."""

    name: str
    mark: int

    @property
    def is_utf8(self) -> bool:
        """Return whether the file's bytes are taken as they stand."""
        return self.name == "utf-8"


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_CHARACTERS = b'<{["#\t\r\n ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'


def encoding_of(head: bytes) -> Encoding:
    """Return the encoding that the first bytes of a text file show: by mark, else by where the NUL bytes stand."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    if len(head) >= 4:  # noqa: PLR2004 - two characters of UTF-16
        if head[1] == 0 and head[3] == 0 and head[0] in _FIRST_CHARACTERS:
            return Encoding("utf-16-le", 0)
        if head[0] == 0 and head[2] == 0 and head[1] in _FIRST_CHARACTERS:
            return Encoding("utf-16-be", 0)
    return Encoding("utf-8", 0)


def encoding_of_file(path: Path) -> Encoding:
    """Return the encoding of the text file at `path`."""
    with path.open("rb") as file:
        return encoding_of(file.read(16))


def head_as_utf8(head: bytes) -> bytes:
    """Return the head of a file as UTF-8 without its mark, for `recognise`; a last character cut in half is dropped."""
    encoding = encoding_of(head)
    body = head[encoding.mark :]
    if encoding.is_utf8:
        return body
    return body.decode(encoding.name, "ignore").encode("utf-8", "ignore")


def open_utf8(path: Path, start: int = 0) -> BinaryIO:
    """Return the file's text as a binary stream of UTF-8, from byte `start` on (UTF-8 files only), without its mark."""
    encoding = encoding_of_file(path)
    file = path.open("rb", buffering=_CHUNK)
    file.seek(max(start, encoding.mark))
    if encoding.is_utf8:
        return file
    return io.BufferedReader(_Transcoded(file, encoding.name), _CHUNK)


class _Transcoded(io.RawIOBase):
    """A raw stream that reads another encoding and gives UTF-8; lone surrogates pass, broken units become U+FFFD."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            chunk = self._file.read(_CHUNK)
            self._ended = not chunk
            self._ready = self._decode(chunk).encode("utf-8", "surrogatepass")
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decode(self, chunk: bytes) -> str:
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError:  # half a unit at the end of the file, or a UTF-32 number beyond Unicode
            self._decoder.reset()
            return chunk.decode(self._encoding, "replace") or "\ufffd"

    def close(self) -> None:
        self._file.close()
        super().close()


_CONTINUATION = bytes(range(0x80, 0xC0))
_FOUR_BYTE_LEAD = bytes(range(0xF0, 0xF8))


def bytes_in(encoding: Encoding, utf8: bytes) -> int:
    """Return how many bytes of the evidence a piece of its UTF-8 text stands for; the piece may cut characters."""
    if encoding.is_utf8:
        return len(utf8)
    characters = len(utf8.translate(None, _CONTINUATION))
    if encoding.name.startswith("utf-32"):
        return 4 * characters
    return 2 * (characters + len(utf8) - len(utf8.translate(None, _FOUR_BYTE_LEAD)))


def lines(stream: BinaryIO, limit: int) -> Iterator[bytes | int]:
    """Yield the lines of a stream with their ends; a line longer than `limit` bytes comes as its length, unread.

    Memory stays under `limit` however long the line is.
    """
    while line := stream.readline(limit + 1):
        if len(line) <= limit:
            yield line
            continue
        length = len(line)
        while line and not line.endswith(b"\n"):
            line = stream.readline(limit)
            length += len(line)
        yield length


def newlines_before(path: Path, end: int) -> int:
    """Return how many line ends stand in the first `end` bytes of a file."""
    count = 0
    with path.open("rb") as file:
        while end > 0 and (chunk := file.read(min(end, _CHUNK))):
            count += chunk.count(b"\n")
            end -= len(chunk)
    return count
