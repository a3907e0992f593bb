"""From when until when one thing stood - an entry, a membership, a role - by what was seen of it and what was done.

Points are of two kinds: an act (an event gave it or took it away at this very time), and a look (a snapshot, or the
state a record shows, with it or without it). Two looks that differ with no act between them are a change nobody
witnessed: the interval's end then lies somewhere between them, and that is a finding. A write whose values no record
tells (a blind act) is a witness too, but a weak one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

import msgspec

from mailwitness.directory.clock import BEGINNING, STILL, moment

Way = Literal["event", "written", "snapshot", "before_trail", "default", "retired"]
"""How an end of an interval is known: an event tells it; an event tells that it was written but not what; only that
two snapshots differ; it stood before anything on record; set-up gives it and nothing on record says otherwise; the
product refuses it from then on."""


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One end of an interval, with its evidence.

    `at` None: before the trail began. `after_at`: where nobody witnessed it, the last time it was known not to be so.
    `seen_at`: when what stood before the trail was first seen.
    """

    at: datetime | None
    how: Way
    by: str | None = None
    by_sid: str | None = None
    after_at: datetime | None = None
    seen_at: datetime | None = None
    change_id: str | None = None
    event_ids: tuple[str, ...] = ()
    evidence_sha256: tuple[str, ...] = ()


class Point(msgspec.Struct, frozen=True, gc=False):
    """What is known of it at one time: whether it stands, and whether an act made it so."""

    at: int
    stands: bool
    is_act: bool
    end: End


class Run(msgspec.Struct, frozen=True):
    """One interval: it stood for certain from `since` until `until`, perhaps from `earliest` until `latest`."""

    since: int
    until: int
    earliest: int
    latest: int
    began: End
    ended: End | None = None


class Unwitnessed(msgspec.Struct, frozen=True):
    """A change nobody witnessed: what came (or went) after one look and before another."""

    came: bool
    after: End
    before: End


def runs_of(points: Iterable[Point], blind: Sequence[tuple[int, End]] = ()) -> tuple[list[Run], list[Unwitnessed]]:
    """Return the intervals that `points` tell, and the changes nobody witnessed.

    `blind` are acts that wrote it without telling what, in order of time. Of a look and an act at one time the look
    tells what was before, unless it says the same.
    """
    history = _History(blind)
    for point in sorted(points, key=lambda p: (p.at, p.is_act)):
        history.take(point)
    return history.finish(), history.unwitnessed


class _History:
    def __init__(self, blind: Sequence[tuple[int, End]]) -> None:
        self.blind = blind
        self.runs: list[Run] = []
        self.unwitnessed: list[Unwitnessed] = []
        self.open: Run | None = None
        self.last: Point | None = None

    def take(self, point: Point) -> None:
        if point.is_act:
            self.act(point)
        else:
            self.look(point)
        self.last = point

    def act(self, point: Point) -> None:
        if point.stands:
            if self.open is None:
                self.open = Run(point.at, STILL, point.at, STILL, point.end)
            return
        if self.open is None and self.last is None:
            before = End(at=None, how="before_trail")
            self.open = Run(BEGINNING, STILL, BEGINNING, STILL, before)
        self.close(point.at, point.at, point.end)

    def look(self, point: Point) -> None:
        end = point.end
        if point.stands and self.open is None:
            if self.last is None:
                if self.blind and self.blind[0][0] <= point.at:
                    self.begin_between(None, point)
                    return
                before = End(at=None, how="before_trail", seen_at=moment(point.at), evidence_sha256=end.evidence_sha256)
                self.open = Run(BEGINNING, STILL, BEGINNING, STILL, before)
            else:
                self.begin_between(self.last, point)
        elif not point.stands and self.open is not None and self.last is not None:
            self.end_between(self.last, point)

    def begin_between(self, last: Point | None, point: Point) -> None:
        """Note that it came between two looks: by a blind act, or unwitnessed."""
        acts = self.blind_between(last.at if last else BEGINNING, point.at)
        if acts:
            first, since = acts[0], acts[-1]
            began = msgspec.structs.replace(_joined(acts), after_at=None if len(acts) == 1 else moment(first[0]))
            earliest = BEGINNING if last is None else first[0]
            self.open = Run(since[0], STILL, earliest, STILL, began)
        elif last is not None:
            began = msgspec.structs.replace(point.end, at=moment(point.at), how="snapshot", after_at=moment(last.at))
            self.open = Run(point.at, STILL, last.at + 1, STILL, began)
            self.unwitnessed.append(Unwitnessed(came=True, after=last.end, before=point.end))

    def end_between(self, last: Point, point: Point) -> None:
        acts = self.blind_between(last.at, point.at)
        if acts:
            self.close(acts[0][0], acts[-1][0], _joined(acts))
            return
        ended = msgspec.structs.replace(point.end, at=moment(point.at), how="snapshot", after_at=moment(last.at))
        self.close(last.at + 1, point.at, ended)
        self.unwitnessed.append(Unwitnessed(came=False, after=last.end, before=point.end))

    def blind_between(self, after: int, until: int) -> list[tuple[int, End]]:
        return [act for act in self.blind if after < act[0] <= until]

    def close(self, until: int, latest: int, end: End) -> None:
        if self.open is not None:
            self.runs.append(msgspec.structs.replace(self.open, until=until, latest=latest, ended=end))
            self.open = None

    def finish(self) -> list[Run]:
        if self.open is not None:
            self.runs.append(self.open)
            self.open = None
        return self.runs


@lru_cache(maxsize=4_096)
def _since_before(seen_at: int, evidence: tuple[str, ...]) -> Run:
    """Return the interval of what stood before the trail: the same for all that one snapshot was the first to show."""
    began = End(at=None, how="before_trail", seen_at=moment(seen_at), evidence_sha256=evidence)
    return Run(BEGINNING, STILL, BEGINNING, STILL, began)


def _joined(acts: list[tuple[int, End]]) -> End:
    """Return the one end that several blind acts make: any of them may be it."""
    last = acts[-1][1]
    return msgspec.structs.replace(
        last,
        how="written",
        event_ids=tuple(dict.fromkeys(e for _, end in acts for e in end.event_ids)),
        evidence_sha256=tuple(dict.fromkeys(e for _, end in acts for e in end.evidence_sha256)),
    )
