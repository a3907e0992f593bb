"""Windows events as XML: wevtutil, Get-WinEvent's ToXml, the viewer's export, forwarded events with their text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from mailwitness.event import Place, Problem
from mailwitness.formats import encoded, hardened_xml
from mailwitness.formats.event_frames import Fault, frames
from mailwitness.formats.hardened_xml import XmlRefusedError, child, local_name, text_of
from mailwitness.formats.instants import parse_iso
from mailwitness.formats.interface import Reading, Record, Span, Wanted
from mailwitness.formats.skips import Skips
from mailwitness.formats.strict_json import shown

NAME = "event xml"
DOC = "Windows events as XML: `wevtutil qe /f:xml`, Get-WinEvent's ToXml, the viewer's export, forwarded events."

_SCHEMA = b"http://schemas.microsoft.com/win/2004/08/events/event"
_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?<Events[\s>/]")
_SYSTEM = re.compile(rb"<Event(?:\s[^>]*)?>\s*<System[\s>]")
_EVENT_ID = re.compile(rb"<EventID(?:\s[^>]*)?>\s*(\d{1,9})\s*</EventID>")
_ORIGIN = re.compile(
    rb"<EventRecordID>\s*(\d{1,20})\s*</EventRecordID>.*?<Channel>([^<&]*)</Channel>.*?<Computer>([^<&]*)</Computer>",
    re.DOTALL,
)
_SPAN_BYTES = 64 << 20
_SEAM = re.compile(rb"</Event>\s*(?=<Event[\s>])")

AUDIT_SUCCESS = 0x20_0000_0000_0000
AUDIT_FAILURE = 0x10_0000_0000_0000
"""The two keyword bits every audit event carries one of (winmeta.xml of the Windows SDK: win:AuditSuccess/Failure)."""


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether the file holds Windows events as XML."""
    text = encoded.head_as_utf8(head)
    return text.lstrip().startswith(b"<") and (
        (b"<Event" in text and _SCHEMA in text) or _SYSTEM.search(text) is not None or _ROOT.match(text) is not None
    )


def spans(path: Path) -> list[Span]:
    """Return ranges of about 64 MiB that begin with an event; one for UTF-16, whose text is read from its beginning."""
    size = path.stat().st_size
    starts = [0]
    if encoded.encoding_of_file(path).is_utf8:
        with path.open("rb") as file:
            for target in range(_SPAN_BYTES, size - _SPAN_BYTES // 2, _SPAN_BYTES):
                file.seek(target)
                seam = _SEAM.search(file.read(1 << 20))
                if seam is not None:
                    starts.append(target + seam.end())
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
    """Yield the events that begin in `span`. Unwanted ones are told by their EventID without parsing the rest."""
    skips = Skips()
    for piece in frames(path, span.start, span.end):
        where = Place(evidence=path.name, offset=piece.offset)
        if isinstance(piece, Fault):
            yield Problem(
                code=piece.code, where=where, expected="a whole event", found=piece.found, records=piece.records
            )
        elif is_wanted(piece.document, wanted):
            yield from events_of(piece.document, NAME, piece.offset, where)
        else:
            skips.add(*origin_of_document(piece.document))
            if skips.full:
                yield from skips.drain()
    yield from skips.drain()


def is_wanted(document: bytes, wanted: Wanted) -> bool:
    """Return whether an event is to be rendered; where its one EventID cannot be told cheaply, it is."""
    if wanted.codes is None:
        return True
    match = _EVENT_ID.search(document)
    if match is None or document.count(b"<EventID") != 1 or b"<!" in document:
        return True
    return wanted.has(int(match.group(1)))


def origin_of_document(document: bytes) -> tuple[str, str, int | None]:
    """Return computer, channel and record number of an event that is not parsed, as far as they show."""
    match = _ORIGIN.search(document)
    if match is None:
        return "", "", None
    number, channel, computer = match.groups()
    return (
        computer.decode("utf-8", "replace"),
        channel.decode("utf-8", "replace"),
        int(number) if is_record_number(int(number)) else None,
    )


def events_of(document: bytes, form: str, offset: int, where: Place) -> Iterator[Record | Problem]:
    """Yield the Record of one `<Event>` document (UTF-8), or the Problem it is; a mended one with a remark beside it.

    `form` and `offset` stand in the Record: an event may come as XML within another form.
    """
    try:
        element = hardened_xml.parse(document)
    except XmlRefusedError as error:
        mended = hardened_xml.repaired(document) if error.code == "damaged" else None
        try:
            if mended is None:
                raise
            element = hardened_xml.parse(mended)
        except XmlRefusedError as refused:
            yield Problem(code=refused.code, where=where, expected="an event", found=refused.found, records=1)
            return
        yield Problem(
            code="damaged",
            where=where,
            expected="characters that XML allows",
            found="control characters or bytes that are no UTF-8: shown as their picture",
        )
    try:
        yield record_of(element, form, offset)
    except NotAnEventError as error:
        yield Problem(code="unparsable", where=where, expected=error.expected, found=error.found, records=1)


class NotAnEventError(ValueError):
    """A well-formed record that lacks what every event has."""

    def __init__(self, expected: str, found: object) -> None:
        """Keep what was `expected` and what was `found`, shortened."""
        self.expected = expected
        self.found = shown(found)
        super().__init__(f"{expected}: {self.found}")


def record_of(event: Element, form: str, offset: int) -> Record:
    """Return the Record of an `<Event>` element; raises NotAnEventError."""
    system = child(event, "System")
    if system is None:
        raise NotAnEventError("a System element", [local_name(part.tag) for part in event][:8])
    parts = {local_name(part.tag): part for part in system}
    time = _attribute(parts, "TimeCreated", "SystemTime") or ""
    at = parse_iso(time)
    if at is None:
        raise NotAnEventError("TimeCreated in ISO 8601", time)
    code = _number(parts, "EventID")
    if code is None or code >= 1 << 32:
        raise NotAnEventError("an EventID", _text(parts, "EventID"))
    number = _number(parts, "EventRecordID")
    if number is not None and not is_record_number(number):
        raise NotAnEventError("a record number that a log can hold", number)
    names, values, binary = _data_of(event)
    rendering = child(event, "RenderingInfo")
    message = None if rendering is None else child(rendering, "Message")
    return Record(
        format=form,
        offset=offset,
        provider=_attribute(parts, "Provider", "Name") or _attribute(parts, "Provider", "EventSourceName") or "",
        event_code=code,
        computer=_text(parts, "Computer"),
        channel=_text(parts, "Channel"),
        record_id=number,
        occurred_at=at[0],
        time_quality=at[1],
        values=values,
        names=names,
        audit=audit_of(_text(parts, "Keywords")),
        level=_number(parts, "Level"),
        version=_number(parts, "Version"),
        user_sid=_attribute(parts, "Security", "UserID"),
        message=None if message is None else text_of(message),
        data=binary,
        related_activity=_attribute(parts, "Correlation", "ActivityID"),
    )


def is_record_number(number: int) -> bool:
    """Return whether a log can hold a record of this number: they count up from 1 and tables hold 63 bits."""
    return 0 <= number < 1 << 63


def _text(parts: dict[str, Element], name: str) -> str:
    part = parts.get(name)
    return "" if part is None else text_of(part).strip()


def _attribute(parts: dict[str, Element], name: str, attribute: str) -> str | None:
    part = parts.get(name)
    return None if part is None else part.get(attribute) or None


def _number(parts: dict[str, Element], name: str) -> int | None:
    text = _text(parts, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _UINT64_DIGITS else None


_UINT64_DIGITS = 20


def audit_of(keywords: str) -> Literal["success", "failure"] | None:
    """Return what the audit bits of a Keywords value (hexadecimal with 0x, or decimal, signed or not) say."""
    try:
        bits = int(keywords, 0)
    except ValueError:
        return None
    if bits & AUDIT_FAILURE:
        return "failure"
    return "success" if bits & AUDIT_SUCCESS else None


def _data_of(event: Element) -> tuple[tuple[str, ...], tuple[str, ...], bytes | None]:
    """Return names, values and binary of an event's EventData or, where it has that, the children of its UserData."""
    names: list[str] = []
    values: list[str] = []
    binary: bytes | None = None
    for item in _data_items(event):
        kind = local_name(item.tag)
        if kind == "Binary" and (binary := _bytes_of(item)) is not None:
            continue
        name = item.get("Name")
        names.append(name if name is not None else "" if kind == "Data" else kind)
        values.append(text_of(item))
    return tuple(names) if any(names) else (), tuple(values), binary


def _data_items(event: Element) -> Iterator[Element]:
    for part in event:
        kind = local_name(part.tag)
        if kind == "EventData":
            yield from part
        elif kind in {"UserData", "ProcessingErrorData"}:
            yield from _leaves(part)


def _leaves(part: Element) -> Iterator[Element]:
    for inner in part:
        if len(inner):
            yield from _leaves(inner)
        else:
            yield inner


def data_of_fragment(fragment: str) -> list[tuple[str, str]] | None:
    """Return the leaves of a piece of UserData XML, names and values, or None where it is no XML."""
    try:
        part = hardened_xml.parse(b"<UserData>" + fragment.encode("utf-8", "replace") + b"</UserData>")
    except XmlRefusedError:
        return None
    return [(local_name(leaf.tag), text_of(leaf)) for leaf in _leaves(part)]


def _bytes_of(item: Element) -> bytes | None:
    """Return the bytes a Binary element writes in hexadecimal, or None: then it is kept as a value like any other."""
    try:
        return bytes.fromhex(item.text or "")
    except ValueError:
        return None
