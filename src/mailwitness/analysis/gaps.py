"""Holes in the record numbers of a log: derived from what was seen of it, filtered records included."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.trail.custody import Summary


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A run of record numbers nobody saw: log and numbers, and the times of the records on either side."""

    computer: str
    channel: str
    first_record_id: int
    last_record_id: int
    after_at: datetime | None = None
    before_at: datetime | None = None
    cause: str = "unknown"  # cleared | unknown

    @property
    def records(self) -> int:
        """Return how many records are missing."""
        return self.last_record_id - self.first_record_id + 1

    def sentence(self) -> str:
        """Return the gap for a person."""
        numbers = f"{self.first_record_id} to {self.last_record_id}"
        where = f"{self.computer}, {self.channel}"
        when = f"{_time(self.after_at)} to {_time(self.before_at)}"
        cause = "the log was cleared" if self.cause == "cleared" else "cause unknown"
        return f"{where}: records {numbers} are missing ({self.records}; {when}; {cause})"


class Runs(msgspec.Struct):
    """Numbers seen, as the first and the last of each run: in order, and never two that touch."""

    firsts: list[int] = msgspec.field(default_factory=list)
    lasts: list[int] = msgspec.field(default_factory=list)

    def add(self, first: int, last: int) -> None:
        """Note the numbers from `first` to `last`."""
        begin = bisect_left(self.lasts, first - 1)
        end = bisect_right(self.firsts, last + 1)
        if begin < end:  # these overlap it or touch it
            first, last = min(first, self.firsts[begin]), max(last, self.lasts[end - 1])
        self.firsts[begin:end] = [first]
        self.lasts[begin:end] = [last]


def gaps(engine: Engine) -> list[Gap]:
    """Return every hole between the lowest and the highest record number seen of each log.

    A log is (computer, channel). Recovered records prove no continuity and are left out. What came before the lowest
    number, or after the highest, is not a hole: it is time the evidence does not reach.
    """
    holes = engine.custody(RecordNumbersSeen).holes()
    if not holes:
        return []
    names = ("computer", "channel", "first", "last")
    engine.register("holes", pa.table({n: [hole[i] for hole in holes] for i, n in enumerate(names)}))
    return [
        Gap(
            computer=row["computer"],
            channel=row["channel"],
            first_record_id=row["first"],
            last_record_id=row["last"],
            after_at=row["after_at"],
            before_at=row["before_at"],
            cause="cleared" if row["was_cleared"] else "unknown",
        )
        for row in engine.rows(load_query("mailwitness.analysis.sql", "hole_neighbours"))
    ]


class RecordNumbersSeen(Summary):
    """Which record numbers of each log were seen, whatever the deliveries they came in, and which logs began anew."""

    name = "record-numbers"
    marks = (b'"continuity"', b'"clears"')

    logs: dict[str, dict[str, Runs]] = msgspec.field(default_factory=dict)
    """By computer and channel, both in lower case."""
    restarts: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """Logs that were cleared with the clear as record 1: up to Windows 2003 a cleared log counts from 1 again."""

    def take(self, said: Mapping[str, Any]) -> None:
        """Take in the numbers of one delivery."""
        for clear in said.get("clears", []):
            if int(clear.get("record_id", 0)) == 1:
                self.restarts.add((clear["computer"].lower(), clear["channel"].lower()))
        for log in said.get("continuity", []):
            runs = self.logs.setdefault(log["computer"].lower(), {}).setdefault(log["channel"].lower(), Runs())
            numbers = [int(number) for number in log["ranges"]]
            for first, last in zip(numbers[::2], numbers[1::2], strict=True):
                runs.add(first, last)

    def holes(self) -> list[tuple[str, str, int, int]]:
        """Return what lies between the runs of each log: computer, channel, first and last number, in that order."""
        found: list[tuple[str, str, int, int]] = []
        for computer, channels in sorted(self.logs.items()):
            for channel, runs in sorted(channels.items()):
                between = list(zip(runs.lasts, runs.firsts[1:], strict=False))
                if runs.firsts[:1] == [1] and (computer, channel) in self.restarts:
                    between = between[1:]  # what follows the new count is the older one, not a hole
                found.extend((computer, channel, last + 1, first - 1) for last, first in between)
        return found


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else "?"
