"""Splunk's HTTP Event Collector: events in their envelopes, or raw, and Splunk's own words for what became of them.

Form, codes and texts: Splunk's reference of the HTTP Event Collector endpoints.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec

_TEXTS = {
    0: (200, "Success"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    17: (200, "HEC is healthy"),
}
SUCCESS, NO_TOKEN, BAD_TOKEN, NO_DATA, BAD_DATA = 0, 2, 4, 5, 6
BUSY, NO_CHANNEL, NO_EVENT, BLANK_EVENT, HEALTHY = 9, 10, 12, 13, 17
CHANNELS = 10_000
"""Channels whose acknowledgements are remembered; the one unused for longest goes."""


class HecRefused(Exception):
    """A body that is refused as a whole: Splunk's code, and which event it is."""

    def __init__(self, code: int, number: int | None = None) -> None:
        super().__init__(_TEXTS[code][1])
        self.code = code
        self.number = number


def said(code: int, number: int | None = None, **more: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the HTTP status and body that tell a code."""
    status, text = _TEXTS[code]
    body: dict[str, Any] = {"text": text, "code": code, **more}
    return status, body if number is None else body | {"invalid-event-number": number}


class Delivered(msgspec.Struct, frozen=True):
    """What a body brings: lines of JSON, events as XML, and the host that the first envelope names.

    Both begin with an empty line where they bring anything: one record a line.
    """

    json_lines: bytes
    xml_lines: bytes
    claimed_host: str | None


class _Envelope(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw(b"")
    host: Any = None


_envelopes = msgspec.json.Decoder(_Envelope)
_texts = msgspec.json.Decoder(str)
_scanner = json.JSONDecoder()


def events_of(body: bytes) -> Delivered:
    """Read envelopes one after the other, with or without line ends between them. Raises HecRefused."""
    lines: list[bytes] = []
    xml: list[bytes] = []
    host: str | None = None
    for number, document in enumerate(_documents(body)):
        try:
            envelope = _envelopes.decode(document)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise HecRefused(BAD_DATA, number) from error
        event = bytes(envelope.event).strip()
        if not event or event == b"null":
            raise HecRefused(NO_EVENT, number)
        if event in {b'""', b"{}"}:
            raise HecRefused(BLANK_EVENT, number)
        if number == 0 and isinstance(envelope.host, str):
            host = envelope.host[:255]
        _sort(event, lines, xml)
    if not lines and not xml:
        raise HecRefused(NO_DATA)
    return Delivered(_joined(lines), _joined(xml), host)


def _sort(event: bytes, lines: list[bytes], xml: list[bytes]) -> None:
    """Put an event where its form is read; a text is JSON or XML that stands in it as text, or a Problem."""
    text = event
    if event.startswith(b'"'):
        try:
            text = _texts.decode(event).strip().encode("utf-8", "surrogatepass")
        except (msgspec.MsgspecError, UnicodeEncodeError):
            text = event
    if text.startswith(b"<"):
        xml.append(text)
    else:  # in JSON a line end is no more than a space, outside of it the text is a Problem anyway
        lines.append(text.replace(b"\r", b" ").replace(b"\n", b" "))


def _joined(lines: list[bytes]) -> bytes:
    return b"\n" + b"\n".join(lines) + b"\n" if lines else b""


def _documents(body: bytes) -> list[bytes]:
    """Return the JSON documents of a body, which stand one after the other with nothing or white space between."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if all(_is_document(line) for line in lines):
        return lines
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise HecRefused(BAD_DATA, 0) from error
    documents: list[bytes] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return documents
        try:
            _value, end = _scanner.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise HecRefused(BAD_DATA, len(documents)) from error
        documents.append(text[at:end].encode())
        at = end


def _is_document(line: bytes) -> bool:
    try:
        _envelopes.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def raw_of(body: bytes) -> Delivered:
    """Return raw data: events as XML where it begins like that, lines of JSON otherwise. Raises HecRefused."""
    text = body.strip()
    if not text:
        raise HecRefused(NO_DATA)
    if text.startswith(b"<"):
        return Delivered(b"", body, None)
    return Delivered(b"\n" + body, b"", None)


class Acknowledgements:
    """The ids given out on each channel. All of them are of durable events: they are given after the commit."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._lock = threading.Lock()

    def give(self, channel: str) -> int:
        """Return the next id of a channel."""
        with self._lock:
            number = self._next.pop(channel, 0)
            self._next[channel] = number + 1
            if len(self._next) > CHANNELS:
                del self._next[next(iter(self._next))]
            return number

    def told(self, channel: str, numbers: list[int]) -> dict[str, bool]:
        """Return, by id, whether it is acknowledged; ids of before a restart are not, and their senders send again."""
        with self._lock:
            given = self._next.get(channel, 0)
        return {str(number): 0 <= number < given for number in numbers}
