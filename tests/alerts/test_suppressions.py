"""Suppressions have a reason and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.alerts.suppressions import Suppressions
from mailwitness.errors import UsageError

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GIVEN = {"who": "ana", "comment": "migration", "at": NOW, "expires_at": NOW + timedelta(days=7)}


def test_one_is_in_force_until_its_end(state):
    kept = Suppressions(state)
    one = kept.add(rule_id="r", mailbox_ref="EXAMPLE\\a", **GIVEN)
    assert kept.in_force(NOW) == [one]
    assert kept.in_force(NOW + timedelta(days=7)) == []
    assert one.covers("r", "example\\A", "anybody")
    assert not one.covers("r", "OTHER\\a", "anybody")
    assert not one.covers("r2", "EXAMPLE\\a", None)
    assert not one.covers("r", None, None)


def test_one_is_ended_early_and_stays_in_the_record(state):
    kept = Suppressions(state)
    one = kept.add(actor="EXAMPLE\\svc", **GIVEN)
    kept.end(one.number, who="ben", at=NOW + timedelta(hours=1))
    assert kept.in_force(NOW + timedelta(hours=2)) == []
    assert [(s.comment, s.ended_by) for s in kept.all()] == [("migration", "ben")]
    with pytest.raises(UsageError, match="no suppression"):
        kept.end(one.number, who="ben", at=NOW + timedelta(hours=3))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"comment": "  "}, "comment"),
        ({"expires_at": NOW}, "has to end"),
        ({"expires_at": NOW + timedelta(days=367)}, "within a year"),
        ({"rule_id": None}, "names a rule"),
    ],
)
def test_one_without_reason_end_or_subject_is_refused(state, change, said):
    kept = Suppressions(state)
    with pytest.raises(UsageError, match=said):
        kept.add(**{**GIVEN, "rule_id": "r", **change})
    assert kept.all() == []
