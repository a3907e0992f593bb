"""Bodies of requests, within limits: their size on the wire, their size unpacked, and all of them together."""

from __future__ import annotations

import asyncio
import math
import zlib

from starlette.requests import ClientDisconnect, Request

_CHUNK = 1 << 20
_ASIDE = 64 << 10
"""Compressed bytes from which a body is unpacked in a thread of its own."""
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 47}


class BodyRefused(Exception):
    """A body that is not taken: an HTTP status, the reason, and when to send it again, in seconds."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}


class Room:
    """How many bytes of bodies may be in memory at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.bytes = 0

    def take(self, count: int) -> None:
        """Take so many bytes. Raises BodyRefused (429) where there is no room; an empty one always has some."""
        if self.bytes and self.bytes + count > self._limit:
            raise BodyRefused(429, "more is being written than fits into memory; send it again later", retry_after=1)
        self.bytes += count


class Held:
    """What one request holds of the room, until it is answered."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def take(self, count: int) -> None:
        """Hold so many bytes more. Raises BodyRefused where there is no room."""
        self._room.take(count)
        self._bytes += count

    def release(self) -> None:
        """Give everything back."""
        self._room.bytes -= self._bytes
        self._bytes = 0


async def read_body(request: Request, held: Held, body_bytes: int, unpacked_bytes: int) -> bytes:
    """Return the body of a request, unpacked. Raises BodyRefused: 413 too large, 415 unknown encoding, 400 damaged."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > body_bytes:
        raise BodyRefused(413, f"a body of {length} bytes; {body_bytes} are taken")
    data = bytearray()
    try:
        async for chunk in request.stream():
            held.take(len(chunk))
            data += chunk
            if len(data) > body_bytes:
                raise BodyRefused(413, f"a body of more than {body_bytes} bytes")
    except ClientDisconnect as error:
        raise BodyRefused(400, "the sender went away") from error
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        if len(data) > unpacked_bytes:
            raise BodyRefused(413, f"a body of {len(data)} bytes; {unpacked_bytes} are taken")
        return bytes(data)
    window = _WINDOW.get(encoding)
    if window is None:
        raise BodyRefused(415, f"Content-Encoding {encoding[:40]!r} is not read: send gzip or nothing")
    if len(data) < _ASIDE:
        unpacked = _unpacked(bytes(data), window, unpacked_bytes)
    else:
        unpacked = await asyncio.to_thread(_unpacked, bytes(data), window, unpacked_bytes)
    held.take(len(unpacked))
    return unpacked


def _unpacked(data: bytes, window: int, limit: int) -> bytes:
    """Return what is packed, in one member or several."""
    parts: list[bytes] = []
    size = 0
    while data:
        inflater = zlib.decompressobj(window)
        try:
            while not inflater.eof and (data or not parts):
                part = inflater.decompress(data, _CHUNK)
                data = inflater.unconsumed_tail
                size += len(part)
                if size > limit:
                    raise BodyRefused(413, f"a body of more than {limit} bytes when unpacked")
                parts.append(part)
                if not part and not data and not inflater.eof:
                    raise BodyRefused(400, "a compressed body that is cut short")
        except zlib.error as error:
            raise BodyRefused(400, f"a compressed body that is damaged: {error}") from error
        if not inflater.eof:
            raise BodyRefused(400, "a compressed body that is cut short")
        data = inflater.unused_data.lstrip(b"\x00")
    return b"".join(parts)
