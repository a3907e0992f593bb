"""Holes in the record numbers of a log: derived from what was seen of it, filtered records included."""

from __future__ import annotations

from datetime import datetime

import msgspec
import orjson
import pyarrow as pa

from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.trail.projection import resolve_blobs


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


def gaps(engine: Engine) -> list[Gap]:
    """Return every hole between the lowest and the highest record number seen of each log.

    A log is (computer, channel). Recovered records prove no continuity and are left out. What came before the lowest
    number, or after the highest, is not a hole: it is time the evidence does not reach.
    """
    holes = _holes(engine)
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


def _holes(engine: Engine) -> list[tuple[str, str, int, int]]:
    seen: dict[tuple[str, str], list[tuple[int, int]]] = {}
    restarts: set[tuple[str, str, int]] = set()
    for row in engine.rows(load_query("mailwitness.analysis.sql", "custody_entries")):
        said = resolve_blobs(orjson.loads(row["entry"]), engine.long_value)["statement"]
        for clear in said.get("clears", []):
            restarts.add((clear["computer"].lower(), clear["channel"].lower(), int(clear.get("record_id", 0))))
        for log in said.get("continuity", []):
            numbers = [int(number) for number in log["ranges"]]
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            seen.setdefault((log["computer"].lower(), log["channel"].lower()), []).extend(pairs)
    holes: list[tuple[str, str, int, int]] = []
    for (computer, channel), ranges in sorted(seen.items()):
        reached: int | None = None
        counts_anew = False  # up to Windows 2003 a cleared log counts from 1 again: what follows is the older count
        for first, last in sorted(ranges):
            if reached is not None and first > reached + 1 and not counts_anew:
                holes.append((computer, channel, reached + 1, first - 1))
            counts_anew = first == 1 and (computer, channel, 1) in restarts
            reached = last if reached is None else max(reached, last)
    return holes


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else "?"
