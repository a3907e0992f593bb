"""Correlations find exactly what the slow way finds, in random histories; and the classic mistakes by hand."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rules.correlation_oracle import EITHER, ONE_WITHOUT, by_hand, by_sql, correlation, match

EXAMPLES = 40
"""Histories a kind of correlation; tests/soak plays 5,000 of all kinds together."""

MATCHES = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sets(st.integers(0, 2), min_size=1, max_size=2),
        st.sampled_from("ab"),
        st.sampled_from([None, "x", "X", "y", "3", "40", "7"]),
    ),
    max_size=12,
).map(
    lambda told: [
        match(seq, at, rule, group, value)
        for seq, (at, rules, group, value) in enumerate(told)
        for rule in sorted(rules)
    ]
)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "=", "<>"])
SECONDS = st.integers(1, 12)


@st.composite
def correlations(draw, kind: str | None = None):
    kind = kind or draw(st.sampled_from(KINDS))
    more = {}
    if kind == "temporal" and draw(st.booleans()):
        more["wanted"] = draw(st.sampled_from([EITHER, ONE_WITHOUT]))
    elif kind != "temporal_ordered":
        more = {"operator": draw(OPERATORS), "count": draw(st.integers(0, 45 if kind.startswith("value_") else 5))}
    return correlation(kind, 3, draw(SECONDS), **more)


KINDS = ["event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_median"]


@pytest.fixture(scope="module")
def connection():
    made = duckdb.connect(config={"threads": 1})
    made.execute("SET TimeZone = 'UTC'")
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_finds_what_the_slow_way_finds(connection, kind):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(asked=correlations(kind), matches=MATCHES)
    def check(asked, matches):
        assert by_sql(connection, asked, matches) == by_hand(asked, matches)

    check()


def at(*seconds: int, rule: int = 0, group: str = "a") -> list:
    return [match(1000 * rule + n, second, rule, group) for n, second in enumerate(seconds)]


def moments(connection, asked, matches) -> list[int]:
    return sorted(moment.minute * 60 + moment.second for _group, moment in by_sql(connection, asked, matches))


def test_a_window_is_not_stretched(connection):
    asked = correlation("event_count", 1, 10, operator=">=", count=3)
    assert moments(connection, asked, at(0, 6, 12)) == []
    assert moments(connection, asked, at(0, 5, 10)) == [10]  # both ends are included
    assert moments(connection, asked, at(0, 5, 11)) == []


def test_a_window_slides(connection):
    asked = correlation("event_count", 1, 10, operator=">=", count=3)
    assert moments(connection, asked, at(8, 12, 14)) == [14]  # windows that begin on round times would miss it


def test_groups_are_apart(connection):
    asked = correlation("event_count", 1, 60, operator=">=", count=3)
    assert moments(connection, asked, at(1, 2) + at(3, 4, group="b")) == []


def test_one_burst_is_one_finding(connection):
    asked = correlation("event_count", 1, 10, operator=">=", count=3)
    assert moments(connection, asked, at(*range(30))) == [2]
    assert moments(connection, asked, at(0, 1, 2, 3, 60, 61, 62)) == [2, 62]


def test_the_order_counts_beyond_its_first_step(connection):
    asked = correlation("temporal_ordered", 3, 100)
    right = at(1, rule=0) + at(2, rule=1) + at(3, rule=2)
    wrong = at(1, rule=0) + at(3, rule=1) + at(2, rule=2)
    assert moments(connection, asked, right) == [3]
    assert moments(connection, asked, wrong) == []


def test_an_order_begun_anew_is_taken_from_its_latest_beginning(connection):
    asked = correlation("temporal_ordered", 2, 10)
    assert moments(connection, asked, at(0, 50, rule=0) + at(55, rule=1)) == [55]
    assert moments(connection, asked, at(0, rule=0) + at(55, rule=1)) == []


def test_one_event_is_one_step_of_an_order(connection):
    asked = correlation("temporal_ordered", 2, 10)
    assert moments(connection, asked, [match(1, 5, 0), match(1, 5, 1)]) == []
    assert moments(connection, asked, [match(1, 5, 0), match(2, 5, 1)]) == [5]


def test_all_rules_are_wanted_whatever_their_order(connection):
    asked = correlation("temporal", 2, 10, operator=">=", count=2)
    assert moments(connection, asked, at(9, rule=0) + at(1, rule=1)) == [9]
    assert moments(connection, asked, at(1, 2, 3, rule=0)) == []
