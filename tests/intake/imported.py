"""What a trail holds after an import, for tests to compare."""

from __future__ import annotations

import hashlib

import orjson
import pyarrow.parquet as pq

from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import resolve_blobs
from mailwitness.trail.reader import open_reader


def event_ids(trail):
    """Return the identities of all events, sorted."""
    ids = []
    for path in open_reader(trail).event_files():
        ids += pq.read_table(path, columns=["event_id"], partitioning=None).column(0).to_pylist()
    return sorted(ids)


def event_set(trail):
    """Return the event-set digest: SHA-256 over the sorted event_ids."""
    return hashlib.sha256("\n".join(event_ids(trail)).encode()).hexdigest()


def statements(trail, act="imported"):
    """Return what the custody leaves of imports say, in their order."""
    store = EvidenceStore(Trail(trail))

    def load(sha256):
        with store.open(sha256) as file:
            return file.read()

    found = []
    for _, entry in open_reader(trail).entries():
        said = orjson.loads(entry)
        if said.get("leaf_kind") == "custody":
            statement = resolve_blobs(said, load)["statement"]
            if statement.get("act") == act:
                found.append(statement)
    return found


def names(trail, column="actor_name"):
    """Return a column of the events in the order of the log."""
    rows = []
    for path in open_reader(trail).event_files():
        table = pq.read_table(path, columns=["seq", column], partitioning=None)
        rows += zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True)
    return [value for _, value in sorted(rows)]
