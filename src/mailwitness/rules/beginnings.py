"""At which moments a correlation's condition becomes true, as SQL over what its rules matched.

At every moment at which one of its rules matched, the window is the timespan that ends there, both ends included. A
correlation finds something where its condition becomes true: it is true at that moment and was not at the match
before it in the same group. So one burst is one finding, and looking back two timespans is enough to know it.
"""

from __future__ import annotations

import pyarrow as pa

from mailwitness.engine.query import Query
from mailwitness.rules.rule import Correlation
from mailwitness.trail.schema import INSTANT

MATCHES = pa.schema(
    [
        ("rule", pa.int32()),
        ("seq", pa.int64()),
        ("event_id", pa.string()),
        ("occurred_at", INSTANT),
        ("groups", pa.list_(pa.string())),
        ("value", pa.string()),
    ]
)
"""What the rules of one correlation matched; `groups` in lower case, `rule` their number in order."""


def beginnings(correlation: Correlation) -> Query:
    """Return the question over the table `rule_matches` (MATCHES): at which moments does the condition become true?

    Its rows are groups and occurred_at.
    """
    measured = _chain(correlation) if correlation.type == "temporal_ordered" else _measured(correlation)
    sql = f"""
WITH {measured},
moments AS (
  SELECT groups, occurred_at, bool_or(coalesce(is_so, false)) AS is_so FROM measured GROUP BY groups, occurred_at
),
stepped AS (
  SELECT *, lag(is_so, 1, false) OVER (PARTITION BY groups ORDER BY occurred_at) AS was_so FROM moments
)
SELECT groups, occurred_at FROM stepped WHERE is_so AND NOT was_so ORDER BY groups, occurred_at
"""  # noqa: S608 - numbers and our own words
    return Query("beginnings", "when does a correlation's condition become true?", sql)


def _measured(correlation: Correlation) -> str:
    """Return the window of each match and whether the condition is so in it."""
    has = "".join(f", bool_or(rule = {n}) OVER span AS has_{n}" for n in range(len(correlation.bases)))
    test = correlation.wanted or f"measure {correlation.operator} {correlation.count!r}"
    return f"""windowed AS (
  SELECT groups, occurred_at, {_MEASURES[correlation.type].format(fraction=correlation.percentile)} AS measure{has}
  FROM rule_matches
  WINDOW span AS (PARTITION BY groups ORDER BY occurred_at
    RANGE BETWEEN INTERVAL '{correlation.seconds}' SECOND PRECEDING AND CURRENT ROW)
),
measured AS (SELECT *, {test} AS is_so FROM windowed)"""  # noqa: S608 - as above


_MEASURES = {
    "event_count": "count(*) OVER span",
    "value_count": "count(DISTINCT lower(value)) OVER span",
    "temporal": "count(DISTINCT rule) OVER span",
    "value_sum": "sum(try_cast(value AS DOUBLE)) OVER span",
    "value_avg": "avg(try_cast(value AS DOUBLE)) OVER span",
    "value_median": "median(try_cast(value AS DOUBLE)) OVER span",
    "value_percentile": "quantile_cont(try_cast(value AS DOUBLE), {fraction}) OVER span",
}


def _chain(correlation: Correlation) -> str:
    """Return for each match the latest beginning of a whole chain of the rules in their order that ended by then.

    Matches of one moment follow each other as they stand in the trail; one event is one link.
    """
    steps = [
        """placed AS (
  SELECT *, dense_rank() OVER (PARTITION BY groups ORDER BY occurred_at, seq) AS place FROM rule_matches
),
chain_0 AS (SELECT *, CASE WHEN rule = 0 THEN occurred_at END AS begun FROM placed)"""
    ]
    last = len(correlation.bases) - 1
    steps += [
        f"""chain_{n} AS (
  SELECT * EXCLUDE (begun), CASE WHEN rule = {n} THEN max(begun) OVER (PARTITION BY groups ORDER BY place
    RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) END AS begun
  FROM chain_{n - 1}
)"""  # noqa: S608 - as above
        for n in range(1, last + 1)
    ]
    steps.append(f"""ended AS (
  SELECT groups, occurred_at, max(begun) OVER (PARTITION BY groups ORDER BY occurred_at
    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun
  FROM chain_{last}
),
measured AS (SELECT *, occurred_at - begun <= INTERVAL '{correlation.seconds}' SECOND AS is_so FROM ended)""")  # noqa: S608 - as above
    return ",\n".join(steps)
