"""Whatever an attacker writes, a message says it and does nothing else."""

from __future__ import annotations

import email
import json
import re
from email import policy

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.samples import ALERT
from tests.conftest import DATA

from mailwitness.alerts.alert import shown
from mailwitness.alerts.forms.adaptive_card import adaptive_card_of
from mailwitness.alerts.forms.cef import cef_of, syslog_line
from mailwitness.alerts.forms.mail import mail_of
from mailwitness.alerts.forms.slack import slack_of

CARD = json.loads((DATA / "alerts" / "adaptive-card.schema.json").read_text())
HOSTILE = [
    "a\r\nBcc: all@example.test\r\n\r\nbody",
    "<!channel> <https://evil.test|Sign in> @here *bold* `code` :boom:",
    "[Sign in](https://evil.test) ![x](https://evil.test/x.png) {{DATE(2026-01-01T00:00:00Z)}} **b**",
    "a|b\\c=d\nCEF:0|Other|x|1|1|forged|10|act=x",
    "\u202egnp.exe \u200bzero \x1b[31mred \x00nul \ud800",
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>&amp;",
    "x" * 100_000,
    "",
]


def with_text(alert, text):
    return msgspec.structs.replace(
        alert,
        title=text,
        mailbox=text,
        actor=text,
        organization=text,
        rule_id=text,
        description=text,
        facts={text or "empty": text},
        event_ids=(text,),
        tags=(text,),
    )


def test_a_mail_says_what_happened(alert):
    message = email.message_from_bytes(
        mail_of(alert, "mw@example.test", ["a@example.test"]).as_bytes(), policy=policy.default
    )
    assert message["Subject"] == "[high] FullAccess granted"
    assert message["Message-ID"] == "<5f0c@example.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    for part in ("EXAMPLE\\director", "EXAMPLE\\helpdesk", "EXAMPLE\\intern", "2026-03-02 09:00:00 UTC", alert.link):
        assert part in text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_mail_keeps_its_headers_and_stays_text(alert, text):
    plain = mail_of(alert, "mw@example.test", ["a@example.test"])
    data = mail_of(with_text(alert, text), "mw@example.test", ["a@example.test"]).as_bytes()
    message = email.message_from_bytes(data, policy=policy.default)
    assert message.keys() == plain.keys()
    assert (message["From"], message["To"]) == ("mw@example.test", "a@example.test")
    assert message.get_content_type() == "text/plain"
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u200b]", message.get_content().replace("\r\n", "\n"))
    assert max(map(len, message.get_content().splitlines())) < 1000


def texts_of(value):
    """Every (type, text) of Slack's text objects."""
    if isinstance(value, dict):
        if "text" in value and isinstance(value["text"], str):
            yield value.get("type"), value["text"]
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)


@pytest.mark.parametrize("text", HOSTILE)
def test_slack_gets_plain_text_only(alert, text):
    body = slack_of(with_text(alert, text))
    assert {kind for kind, _ in texts_of(body["blocks"])} == {"plain_text"}
    assert "<" not in body["text"]
    assert ">" not in body["text"]
    assert len(body["blocks"]) <= 50
    for block in body["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("text", {}).get("text", "")) <= 3000
    assert body["blocks"][0]["text"]["text"].startswith("[high] ")
    assert len(body["blocks"][0]["text"]["text"]) <= 150


@pytest.mark.parametrize("text", HOSTILE)
def test_an_adaptive_card_has_the_published_shape_and_no_markdown(alert, text):
    body = adaptive_card_of(with_text(alert, text))
    jsonschema.Draft202012Validator(CARD).validate(body)
    assert len(msgspec.json.encode(body)) < 28_000
    card = body["attachments"][0]["content"]
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}  # TextBlock and FactSet read Markdown
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the case", "url": alert.link}]


def test_the_schema_of_the_card_refuses_another_shape(alert):
    body = adaptive_card_of(alert)
    body["attachments"][0]["content"]["body"][0]["inlines"][0].pop("text")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(CARD).validate(body)


def parse_cef(line):
    """A reader of CEF: header fields split at bare pipes, values up to the next ` key=`."""
    fields, current, escaped = [], "", False
    rest = ""
    for at, c in enumerate(line):
        if escaped:
            current, escaped = current + c, False
        elif c == "\\":
            escaped = True
        elif c == "|" and len(fields) < 7:
            fields.append(current)
            current = ""
            if len(fields) == 7:
                rest = line[at + 1 :]
                break
        else:
            current += c
    starts = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", rest))
    starts = [m for m in starts if not rest[: m.end() - 1].endswith("\\")]
    ends = [m.start() for m in starts[1:]] + [len(rest)]
    values = {m[1]: re.sub(r"\\(.)", r"\1", rest[m.end() : end]) for m, end in zip(starts, ends, strict=True)}
    return fields, values


def test_cef_is_read_back(alert):
    fields, values = parse_cef(cef_of(alert))
    assert fields[0] == "CEF:0"
    assert (fields[4], fields[5], fields[6]) == ("a1b2", "FullAccess granted", "8")
    assert values["suser"] == "EXAMPLE\\helpdesk"
    assert values["duser"] == "EXAMPLE\\director"
    assert values["start"] == "1772442000000"
    assert values["externalId"] == "c0ffee"
    assert values["cs1"] == "ab" * 32


@given(st.text(max_size=60))
def test_cef_says_what_was_written_and_nothing_else(text):
    fields, values = parse_cef(cef_of(with_text(ALERT, text)))
    assert values.get("suser", "") == shown(text, 1023)
    assert fields[5] == shown(text, 512)
    assert len(fields) == 7


@pytest.mark.parametrize("text", HOSTILE)
def test_a_syslog_line_is_one_line(alert, text):
    line = syslog_line(with_text(alert, text)).decode()
    assert "\n" not in line
    assert "\r" not in line
    assert re.match(r"<10[0-9]>1 2026-03-02T09:00:05\.000000Z \S+ mailwitness [0-9]+ alert - CEF:0\|", line)
