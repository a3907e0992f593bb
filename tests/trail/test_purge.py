"""A purge takes rows and bytes away and leaves every proof; a crash in between is made good (R28)."""

from __future__ import annotations

import hashlib
import os
import random
import shutil

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trail.trails import BEGIN, append, batch, event, files_of, flip, make_trail
from verifier.mailwitness_verify import Invalid
from verifier.mailwitness_verify import verify as second_verify

from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.errors import TrailError, UsageError
from mailwitness.event import ENTRY_LIMIT, Blob
from mailwitness.trail import writer as writer_module
from mailwitness.trail.export_log import export_log
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.proofs import TiledLog, inclusion_proof, verify_inclusion
from mailwitness.trail.purged import Purged, PurgeLeaf
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

WHO = {"by": "ana", "reason": "24 months are over"}


@pytest.fixture
def created(tmp_path):
    return make_trail(tmp_path)


def purge(created, month, **who):
    with Writer.open(created.trail.path) as writer:
        return writer.purge(month, **{**WHO, **who})


def kept_checkpoint(created, target):
    shutil.copy(created.trail.checkpoint(load_settings(created.trail).log_id), target)
    return target


def held_bytes(created):
    return b"".join(path.read_bytes() for path in files_of(created.trail.path))


def test_a_month_is_gone_and_everything_still_verifies(created, tmp_path):
    append(created, batch(range(700)), batch(range(700, 2000)))  # January to March, 2000 hours
    kept = kept_checkpoint(created, tmp_path / "kept")
    assert purge(created, "2024-02") == 29 * 24
    reader = open_reader(created.trail.path)
    assert [path.parent.name for path in reader.event_files()].count("month=2024-02") == 0
    assert not list(created.trail.events.glob("*/month=2024-02/*"))
    left = {orjson.loads(entry).get("record_id") for _seq, entry in reader.entries()} - {None}
    assert left == {str(n) for n in range(2000) if not 744 <= n < 744 + 696}
    verdict = verify(created.trail.path, deep=True, key=created.verifier_key, checkpoint=kept)
    assert verdict.findings == []
    assert verdict.state == "valid"
    [said] = [remark for remark in verdict.remarks if "purged" in remark]
    assert "696 leaves of 2024-02 were purged (ana: 24 months are over)" in said
    with Embedded(reader) as engine:
        assert engine.rows(Query("n", "", "SELECT count(*) AS n FROM events"))[0]["n"] == 2000 - 696


def test_the_writer_goes_on_and_purges_again(created):
    append(created, batch(range(800)))
    assert purge(created, "2024-01") == 744
    append(created, batch(range(800, 2300)))
    with Writer.open(created.trail.path) as writer:
        assert writer.recovery == []
        writer.compact()
    assert purge(created, "2024-01") == 0
    assert purge(created, "2024-02") == 696
    append(created, batch(range(3000, 3010)))
    assert verify(created.trail.path, deep=True).findings == []


def test_events_of_a_purged_month_can_come_again_and_go_again(created):
    append(created, batch(range(20)))
    purge(created, "2024-01")
    assert append(created, batch(range(20))) == [[1] * 20]
    assert verify(created.trail.path, deep=True).findings == []
    assert len([1 for _s, e in open_reader(created.trail.path).entries() if b"leaf_kind" not in e]) == 20
    assert purge(created, "2024-01") == 20
    assert verify(created.trail.path, deep=True).findings == []


def test_within_one_writer_a_purged_event_is_known_no_more(created):
    with Writer.open(created.trail.path) as writer:
        writer.append(batch(range(20)))
        writer.purge("2024-01", **WHO)
        assert writer.append(batch(range(20))).kept.tolist() == [1] * 20
    assert verify(created.trail.path, deep=True).findings == []


def test_what_is_no_month_is_refused(created):
    for month in ("2024", "2024-13", "0000-00", "2024-1", "../2024", "1994-12", "२०२४-01"):
        with pytest.raises(UsageError, match="no month"):
            purge(created, month)


def with_long_values(created, numbers, letter):
    """Append events whose value after the change is too long for an entry; return the blobs' hashes."""
    events = [(event(n, after=letter * ENTRY_LIMIT), {}) for n in numbers]
    rows, blobs = batch_of_events(events)
    append(created, rows, blobs=blobs)
    return {blob.sha256 for blob in blobs}


def test_long_values_and_evidence_go_with_the_last_leaf_that_refers_to_them(created):
    january = with_long_values(created, [1, 2], "a")
    both = with_long_values(created, [3, 800], "b")
    evidence = Blob(hashlib.sha256(b"a log").hexdigest(), b"a log")
    with Writer.open(created.trail.path) as writer:
        writer._evidence.put(evidence)
        writer.append(batch([5, 801], evidence_sha256=evidence.sha256))
        item = {"sha256": evidence.sha256, "name": "a.evtx", "size": 5, "kept": True}
        writer.custody({"act": "import", "evidence": [item]})
    store = created.trail.evidence
    purge(created, "2024-01")
    here = {path.name for path in files_of(store)}
    assert not january & here
    assert both | {evidence.sha256} <= here
    assert verify(created.trail.path, deep=True).findings == []
    purge(created, "2024-02")
    assert not (both | {evidence.sha256}) & {path.name for path in files_of(store)}
    assert verify(created.trail.path, deep=True).findings == []


def test_no_byte_of_a_purged_entry_is_left_anywhere(created):
    append(created, batch(range(30), database="SECRET-NAME"), batch(range(800, 830)))
    with Writer.open(created.trail.path) as writer:
        writer.append(batch(range(30, 60), database="SECRET-NAME"))
        writer.compact()  # what it replaces is kept for ten minutes, otherwise
    entries = [e for _s, e in open_reader(created.trail.path).entries() if b"SECRET-NAME" in e]
    assert len(entries) == 60
    purge(created, "2024-01")
    for path in files_of(created.trail.events):
        if path.suffix == ".parquet" and "_delta_log" not in path.parts:
            assert b"SECRET-NAME" not in path.read_bytes()
    assert not list(created.trail.events.glob("*/month=2024-01/*"))


def test_every_leaf_that_is_left_is_still_proven(created):
    append(created, batch(range(700, 800)))
    purge(created, "2024-01")
    reader = open_reader(created.trail.path)
    log = TiledLog(reader.trail.log(reader.settings.log_id), reader.size)
    for seq, entry in reader.entries():
        proof = inclusion_proof(log.range_hash, seq, reader.size)
        verify_inclusion(hashlib.sha256(b"\x00" + entry).digest(), seq, reader.size, proof, reader.root)


def test_the_second_verifier_agrees(created, tmp_path):
    append(created, batch(range(600, 1500)))
    kept = kept_checkpoint(created, tmp_path / "kept")
    purge(created, "2024-02")
    export_log(created.trail.path, tmp_path / "out")
    reader = open_reader(created.trail.path)
    assert second_verify(tmp_path / "out", created.verifier_key, kept) == (reader.size, reader.root)


def test_the_second_verifier_refuses_entries_that_no_purge_owns_up_to(created, tmp_path):
    append(created, batch(range(10)))
    export_log(created.trail.path, tmp_path / "out")
    bundle = next(path for path in files_of(tmp_path / "out" / "tile" / "entries"))
    data, emptied, at = bundle.read_bytes(), b"", 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        emptied += b"\0\0" if b'"record_id":"4"' in entry else data[at : at + 2 + length]
        at += 2 + length
    bundle.write_bytes(emptied)
    with pytest.raises(Invalid, match="1 entries are missing, and purges own up to 0"):
        second_verify(tmp_path / "out", created.verifier_key)


@pytest.mark.parametrize("level", ["0", "1"])
def test_a_hash_of_a_purged_leaf_that_was_changed_is_found(created, level):
    append(created, batch(range(1000)))
    purge(created, "2024-01")
    tile = (
        created.trail.log(load_settings(created.trail).log_id) / "tile" / level / ("001" if level == "0" else "000.p")
    )
    tile = tile if tile.is_file() else files_of(tile)[-1]
    flip(tile, 33)
    findings = verify(created.trail.path).findings
    assert any(finding.file.endswith(str(tile.relative_to(created.trail.path))) for finding in findings)


def test_leaves_that_no_purge_names_are_missing_all_the_same(created):
    append(created, batch(range(20)), batch(range(800, 820)))
    purge(created, "2024-01")
    [file] = created.trail.events.glob("*/month=2024-02/*")
    file.unlink()
    assert verify(created.trail.path).findings
    with pytest.raises(TrailError):
        Writer.open(created.trail.path)


STEPS = ["remove_evidence", "_committed", "_seal", "remove_files"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_purge_that_was_interrupted_is_made_good(created, monkeypatch, step, after):
    values = with_long_values(created, range(1, 4), "a")
    append(created, batch(range(10, 40)), batch(range(800, 820)))
    target = Writer if step.startswith("_") else writer_module
    original = getattr(target, step)
    armed = []

    def cut(*args):
        if not armed:
            return original(*args)
        if after:
            original(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(target, step, cut)
    writer = Writer.open(created.trail.path)
    original_take_away = Writer._take_away

    def take_away(self, *args):
        armed.append(True)
        original_take_away(self, *args)

    monkeypatch.setattr(Writer, "_take_away", take_away)
    with pytest.raises(KeyboardInterrupt):
        writer.purge("2024-01", **WHO)
    writer.abandon()
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    assert verify(created.trail.path, deep=True).findings == []
    with Writer.open(created.trail.path) as writer:
        assert writer.purge("2024-01", **WHO) == 0
    assert verify(created.trail.path, deep=True).findings == []
    assert not values & {path.name for path in files_of(created.trail.evidence)}
    with Writer.open(created.trail.path) as writer:
        writer.seal()
    assert {seq for seq, e in open_reader(created.trail.path).entries() if b"leaf_kind" not in e}
    rows = [orjson.loads(e).get("record_id") for _s, e in open_reader(created.trail.path).entries()]
    assert sorted(int(n) for n in rows if n) == list(range(800, 820))


def leaf(ranges, seq=10_000):
    count = sum(b - a + 1 for a, b in zip(ranges[::2], ranges[1::2], strict=True))
    return PurgeLeaf(seq=seq, month="2024-01", leaves=count, ranges=ranges, by="a", reason="b", written_at="")


@given(st.sets(st.integers(0, 60)), st.integers(0, 64), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_places_among_what_is_left(gone, size, shuffle):
    runs = sorted(gone)
    ranges = [n for run in np.split(runs, np.flatnonzero(np.diff(runs) > 1) + 1) if len(run) for n in (run[0], run[-1])]
    pairs = list(zip(ranges[::2], ranges[1::2], strict=True))
    shuffle.shuffle(pairs)
    cut = shuffle.randrange(len(pairs) + 1)
    leaves = [leaf([int(n) for pair in sorted(part) for n in pair]) for part in (pairs[:cut], pairs[cut:])]
    purged = Purged(leaves)
    assert purged.count == len(gone)
    assert purged.before(np.arange(size)).tolist() == [sum(g < n for g in gone) for n in range(size)]
    assert purged.mask(size).tolist() == [n in gone for n in range(size)]


@pytest.mark.parametrize(
    ("ranges", "leaves"), [([5], 1), ([5, 4], 0), ([1, 4, 3, 8], 10), ([1, 4], 3), ([-1, 2], 4), ([9, 12], 4)]
)
def test_a_purge_leaf_that_cannot_be_true_is_refused(ranges, leaves):
    said = PurgeLeaf(seq=12, month="2024-01", leaves=leaves, ranges=ranges, by="a", reason="b", written_at="")
    with pytest.raises(ValueError, match="purge leaf"):
        said.check()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_purged_the_rest_verifies(tmp_path, seed):
    """Random appends, compactions and purges: what is left is what a plain set says, and both verifiers agree."""
    chance = random.Random(seed)
    created, here = make_trail(tmp_path), set()
    for _ in range(6):
        with Writer.open(created.trail.path) as writer:
            for _ in range(chance.randrange(1, 4)):
                numbers = chance.sample(range(3000), 40)
                writer.append(batch(numbers))
                here |= set(numbers)
            if chance.random() < 0.4:
                writer.compact()
            month = chance.choice(["2024-01", "2024-02", "2024-03", "2024-04"])
            before = len(here)
            here = {n for n in here if f"{event(n).occurred_at:%Y-%m}" != month}
            assert writer.purge(month, **WHO) == before - len(here)
    reader = open_reader(created.trail.path)
    left = [orjson.loads(e).get("record_id") for _s, e in reader.entries()]
    assert sorted(int(n) for n in left if n) == sorted(here)
    assert verify(created.trail.path, deep=True).findings == []
    export_log(created.trail.path, tmp_path / "out")
    assert second_verify(tmp_path / "out", created.verifier_key) == (reader.size, reader.root)
    assert event(0).occurred_at == BEGIN
