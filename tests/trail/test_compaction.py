"""Compaction: every entry and the root stay, files become few, and what was replaced ends without a trace of doubt."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from tests.trail.trails import append, batch, files_of, flip, make_trail

from mailwitness.errors import TrailError
from mailwitness.trail import compaction
from mailwitness.trail import writer as writer_module
from mailwitness.trail.compaction import FAN_IN, due, everything, is_sorted
from mailwitness.trail.delta_log import DataFile, checkpoints_in, commits_in
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


@pytest.fixture
def created(tmp_path):
    return make_trail(tmp_path)


def entries(created):
    return dict(open_reader(created.trail.path).entries())


def test_every_entry_and_the_root_stay(created):
    with Writer.open(created.trail.path) as writer:
        for start in range(0, 900, 90):  # January and February
            writer.append(batch(range(start, start + 90)))
            writer.commit()
    before, size = entries(created), open_reader(created.trail.path).size
    root = open_reader(created.trail.path).root
    with Writer.open(created.trail.path) as writer:
        writer.compact()
    reader = open_reader(created.trail.path)
    after = entries(created)
    assert {seq: entry for seq, entry in after.items() if seq < size} == before
    assert len(reader.event_files()) == 2
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.findings, verdict.checked.leaves) == ([], reader.size)
    writer_root_then = Writer.open(created.trail.path)
    assert writer_root_then.size == reader.size
    writer_root_then.abandon()
    assert root != reader.root  # the seal of the new files is a leaf; nothing else is
    assert reader.size == size + 1


def test_a_month_is_sorted_by_mailbox_and_time_in_row_groups_of_twenty_thousand(created):
    append(created, batch(range(700)))
    with Writer.open(created.trail.path) as writer:
        writer.compact()
    (file,) = open_reader(created.trail.path).event_files()
    rows = duckdb.connect().execute("SELECT mailbox_ref, occurred_at, seq FROM read_parquet(?)", [str(file)]).fetchall()
    assert rows == sorted(rows)
    assert [seq for _m, _t, seq in rows] != sorted(seq for _m, _t, seq in rows)
    assert pq.ParquetFile(file).metadata.row_group(0).num_rows == 700
    assert compaction.SORTED_ROW_GROUP == 20_000


def test_compacting_again_does_nothing(created):
    append(created, batch(range(50)), batch(range(50, 60)))
    with Writer.open(created.trail.path) as writer:
        first = writer.compact()
    files = files_of(created.trail.path)
    with Writer.open(created.trail.path) as writer:
        assert writer.compact() == first
    assert files_of(created.trail.path) == files


def test_events_are_known_after_compaction(created):
    append(created, batch(range(30)), batch(range(30, 40)))
    with Writer.open(created.trail.path) as writer:
        writer.compact()
        assert writer.append(batch(range(45))).kept.tolist() == [0] * 40 + [1] * 5
        assert writer.append(batch([3], action="revoked")).kept.tolist() == [2]


def test_replaced_files_stay_for_their_readers_and_are_deleted_afterwards(created):
    append(created, batch(range(30)))
    old = open_reader(created.trail.path).event_files()
    with Writer.open(created.trail.path) as writer:
        writer.compact()
    assert all(file.exists() for file in old)
    verdict = verify(created.trail.path)
    assert verdict.findings == []
    assert any("to be deleted" in remark for remark in verdict.remarks)
    with Writer.open(created.trail.path, grace=timedelta(0)) as writer:
        writer.append(batch([100]))
    assert not any(file.exists() for file in old)
    verdict = verify(created.trail.path)
    assert (verdict.findings, verdict.remarks) == ([], [])


def test_a_changed_file_is_not_sealed_anew(created):
    append(created, batch(range(30)), batch(range(30, 60)))
    file = open_reader(created.trail.path).event_files()[0]
    flip(file, file.stat().st_size // 2)
    writer = Writer.open(created.trail.path)
    with pytest.raises(TrailError, match="changed since it was written"):
        writer.compact()
    writer.abandon()


def test_an_output_that_lost_a_leaf_is_refused(created, monkeypatch):
    append(created, batch(range(30)), batch(range(30, 60)))
    real = compaction._sort

    def lose_one(trail, files, target):
        real(trail, files, target)
        pq.write_table(pq.read_table(target, partitioning=None).slice(1), target)

    monkeypatch.setattr(compaction, "_sort", lose_one)
    writer = Writer.open(created.trail.path)
    with pytest.raises(TrailError, match="does not hold the leaves"):
        writer.compact()
    writer.abandon()
    monkeypatch.undo()
    with Writer.open(created.trail.path) as writer:
        writer.compact()
    assert verify(created.trail.path, deep=True).findings == []


def test_commits_stay_flat(created, monkeypatch):
    """Counts, not times: live files, commits of the table's log and files on disk stop growing with the commits."""
    monkeypatch.setattr(writer_module, "SEAL_EVERY", 8)
    monkeypatch.setattr(compaction, "FAN_IN", 4)
    live, logged, stored = [], [], []
    with Writer.open(created.trail.path, grace=timedelta(0)) as writer:
        for number in range(160):
            writer.append(batch([number]))
            writer.commit()
            live.append(len(writer._live))
            logged.append(len(files_of(created.trail.delta_log)))
            stored.append(len(files_of(created.trail.events)))
    assert max(live) <= 2 * 4 * 5  # two partitions, four files of each size, five sizes
    assert max(logged) <= 4 * 8 + 4
    assert max(stored[80:]) <= max(stored[:80]) + 8
    assert len(checkpoints_in(created.trail.delta_log)) == 2
    assert min(commits_in(created.trail.delta_log)) > 100
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.findings, verdict.remarks) == ([], [])
    reader = open_reader(created.trail.path)
    table = DeltaTable(str(created.trail.events))
    assert sorted(table.file_uris()) == sorted(str(p) for p in [*reader.event_files(), *reader.leaf_files()])
    assert sum(b'"leaf_kind"' not in e for _s, e in reader.entries()) == 160


def data_file(name, rows, month="2024-01"):
    return DataFile(f"log_id=l/month={month}/{name}.parquet", 1, "l", month, rows, 0, rows - 1)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=400))
def test_every_row_is_rewritten_a_few_times_at_most(commits):
    """The tiers keep the files few and the rewriting bounded, whatever the sizes of the commits."""
    live: list[DataFile] = []
    written = rewritten = 0
    for number, rows in enumerate(commits):
        live.append(data_file(f"v{number}", rows))
        written += rows
        for group in due(live):
            live = [file for file in live if file not in group]
            rewritten += sum(file.rows for file in group)
            live.append(data_file(f"c{number}-{len(live)}", sum(file.rows for file in group)))
    assert sum(file.rows for file in live) == written
    assert len(live) <= 3 * FAN_IN
    assert rewritten <= 3 * written


def test_many_months_are_merged_when_files_become_too_many():
    live = [
        data_file(f"v{m}-{n}", 10 ** (n % 3), month=f"{2000 + m // 12}-{m % 12 + 1:02d}")
        for m in range(60)
        for n in range(6)
    ]
    groups = due(live)
    assert groups
    assert all(len({file.month for file in group}) == 1 for group in groups)
    assert len(live) - sum(len(group) - 1 for group in groups) < compaction.LIVE_FILES
    assert due(live[:200]) == []


def test_everything_leaves_one_sorted_file_a_month():
    fresh, merged = data_file("v1", 5), data_file("c2-", 5)
    assert is_sorted(merged)
    assert not is_sorted(fresh)
    assert everything([merged]) == []
    assert everything([fresh]) == [[fresh]]
    assert everything([fresh, merged, data_file("v3", 1, "2024-02")]) == [
        [merged, fresh],
        [data_file("v3", 1, "2024-02")],
    ]
    assert everything([data_file("c9", compaction.LARGE)]) == []
