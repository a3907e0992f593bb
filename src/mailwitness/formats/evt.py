"""Event logs of Windows NT 4.0, 2000, XP and Server 2003 (.evt).

The frame is walked here, so that a dirty header, a wrapped log, a cut or damaged one cost no record and no silence;
libevt is the second reader for a record whose inside does not hold. The format has no checksums: that its records are
unaltered can never be shown.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.event import Place, Problem
from mailwitness.formats.evt_libevt import records_by_libevt
from mailwitness.formats.evt_record import NAME, channel_of, channel_of_file, code_of, origin_of, record_of
from mailwitness.formats.evt_ring import HEADER, RECORD_SMALLEST, SIGNATURE, Break, EndRecord, Ring
from mailwitness.formats.interface import Reading, Record, Span, Wanted
from mailwitness.formats.skips import Skips

__all__ = ["DOC", "NAME", "read", "recognise", "spans"]

DOC = "Windows event log files (.evt) of Windows NT 4.0, 2000, XP and Server 2003. They carry no checksums."

_SUFFIX = ".evt"


def recognise(head: bytes, name: str) -> bool:
    """Return whether the file begins as an event log, or is called one and holds a record."""
    if head[4:8] == SIGNATURE and head[:4] == HEADER.to_bytes(4, "little"):
        return True
    return name.casefold().endswith(_SUFFIX) and Ring(head).next_head(0, len(head)) is not None


def spans(path: Path) -> list[Span]:
    """Return one range: where the log begins is known only from its end record."""
    return [Span(0, path.stat().st_size)]


def read(path: Path, span: Span, wanted: Wanted) -> Iterator[Reading]:
    """Yield what the log's frame lacks, then its records in the order of the file, left-over ones marked recovered."""
    if span.end <= span.start:
        return
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        yield from _Log(Ring(data), path).run(wanted)


class _Log:
    """One log: where it begins and ends, and what stands in it."""

    def __init__(self, ring: Ring, path: Path) -> None:
        self._ring = ring
        self._path = path
        self._channel = channel_of_file(path.name)
        self._problems: list[Problem] = []
        self._following: int | None = None
        self._live = array("Q")
        self._remnants = array("Q")
        self._others: dict[int, Record] | None = None
        pieces = self._pieces()
        self._find(pieces)
        self._remnants.extend(head.at for head in ring.remnants(pieces))

    def _pieces(self) -> list[tuple[int, int]]:
        """Return the ranges the live records fill, from the oldest on, and note what the frame lacks."""
        ring, header = self._ring, self._ring.header
        if not header.is_intact:
            self._note("damaged", 0, f"a header of {HEADER} bytes with {SIGNATURE!r}", "none")
        start = header.start if header.is_intact and HEADER <= header.start < ring.size else HEADER
        end = ring.chain(start) or max(ring.end_records(), key=lambda record: record.following, default=None)
        if end is None:
            self._note("truncated", ring.size, "an end record", "none: the log is cut off or damaged")
            return ring.circle(start)
        self._following = end.following
        self._check(end)
        return ring.part(end.start if HEADER <= end.start < ring.size else HEADER, end.at)

    def _check(self, end: EndRecord) -> None:
        header = self._ring.header
        if end.at != end.end:
            found = f"it at {end.at:#x}: bytes were taken out or put in"
            self._note("damaged", end.at, f"the end record at {end.end:#x}, as it says", found)
        said = (header.start, header.end, header.following, header.oldest)
        if header.is_intact and not header.is_dirty and said != (end.start, end.end, end.following, end.oldest):
            found = f"records {end.oldest} to {end.following - 1}, as the end record says"
            self._note("damaged", 0, f"records {header.oldest} to {header.following - 1}, as the header says", found)

    def _find(self, pieces: list[tuple[int, int]]) -> None:
        """Find the live records; what breaks their row is noted with the records that are missing there."""
        last: int | None = None
        gap: Break | None = None
        for step in self._ring.walk(pieces):
            if isinstance(step, Break):
                gap = step
                continue
            if self._following is None and last is not None and step.number <= last:
                self._remnants.append(step.at)  # with no end record, the row ends where the numbers fall back
                continue
            if gap is not None:
                self._break(gap, step.number)
                gap = None
            self._live.append(step.at)
            last = step.number
        if self._following is None:
            return  # that the end is missing is noted already
        if gap is not None:
            self._break(gap, self._following)
        elif last is not None and last + 1 != self._following:
            expected = f"record {self._following - 1} before the end record"
            self._note("damaged", pieces[-1][1], expected, f"record {last}")

    def _break(self, gap: Break, after: int) -> None:
        lost = 0 if gap.before is None else after - gap.before - 1
        if not 0 <= lost <= (gap.until - gap.at) // RECORD_SMALLEST:
            lost = 0
        found = f"{gap.until - gap.at} bytes that are none; numbers {gap.before} and {after} stand before and behind"
        self._note("damaged", gap.at, "a record or the end record", found, records=lost)

    def _note(
        self, code: Literal["damaged", "truncated"], at: int, expected: str, found: str, *, records: int = 0
    ) -> None:
        where = Place(evidence=self._path.name, offset=at)
        self._problems.append(Problem(code=code, where=where, expected=expected, found=found, records=records))

    def run(self, wanted: Wanted) -> Iterator[Reading]:
        """Yield everything."""
        yield from self._problems
        skips = Skips()
        places = [(at, False) for at in self._live] + [(at, True) for at in self._remnants]
        for at, recovered in sorted(places):
            head = self._ring.head(at)
            data = self._ring.read(at, 0 if head is None else head.size)
            if not recovered and not wanted.has(code_of(data)) and self._skip(data, skips):
                if skips.full:
                    yield from skips.drain()
                continue
            yield from self._record(data, at, recovered=recovered)
        yield from skips.drain()

    def _skip(self, data: bytes, skips: Skips) -> bool:
        try:
            provider, computer = origin_of(data)
        except ValueError:
            return False
        skips.add(computer, channel_of(provider, self._channel), int.from_bytes(data[8:12], "little"))
        return True

    def _record(self, data: bytes, at: int, *, recovered: bool) -> Iterator[Record | Problem]:
        where = Place(evidence=self._path.name, offset=at, record_id=int.from_bytes(data[8:12], "little"))
        try:
            record, missing = record_of(data, at, self._channel, recovered=recovered)
        except ValueError as error:
            other = self._second_reader().get(at)
            if other is not None:
                yield msgspec.structs.replace(other, recovered=recovered)
            elif not recovered:
                yield Problem(code="unparsable", where=where, expected="a record", found=str(error), records=1)
            return
        if missing:
            found = f"{missing} fewer"
            yield Problem(code="damaged", where=where, expected="as many strings as the record says", found=found)
        yield record

    def _second_reader(self) -> dict[int, Record]:
        """Return, by their places, all records libevt reads; asked only where a record's inside does not hold."""
        if self._others is None:
            self._others = {record.offset: record for record in records_by_libevt(self._path, self._channel)}
        return self._others
