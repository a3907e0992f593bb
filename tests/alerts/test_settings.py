"""Settings of alerts that cannot be meant are refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from mailwitness.alerts.settings import AlertSettings, FileSettings, as_path
from mailwitness.alerts.span import span_of

MAIL = {"host": "mail.example.test", "sender": "a@example.test", "to": ["b@example.test"]}


def read(tables):
    return msgspec.convert(tables, AlertSettings, dec_hook=as_path)


def test_destinations_have_full_names():
    settings = read({"smtp": {"team": MAIL}, "file": {"siem": {"path": "/var/log/x"}}})
    assert list(settings.destinations()) == ["smtp.team", "file.siem"]
    assert isinstance(settings.destinations()["file.siem"], FileSettings)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"smtp": {"a": {**MAIL, "to": []}}}, "nobody"),
        ({"smtp": {"a": {**MAIL, "to": ["b"]}}}, "no mail address"),
        ({"smtp": {"a": {**MAIL, "sender": "a@example.test\nBcc: x@example.test"}}}, "no mail address"),
        ({"smtp": {"a": {**MAIL, "user": "x"}}}, "belong together"),
        ({"smtp": {"a": {**MAIL, "user": "x", "password_file": "p", "security": "none"}}}, "starttls or tls"),
        ({"smtp": {"a": {**MAIL, "per_minute": 0}}}, "at least 1"),
        ({"smtp": {"a": {**MAIL, "level": "high"}}}, "unknown field `level`"),
        ({"slack": {"a": {}}}, "either url or url_file"),
        ({"slack": {"a": {"url": "https://x.test/", "url_file": "y"}}}, "either url or url_file"),
        ({"slack": {"a": {"url": "http://x.test/"}}}, "https://"),
        ({"webhook": {"a": {"url": "https://x.test/"}}}, "secret_file"),
        ({"group_within": "1 hour"}, "no span of time"),
        ({"digest_at": "7"}, "no time of day"),
        ({"console_url": "javascript:alert(1)"}, "https://"),
    ],
)
def test_what_cannot_be_meant_is_refused(tables, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        read(tables)


@pytest.mark.parametrize(("text", "span"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)])
def test_spans(text, span):
    assert span_of(text) == timedelta(seconds=span)


@pytest.mark.parametrize("text", ["", "0m", "-1h", "1w", "1.5h", "12", "9999999d", " 1h"])
def test_no_span(text):
    with pytest.raises(ValueError, match="span of time"):
        span_of(text)
