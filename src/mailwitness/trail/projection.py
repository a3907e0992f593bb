"""From an entry to the columns beside it, and from events to a batch. `verify --deep` recomputes the first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from mailwitness.event import Blob, Event, canonical, entry_of, fields_of
from mailwitness.trail.schema import BATCH_SCHEMA, FIRST_MONTH, LAST_MONTH

_WIDE = ("record_id", "offset")
_TIMES = ("occurred_at", "occurred_until_at")
_UNSAID = frozenset(
    {
        "raw",
        "salt",
        "event_id",
        "schema_version",
        "supersedes",
        "evidence_sha256",
        "offset",
        "observed_origin",
        "recovered",
        "time_quality",
        "occurred_at",
        "occurred_until_at",
    }
)
"""Fields of an entry that `event.content_digest` leaves out."""


def columns_of(fields: Mapping[str, Any], entry: bytes) -> dict[str, Any]:
    """Return the row of BATCH_SCHEMA that belongs to an entry, given its parsed fields with blobs put back.

    Columns without a value may be missing, and names that are no column's may be there (`raw`).

    Raises ValueError, KeyError or TypeError where the fields are no entry's.
    """
    kind = fields.get("leaf_kind", "event")
    if kind != "event":
        return {
            "leaf_kind": kind,
            "schema_version": fields["schema_version"],
            "occurred_at": parse_instant(fields["written_at"]),
            "entry": entry,
        }
    row = dict(fields)
    row.update({name: parse_instant(fields[name]) for name in _TIMES if name in fields})
    row.update({name: int(fields[name]) for name in _WIDE if name in fields})
    said = {name: value for name, value in fields.items() if name not in _UNSAID}
    row.update(
        leaf_kind="event",
        entry=entry,
        content_digest=hashlib.sha256(recanonical(said)).digest(),
        recovered=fields.get("recovered", False),
        rights=fields.get("rights", []),
        items=fields.get("items", []),
    )
    return row


def parse_instant(text: str) -> datetime:
    """Read a time as an entry writes it. Raises ValueError for any other way of writing it."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or len(text) != 27 or text[-1] != "Z":  # noqa: PLR2004 - the form
        raise ValueError(f"no time of an entry: {text!r}")
    return at


def recanonical(fields: object) -> bytes:
    """Return canonical bytes of fields read from an entry, whose texts are escaped already."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def resolve_blobs(fields: Mapping[str, Any], load: Callable[[str], bytes]) -> dict[str, Any]:
    """Return `fields` with each value that stands in a blob put back; `raw` stays a reference.

    Whatever `load` raises for a blob that is gone passes through.
    """
    return {
        name: orjson.loads(load(value["sha256"])) if name != "raw" and is_reference(value) else value
        for name, value in fields.items()
    }


def is_reference(value: object) -> bool:
    """Return whether a field's value is `{"sha256": ..., "size": ...}`, the reference to a blob."""
    return isinstance(value, dict) and value.keys() == {"sha256", "size"}


def batch_of_events(
    events: Iterable[tuple[Event, dict[str, Any]]], salt: str | None = None
) -> tuple[pa.RecordBatch, tuple[Blob, ...]]:
    """Return events with their raw records as a batch for `Writer.append`, and the blobs that go with it."""
    rows: list[dict[str, Any]] = []
    blobs: list[Blob] = []
    for event, raw in events:
        entry, out = entry_of(event, raw, salt)
        rows.append(columns_of(orjson.loads(canonical(fields_of(event))), entry))
        blobs.extend(out)
    return pa.RecordBatch.from_pylist(rows, schema=BATCH_SCHEMA), tuple(blobs)


def months_of(occurred_at: pa.Array) -> npt.NDArray[np.str_]:
    """Return the partition of each event: the month of its time in UTC, held between FIRST_MONTH and LAST_MONTH."""
    days = occurred_at.cast(pa.int64()).to_numpy(zero_copy_only=False) // 86_400_000_000
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    months = np.clip(months, np.datetime64(FIRST_MONTH), np.datetime64(LAST_MONTH))
    names, inverse = np.unique(months, return_inverse=True)
    return names.astype(str)[inverse]
