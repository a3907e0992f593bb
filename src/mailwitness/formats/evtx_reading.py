"""One read of a range of chunks: check, choose, render, and account for every record found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mailwitness.event import Problem
from mailwitness.formats import evtx_chunk, evtx_integrity
from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER, RECORD_MAGIC, RECORDS_AT, Spot, chunk_header
from mailwitness.formats.evtx_filter import Block, Frames, choose
from mailwitness.formats.evtx_integrity import Slot
from mailwitness.formats.evtx_libraries import second_reader
from mailwitness.formats.interface import Reading, Record, Span, Wanted

FirstReader = Callable[[bytes, list[Spot], int], list[Record | None]]


class EvtxReading:
    """One read of the chunks that begin in a span, by a first reader (None: by the second one alone)."""

    def __init__(self, path: Path, span: Span, first_reader: FirstReader | None) -> None:
        self._evidence = path.name
        self._first_reader = first_reader
        self._holds_header = span.start < FILE_HEADER
        with path.open("rb") as file:
            self._head = file.read(FILE_HEADER)
            self._file = evtx_chunk.file_header(self._head)
            self._size = file.seek(0, 2)
            start = max(span.start, FILE_HEADER)
            last_at = FILE_HEADER + self._file.last_chunk * CHUNK
            file.seek(min(last_at, self._size))  # an untrue header may say anything
            self._last_chunk = file.read(CHUNK) if self._holds_header else b""
            file.seek(max(start - CHUNK, FILE_HEADER))
            before = file.read(start - file.tell())
            data = file.read(max(span.end - start, 0))
        self._before = chunk_header(before) if len(before) == CHUNK else None
        self._data = data + bytes(-len(data) % CHUNK)  # libraries take whole chunks only
        self._slots = [
            Slot(start + at, self._data[at : at + CHUNK], min(CHUNK, len(data) - at))
            for at in range(0, len(data), CHUNK)
        ]

    def heads(self) -> int:
        """Return how many live records begin in the range by their own headers."""
        return sum(len(evtx_chunk.salvage(slot.data, RECORDS_AT, slot.live_end)) for slot in self._slots)

    def run(self, wanted: Wanted) -> Iterator[Reading]:
        """Yield everything, chunk by chunk in the order of the file."""
        if self._holds_header:
            yield from self._file_problems()
        if not self._slots:
            return
        frames = Frames(Block(self._data), [slot.header.free if slot.is_whole else 0 for slot in self._slots])
        keep, skipped = choose(frames, wanted)
        foreign: list[Slot] = []
        for i, slot in enumerate(self._slots):
            if slot.is_foreign:
                foreign.append(slot)
                self._before = None  # what is missing is said of these
                continue
            yield from self._foreign(foreign)
            foreign = []
            yield from self._remarks(slot)
            if slot.is_whole and slot.holds(frames.count(i)):
                yield from skipped.get(i, ())
                yield from self._whole(slot, frames.spots(i, keep), frames.count(i))
            else:
                yield from self._broken(slot)
            yield from self._leftovers(slot)
        yield from self._foreign(foreign)

    def _file_problems(self) -> Iterator[Problem]:
        yield from evtx_integrity.file_problems(self._file, self._head, self._size, self._evidence)
        problem = evtx_integrity.last_chunk_problem(self._file, self._last_chunk, self._evidence)
        if problem is not None:
            yield problem

    def _remarks(self, slot: Slot) -> Iterator[Problem]:
        """Yield what a chunk's header says of itself and, beside the one before, of what is missing between them."""
        for problem in (
            evtx_integrity.gap_problem(self._before, slot, self._evidence),
            evtx_integrity.unchecked_problem(slot, self._file, self._evidence),
        ):
            if problem is not None:
                yield problem
        self._before = slot.header if slot.header.is_intact else None

    def _whole(self, slot: Slot, kept: list[Spot], count: int) -> Iterator[Record | Problem]:
        """Read the records kept of the `count` in a chunk whose checksums hold."""
        if not kept:
            return
        is_part = len(kept) < count
        records = self._read(evtx_chunk.mended(slot.data, kept) if is_part else slot.data, kept, slot)
        if is_part and None in records:
            again = self._read(slot.data, kept, slot)
            records = [record or other for record, other in zip(records, again, strict=True)]
        yield from self._all(slot, kept, records, len(kept))

    def _broken(self, slot: Slot) -> Iterator[Record | Problem]:
        """Read what can be found in a chunk that is damaged, cut off, or carries no checksums it should carry."""
        yield evtx_integrity.chunk_problem(slot, self._evidence)
        found = evtx_chunk.salvage(slot.data, RECORDS_AT, slot.live_end)
        spots = [spot for spot in found if not slot.cuts(spot)]
        records = self._read(evtx_chunk.mended(slot.data, spots), spots, slot) if spots else []
        yield from self._all(slot, spots, records, max(slot.records, len(found)))

    def _read(self, chunk: bytes, spots: list[Spot], slot: Slot) -> list[Record | None]:
        """Return a record for each of `spots`, by the first reader, else by the second, else None."""
        if self._first_reader is None:
            return second_reader(chunk, spots, slot.base)
        records = self._first_reader(chunk, spots, slot.base)
        if None in records:
            others = second_reader(chunk, spots, slot.base)
            records = [record or other for record, other in zip(records, others, strict=True)]
        return records

    def _all(
        self, slot: Slot, spots: list[Spot], records: list[Record | None], seen: int
    ) -> Iterator[Record | Problem]:
        """Yield the records, and one Problem for those among the `seen` that neither reader could read."""
        unread = [spot for spot, record in zip(spots, records, strict=True) if record is None]
        missing = seen - len(spots) + len(unread)
        if missing:
            yield evtx_integrity.unread_problem(slot, self._evidence, unread, missing, seen)
        if unread:
            yield from filter(None, records)
        else:
            yield from records  # type: ignore[misc] # all are there

    def _leftovers(self, slot: Slot) -> Iterator[Record]:
        """Yield the records of an earlier use of the chunk that still can be read behind its live ones.

        They were never part of this log as it stands, so those that cannot be read are no Problem.
        """
        end = slot.live_end
        if slot.length < CHUNK or slot.data.find(RECORD_MAGIC, end) == -1:
            return
        spots = evtx_chunk.salvage(slot.data, end, CHUNK)
        if spots:
            chunk = evtx_chunk.mended(slot.data, spots)
            yield from filter(None, second_reader(chunk, spots, slot.base, recovered=True))

    def _foreign(self, slots: list[Slot]) -> Iterator[Problem]:
        problem = evtx_integrity.foreign_problem(slots, self._file, self._evidence)
        if problem is not None:
            yield problem
