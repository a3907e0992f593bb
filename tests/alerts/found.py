"""Findings for tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from mailwitness.rules.finding import Finding

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def finding(number: int = 0, **more) -> Finding:
    """Return a finding; those of different numbers differ in nothing but their identity."""
    values = {
        "finding_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "rule_id": "full-access",
        "title": "FullAccess granted",
        "level": "high",
        "occurred_at": NOW,
        "event_ids": (f"{number:064x}",),
        "mailbox_ref": "EXAMPLE\\director",
        "actor": "EXAMPLE\\helpdesk",
        "summary": {"Right": "FullAccess"},
    }
    return msgspec.convert({**values, **more}, Finding)
