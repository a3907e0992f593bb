"""When a correlation's condition becomes true, worked out the slow way: every moment, every window, every chain."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import duckdb
import pyarrow as pa

from mailwitness.rules.beginnings import MATCHES, beginnings
from mailwitness.rules.rule import Base, Condition, Correlation

START = datetime(2026, 3, 2, tzinfo=UTC)
Match = dict[str, Any]
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
}


def correlation(kind: str, rules: int, seconds: int, **more: Any) -> Correlation:
    """Return a correlation of so many rules."""
    bases = tuple(Base(rule_id=str(n), condition=Condition("events", "true", {})) for n in range(rules))
    return Correlation(type=kind, bases=bases, group_by=("g",), seconds=seconds, **more)


def match(seq: int, at: int, rule: int, group: str = "a", value: str | None = None) -> Match:
    """Return one match, `at` seconds from START."""
    return {
        "rule": rule,
        "seq": seq,
        "event_id": f"{seq:064x}",
        "occurred_at": START + timedelta(seconds=at),
        "groups": [group],
        "value": value,
    }


def by_sql(
    connection: duckdb.DuckDBPyConnection, asked: Correlation, matches: list[Match]
) -> set[tuple[str, datetime]]:
    """Return the beginnings that the engine finds."""
    connection.register("rule_matches", pa.Table.from_pylist(matches, schema=MATCHES))
    sql, used = beginnings(asked).bind()
    return {(groups[0], at.astimezone(UTC)) for groups, at in connection.execute(sql, used).fetchall()}


def by_hand(asked: Correlation, matches: list[Match]) -> set[tuple[str, datetime]]:
    """Return the beginnings that follow from the words of the documentation."""
    found = set()
    for group in {m["groups"][0] for m in matches}:
        mine = [m for m in matches if m["groups"][0] == group]
        was_so = False
        for at in sorted({m["occurred_at"] for m in mine}):
            window = [m for m in mine if at - timedelta(seconds=asked.seconds) <= m["occurred_at"] <= at]
            is_so = _is_so(asked, window)
            if is_so and not was_so:
                found.add((group, at))
            was_so = is_so
    return found


def _is_so(asked: Correlation, window: list[Match]) -> bool:
    if asked.type == "temporal_ordered":
        return _has_chain(asked, window)
    if asked.wanted == EITHER:
        return bool({0, 1} & {m["rule"] for m in window})
    if asked.wanted == ONE_WITHOUT:
        return 0 in {m["rule"] for m in window} and 1 not in {m["rule"] for m in window}
    measure = _measure(asked, window)
    return measure is not None and COMPARE[asked.operator](measure, asked.count)


EITHER, ONE_WITHOUT = "(has_0 OR has_1)", "(has_0 AND (NOT has_1))"


def _measure(asked: Correlation, window: list[Match]) -> float | None:
    if asked.type == "event_count":
        return len(window)
    if asked.type == "temporal":
        return len({m["rule"] for m in window})
    if asked.type == "value_count":
        return len({m["value"].lower() for m in window if m["value"] is not None})
    numbers = [float(m["value"]) for m in window if m["value"] is not None and m["value"].isdecimal()]
    if not numbers:
        return None
    measures = {"value_sum": sum, "value_avg": statistics.fmean, "value_median": statistics.median}
    return float(measures[asked.type](numbers))


def _has_chain(asked: Correlation, window: list[Match]) -> bool:
    steps = [[m for m in window if m["rule"] == n] for n in range(len(asked.bases))]
    return any(
        all((a["occurred_at"], a["seq"]) < (b["occurred_at"], b["seq"]) for a, b in pairwise(chain))
        for chain in product(*steps)
    )
