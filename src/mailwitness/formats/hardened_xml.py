"""The one way XML is parsed here: no DOCTYPE, no entities, nothing external, 64 levels and 10 MiB a record at most.

`resolve_entities=False` of other parsers turns an attack into silent loss of data, and no parser limits depth: so a
DOCTYPE is refused before anything else, and depth is counted here (reference: docs/limits.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from mailwitness.event import ProblemCode

DEPTH = 64
RECORD_BYTES = 10 << 20
_CHUNK = 1 << 20


class XmlRefusedError(ValueError):
    """XML that is not read: `code` says whether it is damaged, hostile by form or beyond a limit."""

    def __init__(self, code: ProblemCode, found: str) -> None:
        """Keep the Problem's code and what was found."""
        super().__init__(found)
        self.code: ProblemCode = code
        self.found = found


class _Builder:
    """Builds elements, refuses depth; hands over each child of the root when it ends, if asked to."""

    def __init__(self, *, by_child: bool = False) -> None:
        self._tree = TreeBuilder()
        self._depth = 0
        self._by_child = by_child
        self._root: Element | None = None
        self.children: list[Element] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise XmlRefusedError("limit", f"elements nested deeper than {DEPTH} levels")
        element = self._tree.start(tag, attributes)
        if self._root is None:
            self._root = element

    def end(self, tag: str) -> None:
        element = self._tree.end(tag)
        self._depth -= 1
        if self._by_child and self._depth == 1 and self._root is not None:
            self.children.append(element)
            self._root.clear()

    def data(self, text: str) -> None:
        self._tree.data(text)

    def close(self) -> Element:
        return self._tree.close()


def parse(document: bytes) -> Element:
    """Return the root element of a UTF-8 document; raises XmlRefusedError and nothing else."""
    return _run(document, _Builder())


def _run(document: bytes, builder: _Builder) -> Element:
    parser = DefusedXMLParser(target=builder, encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(document)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise XmlRefusedError("refused", f"a {type(error).__name__.removesuffix('Forbidden')} declaration") from None
    except ParseError as error:
        raise XmlRefusedError("damaged", f"XML that is not well-formed: {error}") from None
    except ValueError as error:
        if isinstance(error, XmlRefusedError):
            raise
        raise XmlRefusedError("damaged", f"XML that cannot be read: {error}") from None
    return root


def children_of_root(stream: BinaryIO) -> Iterator[Element]:
    """Yield the children of the root element one by one as a UTF-8 stream is read; raises XmlRefusedError.

    Each child may take up to 10 MiB. What stood before the fault has been yielded when the error is raised.
    """
    builder = _Builder(by_child=True)
    parser = DefusedXMLParser(target=builder, encoding="utf-8", forbid_dtd=True)
    since_child = 0
    while chunk := stream.read(_CHUNK):
        failure = _feed(parser, chunk)
        since_child = 0 if builder.children else since_child + len(chunk)
        yield from builder.children
        builder.children.clear()
        if failure is not None:
            raise failure
        if since_child > RECORD_BYTES:
            raise XmlRefusedError("limit", f"an element of more than {RECORD_BYTES} bytes")
    failure = _feed(parser, None)
    if failure is not None:
        raise failure


def _feed(parser: DefusedXMLParser, chunk: bytes | None) -> XmlRefusedError | None:
    """Give a chunk (None: the end) to the parser and return what it refused, so that what came before is not lost."""
    try:
        if chunk is None:
            parser.close()
        else:
            parser.feed(chunk)
    except DefusedXmlException as error:
        return XmlRefusedError("refused", f"a {type(error).__name__.removesuffix('Forbidden')} declaration")
    except ParseError as error:
        return XmlRefusedError("truncated" if chunk is None else "damaged", f"XML that is not well-formed: {error}")
    except XmlRefusedError as error:
        return error
    except ValueError as error:
        return XmlRefusedError("damaged", f"XML that cannot be read: {error}")
    return None


_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x[0-9a-fA-F]{1,8}|[0-9]{1,10});")
_PICTURES = 0x2400
"""U+2400 is the picture of NUL, U+2401 of SOH and so on."""


def repaired(document: bytes) -> bytes | None:
    """Return the document with the characters XML forbids made visible, or None where there are none.

    Event text is written by attackers: a control character in a name would otherwise hide its whole record. Control
    characters become their picture (U+2400 onwards), bytes that are no UTF-8 become U+FFFD.
    """
    mended = _FORBIDDEN.sub(_picture, document)
    mended = mended.decode("utf-8", "replace").encode("utf-8")
    return mended if mended != document else None


def _picture(match: re.Match[bytes]) -> bytes:
    found = match.group()
    if not found.startswith(b"&#"):
        return chr(_PICTURES + found[0]).encode()
    number = int(found[3:-1], 16) if found[2:3] == b"x" else int(found[2:-1])
    if number in _ALLOWED_CONTROLS:
        return found
    if number < ord(" "):
        return chr(_PICTURES + number).encode()
    return found if number < _SURROGATES or _SURROGATES_END < number < _NONCHARACTERS else b"\xef\xbf\xbd"


_ALLOWED_CONTROLS = frozenset({ord("\t"), ord("\n"), ord("\r")})
_SURROGATES, _SURROGATES_END, _NONCHARACTERS = 0xD800, 0xDFFF, 0xFFFE


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def text_of(element: Element) -> str:
    """Return all text within an element."""
    if len(element) == 0:
        return element.text or ""
    return "".join(element.itertext())


def child(element: Element, name: str) -> Element | None:
    """Return the first child of that local name, whatever its namespace."""
    for candidate in element:
        if local_name(candidate.tag) == name:
            return candidate
    return None
