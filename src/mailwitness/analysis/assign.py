"""One-to-one assignment of witnesses to acts: the nearest in time first, each witness once, each act once a role.

Two equal acts within the window stay two, because a witness that has been given away is not given again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from typing import Any

from mailwitness.analysis.change import Act

Row = dict[str, Any]


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
    The order of equal distances is the order of the input, so that an answer is the same each time.
    """
    by_key: dict[Hashable, list[tuple[int, Act]]] = defaultdict(list)
    for order, act in enumerate(acts):
        for key in act_keys(act):
            by_key[key].append((order, act))
    pairs: list[tuple[timedelta, int, int, Row, Act]] = []
    rows = list(witnesses)
    for index, row in enumerate(rows):
        seen: set[int] = set()
        for key in witness_keys(row):
            for order, act in by_key.get(key, ()):
                distance = abs(row["occurred_at"] - act.main["occurred_at"])
                if order not in seen and distance <= window and fits(row, act):
                    seen.add(order)
                    pairs.append((distance, index, order, row, act))
    pairs.sort(key=lambda pair: pair[:3])
    given: set[int] = set()
    taken: set[int] = set()
    for _distance, index, order, row, act in pairs:
        if index in given or ((order in taken or role in act.roles()) and not many(act)):
            continue
        given.add(index)
        taken.add(order)
        act.joined.append((role, row))
    return [row for index, row in enumerate(rows) if index not in given]
