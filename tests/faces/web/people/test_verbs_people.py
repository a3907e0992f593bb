"""Accounts from the command line: the only way to the first one."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from tests.trail.trails import make_trail
from typer.testing import CliRunner

from mailwitness.errors import UsageError
from mailwitness.faces.cli import app
from mailwitness.faces.web.people.passwords import is_password
from mailwitness.state.people import need_account
from mailwitness.state.people_tables import open_people


def run(trail, *words):
    answer = CliRunner().invoke(app, ["people", *words, "--trail", str(trail), "--format", "json"])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert answer.exit_code == 0
    return json.loads(answer.stdout)["items"]


@pytest.fixture
def trail(tmp_path):
    return make_trail(tmp_path).trail.path


def test_there_is_no_account_before_one_is_added(trail):
    assert run(trail, "list") == []
    made = run(trail, "add", "Ana", "--role", "administrator")[0]
    assert made["name"] == "ana"
    with closing(open_people(trail)) as connection:
        account = need_account(connection, "ana")
    assert account.must_change
    assert account.password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert made["first_password"] not in account.password
    assert is_password(account.password, made["first_password"])


def test_roles_change_and_accounts_are_closed_and_opened(trail):
    run(trail, "add", "ana", "--role", "administrator")
    run(trail, "add", "bo", "--role", "auditor")
    assert run(trail, "role", "bo", "--role", "witness")[0]["role"] == "witness"
    assert run(trail, "disable", "bo")[0]["state"] == "closed"
    assert run(trail, "enable", "bo")[0]["state"] == "has not signed in"
    with pytest.raises(UsageError, match="last administrator"):
        run(trail, "disable", "ana")
    with pytest.raises(UsageError, match="last administrator"):
        run(trail, "role", "ana", "--role", "auditor")


def test_a_reset_gives_another_password(trail):
    first = run(trail, "add", "ana", "--role", "administrator")[0]["first_password"]
    second = run(trail, "reset", "ana")[0]["first_password"]
    with closing(open_people(trail)) as connection:
        password = need_account(connection, "ana").password
    assert not is_password(password, first)
    assert is_password(password, second)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "ana", "--role", "root"), "no role 'root'"),
        (("add", "a@b", "--role", "auditor"), "no name of an account"),
        (("add", "..", "--role", "auditor"), "no name of an account"),
        (("disable", "who"), "no account"),
    ],
)
def test_what_cannot_be_is_refused(trail, words, said):
    with pytest.raises(UsageError, match=said):
        run(trail, *words)


def test_a_folder_that_is_no_trail_is_left_alone(tmp_path):
    with pytest.raises(UsageError, match="no trail"):
        run(tmp_path, "list")
    assert list(tmp_path.iterdir()) == []
