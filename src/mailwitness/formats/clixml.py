"""CLIXML, what Export-Clixml writes: PowerShell objects with the types of their properties.

Each object at the top becomes one ExportRecord: its properties and notes by name, nested objects as dicts, lists as
lists. Times, spans, numbers with a fraction, GUIDs and versions stay the text they are (DateTime in ISO 8601 with its
offset); whole numbers and booleans are such. An enumeration is its name. A reference to an object seen before is that
object again. Reference: MS-PSRP 2.2.5 (serialization).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from mailwitness.event import Place, Problem
from mailwitness.formats import encoded, hardened_xml
from mailwitness.formats.hardened_xml import XmlRefusedError, local_name
from mailwitness.formats.interface import ExportRecord, Reading, Span, Wanted
from mailwitness.formats.strict_json import EXACT_INTEGER

NAME = "clixml"
DOC = "Export-Clixml files: objects of any Exchange cmdlet with typed properties."

_ROOT = re.compile(rb"<Objs[\s>]")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCES = 100_000
"""How many objects are kept for later references: an export of any size must not fill the memory."""
_VALUES = 1_000_000
"""How many values one object may come to: references repeated in references grow without end."""

_INTEGERS = frozenset("By SB U16 I16 U32 I32 U64 I64".split())
_LISTS = frozenset({"LST", "IE", "STK", "QUE"})
_TYPE, _STRING, _VALUE, _REFERENCE, _ITEMS = "#type", "#string", "#value", "#reference", "#items"


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether the file is CLIXML."""
    text = encoded.head_as_utf8(head)
    return text.lstrip().startswith(b"<") and _ROOT.search(text) is not None


def spans(path: Path) -> list[Span]:
    """Return the file as one range: objects refer to those before them."""
    return [Span(0, path.stat().st_size)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:  # noqa: ARG001 - one span, no event codes
    """Yield the objects of the file, whose offset is their number (from 1); of a list at the top, its items."""
    objects = _Objects()
    number = 0
    try:
        with encoded.open_utf8(path) as stream:
            for top in hardened_xml.children_of_root(stream):
                objects.types_of(top)
                for element in _items_of(top):
                    number += 1
                    yield from _readings(objects, element, number, Place(evidence=path.name, line=number))
    except XmlRefusedError as error:
        yield Problem(
            code=error.code,
            where=Place(evidence=path.name, line=number + 1),
            expected="CLIXML",
            found=error.found,
            records=1,
        )


def _readings(objects: _Objects, element: Element, number: int, where: Place) -> Iterator[ExportRecord | Problem]:
    try:
        yield objects.record(element, number)
    except XmlRefusedError as error:
        yield Problem(code=error.code, where=where, expected="an object", found=error.found, records=1)
    if objects.lost:
        yield Problem(
            code="limit",
            where=where,
            expected="references to objects still known",
            found=f"{len(objects.lost)} to others: {', '.join(objects.lost[:8])}"[:200],
        )
        objects.lost.clear()


def _items_of(top: Element) -> Iterator[Element]:
    """Yield the items of a list without members of its own (Export-Clixml -InputObject), else the element itself."""
    parts = {local_name(part.tag): part for part in top}
    listed = next((parts[kind] for kind in _LISTS if kind in parts), None)
    if listed is None or "Props" in parts or "MS" in parts:
        yield top
    else:
        yield from listed


class _Objects:
    """Turns elements into values; keeps what later elements refer to."""

    def __init__(self) -> None:
        self._types: dict[str, list[str]] = {}
        self._seen: dict[str, tuple[Any, int]] = {}  # the value and how many values it comes to
        self._count = 0
        self.lost: list[str] = []

    def record(self, element: Element, number: int) -> ExportRecord:
        """Return the record of an element at the top; raises XmlRefusedError."""
        self._count = 0
        value = self._value(element)
        names = self.types_of(element)
        fields = value if isinstance(value, dict) else {_VALUE: value}
        if names:
            fields = {_TYPE: names[0]} | fields
        shape = (names[0] if names else local_name(element.tag), *(name for name in fields if name != _TYPE))
        return ExportRecord(format=NAME, offset=number, container="clixml", shape=shape, fields=fields)

    def _counted(self, count: int) -> None:
        self._count += count
        if self._count > _VALUES:
            raise XmlRefusedError("limit", f"an object of more than {_VALUES} values")

    def _value(self, element: Element) -> Any:  # noqa: ANN401 - whatever was exported
        self._counted(1)
        kind = local_name(element.tag)
        if kind == "Obj":
            return self._object(element)
        if kind == "Ref":
            return self._referred(element.get("RefId", ""))
        if kind == "Nil":
            return None
        text = _plain(hardened_xml.text_of(element))
        if kind == "B" and text in {"true", "false"}:
            return text == "true"
        if kind in _INTEGERS:
            return _integer(text)
        return text

    def _referred(self, reference: str) -> Any:  # noqa: ANN401 - whatever was exported
        known = self._seen.get(reference)
        if known is None:
            self.lost.append(reference)
            return {_REFERENCE: reference}
        value, count = known
        self._counted(count)
        return value

    def _object(self, element: Element) -> Any:  # noqa: ANN401 - whatever was exported
        reference = element.get("RefId")
        before = self._count
        if reference is not None:
            self._seen[reference] = ({_REFERENCE: reference}, 1)  # what refers to itself ends here
        value = self._content(element)
        if reference is not None:
            self._seen[reference] = (value, self._count - before + 1)
            if len(self._seen) > _REFERENCES:
                del self._seen[next(iter(self._seen))]
        return value

    def _content(self, element: Element) -> Any:  # noqa: ANN401 - whatever was exported
        """Return what an Obj is: its members, its items, its text or its one value."""
        self.types_of(element)
        members: dict[str, Any] = {}
        items: list[Any] | dict[str, Any] | None = None
        string: str | None = None
        single: list[Any] = []
        for part in element:
            kind = local_name(part.tag)
            if kind in {"Props", "MS"}:
                self._add_members(members, part)
            elif kind in _LISTS:
                items = [self._value(item) for item in part]
            elif kind == "DCT":
                items = self._dictionary(part)
            elif kind == "ToString":
                string = _plain(hardened_xml.text_of(part))
            elif kind not in {"TN", "TNRef"}:
                single.append(self._value(part))
        return _joined(members, items, string, single)

    def _add_members(self, members: dict[str, Any], part: Element) -> None:
        for member in part:
            _put(members, _plain(member.get("N", "")), self._value(member))

    def _dictionary(self, part: Element) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for entry in part:
            pair = {member.get("N"): self._value(member) for member in entry}
            _put(entries, str(pair.get("Key", "")), pair.get("Value"))
        return entries

    def types_of(self, element: Element) -> list[str]:
        """Return the type names of an object, its own first, and keep them for those that refer to them."""
        for part in element:
            kind = local_name(part.tag)
            if kind == "TN":
                names = [_plain(hardened_xml.text_of(name)) for name in part]
                self._types[part.get("RefId", "")] = names
                return names
            if kind == "TNRef":
                return self._types.get(part.get("RefId", ""), [])
        return []


def _put(members: dict[str, Any], name: str, value: object) -> None:
    """Add a member; one whose name came before gets a number, so that none is lost."""
    number, free = 1, name
    while free in members:
        number += 1
        free = f"{name} ({number})"
    members[free] = value


def _joined(
    members: dict[str, Any], items: list[Any] | dict[str, Any] | None, string: str | None, single: list[Any]
) -> Any:  # noqa: ANN401 - whatever was exported
    if members:
        if string is not None:
            members[_STRING] = string
        if items is not None:
            members[_ITEMS] = items
        if single:
            members[_VALUE] = single[0] if len(single) == 1 else single
        return members
    if items is not None:
        return items
    if string is not None:  # an enumeration's name before its number
        return string
    return single[0] if len(single) == 1 else single or None


def _integer(text: str) -> int | str:
    try:
        number = int(text)
    except ValueError:
        return text
    return number if -EXACT_INTEGER <= number <= EXACT_INTEGER else text


def _plain(text: str) -> str:
    """Return text without CLIXML's escapes: _x000D_ is a carriage return, _x005F_ an underscore."""
    if "_x" not in text:
        return text
    plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if not any("\ud800" <= c <= "\udfff" for c in plain):
        return plain
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # joins pairs
