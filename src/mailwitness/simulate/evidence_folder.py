"""The logs of a simulated organisation as files: records get their numbers here, in the order of time.

Drafts may come in any order as long as none is earlier than what was flushed; what waits is a heap, so that memory does
not grow with the length of the history.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from mailwitness.simulate.truth import Draft
from mailwitness.simulate.writers.evt import EvtWriter
from mailwitness.simulate.writers.evtx import EvtxWriter
from mailwitness.simulate.writers.record_writer import RecordWriter

_WRITERS: dict[str, Callable[[Path], RecordWriter]] = {".evt": EvtWriter, ".evtx": EvtxWriter}


class LogPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One log: its files in the order they were saved, relative to the folder, and the first record's number."""

    files: tuple[str, ...]
    first_number: int = 1


class _Log:
    def __init__(self, plan: LogPlan, folder: Path | None, writers: dict[str, Callable[[Path], RecordWriter]]) -> None:
        self._plan = plan
        self._folder = folder
        self._writers = writers
        self._files = iter(plan.files)
        self._number = plan.first_number
        self._file = ""
        self._writer: RecordWriter | None = None
        self.paths: list[Path] = []
        self._next_file()

    def _next_file(self) -> None:
        self.close()
        self._file = next(self._files)
        if self._folder is None:
            return
        path = self._folder / self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        self.paths.append(path)
        self._writer = self._writers[path.suffix](path)

    def write(self, draft: Draft) -> None:
        if draft.fresh_file:
            self._next_file()
        self._number += draft.lost
        record = msgspec.structs.replace(draft.record, record_id=self._number)
        if self._writer is not None:
            self._writer.write(record)
        draft.placed = {
            "file": self._file,
            "record_id": self._number,
            "event_code": str(record.event_code),
            "computer": record.computer,
            "channel": record.channel,
        }
        self._number += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class EvidenceFolder:
    """The logs of one organisation below `folder`; with `folder` None the records are only numbered.

    A context manager: leaving it flushes and finishes all files.
    """

    def __init__(
        self,
        folder: Path | None,
        logs: dict[str, LogPlan],
        writers: dict[str, Callable[[Path], RecordWriter]] | None = None,
    ) -> None:
        chosen = _WRITERS if writers is None else _WRITERS | writers
        self._logs = {name: _Log(plan, folder, chosen) for name, plan in logs.items()}
        self._waiting: list[tuple[datetime, int, Draft]] = []
        self._order = 0
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def paths(self) -> list[Path]:
        """Return the files written so far, in the order of the logs."""
        return [path for log in self._logs.values() for path in log.paths]

    def add(self, drafts: Iterable[Draft]) -> None:
        """Take in drafts; equal times keep the order in which they came."""
        for draft in drafts:
            heapq.heappush(self._waiting, (draft.record.occurred_at, self._order, draft))
            self._order += 1

    def flush(self, until: datetime | None = None) -> None:
        """Write what is earlier than `until`, or everything."""
        while self._waiting and (until is None or self._waiting[0][0] < until):
            _at, _order, draft = heapq.heappop(self._waiting)
            self._logs[draft.log].write(draft)
            self.written += 1

    def close(self) -> None:
        """Write everything and finish the files."""
        self.flush()
        for log in self._logs.values():
            log.close()
