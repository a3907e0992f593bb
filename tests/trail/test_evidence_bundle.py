"""Evidence bundles: what goes in, and that neither verifier lets an altered one pass."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.trail.trails import append, batch, event, make_trail

from mailwitness.errors import UsageError
from mailwitness.intake.importing import import_paths
from mailwitness.trail.evidence_bundle import write_bundle
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings

VERIFIER = Path(__file__).parents[2] / "verifier" / "mailwitness_verify.py"


@pytest.fixture(scope="module")
def second():
    spec = importlib.util.spec_from_file_location("mailwitness_verify", VERIFIER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trail of several tiles, and a checkpoint kept when it had half of its leaves."""
    folder = tmp_path_factory.mktemp("bundles")
    created = make_trail(folder)
    append(created, batch(range(300)))
    kept = folder / "kept"
    kept.write_bytes(checkpoint_of(created.trail.path).read_bytes())
    append(created, batch(range(300, 700)))
    return created, kept


def checkpoint_of(path):
    return Trail(path).checkpoint(load_settings(Trail(path)).log_id)


def ids(*numbers):
    return [event(n).event_id for n in numbers]


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, said):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in said.items():
            archive.writestr(name, data)


def test_each_event_is_proven_by_itself(made, tmp_path, second):
    created, _ = made
    bundled = write_bundle(created.trail.path, ids(3, 255, 699), tmp_path / "b.zip")
    assert len(bundled.leaves) == 3
    assert second.verify(tmp_path / "b.zip", created.verifier_key) == (bundled.checkpoint.size, bundled.checkpoint.root)
    assert second.main([str(tmp_path / "b.zip"), "--key", created.verifier_key]) == 3


def test_the_same_events_give_the_same_bytes(made, tmp_path):
    created, _ = made
    for name in ("a.zip", "b.zip"):
        write_bundle(created.trail.path, ids(1, 2), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_proofs_lead_to_a_checkpoint_kept_elsewhere(made, tmp_path, second):
    created, kept = made
    out = tmp_path / "b.zip"
    write_bundle(created.trail.path, ids(3, 200), out, kept=kept)
    assert second.main([str(out), "--key", created.verifier_key, "--checkpoint", str(kept)]) == 0
    write_bundle(created.trail.path, ids(3, 200), tmp_path / "new.zip")
    with pytest.raises(second.Invalid, match="kept checkpoint"):
        second.verify(tmp_path / "new.zip", created.verifier_key, kept)


def test_an_event_later_than_the_kept_checkpoint_is_refused(made, tmp_path):
    created, kept = made
    with pytest.raises(UsageError, match="came in after"):
        write_bundle(created.trail.path, ids(600), tmp_path / "b.zip", kept=kept)
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize(
    "alter",
    [
        lambda name, data: data.replace(b"FullAccess", b"ReadAccess") if name.startswith("entries/") else data,
        lambda name, data: data.replace(b"index 1", b"index 2") if name.startswith("proofs/") else data,
        lambda name, data: data[:-30] + b"AAAA" + data[-26:] if name.startswith("proofs/") else data,
    ],
    ids=["entry", "index", "signature"],
)
def test_an_altered_bundle_is_invalid(made, tmp_path, second, alter):
    created, _ = made
    out = tmp_path / "b.zip"
    write_bundle(created.trail.path, ids(10, 11), out)
    before = members(out)
    after = {name: alter(name, data) for name, data in before.items()}
    assert after != before
    rewrite(out, after)
    with pytest.raises(second.Invalid):
        second.verify(out, created.verifier_key)


def test_every_byte_of_an_entry_and_its_proof_counts(made, tmp_path, second):
    created, _ = made
    out = tmp_path / "b.zip"
    (seq,) = write_bundle(created.trail.path, ids(77), out).leaves
    said = members(out)
    key = second.read_key(created.verifier_key)
    entry, proof = said[f"entries/{seq}.json"], said[f"proofs/{seq}.tlog-proof"]
    second.check_entry(seq, entry, proof, key)
    for at in range(len(entry)):
        with pytest.raises(second.Invalid):
            second.check_entry(seq, entry[:at] + bytes([entry[at] ^ 1]) + entry[at + 1 :], proof, key)
    for at in range(0, len(proof), 7):
        with pytest.raises((second.Invalid, UnicodeDecodeError)):
            second.check_entry(seq, entry, proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :], key)


def test_it_carries_custody_and_the_evidence_itself(tmp_path, second):
    created = make_trail(tmp_path)
    log = tmp_path / "log.jsonl"
    line = (
        '{"@timestamp":"2026-01-01T00:00:00.000Z","winlog":{"provider_name":"Microsoft-Windows-Security-Auditing",'
        '"channel":"Security","computer_name":"dc1.example.com","record_id":7,"event_id":"4756","event_data":'
        '{"TargetUserName":"Organization Management","MemberSid":"S-1-5-21-1-2-3-1104","MemberName":"CN=Eve"}}}'
    )
    log.write_text(line + "\n")
    report = import_paths(created.trail.path, [log], key_path=created.key_path)
    assert report.totals.events == 1
    sha256 = hashlib.sha256(log.read_bytes()).hexdigest()
    event_id = _only_event(created.trail.path)
    bundled = write_bundle(created.trail.path, [event_id], tmp_path / "b.zip")
    assert bundled.files == (sha256,)
    assert len(bundled.leaves) == 2
    said = members(tmp_path / "b.zip")
    assert said[f"files/{sha256}"] == log.read_bytes()
    assert any(b'"leaf_kind":"custody"' in data for name, data in said.items() if name.startswith("entries/"))
    second.verify(tmp_path / "b.zip", created.verifier_key)
    rewrite(tmp_path / "b.zip", said | {f"files/{sha256}": b"other"})
    with pytest.raises(second.Invalid, match="other bytes"):
        second.verify(tmp_path / "b.zip", created.verifier_key)
    without = write_bundle(created.trail.path, [event_id], tmp_path / "c.zip", with_files=False)
    assert (without.files, without.left_out) == ((), (sha256,))


def test_long_values_come_along(tmp_path, second):
    created = make_trail(tmp_path)
    value = "x" * 70_000
    rows, blobs = batch_of_events([(event(1, after=value), {"n": "1"})])
    append(created, rows, blobs=blobs)
    bundled = write_bundle(created.trail.path, ids(1), tmp_path / "b.zip")
    (sha256,) = bundled.files
    assert value.encode() in members(tmp_path / "b.zip")[f"files/{sha256}"]
    assert bundled.left_out == ("ab" * 32,)
    second.verify(tmp_path / "b.zip", created.verifier_key)


def _only_event(path):
    (file,) = open_reader(path).event_files()
    (event_id,) = pq.read_table(file, columns=["event_id"], partitioning=None)["event_id"].to_pylist()
    return event_id


@pytest.mark.parametrize("asked", ["nonsense", "ab" * 32])
def test_what_the_trail_does_not_have(made, tmp_path, asked):
    created, _ = made
    with pytest.raises(UsageError):
        write_bundle(created.trail.path, [*ids(1), asked], tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_nothing_is_overwritten(made, tmp_path):
    created, _ = made
    (tmp_path / "b.zip").write_bytes(b"kept")
    with pytest.raises(UsageError, match="already"):
        write_bundle(created.trail.path, ids(1), tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == b"kept"
