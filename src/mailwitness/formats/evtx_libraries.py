"""The two libraries that render EVTX records, each given one chunk at a time, and what each could not.

evtx (Rust) is four to ten times faster; libevtx reads records on which the other stops, and does not hang on crafted
ones. Neither is asked whether the evidence is whole: `evtx_chunk` is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import evtx
import msgspec
import pyevtx

from mailwitness.event import Place
from mailwitness.formats import event_xml
from mailwitness.formats.evtx_chunk import Spot, a_file
from mailwitness.formats.evtx_render import NAME, as_first_reader, record_of
from mailwitness.formats.interface import Record

_FAILURES_LIMIT = 4096
"""More errors than a chunk has room for records: the library repeats itself."""


def rendered(chunk: bytes, spots: list[Spot]) -> list[str | None]:
    """Return the JSON that evtx renders for each of `spots`; None where it raises, or gives something else."""
    ids = [spot.file_id for spot in spots]
    texts: list[str | None] = [None] * len(ids)
    following = failures = 0
    records: Iterator[Any] = evtx.PyEvtxParser(io.BytesIO(a_file(chunk)), number_of_threads=1).records_json()
    while failures < _FAILURES_LIMIT:
        try:
            for record in records:
                file_id = record["event_record_id"]
                if following < len(ids) and ids[following] == file_id:
                    texts[following] = record["data"]
                    following += 1
                elif file_id in ids[following:]:
                    following = ids.index(file_id, following)
                    texts[following] = record["data"]
                    following += 1
            break
        except (RuntimeError, ValueError, OSError):
            failures += 1
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # the library's own crash, which Python cannot name
                raise
            break
    return texts


def first_reader(chunk: bytes, spots: list[Spot], base: int) -> list[Record | None]:
    """Return for each of `spots` the record evtx reads, or None; `base` is the chunk's place in the file."""
    records: list[Record | None] = []
    for spot, text in zip(spots, rendered(chunk, spots), strict=True):
        try:
            records.append(None if text is None else record_of(text, base + spot.at))
        except (ValueError, RecursionError):
            records.append(None)  # the other library may read it, else it becomes a Problem
    return records


def second_reader(chunk: bytes, spots: list[Spot], base: int, *, recovered: bool = False) -> list[Record | None]:
    """Return for each of `spots` the record libevtx reads, in the same form, or None.

    `recovered` marks records that lay behind the live ones.
    """
    records: list[Record | None] = [None] * len(spots)
    by_id: dict[int, list[int]] = {}
    for i, spot in enumerate(spots):
        by_id.setdefault(spot.file_id, []).append(i)
    for file_id, xml in _documents(chunk):
        if by_id.get(file_id):
            i = by_id[file_id].pop(0)
            record = _record_of_xml(xml, base + spots[i].at)
            if record is not None:
                records[i] = msgspec.structs.replace(record, recovered=recovered)
    return records


def _documents(chunk: bytes) -> Iterator[tuple[int, str]]:
    """Yield number and XML of each record libevtx can read."""
    file = pyevtx.file()
    try:
        file.open_file_object(io.BytesIO(a_file(chunk)))
    except OSError:
        return
    try:
        for count, get in (
            (file.get_number_of_records(), file.get_record),
            (file.get_number_of_recovered_records(), file.get_recovered_record),  # behind a number it did not expect
        ):
            for i in range(count):
                try:
                    record = get(i)
                    file_id, xml = record.get_identifier(), record.get_xml_string()
                except OSError:
                    continue
                if xml:
                    yield file_id, xml
    finally:
        file.close()


def _record_of_xml(xml: str, offset: int) -> Record | None:
    document = xml.replace("\r", "&#13;").encode("utf-8", "replace")  # or XML makes one line end of two characters
    for reading in event_xml.events_of(document, NAME, offset, Place(offset=offset)):
        if isinstance(reading, Record):
            return as_first_reader(reading)
    return None
