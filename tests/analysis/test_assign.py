"""Witnesses find their acts as by comparing every pair, in nearly linear time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.rows import access, notice, row, value

from mailwitness.analysis.acts import assemble
from mailwitness.analysis.assign import assign
from mailwitness.analysis.change import Act

WINDOW = timedelta(seconds=3)


def by_every_pair(witnesses, acts, many):
    """Return which act each witness is given to, the slow and plain way."""
    pairs = [
        (abs(w["occurred_at"] - a["occurred_at"]), i, j)
        for i, w in enumerate(witnesses)
        for j, a in enumerate(acts)
        if set(w["rights"]) & set(a["rights"])
        and w["outcome"] == a["outcome"]
        and abs(w["occurred_at"] - a["occurred_at"]) <= WINDOW
    ]
    given_to: dict[int, int] = {}
    taken = set()
    for _distance, i, j in sorted(pairs):
        if i not in given_to and (j not in taken or acts[j]["action"] == "created") and (many or j not in taken):
            given_to[i] = j
            taken.add(j)
    return given_to


places = st.builds(
    lambda seconds, keys, outcome, action: row(seconds, rights=sorted(keys), outcome=outcome, action=action),
    st.integers(0, 8).map(lambda n: n / 2),
    st.sets(st.sampled_from("abc"), max_size=3),
    st.sampled_from(["success", "failure"]),
    st.sampled_from(["created", "changed"]),
)


@given(st.lists(places, max_size=12), st.lists(places, max_size=12), st.booleans())
def test_as_by_comparing_every_pair(witnesses, mains, many):
    acts = [Act(main, "act") for main in mains]
    left = assign(
        "witness",
        witnesses,
        acts,
        witness_keys=lambda witness: witness["rights"],
        act_keys=lambda act: act.main["rights"],
        window=WINDOW,
        fits=lambda witness, act: witness["outcome"] == act.main["outcome"],
        many=lambda act: many and act.main["action"] == "created",
    )
    expected = by_every_pair(witnesses, mains, many)
    assert [id(w) for w in left] == [id(w) for i, w in enumerate(witnesses) if i not in expected]
    for j, act in enumerate(acts):
        assert sorted(id(w) for _, w in act.joined) == sorted(id(witnesses[i]) for i, k in expected.items() if k == j)


def everyday(number):
    """Return the records of many changes of rights, of groups and of nothing said, all of one busy logon."""
    rows = []
    for n in range(number // 10):
        at, guid = n * 0.05, f"237e2948-0000-0000-0000-{n:012x}"
        dn, member = f"CN=Mailbox {n},DC=fabrik,DC=example", f"CN=Person {n},DC=fabrik,DC=example"
        rows += [
            access(at, object_guid=guid),
            notice(at + 0.001, mailbox_ref=f"FABRIK\\mailbox {n}"),
            notice(at + 0.002, mailbox_ref=f"FABRIK\\other{n}"),
            value(at + 0.003, f"{{{n}}}", before="O:SYG:SYD:", object_guid=guid, object_dn=dn),
            value(at + 0.004, f"{{{n}}}", after="O:BAG:SYD:", object_guid=guid, object_dn=dn),
            row(
                at + 0.005, kind="membership", action="added", event_code="4756", group_name="All", trustee_name=member
            ),
            value(at + 0.006, f"{{m{n}}}", kind="membership", action="added", attribute="member", trustee_name=member),
            access(at + 0.007, rights=["WriteProperty"], attribute="member", object_guid=guid),
            row(
                at + 0.008,
                kind="membership",
                action="added",
                source="exchange_cmdlets",
                group_name="All",
                trustee_name=member,
                logon_id=None,
            ),
            notice(at + 0.009, mailbox_ref=None, group_name="All"),
        ]
    rows.sort(key=lambda event: event["occurred_at"])
    return rows


def seconds_of(rows):
    began = time.process_time()
    acts = assemble(rows, lambda _act: None)
    took = time.process_time() - began
    assert sum(1 + len(act.joined) for act in acts) == len(rows)
    return took


@pytest.mark.slow
def test_time_grows_with_the_number_of_records():
    assert seconds_of(everyday(100_000)) < 25 * max(seconds_of(everyday(10_000)), 0.1)


def test_a_thousand_records_of_one_moment_take_no_time():
    rows = [{**event, "occurred_at": event["occurred_at"].replace(microsecond=0)} for event in everyday(2_000)]
    assert seconds_of(rows) < 5
