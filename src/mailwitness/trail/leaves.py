"""Leaves that are no events: custody (which evidence came in, from whom), sealed files, purges, acts of persons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from mailwitness.event import SCHEMA_VERSION, Blob, bounded_entry, instant
from mailwitness.trail.projection import columns_of
from mailwitness.trail.schema import FILE_SCHEMA

LeafKind = Literal["event", "custody", "sealed", "purge", "act"]
PENDING_SCHEMA = FILE_SCHEMA.remove(0)
"""FILE_SCHEMA before the leaf has its place in the log."""


def leaf_entry(
    kind: LeafKind, said: Mapping[str, Any], written_at: datetime, salt: str | None = None
) -> tuple[bytes, tuple[Blob, ...]]:
    """Return the entry of a leaf that is no event, and the blobs of values too long for it."""
    fields: dict[str, Any] = {
        "leaf_kind": kind,
        "schema_version": SCHEMA_VERSION,
        "written_at": instant(written_at),
        **said,
    }
    if salt is not None:
        fields["salt"] = salt
    return bounded_entry(fields)


def leaf_batch(kind: LeafKind, entry: bytes, written_at: datetime) -> pa.RecordBatch:
    """Return such an entry as one row of PENDING_SCHEMA."""
    row = columns_of({"leaf_kind": kind, "schema_version": SCHEMA_VERSION, "written_at": instant(written_at)}, entry)
    return pa.RecordBatch.from_pylist([row], schema=PENDING_SCHEMA)
