"""One record of the unified audit log, the same whichever container it came in.

Search-UnifiedAuditLog and the Purview portal export rows with the record as JSON in a column; the Management Activity
API and the on-premises spool give the record itself; Graph wraps it in an object; Sentinel spreads it over columns.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import orjson

from mailwitness.event import Outcome, TimeQuality
from mailwitness.formats.interface import ExportRecord
from mailwitness.knowledge.mailbox_operations import operation_knowledge
from mailwitness.sources.audit_fields import Fields, number_of, outcome_of, utc_of


class UnifiedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What every record of the log has; `fields` are all its own."""

    record: str
    tenant: str
    operation: str
    at: datetime
    time_quality: TimeQuality
    record_type: int | None
    user_type: int | None
    user: str | None
    outcome: Outcome
    fields: Fields


class Unreadable(msgspec.Struct, frozen=True):
    """Why a row holds no record that can be read."""

    expected: str
    found: str


_OF_THE_RECORD = frozenset({"id", "operation", "recordtype", "creationtime"})
_OF_SENTINEL = frozenset({"officeid", "operation", "recordtype"})


def is_unified(record: ExportRecord) -> bool:
    """Return whether a row or object is of the unified audit log, by the names of its fields."""
    names = {name.casefold() for name in (record.fields or record.shape)}
    return "auditdata" in names or names >= _OF_THE_RECORD or names >= _OF_SENTINEL


def unified_record(record: ExportRecord) -> UnifiedRecord | Unreadable:
    """Return the record in a row or object, or what is wrong with it."""
    outer = Fields(record.fields, operation_knowledge().field_names)
    inner = _inner(outer)
    if isinstance(inner, Unreadable):
        return inner
    number = inner.text("Id") or outer.text("RecordId", "Id")
    operation = inner.text("Operation") or outer.text("Operation", "Operations")
    moment = inner.text("CreationTime")
    at = utc_of(moment)
    if number is None or operation is None:
        return Unreadable("a record with Id and Operation", f"Id {number!r}, Operation {operation!r}")
    if at is None:
        return Unreadable("CreationTime as ISO 8601, in UTC", repr(moment))
    words = operation_knowledge()
    return UnifiedRecord(
        record=number,
        tenant=inner.text("OrganizationId", "OrganizationName") or "",
        operation=operation,
        at=at[0],
        time_quality=at[1],
        record_type=number_of(inner.text("RecordType"), words.record_types),
        user_type=number_of(inner.text("UserType"), words.user_types),
        user=inner.text("UserId"),
        outcome=outcome_of(inner.text("ResultStatus")),
        fields=inner,
    )


def _inner(outer: Fields) -> Fields | Unreadable:
    """Return the record's own fields: the JSON of a column, the object Graph wraps, or the row itself."""
    if "AuditData" not in outer:
        return outer
    data = outer.get("AuditData")
    if isinstance(data, str):
        if not data.strip():
            return Unreadable("the record in the column AuditData", "an empty column")
        try:
            data = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return Unreadable(
                "the record as JSON in AuditData", f"{error} ({len(str(outer.get('AuditData')))} characters)"
            )
    if not isinstance(data, dict):
        return Unreadable("an object in AuditData", type(data).__name__)
    nested = data.get("dynamicProperties")
    if isinstance(nested, dict):
        data = {**data, **nested}
    return _with_outer(Fields(data, operation_knowledge().field_names), outer, data)


def _with_outer(inner: Fields, outer: Fields, data: dict[str, object]) -> Fields:
    """Return the inner record; Graph keeps some of its fields on the wrapping object only."""
    missing = {
        name: outer.get(name)
        for name in (
            "Id",
            "Operation",
            "CreationTime",
            "OrganizationId",
            "UserId",
            "UserType",
            "RecordType",
            "ObjectId",
        )
        if inner.text(name) is None and name in outer
    }
    return Fields({**missing, **data}, operation_knowledge().field_names) if missing else inner
