"""Acts of persons are leaves like all others: sealed, in their own partition, altered by nobody unseen."""

from __future__ import annotations

import orjson
import pyarrow.parquet as pq
from tests.trail.trails import batch, flip, make_trail

from mailwitness.trail.reader import open_reader
from mailwitness.trail.schema import NO_EVENTS
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

SAID = {"who": "ann", "role": "auditor", "verb": "read", "subject": "CN=Director \udcff", "detail": {"page": "1"}}


def test_an_act_is_a_leaf_that_verifies(tmp_path):
    created = make_trail(tmp_path)
    with Writer.open(created.trail.path) as writer:
        writer.append(batch([1]))
        writer.act(SAID)
        writer.act({**SAID, "subject": "x" * 100_000})  # longer than an entry: a blob
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.state, verdict.findings) == ("not_anchored", [])
    rows = [row for path in open_reader(created.trail.path).leaf_files() for row in pq.read_table(path).to_pylist()]
    acts = [orjson.loads(row["entry"]) for row in rows if row["leaf_kind"] == "act"]
    assert acts[0]["statement"]["who"] == "ann"
    assert acts[0]["leaf_kind"] == "act"
    assert set(acts[1]["statement"]) == {"sha256", "size"}
    assert {row["event_id"] for row in rows} == {None}


def test_an_altered_act_is_found(tmp_path):
    created = make_trail(tmp_path)
    with Writer.open(created.trail.path) as writer:
        writer.act(SAID)
    path = next(
        path
        for path in sorted((created.trail.events).rglob("*.parquet"))
        if NO_EVENTS in str(path) and "act" in pq.read_table(path, partitioning=None).column("leaf_kind").to_pylist()
    )
    flip(path, path.stat().st_size // 2)
    assert verify(created.trail.path).state == "invalid"
