"""Cuts a stream of XML into its `<Event>` elements, so that a bad record costs itself and not the rest of the file.

wevtutil writes events one after the other without a root, Get-WinEvent's ToXml one a line, the viewer within
`<Events>`, Exchange's audit reports within `<SearchResults>`. One cutter serves all; it never holds more than one
record and one chunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from mailwitness.event import ProblemCode
from mailwitness.formats import encoded, hardened_xml
from mailwitness.formats.hardened_xml import RECORD_BYTES, XmlRefusedError

_CHUNK = 1 << 20
_START = re.compile(rb"<Event(?=[\s>/])")
_START_TAG = re.compile(rb"<Event(?:\s+[^\s=<>\"'/]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*(/?)>")
_TOKEN = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<Event(?=[\s>/])|</Event\s*>", re.DOTALL)
_BETWEEN = re.compile(
    rb"\s+|\xef\xbb\xbf|<\?xml\b[^>]{0,200}\?>|<!--.*?-->|</?(?:Events|SearchResults)(?:\s[^<>]*)?/?>", re.DOTALL
)
_END = b"</Event>"
_LONGEST_START = len(b"<Event ") - 1
_LONGEST_TAG = 4096
_OPEN, _TORN = -1, -2
_KNOWN_ENDS = 10_000
_DOUBTED_BYTES = 64 << 20
"""How much of a file is parsed on suspicion: nested starts would have it parsed again and again."""
_TOO_LONG = f"an event of more than {RECORD_BYTES} bytes"


class Frame(msgspec.Struct, frozen=True):
    """One `<Event>` element as UTF-8 bytes and the byte of the evidence where it begins."""

    offset: int
    document: bytes


class Fault(msgspec.Struct, frozen=True):
    """Bytes of the evidence that are no whole event: what they are instead, and how many records that costs."""

    offset: int
    code: ProblemCode
    found: str
    records: int
    final: bool = False  # nothing behind it was read


def frames(path: Path, start: int = 0, end: int | None = None) -> Iterator[Frame | Fault]:
    """Yield the events of a file that begin in a range of its bytes, in order, and what stands between them amiss.

    A file that is not UTF-8 is read as a whole. Events of more than 10 MiB are passed over and told; a DOCTYPE between
    events ends the reading.
    """
    encoding = encoded.encoding_of_file(path)
    with encoded.open_utf8(path, start) as stream:
        yield from _cut(_Cutter(stream, encoding, start), end)


def _cut(cutter: _Cutter, end: int | None) -> Iterator[Frame | Fault]:
    for piece in cutter:
        if end is not None and piece.offset >= end:
            return
        yield piece
        if isinstance(piece, Fault) and piece.final:
            return


class _Cutter:
    """The cutting itself: `_position` is where the bytes not yet told begin in `_buffer`."""

    def __init__(self, stream: BinaryIO, encoding: encoded.Encoding, start: int) -> None:
        self._stream = stream
        self._encoding = encoding
        self._buffer = b""
        self._position = 0
        self._offset = max(start, encoding.mark)  # where `_position` is in the evidence
        self._passed = 0  # bytes of the stream before the buffer
        self._ends: dict[int, int] = {}  # of starts that hold others, in bytes of the stream: their end, or _TORN
        self._scanned = 0
        self._doubted = 0
        self._searched = 0  # up to here the buffer holds no end of the event at `_position`
        self._ended = False
        self._amiss = start > 0  # the record here was given up already: bytes up to the next event are part of it

    def __iter__(self) -> Iterator[Frame | Fault]:
        while True:
            match = _START.search(self._buffer, self._position)
            if match is not None:
                yield from self._between(match.start())
                self._move(match.start())
                self._searched = match.start()
                self._amiss = False
                yield self._event()
                continue
            stop = self._end_of_what_is_whole()
            yield from self._between(stop)
            self._move(stop)
            if self._ended:
                return
            self._more()

    def _move(self, position: int) -> None:
        self._offset += encoded.bytes_in(self._encoding, self._buffer[self._position : position])
        self._position = position

    def _more(self) -> None:
        chunk = self._stream.read(_CHUNK)
        self._ended = not chunk
        self._buffer = self._buffer[self._position :] + chunk
        self._searched = max(0, self._searched - self._position)
        self._passed += self._position
        self._position = 0
        if len(self._ends) > _KNOWN_ENDS:
            self._ends = {start: end for start, end in self._ends.items() if start >= self._passed}

    def _end_of_what_is_whole(self) -> int:
        """Return how far the buffer can be told: up to a tag that its end may have cut in two."""
        size = len(self._buffer)
        tag = self._buffer.rfind(b"<", max(self._position, size - _LONGEST_TAG))
        return size if self._ended or tag < 0 or self._buffer.find(b">", tag) >= 0 else tag

    def _between(self, end: int) -> Iterator[Fault]:
        """Yield a Fault for bytes between events that belong there by no right."""
        if self._position >= end:
            return
        gap = self._buffer[self._position : end]
        if b"<!DOCTYPE" in gap or b"<!ENTITY" in gap:
            yield Fault(self._offset, "refused", "a DOCTYPE", 1, final=True)
        elif not self._amiss and (rest := _BETWEEN.sub(b"", gap)):
            self._amiss = True  # one Fault for one torn record, however many chunks its bytes span
            yield Fault(self._offset, "damaged", f"bytes that belong to no event: {rest[:80]!r}", 1)

    def _event(self) -> Frame | Fault:
        """Return the event at `_position`, or the Fault in its place, and move behind it."""
        self._scanned = 0
        while True:
            end = self._end()
            if end == _TORN:
                return self._torn_before(self._next_start())
            if end >= 0:
                return self._whole(end)
            if self._is_all_there():
                return self._given_up()
            self._more()

    def _is_all_there(self) -> bool:
        """Return whether the buffer holds as much of the event as will be looked at."""
        return self._ended or len(self._buffer) - self._position > RECORD_BYTES

    def _end(self) -> int:
        """Return where the event at `_position` ends: _OPEN if not in the buffer, _TORN if nowhere."""
        buffer, start = self._buffer, self._position
        tag = _START_TAG.match(buffer, start)
        if tag is not None and tag.group(1):
            return tag.end()
        known = self._ends.get(self._passed + start)
        if known is not None:
            return known if known < 0 else known - self._passed
        end = buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(start, len(buffer) - len(_END))
            return _OPEN
        end += len(_END)
        if buffer.find(b"<!", start, end) < 0 and _START.search(buffer, start + 1, end) is None:
            return end
        self._scan()
        known = self._ends.get(self._passed + start, _OPEN)
        return known if known < 0 else known - self._passed

    def _scan(self) -> None:
        """Match starts and ends from here on, past comments and CDATA, and keep what is decided.

        Each start is looked at a few times only, however they are nested: a file of starts must not cost their square.
        """
        size = len(self._buffer) - self._position
        if size < 2 * self._scanned and not self._is_all_there():
            return
        self._scanned = size
        open_starts: list[int] = []
        last = 0
        for token in _TOKEN.finditer(self._buffer, self._position):
            if token.group().startswith(b"</"):
                if open_starts:
                    self._ends[self._passed + open_starts.pop()] = self._passed + token.end()
                if not open_starts:
                    return
            elif token.group() == b"<Event":
                tag = _START_TAG.match(self._buffer, token.start())
                if tag is None or not tag.group(1):
                    last = token.start()
                    open_starts.append(last)
        if self._is_all_there():  # only the last start can still end behind the buffer
            self._ends.update((self._passed + start, _TORN) for start in open_starts if start != last)

    def _next_start(self) -> int:
        match = _START.search(self._buffer, self._position + 1)
        return len(self._buffer) if match is None else match.start()

    def _whole(self, end: int) -> Frame | Fault:
        start, offset = self._position, self._offset
        if end - start > RECORD_BYTES:
            self._move(end)
            return Fault(offset, "limit", _TOO_LONG, 1)
        document = self._buffer[start:end]
        if _START.search(document, 1) is not None:
            # Either an element of that name in the record's own data, or the record before it is torn. Only what
            # parses as a whole is taken as a whole: else the inner one is a record of its own.
            try:
                hardened_xml.parse(document)
            except XmlRefusedError as error:
                self._doubted += len(document)
                if error.code == "damaged" and self._doubted <= _DOUBTED_BYTES:
                    return self._torn_before(self._next_start())
                self._move(end)
                return Fault(offset, error.code, error.found, len(_START.findall(document)))
        self._move(end)
        return Frame(offset, document)

    def _torn_before(self, next_start: int) -> Fault:
        offset = self._offset
        self._move(next_start)
        return Fault(offset, "damaged", "an event torn off before its end", 1)

    def _given_up(self) -> Fault:
        """Return the Fault for an event whose end does not come, and move to where the next may begin."""
        offset, next_start = self._offset, self._next_start()
        if self._buffer.find(_END, next_start) >= 0:
            return self._torn_before(next_start)
        count = len(_START.findall(self._buffer, self._position))
        self._move(len(self._buffer) if self._ended else len(self._buffer) - _LONGEST_START)
        self._amiss = True
        if self._ended:
            return Fault(offset, "truncated", "an event that does not end", count)
        return Fault(offset, "limit", _TOO_LONG, count)
