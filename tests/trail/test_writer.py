"""Appending: what becomes a leaf, what is dropped, what is kept apart, and what is durable when."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.trail.trails import append, batch, event, files_of, make_trail

from mailwitness.errors import TrailError, TrailLocked, UsageError
from mailwitness.event import Blob, conflict_event_id, content_digest
from mailwitness.trail import writer as writer_module
from mailwitness.trail.create import create_trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.reader import open_reader
from mailwitness.trail.schema import BATCH_SCHEMA
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


@pytest.fixture
def created(tmp_path):
    return make_trail(tmp_path)


def events_in(created):
    """Return event_id -> action of all events, through DuckDB as an engine would."""
    files = [str(f) for f in open_reader(created.trail.path).event_files()]
    if not files:
        return {}
    return dict(duckdb.connect().execute("SELECT event_id, action FROM read_parquet(?)", [files]).fetchall())


def test_a_new_trail_verifies_and_states_how_it_was_made(created):
    reader = open_reader(created.trail.path)
    (_seq, first), (_seq, second) = reader.entries()
    assert orjson.loads(first)["statement"]["act"] == "trail_created"
    assert orjson.loads(first)["statement"]["verifier_key"] == created.verifier_key
    assert orjson.loads(second)["leaf_kind"] == "sealed"
    assert verify(created.trail.path, deep=True).state == "not_anchored"


def test_the_key_stands_outside_and_only_its_owner_reads_it(created, tmp_path):
    assert not created.key_path.is_relative_to(created.trail.path)
    assert created.key_path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="outside"):
        create_trail(tmp_path / "other", key_dir=tmp_path / "other" / "keys")
    assert not (tmp_path / "other").exists()


def test_nothing_is_put_over_what_is_there(created, tmp_path):
    with pytest.raises(UsageError, match="something already"):
        create_trail(created.trail.path, key_dir=tmp_path / "more")
    with pytest.raises(UsageError, match="key of this origin"):
        create_trail(tmp_path / "second", origin="example.com/trail", key_dir=created.key_path.parent)


def test_what_is_appended_is_read_back_in_order(created):
    assert append(created, batch(range(10)), batch(range(10, 12))) == [[1] * 10, [1] * 2]
    reader = open_reader(created.trail.path)
    entries = [orjson.loads(e) for _seq, e in reader.entries() if b'"leaf_kind"' not in e]
    assert [e["record_id"] for e in entries] == [str(n) for n in range(12)]
    assert [seq for seq, _e in reader.entries()] == list(range(reader.size))
    assert [seq for seq, _e in reader.entries(3, 7)] == [3, 4, 5, 6]


def test_the_same_events_again_add_no_leaf(created):
    append(created, batch(range(100)))
    size, files = open_reader(created.trail.path).size, files_of(created.trail.path)
    assert append(created, batch(range(100)), batch(range(50, 60))) == [[0] * 100, [0] * 10]
    assert open_reader(created.trail.path).size == size
    assert files_of(created.trail.path) == files


def test_duplicates_are_known_before_they_are_committed(created):
    assert append(created, batch([1, 1, 2]), batch([2, 3])) == [[1, 0, 1], [0, 1]]


def test_a_conflict_is_kept_under_an_identity_of_its_own(created):
    original, forged = event(7), event(7, action="revoked")
    append(created, batch([7]))
    with Writer.open(created.trail.path) as writer:
        appended = writer.append(batch([7, 7], action="revoked"))
    new = conflict_event_id(original.event_id, content_digest(forged))
    assert appended.kept.tolist() == [2, 0]
    assert appended.conflicts == [(original.event_id, new)]
    assert events_in(created) == {original.event_id: "granted", new: "revoked"}
    entry = next(e for _s, e in open_reader(created.trail.path).entries() if new.encode() in e)
    assert orjson.loads(entry)["event_id"] == new
    assert append(created, batch([7], action="revoked"), batch([7])) == [[0], [0]]
    assert verify(created.trail.path, deep=True).findings == []


def test_two_that_differ_in_one_batch_are_both_kept(created):
    both = (
        pa.Table.from_batches([batch([1]), batch([1], action="revoked"), batch([1])]).combine_chunks().to_batches()[0]
    )
    assert append(created, both) == [[1, 2, 0]]
    assert sorted(events_in(created).values()) == ["granted", "revoked"]


def test_a_conflict_keeps_its_escapes(created):
    """An entry whose texts are escaped already must not be escaped again when its identity changes."""
    odd = "half \ud800 and \ufdd0"
    append(created, batch([1]))
    raw = {"text": odd}
    changed = batch_of_events([(event(1, folder=odd), raw)])[0]
    append(created, changed)
    entry = next(e for _s, e in open_reader(created.trail.path).entries() if b"half" in e)
    assert orjson.loads(entry)["raw"] == {"text": "half \ufdd0d800 and \ufdd0fdd0"}
    assert verify(created.trail.path, deep=True).findings == []


def test_time_below_the_second_is_no_conflict(created):
    at = datetime(2024, 5, 1, 10, 0, 0, tzinfo=UTC)
    exact = event(5, at=at.replace(microsecond=123456))
    coarse = event(5, at=at)
    assert exact.event_id == coarse.event_id
    first, second = (batch_of_events([(e, {})])[0] for e in (exact, coarse))
    assert append(created, first, second) == [[1], [0]]


def test_a_second_writer_is_refused(created):
    program = (
        "import sys\nfrom pathlib import Path\nfrom mailwitness.errors import TrailLocked\n"
        "from mailwitness.trail.writer import Writer\n"
        "try:\n    Writer.open(Path(sys.argv[1]))\nexcept TrailLocked as e:\n    sys.exit(e.exit_code)\n"
    )
    command = [sys.executable, "-c", program, str(created.trail.path)]
    with Writer.open(created.trail.path):
        assert subprocess.run(command, check=False).returncode == 75
        with pytest.raises(TrailLocked):
            Writer.open(created.trail.path)
    assert subprocess.run(command, check=False).returncode == 0


def test_a_writer_that_failed_does_not_go_on(created, monkeypatch):
    with Writer.open(created.trail.path) as writer:
        writer.append(batch([1]))
        monkeypatch.setattr(writer_module, "write_tiles", _no_space)
        with pytest.raises(TrailError, match="No space"):
            writer.commit()
        with pytest.raises(TrailError, match="failed before"):
            writer.append(batch([2]))
        writer.abandon()
    monkeypatch.undo()
    assert verify(created.trail.path).state == "not_anchored"
    assert append(created, batch([1]), batch([2])) == [[1], [1]]
    assert verify(created.trail.path).findings == []


def _no_space(*_arguments):
    raise OSError(28, "No space left on device")


def test_leaving_with_an_error_drops_what_was_not_committed(created):
    def fail():
        with Writer.open(created.trail.path) as writer:
            writer.append(batch([1]))
            writer.commit()
            writer.append(batch([2]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert append(created, batch([1, 2])) == [[0, 1]]


def test_appends_are_committed_by_themselves_at_a_threshold(created, monkeypatch):
    monkeypatch.setattr(writer_module, "COMMIT_ROWS", 10)
    with Writer.open(created.trail.path) as writer:
        before = writer.size
        writer.append(batch(range(9)))
        assert writer.size == before
        writer.append(batch(range(9, 12)))
        assert writer.size == before + 12


def test_a_custody_leaf_says_what_it_was_given(created):
    statement = {"act": "evidence_taken", "by": "someone", "counts": {"seen": "3"}}
    with Writer.open(created.trail.path) as writer:
        writer.custody(statement)
    entries = [orjson.loads(e) for _s, e in open_reader(created.trail.path).entries()]
    assert [e["statement"] for e in entries if e.get("leaf_kind") == "custody"][1:] == [statement]


def test_a_custody_statement_too_long_for_an_entry_is_kept_as_evidence(created):
    statement = {"act": "evidence_taken", "evidence": [{"sha256": f"{n:064x}", "kept": False} for n in range(2000)]}
    with Writer.open(created.trail.path) as writer:
        writer.custody(statement)
    assert verify(created.trail.path, deep=True).findings == []
    (blob,) = files_of(created.trail.evidence)
    assert orjson.loads(blob.read_bytes()) == statement
    blob.unlink()
    assert any(f.file.startswith("evidence/") for f in verify(created.trail.path).findings)


def test_long_values_are_kept_and_the_column_has_them_whole(created):
    long = "O:BA" * 30_000
    rows, blobs = batch_of_events([(event(1, before=long), {"x": "y"})])
    assert len(blobs) == 1
    append(created, rows, blobs=blobs)
    files = [str(f) for f in open_reader(created.trail.path).event_files()]
    assert duckdb.connect().execute("SELECT before FROM read_parquet(?)", [files]).fetchall() == [(long,)]
    assert verify(created.trail.path, deep=True).findings == []


def test_a_blob_with_another_hash_is_refused(created):
    with Writer.open(created.trail.path) as writer, pytest.raises(ValueError, match="SHA-256"):
        writer.append(batch([1]), [Blob("00" * 32, b"other")])
    assert verify(created.trail.path).findings == []


def test_forged_clocks_make_no_partition_of_their_own(created):
    times = [datetime(1601, 1, 1, tzinfo=UTC), datetime(1970, 5, 5, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
    rows = batch_of_events([(event(n, at=at), {}) for n, at in enumerate(times)])[0]
    append(created, rows)
    months = {f.parent.name for f in open_reader(created.trail.path).event_files()}
    assert months == {"month=1995-01", "month=2099-12"}
    assert verify(created.trail.path, deep=True).findings == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("event_id", ["AB" * 32]),
        ("event_id", ["ab"]),
        ("event_id", [None]),
        ("content_digest", [None]),
        ("occurred_at", [None]),
        ("leaf_kind", ["sealed"]),
        ("entry", [b"x" * 65_536]),
    ],
)
def test_a_batch_that_breaks_the_contract_is_refused_whole(created, column, values):
    rows = batch([1])
    field = BATCH_SCHEMA.field(column)
    rows = rows.set_column(BATCH_SCHEMA.get_field_index(column), field, pa.array(values, field.type))
    with Writer.open(created.trail.path) as writer:
        with pytest.raises(ValueError, match=r"event|entry|batch|digest"):
            writer.append(rows)
        assert writer.append(batch([1])).kept.tolist() == [1]
    with Writer.open(created.trail.path) as writer, pytest.raises(ValueError, match="BATCH_SCHEMA"):
        writer.append(batch([1]).drop_columns(["kind"]))


def test_delta_lake_reads_the_same_table(created):
    append(created, batch(range(300)))
    table = DeltaTable(str(created.trail.events))
    ours = open_reader(created.trail.path)
    assert sorted(table.file_uris()) == sorted(str(p) for p in [*ours.event_files(), *ours.leaf_files()])
    stats = pa.table(table.get_add_actions(flatten=True))
    assert sum(stats.column("num_records").to_pylist()) == ours.size
    assert max(stats.column("max.seq").to_pylist()) == ours.size - 1
    assert stats.column("max.occurred_at").null_count == 0


def test_a_leaf_that_is_not_acknowledged_is_not_read(created, monkeypatch):
    append(created, batch([1]))
    with Writer.open(created.trail.path) as writer:
        writer.append(batch([2]))
        monkeypatch.setattr(writer_module, "write_tiles", _no_space)
        with pytest.raises(TrailError, match="No space"):
            writer.commit()
        assert len(events_in(created)) == 1
        writer.abandon()


def test_salted_entries_carry_the_salt(tmp_path):
    created = make_trail(tmp_path, salt=True)
    reader = open_reader(created.trail.path)
    assert reader.settings.salt
    assert all(orjson.loads(e)["salt"] == reader.settings.salt for _s, e in reader.entries())
    assert verify(created.trail.path, deep=True).findings == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_a_set_is_split_shuffled_and_repeated_each_event_is_one_leaf(tmp_path_factory, data):
    numbers = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=60))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(numbers)), max_size=4)) | {0, len(numbers)})
    reopen = data.draw(st.booleans())
    created = make_trail(tmp_path_factory.mktemp("t"))
    parts = [batch(numbers[a:b]) for a, b in itertools.pairwise(cuts) if a < b]
    calls = [[p] for p in parts] if reopen else [parts]
    kept = [k for call in calls for k in append(created, *call)]
    assert sum(map(sum, kept)) == len(set(numbers))
    assert set(events_in(created)) == {event(n).event_id for n in numbers}
    size = open_reader(created.trail.path).size
    append(created, *reversed(parts))
    assert open_reader(created.trail.path).size == size
    assert verify(created.trail.path, deep=True).findings == []


def test_identities_within_a_memory_limit_are_as_good(tmp_path, monkeypatch):
    """Months are dropped from memory and read again; nothing is taken twice and nothing is lost."""
    monkeypatch.setattr(writer_module, "MEMORY_LIMIT", 1000)
    created = make_trail(tmp_path)
    rng = np.random.default_rng(3)
    with Writer.open(created.trail.path) as writer:
        seen: set[int] = set()
        for _ in range(12):
            numbers = rng.integers(0, 5000, 80).tolist()
            kept = writer.append(batch(numbers)).kept
            assert int(kept.sum()) == len(set(numbers) - seen)
            seen |= set(numbers)
            if rng.random() < 0.5:
                writer.commit()
    assert len(events_in(created)) == len(seen)


def test_a_leaf_costs_the_same_however_many_wait_for_the_commit(created):
    """An import of thousands of small files has as many custody leaves in one commit."""

    class Waiting(list):
        def __iter__(self) -> Iterator:
            looked.append(len(self))
            return super().__iter__()

    looked = []
    with Writer.open(created.trail.path) as writer:
        writer._pending = Waiting(writer._pending)
        for number in range(50):
            writer.custody({"act": "imported", "evidence": [], "number": number})
        assert looked == []
        size = writer.size
        assert writer.commit().size == size + 50
        assert looked != []
