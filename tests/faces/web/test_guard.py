"""Headers on every answer, hosts and origins that are turned away, and no state changed by a GET."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from mailwitness.faces.web.application import routes
from mailwitness.faces.web.guard import HEADERS

ADDRESSES = ["/", "/mailbox?name=nobody", "/nix", "/static/console.css", "/static/../application.py", "/access/zz"]


def ask(console, method, path, body=None, **headers):
    place = urlsplit(console)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named |= {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, path, body=body, headers=named)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_answer_carries_the_headers(console, address, method):
    _, headers, _ = ask(console, method, address)
    lowered = {name.lower(): value for name, value in headers.items()}
    for name, value in HEADERS.items():
        assert lowered[name.lower()] == value
    assert "cache-control" in lowered
    assert "server" not in lowered


def test_nothing_is_allowed_that_was_not_meant(console):
    _, headers, _ = ask(console, "GET", "/")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert headers["cache-control"] == "no-store"


def test_another_host_is_turned_away(console):
    status, _, text = ask(console, "GET", "/", Host="evil.example")
    assert status == 403
    assert "hosts" in text


POSTS = sorted(route.path for route in routes() if "POST" in (route.methods or ()))


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
def test_a_form_of_another_origin_is_refused(console, path, headers):
    status, _, _ = ask(console, "POST", path.replace("{case}", "0" * 16), body="theme=dark", **headers)
    assert status == 403


def test_the_theme_is_kept_in_a_cookie_and_leads_back_here_only(console):
    for back, place in (("/search?q=a", "/search?q=a"), ("//evil.example", "/"), ("http://evil.example", "/")):
        status, headers, _ = ask(
            console, "POST", "/theme", body=f"theme=dark&back={back}", Sec_Fetch_Site="same-origin"
        )
        assert status == 303
        assert headers["location"] == place
        assert "httponly" in headers["set-cookie"].lower()
        assert "samesite=strict" in headers["set-cookie"].lower()


def test_what_changes_something_answers_to_no_get(console):
    for path in POSTS:
        if path not in {route.path for route in routes() if "GET" in (route.methods or ())}:
            status, _, _ = ask(console, "GET", path.replace("{case}", "0" * 16))
            assert status in (404, 405), path


def test_names_of_files_lead_nowhere(console):
    for path in ("/static/..%2f__init__.py", "/static/%2e%2e/__init__.py", "/static/__init__.py", "/static/"):
        assert ask(console, "GET", path)[0] == 404
