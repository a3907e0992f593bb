"""Syslog that carries Windows events or audit records: as XML, as JSON, or as NXLog's structured data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.event import Place, Problem
from mailwitness.formats import json_lines, windows_json
from mailwitness.formats.event_xml import events_of, is_wanted, origin_of_document
from mailwitness.formats.interface import ExportRecord, Reading, Skipped, Span, Wanted
from mailwitness.formats.skips import Skips
from mailwitness.formats.strict_json import VALUES, value_count
from mailwitness.formats.syslog_frames import MESSAGE_BYTES, Cutter, Message, TooLong, Torn
from mailwitness.formats.syslog_message import SyslogMessage, parse_message

NAME = "syslog"
DOC = (
    "Syslog (RFC 5424 and 3164; octet counting or lines) that carries event XML or JSON, as NXLog, rsyslog, syslog-ng "
    "and Samba send it; messages that carry neither are filtered."
)

_BEGINS = re.compile(rb"(?:[1-9][0-9]{0,8} )?<(?:0|[1-9][0-9]{0,2})>(?:1 |[A-Z][a-z]{2} |[0-9]{4}-)")
_NXLOG = "NXLOG@14506"
"""The structured data that to_syslog_ietf() of NXLog writes an event's fields into (docs.nxlog.co, xm_syslog)."""
_CHUNK = 1 << 20
_DENSE_FROM = 1 << 16
_EVENT = re.compile(rb"(?:<\?xml[^>]{0,200}\?>\s*)?(?=<Event[\s>])")


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether the file begins with a syslog message."""
    return _BEGINS.match(head) is not None


def spans(path: Path) -> list[Span]:
    """Return the file as one range: where a message begins can only be told from the beginning."""
    return [Span(0, path.stat().st_size)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
    """Yield what the messages carry."""
    reader = _Reader(path.name, wanted)
    cutter = Cutter()
    left = span.end - span.start
    with path.open("rb") as file:
        file.seek(span.start)
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            for piece in cutter.feed(chunk):
                yield from reader.piece(piece, span.start)
    last = cutter.end()
    if last is not None:
        yield from reader.piece(last, span.start)
    yield from reader.skips.drain()


class _Reader:
    def __init__(self, name: str, wanted: Wanted) -> None:
        self._name = name
        self._wanted = wanted
        self.skips = Skips()

    def piece(self, piece: Message | TooLong | Torn, base: int) -> Iterator[Reading]:
        """Yield what a piece of the stream is."""
        where = Place(evidence=self._name, offset=base + piece.offset)
        if isinstance(piece, TooLong):
            found = f"one of {piece.size}, which begins {piece.head[:80]!r}"
            yield Problem(
                code="limit",
                where=where,
                expected=f"a message of at most {MESSAGE_BYTES} bytes",
                found=found,
                records=1,
            )
        elif isinstance(piece, Torn):
            found = f"the first {len(piece.frame)} bytes of it"
            yield Problem(code="truncated", where=where, expected="a whole message", found=found, records=1)
        else:
            yield from self._message(piece, where)
            if self.skips.full:
                yield from self.skips.drain()

    def _message(self, piece: Message, where: Place) -> Iterator[Reading]:
        message = parse_message(piece.data)
        body, offset = message.body, where.offset or 0
        if body.startswith((b"{", b"[{")):
            if len(body) > _DENSE_FROM and (count := value_count(body)) > VALUES:
                found = f"about {count}"
                yield Problem(code="limit", where=where, expected=f"at most {VALUES} values", found=found, records=1)
                return
            for reading in json_lines.document_of(body, offset, where, self._wanted, self.skips):
                is_export = isinstance(reading, ExportRecord) and message.host is not None
                yield msgspec.structs.replace(reading, claimed_host=message.host) if is_export else reading
            return
        event = _EVENT.match(body)
        if event is not None:
            document = body[event.end() :]
            if is_wanted(document, self._wanted):
                yield from events_of(document, NAME, offset, where)
            else:
                self.skips.add(*origin_of_document(document))
            return
        yield from self._fields_or_text(message, offset, where)

    def _fields_or_text(self, message: SyslogMessage, offset: int, where: Place) -> Iterator[Reading]:
        fields: dict[str, Any] = dict(message.elements.get(_NXLOG, {}))
        shape = windows_json.shape_of(fields)
        if shape is not None:
            code = windows_json.code_of(fields, shape)
            if code is not None and not self._wanted.has(code):
                self.skips.add(*windows_json.origin_of(fields, shape))
                return
            if message.body:
                fields["Message"] = message.body.decode("utf-8", "replace")
            yield from windows_json.read(fields, shape, offset, where)
        elif message.has_header:
            yield Skipped(1)  # text for people, as any machine writes it: no record of an event log
        else:
            found = repr(message.body[:80])
            yield Problem(code="unparsable", where=where, expected="a syslog message", found=found, records=1)
