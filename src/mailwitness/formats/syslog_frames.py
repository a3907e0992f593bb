"""Syslog over a stream, cut into its messages: octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3) and lines (3.4.2).

Each message says by its first bytes which way it was framed: a length, a space and what can begin a message is octet
counting, anything else a line. The cutter is fed as bytes come in, so that a collector and the reader of a file cut
alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

MESSAGE_BYTES = 1 << 20
"""Bytes of one message at most. RFC 5425 asks for 8 KiB; an event with a large descriptor takes more."""
SHOWN_BYTES = 2048
"""What is kept of a message beyond the limit, to tell whose it was."""
_COUNT = re.compile(rb"([1-9][0-9]{0,8}) (?=[<{@\xef])")
_MAY_BE_COUNT = re.compile(rb"[1-9][0-9]{0,8} ?")
_ENDS = b"\r\n\0"


class Message(msgspec.Struct, frozen=True):
    """One message: its frame as it stood in the stream, from `offset` on, and the message in it."""

    offset: int
    frame: bytes
    data: bytes


class TooLong(msgspec.Struct, frozen=True):
    """A message beyond the limit, passed over: its beginning, and the bytes it claims (a count) or has so far."""

    offset: int
    head: bytes
    size: int


class Torn(msgspec.Struct, frozen=True):
    """The stream ended within a counted message: what there is of it."""

    offset: int
    frame: bytes


class Cutter:
    """Cuts one stream. It holds what was fed last and the beginning of one message, up to the limit."""

    def __init__(self, limit: int = MESSAGE_BYTES) -> None:
        """Take messages of up to `limit` bytes."""
        self._limit = limit
        self._held = bytearray()
        self._passed = 0
        self._searched = 0
        self._counted_left = 0
        self._in_long_line = False

    @property
    def held(self) -> int:
        """Bytes held of a message that is not whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Message | TooLong]:
        """Yield the messages that `data` completes."""
        self._held += data
        while self._held and self._behind_what_is_too_long():
            self._drop(len(self._held) - len(self._held.lstrip(_ENDS)))
            if not self._held:
                return
            count = _COUNT.match(self._held)
            if count is not None:
                piece = self._counted(count.end(), int(count.group(1)))
            elif _MAY_BE_COUNT.fullmatch(self._held) is not None:  # the rest of the length is still to come
                return
            else:
                piece = self._line()
            if piece is None:
                return
            yield piece

    def end(self) -> Message | Torn | None:
        """Return what the stream ended in: a last line without its end, a counted message torn off, or nothing."""
        if not self._held or self._in_long_line or self._counted_left:
            return None
        frame = bytes(self._held)
        offset = self._passed
        self._drop(len(frame))
        if _COUNT.match(frame) is not None:
            return Torn(offset, frame)
        return Message(offset, frame, frame.rstrip(_ENDS))

    def _counted(self, start: int, length: int) -> Message | TooLong | None:
        if length > self._limit:
            piece = TooLong(self._passed, bytes(self._held[start : start + SHOWN_BYTES]), length)
            self._drop(start)
            self._counted_left = length
            return piece
        end = start + length
        if len(self._held) < end:
            return None
        frame = bytes(self._held[:end])
        message = Message(self._passed, frame, frame[start:])
        self._drop(end)
        return message

    def _line(self) -> Message | TooLong | None:
        end = self._held.find(b"\n", self._searched)
        if end < 0 and len(self._held) <= self._limit:
            self._searched = len(self._held)
            return None
        if end < 0 or end > self._limit:
            size = len(self._held) if end < 0 else end
            piece = TooLong(self._passed, bytes(self._held[:SHOWN_BYTES]), size)
            self._drop(size)
            self._in_long_line = end < 0
            return piece
        frame = bytes(self._held[: end + 1])
        message = Message(self._passed, frame, frame.rstrip(_ENDS))
        self._drop(end + 1)
        return message

    def _behind_what_is_too_long(self) -> bool:
        """Drop what belongs to a message beyond the limit; return whether its end is reached."""
        if self._counted_left:
            dropped = min(self._counted_left, len(self._held))
            self._counted_left -= dropped
            self._drop(dropped)
        if self._in_long_line:
            end = self._held.find(b"\n")
            self._in_long_line = end < 0
            self._drop(len(self._held) if end < 0 else end + 1)
        return not self._counted_left and not self._in_long_line

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._passed += count
        self._searched = 0
