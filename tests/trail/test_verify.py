"""Attacks on a trail, and what `verify` says to each."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest
from tests.trail.trails import append, batch, copy, files_of, flip, log_of, make_trail, rewrite, stolen_key

from mailwitness.trail import writer as writer_module
from mailwitness.trail.layout import Trail
from mailwitness.trail.note import new_signing_key
from mailwitness.trail.reader import open_reader
from mailwitness.trail.schema import BATCH_SCHEMA
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


def sealed_files(path):
    """Paths of the table's files that a leaf seals: all but those of the last commit."""
    reader = open_reader(path)
    last = max(int(p.name[:20]) for p in Trail(path).delta_log.glob("*.json"))
    return [
        p for p in files_of(Trail(path).events) if not p.name.startswith((f"v{last}-", f"{last:020d}")) and reader.size
    ]


def test_untouched_it_is_valid_only_against_key_and_checkpoint_from_elsewhere(attacked):
    path, key, kept = attacked
    assert verify(path, key=key, checkpoint=kept).state == "valid"
    assert verify(path, deep=True, key=key, checkpoint=kept).state == "valid"
    for partly in ({}, {"key": key}, {"checkpoint": kept}):
        assert verify(path, **partly).state == "not_anchored"
    verdict = verify(path)
    assert verdict.checked.leaves == verdict.size == open_reader(path).size
    assert verdict.checked.evidence == 2
    assert verdict.checked.files > 5
    assert verdict.root == open_reader(path).root


def test_one_flipped_byte_in_any_tile_or_checkpoint_is_found_and_named(attacked):
    path, _key, _kept = attacked
    log = Trail(path).log(log_of(path))
    size = open_reader(path).size
    for file in [*files_of(log / "tile"), log / "checkpoint"]:
        length = file.stat().st_size
        for at in sorted({0, 1, length // 3, length // 2, length - 1}):
            flip(file, at, 1 << (at % 8))
            verdict = verify(path)
            flip(file, at, 1 << (at % 8))
            (finding,) = verdict.findings
            assert verdict.state == "invalid"
            assert finding.file == str(file.relative_to(path))
            assert finding.log_id == log_of(path)
            assert finding.first_seq is not None
            assert 0 <= finding.first_seq <= finding.last_seq < size
    assert verify(path).state == "not_anchored"


def test_one_flipped_byte_in_any_sealed_file_is_found_and_named(attacked):
    path, _key, _kept = attacked
    size = open_reader(path).size
    for file in sealed_files(path):
        length = file.stat().st_size
        for at in sorted({0, 5, length // 2, length - 1, hash(file.name) % length}):
            flip(file, at)
            verdict = verify(path)
            flip(file, at)
            named = [f for f in verdict.findings if f.file == str(file.relative_to(path))]
            assert named, (file, at)
            assert all(f.log_id == log_of(path) for f in named)
            assert all(0 <= f.first_seq <= f.last_seq < size for f in named)


def test_one_flipped_byte_in_kept_evidence_is_found_with_the_entries_it_bears(attacked):
    path, _key, _kept = attacked
    files = files_of(Trail(path).evidence)
    assert len(files) == 2
    for file in files:
        flip(file, file.stat().st_size // 2)
    findings = {f.file: (f.first_seq, f.last_seq) for f in verify(path).findings}
    evidence, long_value = sorted(files, key=lambda p: p.stat().st_size)
    assert findings == {
        str(evidence.relative_to(path)): (2, 602),
        str(long_value.relative_to(path)): (604, 604),
    }


def test_a_file_of_a_leaf_range_names_that_range(attacked):
    path, _key, _kept = attacked
    flip(min(open_reader(path).event_files()), 100)
    (finding,) = verify(path).findings
    assert (finding.first_seq, finding.last_seq) == (2, 601)


@pytest.fixture
def tail(attacked, original):
    """A trail whose last events no leaf seals yet, and the file with them."""
    path, _key, _kept = attacked
    writer = Writer.open(path, stolen_key(path, original))
    writer.append(batch(range(1000, 1010)))
    writer.commit()
    writer.abandon()
    return path, max(open_reader(path).event_files(), key=lambda p: p.stat().st_mtime_ns)


def test_a_changed_entry_is_found_by_its_number(tail):
    path, file = tail

    def change(table):
        entries = table.column("entry").to_pylist()
        entries[3] = entries[3].replace(b"granted", b"revoked")
        return table.set_column(table.schema.get_field_index("entry"), "entry", pa.array(entries, pa.binary()))

    rewrite(file, change)
    (finding, *_rest) = verify(path).findings
    assert finding.file == str(file.relative_to(path))
    assert "they are not those that were signed" in finding.what or "column" in finding.what
    numbers = [f.first_seq for f in verify(path).findings if "not those that were signed" in f.what]
    assert numbers == [open_reader(path).size - 10 + 3]


@pytest.mark.parametrize(
    ("column", "value"),
    [("action", "revoked"), ("mailbox_ref", None), ("actor_name", "eve"), ("record_id", 5), ("event_id", "0" * 64)],
)
def test_a_column_that_its_entry_does_not_say_is_found_before_it_is_sealed(tail, column, value):
    path, file = tail

    def change(table):
        values = table.column(column).to_pylist()
        values[4] = value
        at = table.schema.get_field_index(column)
        return table.set_column(at, column, pa.array(values, table.schema.field(column).type))

    rewrite(file, change)
    seq = open_reader(path).size - 10 + 4
    (finding,) = verify(path).findings
    assert (finding.first_seq, finding.last_seq) == (seq, seq)
    assert column in finding.what


def test_a_sealed_leaf_that_is_passed_off_as_another_is_found(attacked):
    """Whoever hides the list of sealed files by its column does not hide it: the entry tells."""
    path, _key, _kept = attacked
    last = max(open_reader(path).leaf_files(), key=lambda p: int(p.name[1:].split("-")[0]))

    def change(table):
        kinds = pa.array(["custody"] * len(table), pa.string())
        return table.set_column(table.schema.get_field_index("leaf_kind"), "leaf_kind", kinds)

    rewrite(last, change)
    assert any("leaf_kind" in f.what for f in verify(path).findings)


@pytest.mark.parametrize("how", ["rows", "file"])
def test_deleted_leaves_are_found(tail, how):
    path, file = tail
    size = open_reader(path).size
    if how == "rows":
        rewrite(file, lambda table: table.slice(0, 6))
    else:
        file.unlink()
    findings = verify(path).findings
    expected = (size - 4, size - 1) if how == "rows" else (size - 10, size - 1)
    assert expected in [(f.first_seq, f.last_seq) for f in findings]


def test_rows_that_stand_twice_are_found(tail):
    path, file = tail
    rewrite(file, lambda table: pa.concat_tables([table, table.slice(2, 1)]))
    seq = open_reader(path).size - 10 + 2
    assert any("another row" in f.what and f.first_seq == f.last_seq == seq for f in verify(path).findings)


def test_leaves_that_were_never_signed_are_found(tail):
    path, file = tail

    def change(table):
        seq = table.column("seq").to_pylist()
        seq[-1] = 10**6
        return table.set_column(0, "seq", pa.array(seq, pa.int64()))

    rewrite(file, change)
    assert any("outside 0 to" in f.what for f in verify(path).findings)


@pytest.mark.parametrize("deep", [True, False])
def test_a_wrong_column_that_was_sealed_is_found_by_deep(tmp_path, deep):
    created = make_trail(tmp_path)
    rows = batch(range(3))
    names = pa.array(["mallory"] * 3)
    append(
        created, rows.set_column(BATCH_SCHEMA.get_field_index("actor_name"), BATCH_SCHEMA.field("actor_name"), names)
    )
    findings = verify(created.trail.path, deep=deep).findings
    assert [(f.first_seq, f.last_seq) for f in findings] == ([(2, 4)] if deep else [])


@pytest.mark.parametrize("name", ["organization", "origin", "keep_evidence", "verifier_key", "log_id"])
def test_changed_settings_are_found(attacked, name):
    path, _key, _kept = attacked
    settings_file = Trail(path).settings
    lines = settings_file.read_text().splitlines()
    other = {"keep_evidence": "hash", "verifier_key": str(new_signing_key("example.com/trail").verifier)}
    value = other.get(name, "other")
    settings_file.write_text("\n".join(f'{name} = "{value}"' if ln.startswith(f"{name} =") else ln for ln in lines))
    assert verify(path).state == "invalid"


def test_files_that_do_not_belong_are_found(attacked):
    path, _key, _kept = attacked
    trail = Trail(path)
    partition = open_reader(path).event_files()[0].parent
    strangers = [
        partition / "v2-0-9-00000000.parquet",
        partition / "other.parquet",
        trail.delta_log / "notes.txt",
        trail.log(log_of(path)) / "tile/0/777x",
        trail.evidence / "readme.txt",
        trail.events / "loose",
    ]
    for stranger in strangers:
        stranger.write_bytes(b"x")
    (partition / "link.parquet").symlink_to("/etc/hostname")
    found = {f.file for f in verify(path).findings}
    assert found == {str(s.relative_to(path)) for s in [*strangers, partition / "link.parquet"]}


def test_a_file_that_is_sneaked_in_by_a_commit_is_found(attacked):
    """An attacker adds a commit of his own: its rows are not under the root."""
    path, _key, _kept = attacked
    trail = Trail(path)
    number = max(int(p.name[:20]) for p in trail.delta_log.glob("*.json")) + 1
    source = open_reader(path).event_files()[0]
    target = source.with_name(f"v{number}-0-5-0000000a.parquet")
    shutil.copy(source, target)
    stats = json.dumps({"numRecords": 6, "minValues": {"seq": 0}, "maxValues": {"seq": 5}})
    name = str(target.relative_to(trail.events))
    add = {"add": {"path": name, "size": target.stat().st_size, "partitionValues": {}, "stats": stats}}
    (trail.delta_log / f"{number:020d}.json").write_text(json.dumps(add))
    findings = verify(path).findings
    assert any(f.file.endswith(target.name) and "another row" in f.what for f in findings)


def test_missing_evidence_is_found(attacked):
    path, _key, _kept = attacked
    for file in files_of(Trail(path).evidence):
        file.unlink()
    assert [(f.first_seq, f.last_seq) for f in verify(path).findings if "missing" in f.what] != []
    assert len(verify(path).findings) == 2


def test_missing_tiles_are_found(attacked):
    path, _key, _kept = attacked
    tiles = Trail(path).log(log_of(path)) / "tile"
    (tiles / "0/001").unlink()
    (finding,) = verify(path).findings
    assert (finding.what, finding.first_seq, finding.last_seq) == ("a tile is missing", 256, 511)


def test_a_missing_commit_is_found(attacked):
    path, _key, _kept = attacked
    (Trail(path).delta_log / f"{3:020d}.json").unlink()
    assert any(f.file.endswith(f"{3:020d}.json") for f in verify(path).findings)


def test_verify_runs_beside_a_writer(original, tmp_path, monkeypatch):
    path = copy(original, tmp_path / "trail")
    key = tmp_path / "copied.key"
    shutil.copy(original.key_path, key)
    verdicts = []
    real = writer_module.write_tiles

    def look_first(*arguments):
        verdicts.append(verify(path))
        real(*arguments)
        verdicts.append(verify(path))

    monkeypatch.setattr(writer_module, "write_tiles", look_first)
    with Writer.open(path, key) as writer:
        writer.append(batch(range(5000, 5400)))
        writer.commit()
    assert len(verdicts) == 4
    assert [v.findings for v in verdicts] == [[]] * 4
    assert any("never acknowledged" in r for r in verdicts[1].remarks)


def test_progress_ends_at_the_whole(attacked):
    path, _key, _kept = attacked
    shown: list[tuple[int, int]] = []
    verify(path, progress=lambda done, total: shown.append((done, total)))
    assert shown == sorted(shown)
    assert shown[-1][0] == shown[-1][1] > 0
