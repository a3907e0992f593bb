"""What an event can witness: the directory's own values, an access to an object, a bare notice, a cmdlet, a statement.

Told from the event's fields and source alone, so that a new event id needs no word here.
"""

from __future__ import annotations

from typing import Any

CMDLET_SOURCES = {"exchange_cmdlets": "cmdlet", "admin_audit": "admin_audit", "unified_audit": "unified_audit"}

_SAMBA, _TRANSACTION = "samba_audit", "dsdbTransaction"

DIRECTORY_VALUE = "directory_value"  # a value added or deleted (5136): carries what was before or after
OBJECT_ACCESS = "object_access"  # rights exercised or requested on an object (4662, 566, 565): no values
MEMBERSHIP = "membership"  # a member added or removed (4728 and its like)
BARE_CHANGE = "bare_change"  # something changed, nothing said of what (an all-dash 4738, 642, 4735)
NOTICE = "notice"  # an account or group changed, and which of its attributes (4738, 642, 4735)
REPLACED_VALUE = "replaced_value"  # what an attribute holds from now on; what it held before is not told (Samba)
ROLLBACK = "rollback"  # everything of this transaction was undone (Samba)
STATEMENT = "statement"  # any other event: it says all there is itself


def role_of(event: dict[str, Any]) -> str:
    """Return what `event` (a row of the events table) can witness."""
    role = CMDLET_SOURCES.get(event["source"]) or (_of_samba(event) if event["source"] == _SAMBA else None)
    if role is not None:
        return role
    if event["op_correlation_id"]:
        return DIRECTORY_VALUE
    if event["kind"] == "membership":
        return MEMBERSHIP
    if event["object_guid"] and event["rights"] and event["kind"] in ("permission", "account"):
        return OBJECT_ACCESS
    if event["kind"] == "account" and event["action"] == "changed" and (event["trustee_sid"] or event["group_sid"]):
        return NOTICE if event["attribute"] or event["after"] else BARE_CHANGE
    return STATEMENT


def _of_samba(event: dict[str, Any]) -> str | None:
    """Return what only Samba's records can witness."""
    if event["channel"] == _TRANSACTION:
        return ROLLBACK
    is_value = event["attribute"] and event["after"] and not event["op_correlation_id"]
    return REPLACED_VALUE if is_value and event["kind"] != "logon" else None
