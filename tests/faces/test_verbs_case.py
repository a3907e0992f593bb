"""The verbs of cases: a decision is recorded in the trail first where a writer runs, and kept with its reason."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from tests.alerts.found import NOW, finding
from typer.testing import CliRunner

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.suppressions import Suppressions
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.collect.interface import NotAcknowledged
from mailwitness.collect.writer_process import WriterProcess, acts_socket
from mailwitness.errors import UsageError
from mailwitness.faces.cli import app
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader


@pytest.fixture
def made(tmp_path):
    return create_trail(tmp_path / "t", organization="cases", key_dir=tmp_path / "keys")


@pytest.fixture
def case_id(made):
    with closing(open_state(made.trail.path)) as connection:
        found = [
            finding(0, rule_id="granted", level="low", event_ids=("e1",)),
            finding(1, rule_id="used", level="high", event_ids=("e1", "e2"), mailbox_ref="d@example.test", actor="b"),
        ]
        return Cases(connection).take(found, Watchlists([]), NOW).opened[0].case_id


def run(made, *words: str):
    return CliRunner().invoke(app, ["case", words[0], "--trail", str(made.trail.path), *words[1:]])


def items(made, *words: str) -> list[dict]:
    result = run(made, *words, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["items"]


def history(made, case_id):
    with closing(open_state(made.trail.path)) as connection:
        return [(line.did, line.why) for line in Cases(connection).history(case_id)]


def test_cases_are_listed_by_their_state(made, case_id):
    [one] = items(made, "list")
    assert (one["case_id"], one["level"], one["rules"], one["state"]) == (case_id, "high", ["granted", "used"], "open")
    assert items(made, "list", "--state", "closed") == []
    assert items(made, "list", "--state", "all") == [one]
    assert isinstance(run(made, "list", "--state", "x").exception, UsageError)


def test_a_case_is_moved_with_a_reason(made, case_id):
    for verb, state in (("ack", "acknowledged"), ("close", "closed"), ("reopen", "open"), ("comment", "open")):
        assert items(made, verb, case_id, "--why", f"{verb} it")[0]["state"] == state
    assert history(made, case_id)[-4:] == [
        ("acknowledge", "ack it"),
        ("close", "close it"),
        ("reopen", "reopen it"),
        ("comment", "comment it"),
    ]
    assert "not recorded in the trail: no writer runs" in run(made, "comment", case_id, "--why", "x").output


def test_without_a_reason_or_a_case_nothing_is_done(made, case_id):
    assert run(made, "close", case_id).exit_code == 2
    assert isinstance(run(made, "close", case_id, "--why", " ").exception, UsageError)
    assert isinstance(run(made, "suppress", case_id, "--why", " ").exception, UsageError)
    assert isinstance(run(made, "close", "none", "--why", "x").exception, UsageError)
    assert [did for did, _why in history(made, case_id)] == ["opened", "raised"]
    with closing(open_state(made.trail.path)) as connection:
        assert Suppressions(connection).all() == []


def test_a_decision_is_sealed_first_where_a_writer_runs(made, case_id):
    trail = made.trail.path
    process = WriterProcess(trail, made.key_path, readers=1)
    try:
        process.listen(acts_socket(trail), acts_only=True)
        result = run(made, "close", case_id, "--why", "approved by the board")
    finally:
        process.stop()
    assert result.exit_code == 0, result.output
    assert "not recorded" not in result.output
    entries = b"".join(entry for _seq, entry in open_reader(trail).entries())
    assert b"approved by the board" in entries
    assert case_id.encode() in entries


def test_a_writer_that_does_not_answer_stops_the_decision(made, case_id):
    socket = acts_socket(made.trail.path)
    socket.parent.mkdir(exist_ok=True)
    socket.touch()
    assert isinstance(run(made, "close", case_id, "--why", "x").exception, NotAcknowledged)
    assert isinstance(run(made, "suppress", case_id, "--why", "x").exception, NotAcknowledged)
    assert items(made, "list")[0]["state"] == "open"
    with closing(open_state(made.trail.path)) as connection:
        assert Suppressions(connection).all() == []


def test_a_suppression_names_the_mailbox_and_account_of_its_rule(made, case_id):
    [gravest] = items(made, "suppress", case_id, "--why", "test account")
    assert (gravest["rule_id"], gravest["mailbox_ref"], gravest["actor"]) == ("used", "d@example.test", "b")
    [other] = items(made, "suppress", case_id, "--why", "migration", "--rule", "granted", "--days", "7")
    assert (other["rule_id"], other["mailbox_ref"]) == ("granted", "EXAMPLE\\director")
    with closing(open_state(made.trail.path)) as connection:
        assert [one.comment for one in Suppressions(connection).all()] == ["test account", "migration"]
    assert history(made, case_id)[-1][1].endswith(": migration")
    assert isinstance(run(made, "suppress", case_id, "--why", "x", "--rule", "nothing").exception, UsageError)
