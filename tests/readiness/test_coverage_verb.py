"""The verb coverage as a user runs it, over a simulated organisation whose auditing was switched off for a while."""

from __future__ import annotations

import csv
import io
import json

import orjson
import pytest
from typer.testing import CliRunner

from mailwitness.faces.cli import app

RUNNER = CliRunner()


def run(*arguments):
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coverage")
    arguments = ("--seed", 3, "--mailboxes", 10, "--days", 3, "--generation", "2007")
    assert run("simulate", folder / "evidence", *arguments).exit_code == 0
    run("init", "--trail", folder / "trail", "--organization", "demo", "--key-dir", folder / "keys")
    taken = ("--time-zone", "UTC", "--collected-at", "2008-09-04T06:30:00Z", "--workers", 1)
    done = run("import", folder / "evidence", "--trail", folder / "trail", *taken)
    assert done.exit_code in (0, 4)
    return folder


def truth(folder):
    return [orjson.loads(line) for line in (folder / "evidence" / "truth.jsonl").read_bytes().splitlines()]


def test_the_time_without_directory_auditing_is_found(simulated):
    turned = [t for t in truth(simulated) if t["what"] == "audit.policy_changed"]
    off = next(t for t in turned if t["after"] == "Success removed")
    on = next(t for t in turned if t["after"] == "Success added" and t["host"] == off["host"])
    said = run("coverage", "--trail", simulated / "trail", "--question", "changes", "--format", "json")
    assert said.exit_code == 3
    items = json.loads(said.stdout)["items"]
    blind = [
        (item["since"], item["until"])
        for item in items
        if item["computer"] == off["host"].lower() and item["verdict"] == "absent" and "set off" in item["why"]
    ]
    assert (off["at"], on["at"]) in blind


def test_a_controller_never_heard_of_is_absent(simulated):
    missing = next(t for t in truth(simulated) if t.get("rule") == "controller_missing")
    said = run("coverage", "--trail", simulated / "trail", "--host", missing["host"], "--format", "jsonl")
    items = [json.loads(line) for line in said.stdout.splitlines()]
    assert items
    assert {item["verdict"] for item in items} == {"absent"}


def test_every_form_holds_the_same_rows(simulated):
    common = ("coverage", "--trail", simulated / "trail", "--question", "groups", "--format")
    whole = json.loads(run(*common, "json").stdout)
    assert whole["count"] == len(run(*common, "jsonl").stdout.splitlines())
    assert whole["count"] == len(list(csv.DictReader(io.StringIO(run(*common, "csv").stdout))))
    assert 0 <= whole["score"] <= 1
    assert "Score:" in run(*common, "table").stdout


def test_state_that_does_not_read_is_a_problem_with_its_code(simulated, tmp_path):
    odd = tmp_path / "odd.csv"
    odd.write_text(
        "Machine Name,a,b,c,d,e\nDC1,System,x,{0CCE923C-69AE-11D9-BED3-505054503030},Lyckades,\n", encoding="utf-8"
    )
    arguments = ("coverage", "--trail", simulated / "trail", "--state", odd, "--accept", "3", "--format", "json")
    said = run(*arguments)
    assert said.exit_code == 4
    assert json.loads(said.stdout)["problems"][0]["found"] == "Lyckades"


def test_a_question_nobody_knows_is_refused(simulated):
    assert run("coverage", "--trail", simulated / "trail", "--question", "weather").exit_code != 0


def test_what_the_directory_holds_is_missed_without_being_told(simulated):
    missing = next(t for t in truth(simulated) if t.get("rule") == "controller_missing")
    items = json.loads(run("coverage", "--trail", simulated / "trail", "--format", "json").stdout)["items"]
    assert {item["cause"] for item in items if item["computer"] == missing["host"]} == {"never_heard"}


@pytest.mark.parametrize(("verb", "causes"), [("changes", {"never_heard", "policy_off"}), ("accesses", set())])
def test_every_answer_carries_the_part_it_rests_on(simulated, verb, causes):
    said = run(verb, "--trail", simulated / "trail", "--format", "json")
    assert said.exit_code == 3
    parts = json.loads(said.stdout)["coverage"]
    own = [part for part in parts if part.get("questions")]
    assert {part["cause"] for part in own if part["verdict"] == "absent"} == causes
    told = {question for part in own for question in part["questions"] if part["verdict"] != "absent"}
    assert told == ({"accesses"} if verb == "accesses" else {"changes", "groups", "auditing"})
    assert all(part["fix"] for part in own if part["verdict"] == "absent")


def test_one_mailbox_is_told_with_its_own_score(simulated):
    everyone = json.loads(run("coverage", "--trail", simulated / "trail", "--format", "json").stdout)["mailboxes"]
    name = everyone[0]["mailbox"]
    said = json.loads(run("coverage", "--trail", simulated / "trail", "--mailbox", name, "--format", "json").stdout)
    assert said["mailboxes"][0]["questions"] == everyone[0]["questions"]
    assert len(everyone) == 10
