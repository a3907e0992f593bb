"""Rows of the events table for tests, every field given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from mailwitness.trail.schema import BATCH_SCHEMA

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_numbers = count(1)


def row(seconds: float = 0, /, **fields: Any) -> dict[str, Any]:
    """Return a row `seconds` from START; fields not given are None."""
    blank: dict[str, Any] = dict.fromkeys(BATCH_SCHEMA.names)
    number = next(_numbers)
    blank |= {
        "event_id": f"{number:064x}",
        "occurred_at": START + timedelta(seconds=seconds),
        "source": "windows_security",
        "computer": "dc1.fabrik.example",
        "logon_id": "0x59df36",
        "outcome": "success",
        "rights": [],
        "record_id": number,
        "actor_kind": "user",
        "seq": number,
        "log_id": "log",
    }
    return blank | fields


def value(seconds: float, operation: str, /, **fields: Any) -> dict[str, Any]:
    """Return a directory value (as of event 5136) of one operation."""
    plain = {
        "kind": "permission",
        "action": "changed",
        "event_code": "5136",
        "op_correlation_id": operation,
        "object_dn": "CN=Anna Berg,OU=Staff,DC=fabrik,DC=example",
        "object_guid": "237e2948-0000-0000-0000-000000000001",
        "object_class": "user",
        "attribute": "nTSecurityDescriptor",
    }
    return row(seconds, **(plain | fields))


def access(seconds: float, /, **fields: Any) -> dict[str, Any]:
    """Return an exercised right on an object (as of event 4662)."""
    plain = {
        "kind": "permission",
        "action": "changed",
        "event_code": "4662",
        "object_guid": "237e2948-0000-0000-0000-000000000001",
        "rights": ["WriteDacl"],
    }
    return row(seconds, **(plain | fields))


def notice(seconds: float, /, **fields: Any) -> dict[str, Any]:
    """Return an all-dash notice of a change (as of event 4738)."""
    plain = {
        "kind": "account",
        "action": "changed",
        "event_code": "4738",
        "mailbox_ref": "FABRIK\\anna.berg",
        "trustee_sid": "S-1-5-21-1-2-3-1107",
    }
    return row(seconds, **(plain | fields))
