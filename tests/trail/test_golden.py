"""Trails of every released version verify for ever. tests/data/trail/HOW.md says how golden-v1 was made."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from deltalake import DeltaTable
from tests.trail.trails import batch, files_of, flip

from mailwitness.trail import writer as writer_module
from mailwitness.trail.export_log import export_log
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

DATA = Path(__file__).parents[1] / "data" / "trail"
GOLDEN = DATA / "golden-v1"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
VERIFIER = Path(__file__).parents[2] / "verifier" / "mailwitness_verify.py"


@pytest.fixture
def golden(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "golden")
    return tmp_path / "golden"


def test_it_verifies_to_the_byte_of_its_root():
    verdict = verify(GOLDEN / "trail", deep=True, key=EXPECTED["verifier_key"], checkpoint=GOLDEN / "kept-checkpoint")
    assert (verdict.state, verdict.findings, verdict.remarks) == ("valid", [], [])
    assert (verdict.size, verdict.root.hex()) == (EXPECTED["size"], EXPECTED["root"])
    assert verdict.checked.leaves == verdict.checked.projected == EXPECTED["size"]
    assert verdict.checked.evidence == 2


def test_its_entries_read_as_they_were_written():
    digest = hashlib.sha256()
    entries = [entry for _seq, entry in open_reader(GOLDEN / "trail").entries()]
    for entry in entries:
        digest.update(len(entry).to_bytes(2, "big") + entry)
    assert digest.hexdigest() == EXPECTED["entries_sha256"]
    kinds = [orjson.loads(entry).get("leaf_kind", "event") for entry in entries]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {"custody": 2, "event": 294, "sealed": 6}


def test_the_second_verifier_agrees(tmp_path):
    export_log(GOLDEN / "trail", tmp_path / "log")
    command = [sys.executable, "-I", str(VERIFIER), str(tmp_path / "log"), "--key", EXPECTED["verifier_key"]]
    done = subprocess.run(
        [*command, "--checkpoint", str(GOLDEN / "kept-checkpoint")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert EXPECTED["root"] in done.stdout


def test_delta_lake_reads_it():
    table = DeltaTable(str((GOLDEN / "trail/events").absolute())).to_pyarrow_table(columns=["seq", "month", "entry"])
    assert sorted(table.column("seq").to_pylist()) == list(range(EXPECTED["size"]))
    ours = dict(open_reader(GOLDEN / "trail").entries())
    assert dict(zip(table.column("seq").to_pylist(), table.column("entry").to_pylist(), strict=True)) == ours
    assert set(table.column("month").to_pylist()) == {"0000-00", "1995-01", "2024-01", "2024-02", "2024-03", "2099-12"}


def test_any_sealed_file_that_changes_is_found(golden):
    trail = Trail(golden / "trail")
    last = max(int(path.name[:20]) for path in trail.delta_log.glob("*.json"))
    for file in files_of(trail.path):
        if file.name in {"mailwitness.toml", f"{last:020d}.json"} or file.name.startswith(f"v{last}-"):
            continue
        flip(file, file.stat().st_size // 2)
        assert verify(trail.path).state == "invalid", file
        flip(file, file.stat().st_size // 2)
    assert verify(trail.path).state == "not_anchored"


def test_it_is_still_written_to(golden):
    before = open_reader(golden / "trail").root
    with Writer.open(golden / "trail", golden / "golden-v1.key") as writer:
        assert writer.recovery == []
        assert writer.append(batch(range(270))).kept.tolist() == [0] * 260 + [1] * 10
        assert writer.append(batch([7], action="revoked")).kept.tolist() == [0]
    verdict = verify(golden / "trail", deep=True, key=EXPECTED["verifier_key"], checkpoint=GOLDEN / "kept-checkpoint")
    assert (verdict.state, verdict.size) == ("valid", EXPECTED["size"] + 11)
    assert verdict.root != before


def test_the_script_makes_a_trail_of_the_same_content(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "SEAL_EVERY", writer_module.SEAL_EVERY)  # the script sets it
    spec = importlib.util.spec_from_file_location("make_golden", DATA / "make_golden.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(tmp_path / "made")
    ours, theirs = (events_of(path / "trail") for path in (tmp_path / "made", GOLDEN))
    assert ours == theirs
    assert load_settings(tmp_path / "made/trail").organization == load_settings(GOLDEN / "trail").organization


def events_of(path):
    return [entry for _seq, entry in open_reader(path).entries() if b'"leaf_kind"' not in entry]
