"""The verbs of rules: what is found makes the exit code 1, own rules are added, and what cannot be taken is said."""

from __future__ import annotations

import json

import pytest
from tests.conftest import DATA
from typer.testing import CliRunner

from mailwitness.errors import UsageError
from mailwitness.faces import verbs_findings
from mailwitness.faces.cli import app
from mailwitness.intake.importing import import_paths
from mailwitness.trail.create import create_trail

OWN = """title: Any 4756
name: any_4756
level: medium
logsource: {product: windows, service: security}
detection:
  s: {EventID: 4756}
  condition: s
"""


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    folder = tmp_path_factory.mktemp("findings")
    made = create_trail(folder / "trail", organization="findings", key_dir=folder / "keys")
    names = ("exchange_role_group_changed", "full_access_granted", "any_log_cleared")
    paths = [DATA / "rules" / name / "fires.jsonl" for name in names]
    import_paths(folder / "trail", paths, key_path=made.key_path)
    return folder / "trail"


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def items(*words: object, code: int = 1) -> list[dict]:
    result = run("findings", *words, "--format", "json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)["items"]


def rules_of(found: list[dict]) -> set[str]:
    return {item["rule_id"] for item in found}


def test_what_is_found_is_shown_and_makes_the_exit_code_1(trail):
    found = items("--trail", trail)
    assert rules_of(found) == {"exchange_role_group_changed", "full_access_granted"}
    one = next(item for item in found if item["rule_id"] == "full_access_granted")
    assert one["level"] == "low"
    assert len(one["event_ids"]) == 2
    assert one["summary"]["granted"] == "FullAccess"
    assert one["tags"]


def test_levels_rules_times_and_mailboxes_narrow(trail):
    two = ("--rule", "full_access_granted", "--rule", "any_log_cleared", "--trail", trail)
    assert rules_of(items(*two)) == {"full_access_granted"}
    assert rules_of(items(*two, "--level", "informational")) == {"full_access_granted", "any_log_cleared"}
    assert rules_of(items(*two, "--level", "informational", "--mailbox", "anna")) == {"full_access_granted"}
    assert items(*two, "--since", "2027-01-01", code=3) == []
    assert items(*two, "--until", "2020-01-01", code=3) == []


def test_nothing_found_is_exit_code_3_where_the_trail_is_blind(trail):
    assert items("--trail", trail, "--level", "critical", code=3) == []
    assert items("--trail", trail, "--level", "critical", "--accept", "3", code=0) == []


def test_what_lies_below_the_level_is_counted(trail):
    answer = json.loads(run("findings", "--trail", trail, "--format", "json").stdout)
    assert answer["hidden"]["below_level"] == 1
    assert answer["refused"] == []
    assert answer["rules"] > 50


def test_own_rules_are_added_and_the_refused_are_said(trail, tmp_path):
    (tmp_path / "own.yml").write_text(OWN, encoding="utf-8")
    (tmp_path / "bad.yml").write_text("title: b\nlogsource: {category: proxy}\ndetection: {s: {a: b}, condition: s}\n")
    result = run("findings", "--trail", trail, "--rules", tmp_path, "--format", "json")
    answer = json.loads(result.stdout)
    assert "any_4756" in rules_of(answer["items"])
    assert [each["title"] for each in answer["refused"]] == ["b"]
    shown = run("findings", "--trail", trail, "--rules", tmp_path).stdout
    assert "1 rules were not taken" in shown


def test_check_lists_what_cannot_be_taken(tmp_path):
    (tmp_path / "own.yml").write_text(OWN, encoding="utf-8")
    assert run("rules", "check", tmp_path).exit_code == 0
    (tmp_path / "bad.yml").write_text("title: b\ndetection: [\n")
    result = run("rules", "check", tmp_path, "--format", "json")
    assert result.exit_code == 4
    answer = json.loads(result.stdout)
    assert answer["taken"] == ["any_4756"]
    assert answer["items"][0]["path"].endswith("bad.yml")
    asleep = OWN.replace("4756", "4688")
    (tmp_path / "asleep.yml").write_text(asleep, encoding="utf-8")
    result = run("rules", "check", tmp_path / "asleep.yml", "--format", "json")
    assert result.exit_code == 0
    assert "4688 is taken in" in json.loads(result.stdout)["items"][0]["reason"]


def test_rules_are_listed():
    answer = json.loads(run("rules", "list", "--format", "json").stdout)
    assert "hit_and_run" in rules_of(answer["items"])
    assert "foreign_access" not in rules_of(answer["items"])  # only a correlation asks for it


def test_own_rules_are_tried_on_samples(tmp_path):
    (tmp_path / "own.yml").write_text(OWN, encoding="utf-8")
    folder = tmp_path / "samples" / "any_4756"
    folder.mkdir(parents=True)
    (folder / "fires.jsonl").write_bytes((DATA / "rules/exchange_role_group_changed/fires.jsonl").read_bytes())
    result = run("rules", "test", tmp_path / "samples", "--rules", tmp_path / "own.yml", "--format", "json")
    assert result.exit_code == 1
    tried = json.loads(result.stdout)["items"]
    assert [(t["expected"], t["is_right"]) for t in tried] == [("fires", True), ("quiet", False)]
    (folder / "quiet.jsonl").write_bytes((DATA / "rules/log_cleared/fires.jsonl").read_bytes())
    assert run("rules", "test", tmp_path / "samples", "--rules", tmp_path / "own.yml").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["findings", "--trail", "nowhere", "--level", "urgent"],
        ["findings", "--trail", "nowhere", "--rule", "no such rule"],
        ["findings", "--trail", "nowhere", "--rules", "no such folder"],
        ["rules", "check", "no such folder"],
        ["rules", "test", "no such folder"],
    ],
)
def test_what_cannot_be_meant_is_an_error_of_use(words):
    assert isinstance(run(*words).exception, UsageError)


def test_without_the_extra_the_verb_says_what_to_install(monkeypatch):
    monkeypatch.setattr(verbs_findings, "find_spec", lambda _name: None)
    error = run("rules", "list").exception
    assert isinstance(error, UsageError)
    assert "mailwitness[rules]" in error.remedy
