"""who-can-open, reach and explain as a user runs them, over the bundled scenarios."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
from tests.faces.test_cli import made, run  # noqa: F401 - the trail of the bundled scenarios

GRANTED, REVOKED = "2024-03-06T12:00:00Z", "2024-03-09T12:00:00Z"
KEYS = {"verb", "at", "items", "count", "hidden", "coverage", "trail"}


@pytest.fixture
def ask(made):  # noqa: F811 - the fixture of that name
    folder, _, _ = made

    def answer(*arguments):
        ran = run(*arguments, "--trail", folder / "trail", "--format", "json", "--accept", "3")
        assert ran.returncode == 0, ran.stderr
        return orjson.loads(ran.stdout)

    return answer


def test_who_can_open_now_and_then(ask):
    answer = ask("who-can-open", "hbrandt@nordwind.example", "--at", GRANTED, "--right", "FullAccess")
    assert set(answer) == KEYS
    (line,) = answer["items"]
    assert (line["account"], line["of"], line["path"]) == ("NORDWIND\\ynowak", "open", "FullAccess")
    assert (line["since"], line["by"]) == ("2024-03-05T09:14:22.078203Z", "Dora Weiss (admin)")
    (step,) = line["way"]["steps"]
    assert step["since"]["how"] == "event"
    assert len(step["since"]["event_ids"]) == 3
    assert step["until"]["at"].startswith("2024-03-08T09:40:0")
    assert ask("who-can-open", "NORDWIND\\hbrandt", "--at", REVOKED, "--right", "FullAccess")["items"] == []


def test_reach_of_an_account(ask):
    answer = ask("reach", "NORDWIND\\ynowak", "--at", GRANTED)
    assert [(line["mailbox"], line["right"]) for line in answer["items"]] == [("NORDWIND\\hbrandt", "FullAccess")]


def test_a_group_on_the_way(ask):
    (line,) = ask("reach", "FABRIK\\svc-archive", "--at", "2004-03-11T00:00:00Z")["items"]
    assert line["path"] == "member of Exchange Domain Servers > ReceiveAs on every mailbox"
    assert (line["scope"], line["by"]) == ("organization", "FABRIK\\adm-olsen")
    assert "given by set-up" in line["remark"]


def test_explain_every_access_and_one(ask):
    answer = ask("explain")
    statuses = [item["status"] for item in answer["items"]]
    assert sorted(statuses) == ["explained", "explained", "possible", "possible"]
    assert answer["hidden"]["refused"] == 1
    one = ask("explain", answer["items"][0]["event_id"])["items"]
    assert [item["event_id"] for item in one] == [answer["items"][0]["event_id"]]
    assert {item["mailbox_ref"] for item in ask("explain", "plenz")["items"]} == {"plenz@fabrik.example"}
    assert ask("explain", "--unexplained")["items"] == []


@pytest.mark.parametrize("verb", [("who-can-open", "hbrandt"), ("reach", "tkern"), ("explain",)])
def test_every_form(made, verb):  # noqa: F811 - the fixture of that name
    folder, _, _ = made
    ran = {
        form: run(*verb, "--trail", folder / "trail", "--format", form) for form in ("table", "jsonl", "csv", "json")
    }
    assert {answer.returncode for answer in ran.values()} == {3}
    items = orjson.loads(ran["json"].stdout)["items"]
    assert [orjson.loads(line) for line in ran["jsonl"].stdout.splitlines()] == items
    rows = list(csv.DictReader(io.StringIO(ran["csv"].stdout.decode())))
    assert len(rows) == len(items)
    assert "Coverage:" in ran["table"].stdout.decode()


def test_nobody_of_that_name(made):  # noqa: F811 - the fixture of that name
    folder, _, _ = made
    ran = run("who-can-open", "S-1-5-21-1-1-1-1", "--trail", folder / "trail")
    assert ran.returncode == 2
    assert b"nothing in this trail is called" in ran.stderr


def test_a_name_of_two_is_said_to_be(ask, made):  # noqa: F811 - the fixture of that name
    folder, _, _ = made
    accounts = {line["account"] for line in ask("who-can-open", "hbrandt", "--right", "owner")["items"]}
    assert accounts == {"FABRIK\\hbrandt", "NORDWIND\\hbrandt"}
    table = run("who-can-open", "hbrandt", "--trail", folder / "trail").stdout.decode()
    assert "can mean several" in table
