"""Small files are merged beside the writer, by a process of its own; nothing waits for it, nothing is lost by it."""

from __future__ import annotations

import threading

import pytest
from tests.trail.trails import batch, flip, make_trail

from mailwitness.collect import merging
from mailwitness.collect.trail_holder import TrailHolder
from mailwitness.trail.compaction import FAN_IN, prepare
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


def commit_rows(holder: TrailHolder, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        holder.session().append(batch([number]))
        holder.commit()


def wait_until(condition) -> None:
    for _ in range(1200):
        if condition():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not happen within a minute")


def test_files_are_merged_while_commits_go_on(tmp_path):
    created = make_trail(tmp_path)
    holder = TrailHolder(created.trail.path, None)
    commit_rows(holder, FAN_IN + 4)
    wait_until(lambda: any(path.name.startswith("c") for path in open_reader(created.trail.path).event_files()))
    commit_rows(holder, 3, first=FAN_IN + 4)
    assert holder.not_merging is None
    assert holder.session().append(batch(range(FAN_IN + 7))).kept.sum() == 0
    holder.close()
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.state, verdict.findings) == ("not_anchored", [])
    assert not list(created.trail.path.glob("*.tmp"))


def test_a_file_that_was_altered_is_not_merged_and_that_is_said(tmp_path):
    created = make_trail(tmp_path)
    holder = TrailHolder(created.trail.path, None)
    commit_rows(holder, FAN_IN - 1)
    flip(open_reader(created.trail.path).event_files()[0], 100)
    commit_rows(holder, 2, first=FAN_IN - 1)
    wait_until(lambda: holder.not_merging is not None)
    assert "changed since it was written" in str(holder.not_merging)
    commit_rows(holder, 1, first=FAN_IN + 1)
    holder.close()
    assert verify(created.trail.path).state == "invalid"
    assert not list(created.trail.path.glob("*.tmp"))


def test_what_was_merged_of_files_that_are_gone_is_dropped(tmp_path):
    created = make_trail(tmp_path)
    with Writer.open(created.trail.path) as writer:
        writer.merges = False
        for number in range(FAN_IN):
            writer.append(batch([number]))
            writer.commit()
        files, hashes = writer.to_merge()
        merged = prepare(created.trail, files, hashes)
        again = prepare(created.trail, files, hashes)
        assert writer.adopt(files, merged)
        assert not writer.adopt(files, again)
        writer.append(batch([100]))  # appended when others are merged, committed after
        assert writer.to_merge() is None
    assert verify(created.trail.path, deep=True).findings == []
    assert not list(created.trail.path.glob("*.tmp"))


def test_what_is_appended_while_merged_rows_take_their_place_is_known_still(tmp_path):
    created = make_trail(tmp_path)
    with Writer.open(created.trail.path) as writer:
        writer.merges = False
        for number in range(FAN_IN):
            writer.append(batch([number]))
            writer.commit()
        files, hashes = writer.to_merge()
        writer.append(batch([100]))
        assert writer.adopt(files, prepare(created.trail, files, hashes))
        assert writer.append(batch([100, 3, 101])).kept.tolist() == [0, 0, 1]
    assert verify(created.trail.path, deep=True).findings == []


def test_an_end_gives_up_what_is_being_merged(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "_COMMAND", ("sleep", "600"))
    created = make_trail(tmp_path)
    holder = TrailHolder(created.trail.path, None)
    commit_rows(holder, FAN_IN)
    wait_until(lambda: holder._merger._process is not None)
    holder.close()
    assert verify(created.trail.path, deep=True).findings == []


def test_a_writer_removes_what_a_merge_left_that_was_killed(tmp_path):
    created = make_trail(tmp_path)
    left = created.trail.path / "0123456789abcdef.parquet.tmp"
    left.write_bytes(b"PAR1")
    assert verify(created.trail.path).findings == []
    Writer.open(created.trail.path).close()
    assert not left.exists()
