"""Audit reports as XML: what New-MailboxAuditLogSearch and New-AdminAuditLogSearch attach to their mails.

`<SearchResults>` around one `<Event>` an entry; the details are attributes, what was touched stands in child elements.
An element becomes a dict: its attributes under their names, its children in lists under theirs, its text under "#text".
Microsoft's page on mailbox audit logs prints the touched items as `<ItemId="..." Subject="..."/>`, which is no XML:
that one element is read as `<Item Id="..." .../>`, with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from mailwitness.event import Place, Problem
from mailwitness.formats import encoded, event_xml, hardened_xml
from mailwitness.formats.event_frames import Fault, frames
from mailwitness.formats.hardened_xml import XmlRefusedError, local_name
from mailwitness.formats.interface import ExportRecord, Reading, Span, Wanted

NAME = "audit xml"
DOC = "Mailbox and administrator audit reports as XML (`<SearchResults>`), also as Microsoft's page prints them."

_EVENT = re.compile(rb"<Event\s+[A-Za-z]")
_ROOT = re.compile(rb"<SearchResults[\s>/]")
_PRINTED_ITEM = re.compile(rb"<ItemId\s*=\s*(\"[^\"<]*\"|'[^'<]*')")
_TEXT = "#text"


def recognise(head: bytes, name: str) -> bool:
    """Return whether the file is an audit report: entries that are `<Event>` elements with attributes."""
    text = encoded.head_as_utf8(head)
    if not text.lstrip().startswith(b"<") or event_xml.recognise(head, name):
        return False
    return _ROOT.search(text) is not None or _EVENT.search(text) is not None


def spans(path: Path) -> list[Span]:
    """Return the file as one range."""
    return [Span(0, path.stat().st_size)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:  # noqa: ARG001 - one span, no event codes
    """Yield the entries of the report."""
    for piece in frames(path):
        where = Place(evidence=path.name, offset=piece.offset)
        if isinstance(piece, Fault):
            yield Problem(
                code=piece.code, where=where, expected="a whole entry", found=piece.found, records=piece.records
            )
        else:
            yield from _entry(piece.document, piece.offset, where)


def _entry(document: bytes, offset: int, where: Place) -> Iterator[ExportRecord | Problem]:
    try:
        element, remarks = _parsed(document)
        fields = _fields(element)
    except XmlRefusedError as error:
        yield Problem(code=error.code, where=where, expected="an audit entry", found=error.found, records=1)
        return
    for remark in remarks:
        yield Problem(code="damaged", where=where, expected="well-formed XML", found=remark)
    yield ExportRecord(
        format=NAME,
        offset=offset,
        container="xml",
        shape=(local_name(element.tag), *element.attrib, *_children(element)),
        fields=fields,
    )


def _parsed(document: bytes) -> tuple[Element, list[str]]:
    """Return the entry and what had to be mended in it to read it; raises XmlRefusedError."""
    try:
        return hardened_xml.parse(document), []
    except XmlRefusedError as error:
        if error.code != "damaged":
            raise
        refused = error
    remarks = []
    mended, printed = _PRINTED_ITEM.subn(rb"<Item Id=\1", document)
    if printed:
        remarks.append(f"{printed} elements <ItemId=...>, read as <Item Id=...>")
    visible = hardened_xml.repaired(mended)
    if visible is not None:
        remarks.append("control characters or bytes that are no UTF-8: shown as their picture")
    if not remarks:
        raise refused
    return hardened_xml.parse(visible or mended), remarks


def _children(element: Element) -> list[str]:
    return list(dict.fromkeys(local_name(child.tag) for child in element))


def _fields(element: Element) -> dict[str, Any]:
    """Return an element as a dict: attributes, children in lists, text where there is some beside them."""
    fields: dict[str, Any] = {local_name(name): value for name, value in element.attrib.items()}
    for child in element:
        listed = fields.setdefault(local_name(child.tag), [])
        if not isinstance(listed, list):  # an attribute of that name
            listed = fields.setdefault(f"{local_name(child.tag)} (2)", [])
        listed.append(_fields(child))
    text = (element.text or "").strip()
    if text:
        fields[_TEXT] = text
    return fields
