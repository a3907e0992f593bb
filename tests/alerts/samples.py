"""An alert for tests that hypothesis runs."""

from __future__ import annotations

from datetime import UTC, datetime

from mailwitness.alerts.alert import Alert

ALERT = Alert(
    key="5f0c",
    kind="case",
    title="FullAccess granted",
    level="high",
    at=datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC),
    organization="example.test",
    case_id="c0ffee",
    rule_id="a1b2",
    mailbox="EXAMPLE\\director",
    actor="EXAMPLE\\helpdesk",
    first_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    last_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    findings=1,
    facts={"Right": "FullAccess", "Trustee": "EXAMPLE\\intern"},
    description="An account was given every item of the mailbox.",
    event_ids=("ab" * 32,),
    tags=("attack.t1098.002",),
    link="https://console.example.test/findings/c0ffee",
)
