"""Signing in at a provider (OpenID Connect), on good days and on bad ones."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response
from tests.faces.web.people.conftest import PASSWORD, form_token
from tests.faces.web.people.openid_provider import (
    CURVE,
    CURVE_384,
    RSA,
)

from mailwitness.faces.web.people.provider import AGAIN
from mailwitness.state.people import account_elsewhere, disable
from mailwitness.state.people_sessions import PER_ADDRESS


@pytest.mark.parametrize(("alg", "key"), [("RS256", RSA), ("PS256", RSA), ("ES256", CURVE), ("ES384", CURVE_384)])
def test_who_signed_in_elsewhere_is_let_in_in_his_role(corporation, alg, key):
    console, provider = corporation.console, corporation.provider
    provider.alg, provider.key = alg, key
    browser = console.browser()
    answer = corporation.sign_in(browser, "/login/elsewhere?next=%2Fsearch%3Fq%3Da%26kind%3Dchange")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/search?q=a&kind=change"
    given = answer.headers.get_list("set-cookie")
    session = next(each for each in given if each.startswith("__Host-mailwitness="))
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(session.split("; "))
    assert any(each.startswith('__Host-sign-in-elsewhere=""; expires=') for each in given)
    assert browser.get("/search?q=a").status_code == 200
    assert browser.get("/people").status_code == 403
    name = "ana at " + provider.address.removeprefix("http://")
    signing = next(act for act in console.writer.acts if act.subject.startswith("sign-in"))
    assert (signing.who, signing.role, signing.verb) == (name, "auditor", "people")
    assert signing.detail["way"] == "oidc"
    assert signing.detail["issuer"] == provider.address
    assert signing.detail["of"] == "1234"
    assert console.writer.acts[-1].who == name
    me = browser.get("/me").text
    assert name in me
    assert "Present password" not in me


def test_the_button_is_there_and_passwords_still_let_in(corporation):
    page = corporation.console.browser().get("/login?next=%2Fsearch").text
    assert 'href="/login/elsewhere?next=/search"' in page
    assert corporation.provider.address.removeprefix("http://") in page
    assert corporation.console.sign_in("auditor").get("/").status_code == 200


def test_passwords_can_be_switched_off(corporation):
    before = corporation.console.sign_in("auditor")
    corporation.configure(local_accounts=False)
    assert before.get("/").status_code == 303
    browser = corporation.console.browser()
    assert "Password" not in browser.get("/login").text
    fields = {"name": "auditor", "password": PASSWORD, "code": corporation.console.code("auditor")}
    assert browser.post("/login", data=fields).status_code == 403
    assert corporation.sign_in().status_code == 303


def test_without_a_provider_nobody_signs_in_elsewhere(corporation):
    browser = corporation.console.browser()
    corporation.sign_in(browser)
    corporation.console.people.elsewhere = None
    assert browser.get("/").status_code == 303
    for path in ("/login/elsewhere", "/login/return?state=x&code=y"):
        answer = corporation.console.browser().get(path)
        assert answer.status_code == 404
        assert "signs in nobody elsewhere" in answer.text
    assert "/login/elsewhere" not in browser.get("/login").text


def test_a_public_client_and_one_that_posts_its_secret(corporation):
    corporation.provider.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert corporation.sign_in().status_code == 303
    corporation.configure(client_secret_file=None)
    corporation.was_refused_again = corporation.sign_in()
    assert corporation.was_refused_again.status_code == 401
    assert "invalid_client" in corporation.was_refused_again.text


def test_an_answer_serves_once_and_only_the_browser_that_asked(corporation):
    mine, other = corporation.console.browser(), corporation.console.browser()
    back = corporation.back(mine)
    corporation.was_refused(other.get(back), 400, "This browser began no sign-in")
    theirs = corporation.back(other)
    corporation.was_refused(other.get(back), 400, "another sign-in")
    kept = mine.cookies["__Host-sign-in-elsewhere"]
    assert mine.get(back).status_code == 303
    assert "__Host-sign-in-elsewhere" not in mine.cookies
    again = corporation.console.browser()
    again.cookies.set("__Host-sign-in-elsewhere", kept)
    assert again.get(back).status_code == 400
    assert "used already" in again.get(back).text or "began no sign-in" in again.get(back).text
    assert theirs != back


def test_a_code_that_was_used_lets_nobody_in(corporation):
    browser = corporation.console.browser()
    code = parse_qs(urlsplit(corporation.back(browser)).query)["code"][0]
    corporation.provider.codes.clear()
    state = parse_qs(urlsplit(corporation.back(browser)).query)["state"][0]
    corporation.provider.codes.clear()
    answer = browser.get(f"/login/return?code={code}&state={state}")
    corporation.was_refused(answer, 401, "&lt;b&gt;the code is none&lt;/b&gt;")


def test_a_sign_in_takes_ten_minutes_at_most_and_does_not_outlive_the_console(corporation):
    browser = corporation.console.browser()
    back = corporation.back(browser)
    corporation.console.clock.turn(minutes=10)
    corporation.was_refused(browser.get(back), 400, "longer than 10 minutes")
    back = corporation.back(browser)
    corporation.configure()
    corporation.was_refused(browser.get(back), 400, "before the console was started anew")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E", 403, "&lt;script&gt;"),
        ("error=server_error", 403, "server_error"),
        ("", 400, "no code"),
        ("code=", 400, "no code"),
        ("code=" + "x" * 5000, 400, "no code"),
        ("code=x&iss=https://evil.example", 401, "another provider"),
    ],
)
def test_an_answer_without_a_code_of_the_provider(corporation, query, status, words):
    browser = corporation.console.browser()
    state = parse_qs(urlsplit(corporation.back(browser)).query)["state"][0]
    corporation.was_refused(browser.get(f"/login/return?state={state}&{query}"), status, words)


def test_a_provider_that_names_itself_in_answers_has_to(corporation):
    corporation.provider.described = {"authorization_response_iss_parameter_supported": True}
    corporation.refused(401, "another provider")
    browser = corporation.console.browser()
    back = corporation.back(browser) + f"&iss={corporation.provider.address}"
    assert browser.get(back).status_code == 303


@pytest.mark.parametrize(
    ("person", "role_claim", "words"),
    [
        ({"roles": None}, "roles", "stands for a role"),
        ({"roles": ["staff"]}, "roles", "stands for a role"),
        ({"roles": {"mw-auditors": 1}}, "roles", "stands for a role"),
        ({"roles": [["mw-auditors"], 7, None]}, "roles", "stands for a role"),
        ({"roles": "mw-auditors mw-witness"}, "roles", "stands for a role"),
        ({"roles": ["mw-auditors", "mw-admins"]}, "roles", "administrator and auditor, which cannot be combined"),
        ({"_claim_names": {"groups": "src1"}}, "groups", "too long"),
        ({"_claim_names": 7}, "groups", "stands for a role"),
    ],
)
def test_nobody_gets_in_without_one_role(corporation, person, role_claim, words):
    corporation.configure(role_claim=role_claim)
    corporation.provider.person |= person
    corporation.refused(403, words)


@pytest.mark.parametrize(
    ("person", "role_claim"),
    [
        ({"roles": "mw-witness"}, "roles"),
        ({"roles": ["mw-witness", "MW-AUDITORS"]}, "roles"),
        ({"realm_access": {"roles": ["mw-witness"]}}, "realm_access.roles"),
        ({"https://example.org/roles": ["mw-witness"]}, "https://example.org/roles"),
    ],
)
def test_the_role_is_found_where_it_stands(corporation, person, role_claim):
    corporation.configure(role_claim=role_claim)
    corporation.provider.person |= person
    answer = corporation.sign_in()
    assert answer.headers["location"] == "/integrity"


def test_two_values_of_one_role_are_one(corporation):
    corporation.provider.person["roles"] = ["mw-auditors", "mw-audit-2"]
    assert corporation.sign_in().headers["location"] == "/"


def test_another_role_there_is_another_role_here_and_ends_the_sessions_of_before(corporation):
    browser = corporation.console.browser()
    corporation.sign_in(browser)
    corporation.provider.person["roles"] = ["mw-admins"]
    newer = corporation.console.browser()
    corporation.sign_in(newer)
    assert newer.get("/people").status_code == 200
    assert browser.get("/").status_code == 303


def test_who_is_closed_out_here_is_out(corporation):
    browser = corporation.console.browser()
    corporation.sign_in(browser)
    connection = corporation.console.people._connection
    account = account_elsewhere(connection, corporation.provider.address, "1234")
    disable(connection, account.name, corporation.console.clock())
    assert browser.get("/").status_code == 303
    answer = corporation.sign_in()
    assert answer.status_code == 403
    assert "closed here" in answer.text


def test_a_name_is_no_local_ones_and_no_other_subjects(corporation):
    console, provider = corporation.console, corporation.provider
    provider.person["preferred_username"] = "auditor"
    corporation.sign_in()
    place = provider.address.removeprefix("http://")
    first = account_elsewhere(console.people._connection, provider.address, "1234")
    assert first.name == f"auditor at {place}"
    assert first.name != "auditor"
    provider.person["sub"] = "5678"
    corporation.sign_in()
    second = account_elsewhere(console.people._connection, provider.address, "5678")
    assert second.name.startswith("auditor (")
    assert second.name.endswith(f") at {place}")
    provider.person |= {"sub": "1234", "preferred_username": "Ana  Maria"}
    corporation.sign_in()
    assert account_elsewhere(console.people._connection, provider.address, "1234").name == f"ana maria at {place}"
    browser = console.sign_in("administrator")
    fields = {"form_token": form_token(browser, "/people"), "name": second.name, "what": "disable"}
    assert browser.post("/people/change", data=fields).status_code == 303
    assert account_elsewhere(console.people._connection, provider.address, "5678").disabled_at is not None
    for what in ("reset", "role"):
        refused = browser.post("/people/change", data=fields | {"what": what, "role": "witness"})
        assert refused.status_code == 409


@pytest.mark.parametrize("name", ["", "a\u202eb", "a\x00b", "x" * 81, 7, ["ana"], {"a": 1}])
def test_a_name_that_cannot_be_shown_names_nobody(corporation, name):
    corporation.provider.person["preferred_username"] = name
    corporation.refused(403, "no name that can be shown")


def test_who_has_no_such_claim_is_called_by_his_subject_and_addresses_have_to_be_verified(corporation):
    console, provider = corporation.console, corporation.provider
    provider.person["preferred_username"] = None
    corporation.sign_in()
    assert account_elsewhere(console.people._connection, provider.address, "1234").name.startswith("1234 at ")
    corporation.configure(name_claim="email")
    provider.person["email"] = "ana@corp.example"
    for verified in (None, False, "true"):
        provider.person["email_verified"] = verified
        assert corporation.sign_in().status_code == 403
    provider.person["email_verified"] = True
    corporation.sign_in()
    assert account_elsewhere(console.people._connection, provider.address, "1234").name.startswith(
        "ana@corp.example at"
    )


def test_what_is_not_recorded_does_not_happen(corporation):
    corporation.console.writer.is_away = True
    corporation.refused(503, "could not be recorded")


@pytest.mark.parametrize("path", ["openid-configuration", "token", "keys"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(b"<html>no JSON</html>"), "no JSON object"),
        (Response(b"[1]"), "no JSON object"),
        (Response(b"[" * 100_000), "no JSON object"),
        (Response(b'{"a": "' + b"x" * (1 << 20) + b'"}'), "more than 1 MiB"),
        (RedirectResponse("https://evil.example/"), "no JSON object"),
        (JSONResponse({}, 500), ""),
        (Response(b"\xff\xfe"), "no JSON object"),
    ],
    ids="html list nested large redirect failing bytes".split(),
)
def test_a_provider_that_answers_nonsense(corporation, path, answer, words):
    corporation.provider.answers[path] = answer
    browser = corporation.console.browser()
    told = browser.get("/login/elsewhere" if path == "openid-configuration" else corporation.back(browser))
    corporation.was_refused(told, 401 if path == "token" and not words else 502, words)


@pytest.mark.parametrize("path", ["openid-configuration", "token", "keys"])
def test_a_provider_that_is_slow(corporation, path):
    corporation.provider.silent.add(path)
    corporation.configure(seconds=0.5)
    browser = corporation.console.browser()
    told = browser.get("/login/elsewhere" if path == "openid-configuration" else corporation.back(browser))
    corporation.was_refused(told, 502, "did not answer within 0.5 seconds")


def test_a_provider_that_is_down_is_not_asked_all_the_time(corporation):
    provider = corporation.provider
    provider.answers["openid-configuration"] = JSONResponse({}, 503)
    for _ in range(3):
        assert corporation.console.browser().get("/login/elsewhere").status_code == 502
    assert provider.asked.count("openid-configuration") == 1
    provider.answers.clear()
    corporation.console.clock.turn(seconds=AGAIN.total_seconds())
    assert corporation.sign_in().status_code == 303
    corporation.configure(issuer="http://127.0.0.1:9")
    told = corporation.console.browser().get("/login/elsewhere")
    corporation_down = "127.0.0.1:9 cannot be reached"
    assert told.status_code == 502
    assert corporation_down in told.text
    assert corporation.console.sign_in("auditor").get("/").status_code == 200


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user:pass@evil.example/"},
        {"jwks_uri": None},
        {"jwks_uri": "https://a b/"},
        {"token_endpoint": 7},
    ],
)
def test_a_description_that_cannot_be_used(corporation, described):
    corporation.provider.described = described
    told = corporation.console.browser().get("/login/elsewhere")
    corporation.was_refused(told, 502, corporation.provider.address.removeprefix("http://"))


def test_a_secret_that_is_not_there_is_told(corporation):
    corporation.secret_file.write_text(" \n")
    corporation.refused(500, "secret is empty")
    corporation.secret_file.unlink()
    corporation.refused(500, "secret cannot be read")


def test_an_address_fails_so_often_and_no_more(corporation):
    corporation.provider.person["roles"] = []
    for _ in range(PER_ADDRESS):
        corporation.refused(403)
    corporation.refused(429, "Too many sign-ins failed")
    corporation.provider.person["roles"] = ["mw-auditors"]
    assert corporation.sign_in(corporation.console.browser(client="192.0.2.9")).status_code == 303
    corporation.console.clock.turn(minutes=16)
    assert corporation.sign_in().status_code == 303


def test_nobody_signs_in_readably_from_elsewhere(corporation):
    browser = corporation.console.browser(scheme="http", client="192.0.2.7")
    for path in ("/login/elsewhere", "/login/return?state=x&code=y"):
        answer = browser.get(path)
        assert answer.status_code == 403
        assert "without TLS" in answer.text


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/login", "/" + "x" * 2000])
def test_signing_in_elsewhere_leads_nowhere_else(corporation, next_):
    browser = corporation.console.browser()
    away = browser.get("/login/elsewhere", params={"next": next_})
    answer = browser.get(httpx.get(away.headers["location"]).headers["location"].removeprefix("https://localhost"))
    assert answer.headers["location"] == "/"
