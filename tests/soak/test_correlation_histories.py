"""Correlations against the slow way in 5,000 random histories of every kind: no difference."""

from __future__ import annotations

import random

import duckdb
import pytest
from tests.rules.correlation_oracle import EITHER, ONE_WITHOUT, Match, by_hand, by_sql, correlation, match

from mailwitness.rules.rule import Correlation

pytestmark = pytest.mark.slow
HISTORIES = 5_000
KINDS = ["event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_median"]


def asked_in(chance: random.Random) -> Correlation:
    kind = chance.choice(KINDS)
    rules = chance.randint(2, 4)
    if kind == "temporal_ordered":
        return correlation(kind, rules, chance.randint(1, 40))
    if kind == "temporal" and chance.random() < 0.4:
        return correlation(kind, rules, chance.randint(1, 40), wanted=chance.choice([EITHER, ONE_WITHOUT]))
    operator = chance.choice(["<", "<=", ">", ">=", ">=", ">=", "=", "<>"])
    return correlation(kind, rules, chance.randint(1, 40), operator=operator, count=chance.randint(0, 8))


def history(chance: random.Random) -> list[Match]:
    matches = []
    for seq in range(chance.randint(0, 14)):
        at, group = chance.randint(0, 90), chance.choice("abc")
        value = chance.choice([None, "x", "X", "y", "1", "2", "30"])
        matches += [match(seq, at, rule, group, value) for rule in chance.sample(range(4), chance.choice([1, 1, 1, 2]))]
    return matches


def test_no_difference():
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for number in range(HISTORIES):
            asked, matches = asked_in(chance), history(chance)
            matches = [m for m in matches if m["rule"] < len(asked.bases)]
            found = by_sql(connection, asked, matches)
            assert found == by_hand(asked, matches), (seed, number, asked, matches)
