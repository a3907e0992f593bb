"""The command line as a user runs it: what it prints, and with which code it ends."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys

import orjson
import pytest

from mailwitness.simulate.demo import write_demo
from mailwitness.trail.layout import Trail
from mailwitness.trail.settings import load_settings


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mailwitness.faces.cli", *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_demo(folder / "evidence")
    created = run("init", "--trail", folder / "trail", "--organization", "demo", "--key-dir", folder / "keys")
    assert created.returncode == 0, created.stderr
    imported = run("import", folder / "evidence", "--trail", folder / "trail", "--format", "json")
    assert imported.returncode == 0, imported.stderr
    return folder, created.stdout.decode(), orjson.loads(imported.stdout)


def verifier_key(text):
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if "verifier key:" in line)


def test_counts_add_up(made):
    _, _, report = made
    parts = [report[name] for name in ("recorded", "duplicates", "filtered", "unread")]
    assert report["verb"] == "import"
    assert report["seen"] == sum(parts) > 0
    assert report["seen"] == sum(item["seen"] for item in report["items"])


def test_changes_as_json(made):
    folder, _, _ = made
    ran = run("changes", "--trail", folder / "trail", "--format", "json", "--right", "FullAccess")
    answer = orjson.loads(ran.stdout)
    assert ran.returncode == 3  # a log was cleared: part of the time is blind
    assert answer["count"] == len(answer["items"]) == 2
    assert [item["action"] for item in answer["items"]] == ["granted", "revoked"]
    assert all(item["witnesses"] for item in answer["items"])
    assert set(answer) == {"verb", "items", "count", "hidden", "coverage", "trail"}


def test_accept_makes_a_code_zero(made):
    folder, _, _ = made
    assert run("changes", "--trail", folder / "trail", "--accept", "3").returncode == 0


def test_attempted_changes(made):
    folder, _, _ = made
    ran = run("changes", "--outcome", "failure", "--format", "jsonl", MAILWITNESS_TRAIL=str(folder / "trail"))
    items = [orjson.loads(line) for line in ran.stdout.splitlines()]
    assert items
    assert {item["outcome"] for item in items} == {"failure"}
    assert any("WriteDacl" in item["rights"] for item in items)


def test_accesses_as_csv(made):
    folder, _, _ = made
    ran = run("accesses", "--trail", folder / "trail", "--non-owner", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout.decode())))
    assert {row["strength"] for row in rows} == {"attempted", "opened"}


def test_an_empty_answer_is_no_proof(made):
    folder, _, _ = made
    ran = run("timeline", "nobody@fabrik.example", "--trail", folder / "trail")
    assert b"no proof that nothing happened" in ran.stdout
    assert ran.returncode == 3


def test_timeline_mixes_changes_and_accesses(made):
    folder, _, _ = made
    ran = run("timeline", "hbrandt", "--trail", folder / "trail", "--format", "json")
    items = orjson.loads(ran.stdout)["items"]
    assert {item["entry"] for item in items} == {"change", "access"}
    assert [item["occurred_at"] for item in items] == sorted(item["occurred_at"] for item in items)


def test_verify_without_anything_kept_elsewhere_is_not_anchored(made):
    folder, _, _ = made
    ran = run("verify", "--trail", folder / "trail", "--deep")
    assert ran.returncode == 3
    assert b"NOT ANCHORED" in ran.stdout


def test_verify_against_key_and_checkpoint(made):
    folder, text, _ = made
    trail = Trail(folder / "trail")
    kept = trail.checkpoint(load_settings(trail).log_id)
    ran = run("verify", "--trail", trail.path, "--key", verifier_key(text), "--checkpoint", kept)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["changes", "--since", "yesterday"],
        ["changes", "--outcome", "maybe"],
        ["changes", "--accept", "1"],
        ["import", "/nowhere/at/all"],
    ],
)
def test_usage_is_two(made, arguments):
    folder, _, _ = made
    ran = run(*arguments, "--trail", folder / "trail")
    assert ran.returncode == 2
    assert ran.stderr
    assert b"Traceback" not in ran.stderr


def test_no_trail_is_usage(tmp_path):
    ran = run("changes", "--trail", tmp_path / "none")
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr


def test_simulate_writes_evidence_and_its_truth(tmp_path):
    ran = run(
        "simulate", tmp_path / "s", "--generation", "2003", "--mailboxes", "8", "--days", "3", "--max-records", "500"
    )
    assert ran.returncode == 0, ran.stderr
    kinds = {orjson.loads(line)["kind"] for line in (tmp_path / "s" / "truth.jsonl").read_bytes().splitlines()}
    assert {"change", "access"} <= kinds
    assert run("simulate", tmp_path / "s").returncode == 2
