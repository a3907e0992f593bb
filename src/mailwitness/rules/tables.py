"""What rules may ask of: the sealed events, and what was derived from them, each a table with named columns."""

from __future__ import annotations

from typing import Literal

import msgspec
import pyarrow as pa

from mailwitness.trail.schema import EVENTS_SCHEMA, INSTANT

Kind = Literal["text", "list", "number", "time", "flag"]
EVENTS = "events"
OWN_PRODUCT = "mailwitness"

_TEXT = pa.string()
_LIST = pa.list_(pa.string())
COMMON = [
    pa.field("seq", pa.int64()),  # the latest of its events to be sealed
    pa.field("first_event_id", _TEXT),  # the first of its events to be sealed
    pa.field("event_ids", _LIST),
    pa.field("occurred_at", INSTANT),
    pa.field("mailbox_ref", _TEXT),
    pa.field("actor_name", _TEXT),
    pa.field("actor_sid", _TEXT),
    pa.field("noise", _TEXT),
]
"""Columns of every derived table."""

DERIVED: dict[str, pa.Schema] = {
    "changes": pa.schema(
        [
            *COMMON,
            *[
                pa.field(name, _TEXT)
                for name in (
                    "kind action outcome scope folder object_dn object_class attribute trustee_sid trustee_name "
                    "group_sid group_name actor_kind performed_by through_server client_ip before after weak partial "
                    "target"
                ).split()
            ],
            *[
                pa.field(name, _LIST)
                for name in "rights granted granted_to revoked denied lifted differences sources missing".split()
            ],
            pa.field("to_self", pa.bool_()),
            pa.field("settled_minutes", pa.float64()),
        ]
    ),
    "accesses": pa.schema(
        [
            *COMMON,
            *[
                pa.field(name, _TEXT)
                for name in (
                    "action outcome scope folder database actor_kind mailbox strength logon_type client_ip client_host "
                    "client_app app_id source"
                ).split()
            ],
            pa.field("rights", _LIST),
            pa.field("items", pa.int64()),
        ]
    ),
    "windows": pa.schema(
        [
            *COMMON,
            *[pa.field(name, _TEXT) for name in "window right status began_by strength action source".split()],
            pa.field("began_at", INSTANT),
            pa.field("ended_at", INSTANT),
            pa.field("minutes", pa.float64()),
            pa.field("accesses", pa.int64()),
            pa.field("clients", _LIST),
        ]
    ),
    "applications": pa.schema(
        [
            *COMMON,
            pa.field("app_id", _TEXT),
            pa.field("mailboxes_before", pa.int64()),
            pa.field("mailboxes_since", pa.int64()),
            pa.field("days_known", pa.float64()),
        ]
    ),
    "hosts": pa.schema(
        [
            *COMMON,
            pa.field("computer", _TEXT),
            pa.field("channel", _TEXT),
            pa.field("source", _TEXT),
            pa.field("records", pa.int64()),
            pa.field("silent_hours", pa.float64()),
            pa.field("times_longer", pa.float64()),
        ]
    ),
}
ANALYSES = frozenset({"windows", "applications", "hosts"})
"""Derived tables that look at more than one act: they cost more, and a caller may ask for them less often."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table: its name and what kind of value it holds."""

    name: str
    kind: Kind


def column_of(table: str, name: str) -> Column | None:
    """Return the column of `table` that goes by `name` (case disregarded), or None."""
    field = _fields(table).get(name.casefold())
    return None if field is None or field.name in _HIDDEN else Column(field.name, _kind(field.type))


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns a rule may ask for."""
    return tuple(name for name in _fields(table) if name not in _HIDDEN)


_HIDDEN = frozenset(
    {"entry", "content_digest", "leaf_kind", "month", "log_id", "schema_version", "first_event_id", "seq"}
)


def _fields(table: str) -> dict[str, pa.Field]:
    schema = EVENTS_SCHEMA if table == EVENTS else DERIVED[table]
    hidden_items = table == EVENTS
    return {field.name: field for field in schema if not (hidden_items and field.name == "items")}


def _kind(of: pa.DataType) -> Kind:
    if pa.types.is_list(of):
        return "list"
    if pa.types.is_timestamp(of):
        return "time"
    if pa.types.is_boolean(of):
        return "flag"
    return "text" if pa.types.is_string(of) else "number"
