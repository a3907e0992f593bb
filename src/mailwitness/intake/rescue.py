"""What is done when a reader dies: its part of the file is read again, chunk by chunk, and last by another reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from mailwitness.event import Place, Problem
from mailwitness.formats.interface import Span
from mailwitness.intake.messages import Delivery, Read
from mailwitness.intake.spans import named
from mailwitness.intake.workers import ReaderDied, ReadingProcess

Apply = Callable[[Delivery, bytearray], None]


class Rescue:
    """Carries out reads whose reader died, in a fresh process of its own, chunk by chunk.

    Nothing is delivered twice: an atomic read delivers once, after its last record, and a streamed one is resumed
    after the last record delivered. Every death is a Problem `reader_died`.
    """

    def __init__(self, process: ReadingProcess, apply: Apply) -> None:
        self._process = process
        self._apply = apply
        self.deaths = 0

    def read(self, dead: Read, through: int | None, cause: str) -> None:
        """Read what `dead` was to read, but for what was delivered up to offset `through`."""
        self.deaths += 1
        if dead.streamed:
            self._resume(dead, through, cause)
            return
        units = [unit for span in dead.spans for unit in _units(dead, span)]
        if len(units) == 1:
            self._last_resort(dead, units[0], cause)
            return
        for unit in units:
            one = msgspec.structs.replace(dead, spans=(unit,))
            death, _ = self._attempt(one)
            if death is not None:
                self.deaths += 1
                self._last_resort(one, unit, death)

    def _last_resort(self, dead: Read, unit: Span, cause: str) -> None:
        """Read the smallest range that kills the first reader: by the second one, or record by record."""
        if dead.second or not hasattr(named(dead.format), "read_with_libevtx"):
            self._resume(dead, None, cause)
            return
        death, _ = self._attempt(msgspec.structs.replace(dead, spans=(unit,), second=True))
        if death is None:
            self._report(dead, unit, unit.start, cause, "the second reader read it", 0)
        else:
            heads = _record_heads(dead, unit)
            self._report(dead, unit, unit.start, f"{cause}; the second reader: {death}", "it is left unread", heads)

    def _resume(self, dead: Read, through: int | None, cause: str) -> None:
        """Deliver record by record up to the one that kills the reader."""
        careful = msgspec.structs.replace(dead, streamed=True, careful=True, resume_after=through)
        death, reached = self._attempt(careful)
        if death is None:  # the record is readable by a fresh process
            self._report(dead, dead.spans[0], through, cause, "a fresh reader read it", 0)
            return
        at = through if reached is None else reached
        self._report(dead, dead.spans[0], at, death, "the rest of this range is left unread", 1)

    def _attempt(self, read: Read) -> tuple[str | None, int | None]:
        """Carry out `read`; return how its reader died (None: it did not) and the offset it reached."""
        reached: int | None = None
        try:
            for reply, body in self._process.ask(read):
                if isinstance(reply, Delivery):
                    self._apply(reply, body)
                    reached = reply.through
        except ReaderDied as death:
            return str(death), reached
        return None, reached

    def _report(self, read: Read, span: Span, at: int | None, cause: str, outcome: str, records: int) -> None:
        problem = Problem(
            code="reader_died",
            where=Place(evidence=read.name, offset=span.start if at is None else at),
            expected=f"{span.end - span.start} bytes that a reader survives",
            found=f"{cause}; {outcome}",
            records=records,
        )
        self._apply(Delivery(seen=records, filtered=0, unread=records, events=0, problems=(problem,)), bytearray())


def _units(read: Read, span: Span) -> list[Span]:
    """Return the smallest ranges `span` can be cut into."""
    chunk_spans = getattr(named(read.format), "chunk_spans", None)
    return [span] if chunk_spans is None else list(chunk_spans(Path(read.path), span))


def _record_heads(read: Read, unit: Span) -> int:
    """Return how many records begin in a range no reader survived, one at least."""
    count = getattr(named(read.format), "record_heads", None)
    return 1 if count is None else max(1, int(count(Path(read.path), unit)))
