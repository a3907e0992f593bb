"""Reach and explanation agree with brute force on random histories."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.histories import (
    ACCOUNTS,
    DNS,
    GROUPS,
    HOUR,
    LISTS,
    OWNERS,
    History,
    Rule,
    Step,
    dn,
    evidence_of,
    histories,
    sid,
)
from tests.analysis.reach_oracle import can, state_at, ways

from mailwitness.analysis.explain import explain
from mailwitness.analysis.explained_in_bulk import unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import reach, ways_in, who_can_open
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.clock import micros

ENGINE = EngineOfRows()
NAMES = {"open": "open", "send": "SendAs"}
RIGHTS = [("open", "open"), ("send", "SendAs")]
UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def standing_of(history: History):
    rows, observations = evidence_of(history)
    return rights_over_time(ENGINE.hold(rows), observations)


def thing(standing, name):
    return standing.identities.resolve(sid(name), "sid").one


def told_ways(standing, account, owner, at, question):
    """Return the ways as the oracle counts them: level, trustee, hops."""
    levels = {dn(owner): 0, DNS["staff"]: 1, DNS["database"]: 1, DNS["organization"]: 2}
    found = set()
    for way in ways_in(standing, thing(standing, account), thing(standing, owner), at):
        if question in way.gives and way.path != ("owner",):
            assert way.doubt is None
            group = way.steps[-2].what.removeprefix("member of ") if len(way.steps) > 1 else account
            on = way.steps[-1].on
            level = next((level for name, level in levels.items() if name == on), 0)
            found.add((level, group, len(way.steps) - 1))
    return found


def agree(history: History) -> None:
    standing = standing_of(history)
    assert standing.facts.unwitnessed == []
    for number in range(len(history.steps) + 1):
        state = state_at(history, number)
        at = micros(history.at(number) - HOUR / 3)
        for owner in OWNERS:
            lines = who_can_open(standing, thing(standing, owner), at)
            for what, question in RIGHTS:
                told = {line.account for line in lines if question in line.way.gives and line.right != "owner"}
                known = {state.names[account] for account in can(state, owner, what)}
                mine = {name for name in told if name.split("\\")[1] not in GROUPS}
                assert mine == known, (number, owner, what)
                for account in ACCOUNTS:
                    expected = ways(state, account, owner, what)
                    assert told_ways(standing, account, owner, at, question) == expected, (number, account, owner, what)
        for account in ACCOUNTS:
            assert_reach(standing, state, account, at)
    assert_explained(history, standing)


def assert_reach(standing, state, account, at):
    lines = reach(standing, thing(standing, account), at)
    for what, question in RIGHTS:
        told = set()
        for line in lines:
            if question not in line.way.gives or line.right == "owner":
                continue
            if line.scope == "mailbox":
                told.add(line.mailbox)
            else:
                told |= {state.names[o] for o in OWNERS} - set(line.excepted)
        assert told == {state.names[owner] for owner in OWNERS if ways(state, account, owner, what)}, (account, what)


def assert_explained(history: History, standing) -> None:
    explained, _hidden = explain(ENGINE, standing, Filters(noise=True))
    in_bulk = unexplained(ENGINE, standing, Filters(noise=True))
    assert in_bulk.accesses == len(explained)
    assert set(in_bulk.unexplained) == {e.access["event_id"] for e in explained if e.status != "explained"}
    by_time = {each.access["occurred_at"]: each for each in explained}
    for number, step in enumerate(history.steps):
        if step.verb != "access":
            continue
        what = "send" if step.by_cmdlet else "open"
        expected = ways(state_at(history, number), step.subject, step.other, what)
        told = by_time[history.at(number)]
        assert told.status == ("explained" if expected else "unexplained"), (number, step)
        if expected:
            assert len(told.ways) >= len(expected)
            assert len(told.ways[0].steps) - 1 == min(hops for _level, _trustee, hops in expected)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=UNHURRIED)
@given(histories())
def test_random_histories(history):
    """The same two hundred in every run; tests/fuzz asks five thousand that differ each time."""
    agree(history)


def test_a_name_that_another_got_later_meant_the_first_one_until_then():
    """An access under a name is its holder's of that time, whoever is called so now."""
    rules = {name: set() for name in LISTS}
    rules["staff"] = {Rule("acc2", allows=True, what="send")}
    steps = [
        Step("rename", "acc2", "blue"),
        Step("access", "acc2", "own0", by_cmdlet=True),
        Step("rename", "acc2", "red"),
        Step("rename", "acc1", "blue"),
        Step("access", "acc1", "own0", by_cmdlet=True),
    ]
    agree(History(rules=rules, steps=steps, snapshots=frozenset({0})))
