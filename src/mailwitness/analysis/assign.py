"""One-to-one assignment of witnesses to acts: the nearest in time first, each witness once, each act once a role.

Two equal acts within the window stay two, because a witness that has been given away is not given again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heapify, heappop, heapreplace, merge
from operator import itemgetter
from typing import Any

from mailwitness.analysis.change import Act

Row = dict[str, Any]
_Candidate = tuple[timedelta, int]  # how far in time, and which act


def assign(
    role: str,
    witnesses: Iterable[Row],
    acts: Iterable[Act],
    *,
    witness_keys: Callable[[Row], Iterable[Hashable]],
    act_keys: Callable[[Act], Iterable[Hashable]],
    window: timedelta,
    fits: Callable[[Row, Act], bool] = lambda _row, _act: True,
    many: Callable[[Act], bool] = lambda _act: False,
) -> list[Row]:
    """Join each of `witnesses` to one of `acts` that shares a key with it and lies within `window`; return the rest.

    An act takes at most one witness of a role, unless `many` says that it leaves several. `fits` may refuse a pair.
    The order of equal distances is the order of the input, so that an answer is the same each time. Each witness
    looks outward from its own time and no further than it must, and passes over runs of acts that are taken at once.
    """
    pool = _Pool([act for act in acts if many(act) or role not in act.roles()], act_keys)
    rows = list(witnesses)
    searches = [pool.nearest(row["occurred_at"], set(witness_keys(row)), window) for row in rows]

    def following(index: int) -> tuple[timedelta, int, int] | None:
        """Return the nearest act still free that fits the witness: how far, which witness, which act."""
        for distance, order in searches[index]:
            if fits(rows[index], pool.acts[order]):
                return distance, index, order
        return None

    heap = [found for index in range(len(rows)) if (found := following(index))]
    heapify(heap)
    given: set[int] = set()
    while heap:
        _distance, index, order = heap[0]
        if pool.is_free(order):
            pool.acts[order].joined.append((role, rows[index]))
            given.add(index)
            if not many(pool.acts[order]):
                pool.take(order)
            heappop(heap)
        elif found := following(index):
            heapreplace(heap, found)
        else:
            heappop(heap)
    return [row for index, row in enumerate(rows) if index not in given]


class _Pool:
    """The acts that can still take a witness, by key and in order of time."""

    def __init__(self, acts: list[Act], act_keys: Callable[[Act], Iterable[Hashable]]) -> None:
        self.acts = acts
        self._taken = bytearray(len(acts))
        by_key: dict[Hashable, list[tuple[datetime, int]]] = defaultdict(list)
        for order, act in enumerate(acts):
            for key in set(act_keys(act)):
                by_key[key].append((act.main["occurred_at"], order))
        self._lines = {key: _Line(sorted(timed), self._taken) for key, timed in by_key.items()}

    def is_free(self, order: int) -> bool:
        return not self._taken[order]

    def take(self, order: int) -> None:
        self._taken[order] = 1

    def nearest(self, at: datetime, keys: set[Hashable], window: timedelta) -> Iterator[_Candidate]:
        """Yield the free acts of `keys` within `window` of `at`, the nearest first, each once."""
        lines = [line for key in keys if (line := self._lines.get(key))]
        ways = [way for line in lines for way in (line.before(at, window), line.after(at, window))]
        if len(lines) <= 1:
            yield from merge(*ways)
            return
        seen: set[int] = set()
        for distance, order in merge(*ways):
            if order not in seen:
                seen.add(order)
                yield distance, order


class _Line:
    """The acts of one key in order of time; what is taken is skipped, and runs of it are skipped at once."""

    def __init__(self, timed: list[tuple[datetime, int]], taken: bytearray) -> None:
        self._timed = timed
        self._taken = taken
        self._onward = list(range(len(timed) + 1))  # where the next act that may be free stands, from each place
        self._back = list(range(len(timed) + 1))  # likewise backward; place 0 is before the first act

    def after(self, at: datetime, window: timedelta) -> Iterator[_Candidate]:
        place = self._free(self._onward, bisect_left(self._timed, at, key=itemgetter(0)), 1, 0)
        while place < len(self._timed) and (distance := self._timed[place][0] - at) <= window:
            yield distance, self._timed[place][1]
            place = self._free(self._onward, place + 1, 1, 0)

    def before(self, at: datetime, window: timedelta) -> Iterator[_Candidate]:
        """Yield what stands before `at`; of acts of one moment the first in the input comes first."""
        place = self._free(self._back, bisect_left(self._timed, at, key=itemgetter(0)), -1, -1)
        while place > 0 and (distance := at - (moment := self._timed[place - 1][0])) <= window:
            first = bisect_left(self._timed, moment, hi=place - 1, key=itemgetter(0))
            same = self._free(self._onward, first, 1, 0)
            while same < place:
                yield distance, self._timed[same][1]
                same = self._free(self._onward, same + 1, 1, 0)
            place = self._free(self._back, first, -1, -1)

    def _free(self, links: list[int], place: int, step: int, shift: int) -> int:
        """Return the nearest place at or beyond `place` whose act is free, shortening the way for the next search."""
        end = 0 if step < 0 else len(self._timed)
        passed = []
        while place != end:
            if links[place] != place:
                passed.append(place)
                place = links[place]
            elif self._taken[self._timed[place + shift][1]]:
                links[place] = place + step
            else:
                break
        for way in passed:
            links[way] = place
        return place
