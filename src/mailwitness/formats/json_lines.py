"""JSON: Windows events as collectors write them, and whatever a cmdlet, a portal or an API exported.

One object a line (Winlogbeat, NXLog, OpenWEC), an array, one object, or objects over many lines (ConvertTo-Json). An
object that is a Windows event becomes a Record, any other an ExportRecord.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from mailwitness.event import Place, Problem
from mailwitness.formats import encoded, windows_json
from mailwitness.formats.interface import ExportRecord, Reading, Span, Wanted
from mailwitness.formats.json_values import Refused, values
from mailwitness.formats.skips import Skips
from mailwitness.formats.strict_json import VALUES, JsonRefusedError, as_exported, decode, shown, value_count

NAME = "json"
DOC = "JSON: Winlogbeat, NXLog and OpenWEC events; exports of cmdlets and APIs as lines, arrays or single objects."

LINE_BYTES = 16 << 20
_DENSE_FROM = 1 << 20
_SPAN_BYTES = 64 << 20
_SPANS = 8
"""Each span counts the lines before it: more spans would spend more on that than they win."""


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether the file begins like a JSON object or an array of objects."""
    text = encoded.head_as_utf8(head).lstrip()
    if text.startswith(b"["):
        text = text[1:].lstrip()
        return text.startswith((b"{", b"]"))
    return text.startswith(b"{") and text[1:].lstrip().startswith((b'"', b"}"))


def spans(path: Path) -> list[Span]:
    """Return up to eight ranges of whole lines where the file has one object a line, else one."""
    size = path.stat().st_size
    count = min(_SPANS, size // _SPAN_BYTES)
    if count < 2 or not encoded.encoding_of_file(path).is_utf8 or not _has_object_a_line(path):  # noqa: PLR2004 - two
        return [Span(0, size)]
    starts = [0]
    with path.open("rb") as file:
        for target in range(size // count, size, size // count):
            file.seek(target)
            line = file.readline(LINE_BYTES)
            if line.endswith(b"\n") and target + len(line) < size and starts[-1] < target:
                starts.append(target + len(line))
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _has_object_a_line(path: Path) -> bool:
    """Return whether the first line is an object for itself (or was one before it was damaged)."""
    with encoded.open_utf8(path) as stream:
        while line := stream.readline(LINE_BYTES):
            if len(line) == LINE_BYTES:  # too long to be looked at here
                return True
            if line.strip():
                return line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}")
    return True


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
    """Yield what the objects of the span are."""
    reader = _Reader(path, wanted)
    if span.start > 0 or _has_object_a_line(path):
        yield from reader.lines(span)
    else:
        yield from reader.values()
    yield from reader.skips.drain()


class _Reader:
    def __init__(self, path: Path, wanted: Wanted) -> None:
        self._path = path
        self._wanted = wanted
        self.skips = Skips()

    def lines(self, span: Span) -> Iterator[Reading]:
        """Yield what stands on the lines of a span."""
        number = encoded.newlines_before(self._path, span.start)
        is_utf8 = encoded.encoding_of_file(self._path).is_utf8
        left = span.end - span.start if is_utf8 else None
        with encoded.open_utf8(self._path, span.start) as stream:
            for line in encoded.lines(stream, LINE_BYTES):
                number += 1
                if isinstance(line, int):
                    yield self._limit(number, f"a line of at most {LINE_BYTES} bytes", f"one of {line}")
                elif len(line) > _DENSE_FROM and (count := value_count(line)) > VALUES:
                    yield self._limit(number, f"at most {VALUES} values", f"about {count}")
                elif line.strip():
                    yield from self._line(line, number)
                if left is not None:
                    left -= line if isinstance(line, int) else len(line)
                    if left <= 0:
                        return
                if self.skips.full:
                    yield from self.skips.drain()

    def _limit(self, number: int, expected: str, found: str) -> Problem:
        where = Place(evidence=self._path.name, line=number)
        return Problem(code="limit", where=where, expected=expected, found=found, records=1)

    def _line(self, line: bytes, number: int) -> Iterator[Reading]:
        where = Place(evidence=self._path.name, line=number)
        yield from document_of(line, number, where, self._wanted, self.skips)

    def values(self) -> Iterator[Reading]:
        """Yield what the values of the whole file are."""
        for value in values(self._path):
            where = Place(evidence=self._path.name, offset=value.offset, line=value.line)
            if isinstance(value, Refused):
                yield Problem(code=value.code, where=where, expected="a JSON object", found=value.found, records=1)
            else:
                yield from _readings(value.value, value.offset, where, self._wanted, self.skips)
            if self.skips.full:
                yield from self.skips.drain()


def document_of(document: bytes, offset: int, where: Place, wanted: Wanted, skips: Skips) -> Iterator[Reading]:
    """Yield what one JSON document is; Windows events that no source reads are counted in `skips`.

    `offset` stands in the records: JSON may come within another form.
    """
    if wanted.codes is not None and _is_unwanted(document, wanted, skips):
        return
    try:
        value = decode(document.strip())
    except JsonRefusedError as error:
        yield Problem(code=error.code, where=where, expected="a JSON object", found=error.found, records=1)
        return
    yield from _readings(value, offset, where, wanted, skips)


def _is_unwanted(line: bytes, wanted: Wanted, skips: Skips) -> bool:
    """Return whether a line is a Windows event no source reads, and count it; fails open.

    The quick decoder keeps the last of two equal keys. A wanted code hidden behind an unwanted one needs the key a
    second time, plain or escaped: then the strict decoder looks.
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(event, dict):
        return False
    if isinstance(event.get("_source"), dict):
        event = event["_source"]
    shape = windows_json.shape_of(event)
    if shape is None:
        return False
    code = windows_json.code_of(event, shape)
    if code is None or wanted.has(code) or line.count(shape.code_key) != 1 or b"\\u00" in line:
        return False
    skips.add(*windows_json.origin_of(event, shape))
    return True


def _readings(value: Any, offset: int, where: Place, wanted: Wanted, skips: Skips) -> Iterator[Reading]:  # noqa: ANN401
    """Yield what the objects of any JSON value are."""
    for event in _unwrapped(value):
        if not isinstance(event, dict):
            yield Problem(code="unparsable", where=where, expected="a JSON object", found=shown(event), records=1)
            continue
        shape = windows_json.shape_of(event)
        if shape is None:
            yield from _exported(event, offset, where)
            continue
        code = windows_json.code_of(event, shape)
        if code is not None and not wanted.has(code):
            skips.add(*windows_json.origin_of(event, shape))
            continue
        yield from windows_json.read(event, shape, offset, where)


def _unwrapped(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    """Yield the objects in an array, in a page of Microsoft Graph (OData), and in what Elasticsearch wraps."""
    for each in value if isinstance(value, list) else (value,):
        if not isinstance(each, dict):
            yield each
            continue
        hits = each.get("hits")
        if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
            for hit in hits["hits"]:
                yield hit["_source"] if isinstance(hit, dict) and isinstance(hit.get("_source"), dict) else hit
        elif isinstance(each.get("value"), list) and any(key.startswith("@odata.") for key in each):
            yield from each["value"]
        else:
            yield each["_source"] if isinstance(each.get("_source"), dict) else each


def _exported(fields: dict[str, Any], offset: int, where: Place) -> Iterator[ExportRecord | Problem]:
    try:
        yield ExportRecord(
            format=NAME, offset=offset, container="json", shape=tuple(fields), fields=as_exported(fields)
        )
    except JsonRefusedError as error:
        yield Problem(code=error.code, where=where, expected="a JSON object", found=error.found, records=1)
