"""Signing in and out, sessions, second factors, passwords, and the page of people."""

from __future__ import annotations

import re

import pyotp
import pytest
from tests.faces.web.people.conftest import PASSWORD, form_token

from mailwitness.errors import UsageError
from mailwitness.faces.web.people.passwords import check_password, first_password
from mailwitness.state.people import account_named, accounts
from mailwitness.state.people_sessions import PER_ADDRESS, PER_NAME, begin_attempt, sessions


def need(console, name):
    return account_named(console.people._connection, name)


def cookie(answer) -> str:
    return next(h for h in answer.headers.get_list("set-cookie") if "mailwitness" in h)


def test_the_cookie_over_https(console):
    answer = console.browser().post(
        "/login", data={"name": "auditor", "password": PASSWORD, "code": console.code("auditor")}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    given = cookie(answer)
    assert given.startswith("__Host-mailwitness=")
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in given
    assert "Domain" not in given
    assert len(given.partition("=")[2].partition(";")[0]) >= 43


def test_plain_http_is_for_this_machine_alone(console):
    answer = console.browser(scheme="http", client="192.0.2.7").post(
        "/login", data={"name": "auditor", "password": PASSWORD, "code": console.code("auditor")}
    )
    assert answer.status_code == 403
    assert "without TLS" in answer.text
    here = console.sign_in("auditor", scheme="http")
    assert here.get("/").status_code == 200


def test_what_is_kept_of_a_session_is_no_token(console):
    browser = console.sign_in("auditor")
    token = browser.cookies["__Host-mailwitness"]
    for path in console.trail.glob("state.db*"):
        assert token.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "auditor", "password": "wrong horse wrong horse"},
        {"name": "auditor", "password": PASSWORD},
        {"name": "auditor", "password": PASSWORD, "code": "000000"},
        {"name": "nobody", "password": PASSWORD},
        {"name": "", "password": ""},
        {},
    ],
)
def test_what_is_wrong_is_not_told_apart(console, fields):
    answer = console.browser().post("/login", data=fields)
    assert answer.status_code == 401
    assert "Name, password and code do not belong together" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_code_serves_once(console):
    code = console.code("auditor")
    fields = {"name": "auditor", "password": PASSWORD, "code": code}
    assert console.browser().post("/login", data=fields).status_code == 303
    assert console.browser().post("/login", data=fields).status_code == 401


def test_a_recovery_code_serves_once(console):
    fields = {"name": "auditor", "password": PASSWORD, "code": "ABCD efgh-ijkl mnop"}
    assert console.browser().post("/login", data=fields).status_code == 303
    assert console.browser().post("/login", data=fields).status_code == 401


def test_a_name_is_tried_so_often_and_no_more(console):
    for number in range(PER_NAME - 1):
        begin_attempt(console.people._connection, "auditor", f"192.0.2.{number}", console.clock())
    wrong = console.browser(client="192.0.2.200").post("/login", data={"name": "auditor", "password": "x"})
    assert wrong.status_code == 401
    right = {"name": "auditor", "password": PASSWORD, "code": console.code("auditor")}
    assert console.browser().post("/login", data=right).status_code == 429
    assert console.browser().post("/login", data={"name": "witness", "password": "x"}).status_code == 401
    console.clock.turn(minutes=16)
    console.sign_in("auditor")


def test_an_address_tries_so_often_and_no_more(console):
    for number in range(PER_ADDRESS):
        begin_attempt(console.people._connection, f"n{number}", "192.0.2.1", console.clock())
    assert console.browser(client="192.0.2.1").post("/login", data={"name": "z", "password": "x"}).status_code == 429
    assert console.browser(client="192.0.2.2").post("/login", data={"name": "z", "password": "x"}).status_code == 401


def test_a_session_ends_when_it_is_idle(console):
    browser = console.sign_in("auditor")
    for _ in range(4):
        console.clock.turn(minutes=29)
        assert browser.get("/").status_code == 200
    console.clock.turn(minutes=31)
    assert browser.get("/").status_code == 303


def test_a_session_ends_after_twelve_hours_however_it_is_used(console):
    browser = console.sign_in("auditor")
    for _ in range(28):
        console.clock.turn(minutes=25)
        assert browser.get("/").status_code == 200
    console.clock.turn(minutes=25)
    assert browser.get("/").status_code == 303


def test_a_sign_in_gives_another_token_and_ends_the_one_before(console):
    browser = console.sign_in("auditor")
    before = browser.cookies["__Host-mailwitness"]
    browser.post("/login", data={"name": "auditor", "password": PASSWORD, "code": console.code("auditor")})
    assert browser.cookies["__Host-mailwitness"] != before
    old = console.browser()
    old.cookies.set("__Host-mailwitness", before)
    assert old.get("/").status_code == 303


def test_signing_out_ends_the_session_here_too(console):
    browser = console.sign_in("auditor")
    token, form = browser.cookies["__Host-mailwitness"], form_token(browser)
    answer = browser.post("/logout", data={"form_token": form})
    assert answer.headers["location"] == "/login"
    browser.cookies.set("__Host-mailwitness", token)
    assert browser.get("/me").status_code == 303


def test_a_form_without_the_sessions_token_does_nothing(console):
    browser, other = console.sign_in("administrator"), console.sign_in("auditor")
    for token in ("", "0" * 64, form_token(other)):
        fields = {"form_token": token, "name": "auditor", "what": "disable"}
        assert browser.post("/people/change", data=fields).status_code == 403
    assert account_named(console.people._connection, "auditor").disabled_at is None


def test_sessions_are_listed_and_ended(console):
    here, there = console.sign_in("auditor"), console.sign_in("auditor", client="192.0.2.9")
    assert "192.0.2.9" in here.get("/me").text
    here.post("/me/sessions", data={"form_token": form_token(here), "session": "others"})
    assert there.get("/").status_code == 303
    assert here.get("/").status_code == 200


def test_nobody_ends_a_session_of_another(console):
    other, mine = console.sign_in("witness"), console.sign_in("auditor")
    number = sessions(console.people._connection, console.clock(), need(console, "witness"))[0].session_id
    mine.post("/me/sessions", data={"form_token": form_token(mine), "session": str(number)})
    assert other.get("/me").status_code == 200


def test_first_things_first(console):
    console.people.second_factor = "required"
    console.add("new", "auditor", is_ready=False)
    browser = console.sign_in("new")
    assert browser.get("/").headers["location"] == "/me"
    assert "Choose a password of your own first" in browser.get("/me").text
    new = "seven slow barges at dawn"
    fields = {"form_token": form_token(browser), "password": PASSWORD, "new": new, "again": new}
    assert browser.post("/me/password", data=fields).status_code == 303
    assert "Set up a second factor first" in browser.get("/me").text
    assert browser.get("/search").headers["location"] == "/me"
    shown = browser.post("/me/factor", data={"form_token": form_token(browser), "password": new}).text
    secret = re.search(r"Or type the key: <code>([A-Z2-7]{32})</code>", shown)[1]
    bad = browser.post("/me/factor/confirm", data={"form_token": form_token(browser), "code": "1"})
    assert bad.status_code == 400
    code = pyotp.TOTP(secret).at(console.clock())
    shown = browser.post("/me/factor/confirm", data={"form_token": form_token(browser), "code": code}).text
    codes = re.findall(r"<code>((?:[a-z2-7]{4} ){3}[a-z2-7]{4})</code>", shown)
    assert len(set(codes)) == 10
    assert browser.get("/").status_code == 200
    again = {"name": "new", "password": new, "code": codes[3]}
    assert console.browser().post("/login", data=again).status_code == 303


def test_a_new_password_ends_the_other_sessions(console):
    here, there = console.sign_in("auditor"), console.sign_in("auditor")
    new = "seven slow barges at dawn"
    wrong = {"form_token": form_token(here), "password": "x", "new": new, "again": new}
    assert here.post("/me/password", data=wrong).status_code == 403
    here.post("/me/password", data=wrong | {"password": PASSWORD})
    assert there.get("/").status_code == 303
    assert here.get("/").status_code == 200


@pytest.mark.parametrize(
    "password",
    ["short", "Password1!", "P@ssw0rd2024", "Summer2025!", "qwertyuiop", "12345678", "aaaaaaaaaaaa", "Mailwitness!1",
     "j.doe1234", "drowssap", "abcdefgh1234", "x" * 257],
)  # fmt: skip
def test_what_is_guessed_first_is_no_password(password):
    with pytest.raises(UsageError):
        check_password(password, name="j.doe")


@pytest.mark.parametrize(
    "password",
    [PASSWORD, first_password(), "k" + "ab9-Zu" * 20, "ein Löffel für Oma 🥄"],
    ids="ours made-up long letters".split(),  # one is new in every process: no worker may name a test by it
)
def test_what_is_not_guessed_is_one(password):
    check_password(password, name="j.doe")


def test_who_is_closed_out_is_out_at_once(console):
    administrator, auditor = console.sign_in("administrator"), console.sign_in("auditor")
    token = form_token(administrator, "/people")
    administrator.post("/people/change", data={"form_token": token, "name": "auditor", "what": "disable"})
    assert auditor.get("/").status_code == 303
    fields = {"name": "auditor", "password": PASSWORD, "code": console.code("auditor")}
    assert console.browser().post("/login", data=fields).status_code == 401
    assert [a.detail["what"] for a in console.writer.acts if a.subject == "account auditor"] == ["disable"]


def test_people_are_added_with_a_password_that_is_shown_once(console):
    administrator = console.sign_in("administrator")
    token = form_token(administrator, "/people")
    shown = administrator.post("/people/add", data={"form_token": token, "name": "Eve.New", "role": "auditor"})
    password = re.search(r"<code>([a-z2-9]{6}(?:-[a-z2-9]{6}){3})</code>", shown.text)[1]
    assert password not in administrator.get("/people").text
    assert console.browser().post("/login", data={"name": "eve.new", "password": password}).status_code == 303
    assert all(password not in str(act) for act in console.writer.acts)


def test_a_token_speaks_for_a_role_until_it_is_ended(console):
    administrator = console.sign_in("administrator")
    fields = {"form_token": form_token(administrator, "/people"), "name": "siem", "role": "auditor", "days": "30"}
    assert administrator.post("/people/token", data=fields).status_code == 400
    shown = administrator.post("/people/token", data=fields | {"scope_read": "1"}).text
    bearer = {"Authorization": "Bearer " + re.search(r"<code>(mwt_[\w-]{43})</code>", shown)[1]}
    program = console.browser()
    assert program.get("/api/v1/integrity", headers=bearer).status_code == 200
    assert program.get("/", headers=bearer).status_code == 303
    console.clock.turn(days=30)
    assert program.get("/api/v1/integrity", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/people/add", {"name": "eve", "role": "administrator"}),
        ("/people/change", {"name": "auditor", "what": "role", "role": "administrator"}),
        ("/people/change", {"name": "witness", "what": "reset"}),
        ("/people/token", {"name": "t", "role": "auditor", "days": "3", "scope_read": "1"}),
    ],
)
def test_what_cannot_be_recorded_is_not_done(console, path, fields):
    administrator = console.sign_in("administrator")
    token = form_token(administrator, "/people")
    before = accounts(console.people._connection)
    console.writer.is_away = True
    assert administrator.post(path, data=fields | {"form_token": token}).status_code == 503
    assert accounts(console.people._connection) == before
    auditor = console.browser()
    answer = auditor.post("/login", data={"name": "auditor", "password": PASSWORD, "code": console.code("auditor")})
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers


def test_reading_a_mailbox_is_recorded_under_the_persons_name(console):
    auditor = console.sign_in("auditor")
    names = re.findall(r'href="(/mailbox\?[^"]+)"', auditor.get("/search?q=a").text)
    assert auditor.get(names[0].replace("&amp;", "&")).status_code == 200
    last = console.writer.acts[-1]
    assert (last.who, last.role, last.verb) == ("auditor", "auditor", "read")
    console.writer.is_away = True
    assert auditor.get(names[0].replace("&amp;", "&")).status_code == 503


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nx: y", "evil"])
def test_signing_in_leads_nowhere_else(console, next_):
    fields = {"name": "auditor", "password": PASSWORD, "code": console.code("auditor"), "next": next_}
    answer = console.browser().post("/login", data=fields)
    assert answer.headers["location"] == "/"
