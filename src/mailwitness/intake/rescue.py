"""What is done when a reader dies: its part of the file is read again, chunk by chunk, and last by another reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from mailwitness.event import Place, Problem, ProblemCode
from mailwitness.formats.interface import Span
from mailwitness.intake.messages import Delivery, Mark, Read
from mailwitness.intake.spans import named
from mailwitness.intake.workers import ReaderDied, ReadingProcess

Apply = Callable[[Delivery, bytearray], None]

DISTRUST = 8
"""Deaths after which the rest of a file is not given to the reader that died, so that no file holds up an import."""


class Rescue:
    """Carries out the reads of one file whose reader died, in a process of its own, chunk by chunk.

    Nothing is delivered twice: an atomic read delivers once, after its last record, and a streamed one is resumed
    after the last record delivered. Every death is a Problem `reader_died`; what is not even tried any more, because
    both readers died too often on this file, is a Problem `limit`.
    """

    def __init__(self, process: ReadingProcess, apply: Apply) -> None:
        self._process = process
        self._apply = apply
        self._deaths = {False: 0, True: 0}  # of the first reader and of the second

    def now(self, read: Read) -> Read:
        """Return `read` as it should be asked for now: by the second reader, if the first one is not trusted here."""
        if self._deaths[False] >= DISTRUST and not read.second and _has_second(read):
            return msgspec.structs.replace(read, second=True)
        return read

    def read(self, dead: Read, through: Mark, cause: str) -> None:
        """Read what `dead` was to read, but for what was delivered up to `through`."""
        if dead.streamed:
            self._deaths[dead.second] += 1
            self._resume(dead, through, cause)
            return
        units = [unit for span in dead.spans for unit in _units(dead, span)]
        if len(units) == 1:
            self._deaths[dead.second] += 1
            self._last_resort(dead, units[0], cause)
            return
        for unit in units:
            self._unit(self.now(msgspec.structs.replace(dead, spans=(unit,))), unit)

    def _unit(self, read: Read, unit: Span) -> None:
        if self._deaths[True] >= DISTRUST:
            self._report(read, unit, "limit", "it was not tried: the readers died on this file too often", lost=True)
            return
        death, _ = self._attempt(read)
        if death is not None:
            self._last_resort(read, unit, death)

    def _last_resort(self, dead: Read, unit: Span, cause: str) -> None:
        """Read the smallest range that kills the first reader: by the second one, or record by record."""
        if not _has_second(dead):
            self._resume(dead, Mark(), cause)
            return
        death: str | None = cause
        if not dead.second:
            death, _ = self._attempt(msgspec.structs.replace(dead, spans=(unit,), second=True))
            cause += "; the second reader read it" if death is None else f"; the second reader: {death}"
        if death is None:
            self._report(dead, unit, "reader_died", cause)
        else:
            self._report(dead, unit, "reader_died", f"{cause}; it is left unread", lost=True)

    def _resume(self, dead: Read, through: Mark, cause: str) -> None:
        """Deliver record by record up to the one that kills the reader."""
        careful = msgspec.structs.replace(dead, streamed=True, careful=True, resume_after=through)
        death, reached = self._attempt(careful)
        whole = dead.spans[0]
        if death is None:
            self._report(dead, whole, "reader_died", f"{cause}; a fresh reader read it")
            return
        rest = whole if reached.offset is None else Span(reached.offset, whole.end)
        self._report(dead, rest, "reader_died", f"{death}; what follows is left unread", lost=True)

    def _attempt(self, read: Read) -> tuple[str | None, Mark]:
        """Carry out `read`; return how its reader died (None: it did not) and how far it came."""
        reached = read.resume_after
        try:
            for reply, body in self._process.ask(read):
                if isinstance(reply, Delivery):
                    self._apply(reply, body)
                    reached = reply.through
        except ReaderDied as death:
            self._deaths[read.second] += 1
            return str(death), reached
        return None, reached

    def _report(self, read: Read, span: Span, code: ProblemCode, found: str, *, lost: bool = False) -> None:
        records = _record_heads(read, span) if lost else 0
        problem = Problem(
            code=code,
            where=Place(evidence=read.name, offset=span.start),
            expected=f"{max(0, span.end - span.start)} bytes that a reader survives",
            found=found,
            records=records,
        )
        self._apply(Delivery(seen=records, filtered=0, unread=records, events=0, problems=(problem,)), bytearray())


def _has_second(read: Read) -> bool:
    return hasattr(named(read.format), "read_with_libevtx")


def _units(read: Read, span: Span) -> list[Span]:
    """Return the smallest ranges `span` can be cut into."""
    chunk_spans = getattr(named(read.format), "chunk_spans", None)
    return [span] if chunk_spans is None else list(chunk_spans(Path(read.path), span))


def _record_heads(read: Read, unit: Span) -> int:
    """Return how many records begin in a range no reader survived, one at least."""
    count = getattr(named(read.format), "record_heads", None)
    return 1 if count is None else max(1, int(count(Path(read.path), unit)))
