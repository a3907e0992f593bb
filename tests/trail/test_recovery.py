"""What a crash can leave behind, shape by shape: nothing acknowledged is missing, the rest is said."""

from __future__ import annotations

import shutil

import pytest
from tests.trail.trails import append, batch, copy, files_of, flip, make_trail

from mailwitness.errors import TrailBehind, TrailError, UsageError
from mailwitness.trail import table as table_module
from mailwitness.trail import writer as writer_module
from mailwitness.trail.delta_log import commit_path, commits_in
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


class Crash(Exception):
    """Ends a writer as a kill would: nothing after it runs."""


@pytest.fixture
def created(tmp_path):
    made = make_trail(tmp_path)
    append(made, batch(range(300)))
    return made


def crash_in(created, monkeypatch, module, name, *, before=True):
    """Append one more batch and crash before or after a step of the commit."""
    real = getattr(module, name)

    def crash(*arguments, **more):
        if not before:
            real(*arguments, **more)
        raise Crash

    writer = Writer.open(created.trail.path)
    size = writer.size
    writer.append(batch(range(300, 310)))
    monkeypatch.setattr(module, name, crash)
    with pytest.raises(Crash):
        writer.commit()
    monkeypatch.undo()
    writer.abandon()
    return size


STEPS = [
    (table_module.EventsTable, "write", True),
    (table_module.EventsTable, "write", False),
    (table_module.EventsTable, "commit", False),
    (writer_module, "write_tiles", True),
    (writer_module, "write_tiles", False),
]


@pytest.mark.parametrize(("module", "name", "before"), STEPS)
def test_a_commit_that_was_not_acknowledged_is_set_aside_and_taken_in_again(created, monkeypatch, module, name, before):
    size = crash_in(created, monkeypatch, module, name, before=before)
    assert open_reader(created.trail.path).size == size
    assert verify(created.trail.path, deep=True).findings == []
    with Writer.open(created.trail.path) as writer:
        assert writer.size == size
        assert bool(writer.recovery) == (not (module is table_module.EventsTable and before))
        assert writer.append(batch(range(310))).kept.tolist() == [0] * 300 + [1] * 10
    verdict = verify(created.trail.path, deep=True)
    assert (verdict.findings, verdict.remarks) == ([], [])
    with Writer.open(created.trail.path) as writer:
        assert writer.recovery == []


def test_an_acknowledged_commit_survives_a_crash_right_after(created, monkeypatch):
    size = crash_in(created, monkeypatch, writer_module, "remove_partial_tiles", before=True)
    assert open_reader(created.trail.path).size == size + 10
    with Writer.open(created.trail.path) as writer:
        assert writer.append(batch(range(310))).kept.tolist() == [0] * 310


def test_what_recovery_set_aside_is_said_in_a_leaf(created, monkeypatch):
    crash_in(created, monkeypatch, writer_module, "write_tiles")
    with Writer.open(created.trail.path) as writer:
        (remark, *_rest) = writer.recovery
        assert remark.leaves == 10
        assert "not acknowledged" in remark.what
    assert any(b'"act":"recovered"' in entry for _seq, entry in open_reader(created.trail.path).entries())
    assert len(files_of(created.trail.set_aside)) == 2  # the commit and its Parquet file


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b'{"commitInfo":{"times', b"{}\n", b"[1]", b"\xff\xfe"])
@pytest.mark.parametrize("with_file", [True, False])
def test_a_torn_last_commit_is_set_aside(created, content, with_file):
    number = commits_in(created.trail.delta_log)[-1] + 1
    commit_path(created.trail.delta_log, number).write_bytes(content)
    month = created.trail.events / f"log_id={open_reader_log(created)}" / "month=2024-01"
    if with_file:
        (month / f"v{number}-303-312-00000000.parquet").write_bytes(b"PAR1 torn")
    size = 303
    before = verify(created.trail.path)
    assert before.findings == []
    assert any("torn" in remark for remark in before.remarks)
    with Writer.open(created.trail.path) as writer:
        assert writer.size == size
        assert any("torn" in remark.what for remark in writer.recovery)
        assert writer.append(batch(range(310))).kept.tolist() == [0] * 300 + [1] * 10
    assert verify(created.trail.path, deep=True).findings == []


def open_reader_log(created):
    return open_reader_settings(created).log_id


def open_reader_settings(created):
    return writer_module.load_settings(created.trail)


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_an_acknowledged_commit_that_is_torn_is_an_alarm(tmp_path, cut):
    created = make_trail(tmp_path)
    with Writer.open(created.trail.path) as writer:
        writer.append(batch(range(5)))
        writer.commit()
        writer.abandon()
    path = commit_path(created.trail.delta_log, commits_in(created.trail.delta_log)[-1])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TrailBehind, match="leaves where 7 are signed"):
        Writer.open(created.trail.path)
    finding = verify(created.trail.path).findings[0]
    assert (finding.first_seq, finding.last_seq) == (2, 6)


@pytest.mark.parametrize("damage", ["missing", "cut", "longer"])
def test_an_acknowledged_file_that_is_gone_is_an_alarm(created, damage):
    path = open_reader(created.trail.path).event_files()[0]
    if damage == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-1] if damage == "cut" else data + b"x")
    with pytest.raises(TrailBehind, match="leaves 2 to"):
        Writer.open(created.trail.path)
    assert verify(created.trail.path).state == "invalid"


def test_the_last_commit_deleted_is_an_alarm(created):
    commit_path(created.trail.delta_log, commits_in(created.trail.delta_log)[-1]).unlink()
    with pytest.raises(TrailBehind):
        Writer.open(created.trail.path)
    assert verify(created.trail.path).state == "invalid"


@pytest.mark.parametrize("damage", ["deleted", "cut", "flipped"])
def test_tiles_are_made_again_from_the_entries(created, damage):
    log = created.trail.log(open_reader_log(created))
    for path in files_of(log / "tile"):
        if damage == "deleted":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(path.read_bytes()[:-1])
        else:
            flip(path, 0)
    assert verify(created.trail.path).state == "invalid"
    with Writer.open(created.trail.path) as writer:
        assert any("made again" in remark.what for remark in writer.recovery)
    assert verify(created.trail.path, deep=True).findings == []


def test_an_older_copy_is_refused_by_the_head_beside_the_key(created, tmp_path):
    older = copy(created, tmp_path / "older")
    append(created, batch(range(300, 305)))
    shutil.rmtree(created.trail.path)
    older.rename(created.trail.path)
    assert verify(created.trail.path).state == "not_anchored"
    with pytest.raises(TrailBehind, match="an older copy"):
        Writer.open(created.trail.path)
    created.key_path.with_name(created.key_path.name + ".head").unlink()
    assert append(created, batch([300])) == [[1]]


def test_another_history_is_refused_by_the_head(created, tmp_path):
    other = copy(created, tmp_path / "other")
    head = created.key_path.with_name(created.key_path.name + ".head")
    saved = head.read_bytes()
    append(created, batch([400]))
    newer = head.read_bytes()
    head.write_bytes(saved)
    shutil.rmtree(created.trail.path)
    other.rename(created.trail.path)
    append(created, batch([500]), batch([501]))
    head.write_bytes(newer)
    with pytest.raises(TrailError, match="contradicts"):
        Writer.open(created.trail.path)


def test_the_key_of_another_trail_is_refused(created, tmp_path):
    other = make_trail(tmp_path / "other")
    with pytest.raises(UsageError, match="not the one that signs"):
        Writer.open(created.trail.path, other.key_path)
    with pytest.raises(UsageError, match="cannot be read"):
        Writer.open(created.trail.path, tmp_path / "nothing.key")
    with pytest.raises(UsageError, match="no trail"):
        Writer.open(tmp_path / "nothing")


def test_leftovers_of_every_kind_are_cleared(created):
    log = created.trail.log(open_reader_log(created))
    leftovers = [
        created.trail.path / "mailwitness.toml.tmp",
        log / "checkpoint.tmp",
        created.trail.delta_log / "00000000000000000009.json#1",
        created.trail.delta_log / "_last_checkpoint",
        created.trail.evidence / "abcd.tmp",
        next((log / "tile/0").glob("*.p")) / "200.tmp",
        log / "tile/0/001.p" / "99",  # beyond the signed size
    ]
    for path in leftovers:
        path.write_bytes(bytes(32 * 99) if path.name == "99" else b"x")
    shutil.copy(log / "tile/0/000", log / "tile/0/002")
    with Writer.open(created.trail.path) as writer:
        assert len(writer.recovery) == len(leftovers) + 1
    assert not any(path.exists() for path in leftovers)
    verdict = verify(created.trail.path)
    assert (verdict.findings, verdict.remarks) == ([], [])


def test_a_crash_between_compaction_and_its_seal(created, monkeypatch):
    append(created, batch(range(300, 310)))
    writer = Writer.open(created.trail.path)

    def crash(*_arguments):
        raise Crash

    monkeypatch.setattr(writer, "_seal", crash)
    with pytest.raises(Crash):
        writer.compact()
    writer.abandon()
    assert verify(created.trail.path, deep=True).findings == []
    assert append(created, batch(range(311))) == [[0] * 310 + [1]]
    assert verify(created.trail.path, deep=True).findings == []


def test_a_crash_in_the_middle_of_a_compaction(created, monkeypatch):
    append(created, batch(range(300, 310)))
    writer = Writer.open(created.trail.path)

    def crash(*_arguments):
        raise Crash

    monkeypatch.setattr(writer._table, "commit", crash)
    with pytest.raises(Crash):
        writer.compact()
    writer.abandon()
    assert verify(created.trail.path, deep=True).findings == []
    with Writer.open(created.trail.path) as again:
        assert ["no commit names" in remark.what for remark in again.recovery] == [True]
    assert verify(created.trail.path, deep=True).findings == []
