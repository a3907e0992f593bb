"""Changes as an answer: in order, with the outcome their records give, without what only restates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.analysis.rows import START, notice, row
from tests.analysis.test_accesses import Rows

from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters


def policy(seconds, code, after, /, **fields):
    return row(seconds, kind="audit", action="policy_changed", event_code=code, after=after, **fields)


def shown(*events, **filters):
    found, hidden = changes(Rows(*events), Filters(**filters))
    return [change.after for change in found], hidden.get("unchanged", 0)


def test_a_whole_policy_stated_again_is_no_change():
    events = [
        policy(0, "612", "System: Success"),
        policy(90, "612", "System: Success"),
        policy(99, "612", "System: No"),
    ]
    assert shown(*events) == (["System: Success", "System: No"], 1)
    assert shown(*events, since=START + timedelta(seconds=60)) == (["System: No"], 1)


def test_a_part_of_the_policy_added_again_is_no_change():
    def of(seconds, after, **fields):
        return policy(seconds, "4719", after, **({"attribute": "Directory Service Access"} | fields))

    again = [
        of(0, "success added"),
        of(60, "Success added"),
        of(120, "success added", attribute="Logon"),
        of(180, "success added", computer="dc2.fabrik.example"),
        of(240, "failure added; success removed"),
        of(300, "success added"),
    ]
    told, unchanged = shown(*again)
    assert unchanged == 1
    assert told == [event["after"] for event in again if event["after"] != "Success added"]


def test_after_a_cleared_log_the_policy_is_not_known():
    cleared = row(50, kind="audit", action="log_cleared", event_code="1102")
    events = [policy(0, "612", "System: Success"), cleared, policy(90, "612", "System: Success")]
    assert shown(*events) == (["System: Success", None, "System: Success"], 0)


def test_a_refused_cmdlet_is_found_by_its_outcome_whichever_record_says_it():
    of = {"kind": "permission", "action": "granted", "rights": ["FullAccess"], "mailbox_ref": "anna", "logon_id": None}
    events = [
        row(0, source="exchange_cmdlets", outcome="unknown", **of),
        row(1, source="admin_audit", outcome="failure", **of),
    ]
    found, _ = changes(Rows(*events), Filters(outcome="failure"))
    assert [len(change.witnesses) for change in found] == [2]


def test_changes_stand_in_the_order_of_the_times_they_show():
    of = {"kind": "permission", "action": "granted", "rights": ["FullAccess"], "mailbox_ref": "anna", "logon_id": None}
    events = [
        row(0, source="exchange_cmdlets", through_server="dc1", **of),
        row(10, kind="account", action="enabled", trustee_sid="S-1-5-21-1-2-3-5"),
        notice(12, trustee_sid="S-1-5-21-1-2-3-9", logon_id="0x9"),
        row(20, source="windows_security", **of),
    ]
    found, _ = changes(Rows(*events), Filters())
    times = [change.occurred_at for change in found]
    assert times == sorted(times)
    assert len(found) == 3


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_can_be_asked_for(edge):
    assert changes(Rows(notice(0)), Filters(since=edge, until=edge)) == ([], {})
