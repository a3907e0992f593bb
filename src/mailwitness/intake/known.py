"""Which evidence the trail has in custody already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from mailwitness.intake.custody import ACT
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import resolve_blobs
from mailwitness.trail.reader import open_reader


def in_custody(path: Path) -> dict[str, str]:
    """Return the evidence an import took into custody: its SHA-256, and the version that took it in last."""
    store = EvidenceStore(Trail(path))
    known: dict[str, str] = {}
    for file in open_reader(path).leaf_files():
        leaves = pq.read_table(file, columns=["entry"], filters=[("leaf_kind", "=", "custody")], partitioning=None)
        for entry in leaves.column("entry").to_pylist():
            said = _statement(entry, store)
            if said.get("act") == ACT:
                known |= {evidence["sha256"]: said["version"] for evidence in said["evidence"]}
    return known


def _statement(entry: bytes, store: EvidenceStore) -> dict[str, Any]:
    def load(sha256: str) -> bytes:
        with store.open(sha256) as file:
            return file.read()

    said: dict[str, Any] = resolve_blobs(orjson.loads(entry), load)["statement"]
    return said
