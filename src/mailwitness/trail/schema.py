"""The columns of the events table: the event's fields, its place in the log, and the entry itself.

The `entry` column is the authority; every other column is its projection and `verify --deep` recomputes it.
"""

from __future__ import annotations

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")

_ITEM = pa.struct(
    [
        pa.field("item_id", pa.string()),
        pa.field("folder", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("internet_message_id", pa.string()),
    ]
)

_TEXT = (
    "organization supersedes kind action outcome scope folder database object_dn object_guid object_class attribute "
    "before after time_quality actor_sid actor_name actor_kind mailbox_ref mailbox_ref_form trustee_sid trustee_name "
    "group_sid group_name client_ip client_host client_app app_id session_id logon_id through_server strength "
    "logon_type source computer observed_origin channel provider event_code evidence_sha256 op_correlation_id "
    "transaction_id request_id"
).split()

LEAF_FIELDS = [
    pa.field("leaf_kind", pa.string(), nullable=False),  # event | custody | sealed | purge | act
    pa.field("event_id", pa.string()),  # hex SHA-256; null for leaves that are no events
    pa.field("content_digest", pa.binary(32)),  # event.content_digest: tells a conflict from a duplicate
    pa.field("schema_version", pa.int32()),
    pa.field("occurred_at", INSTANT),
    pa.field("occurred_until_at", INSTANT),
    *[pa.field(name, pa.string()) for name in _TEXT],
    pa.field("rights", pa.list_(pa.string())),
    pa.field("items", pa.list_(_ITEM)),
    pa.field("record_id", pa.int64()),
    pa.field("offset", pa.int64()),
    pa.field("recovered", pa.bool_()),
    pa.field("entry", pa.binary(), nullable=False),
]

BATCH_SCHEMA = pa.schema(LEAF_FIELDS)
"""What a worker hands over: everything but the place in the log."""

FILE_SCHEMA = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),  # leaf index: stored, since row order means nothing
        *[f if f.name != "content_digest" else pa.field(f.name, pa.binary()) for f in LEAF_FIELDS],
    ]
)
"""What a Parquet file of the table holds. Delta Lake knows no fixed-size binary, and partitions stand in the path."""

EVENTS_SCHEMA = pa.schema(
    [
        pa.field("log_id", pa.string(), nullable=False),  # partition
        pa.field("month", pa.string(), nullable=False),  # partition: `month_of`, or NO_EVENTS
        *FILE_SCHEMA,
    ]
)
"""The table. `leaf_hash` is not stored: it is SHA-256(0x00 || entry)."""

NO_EVENTS = "0000-00"
"""The partition of leaves that are no events: whoever asks for events need not read it."""
FIRST_MONTH, LAST_MONTH = "1995-01", "2099-12"
"""Events before and after stand in these partitions: a forged clock must not make a partition per record."""
