"""The Exchange Auditing log of 2007 SP2: read by labels, never by position."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import Record
from mailwitness.sources import exchange_auditing_2007
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32)
KIM = "/o=Example/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=kim"
BOB = "/o=Example/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=bob"


def record(code=10100, message=None, values=(), channel="Exchange Auditing"):
    return Record(
        format="evtx",
        offset=0,
        provider="MSExchangeIS Auditing",
        event_code=code,
        computer="EX07",
        channel=channel,
        record_id=1,
        occurred_at=datetime(2009, 9, 1, tzinfo=UTC),
        time_quality="exact",
        message=message,
        values=tuple(values),
    )


def text(first="The folder /Inbox in Mailbox 'Kim' was opened by user EX\\bob", actor=BOB, admin="false"):
    return "\r\n".join(
        [
            first,
            "Display Name: Inbox",
            f"Accessing User: {actor}",
            f"Mailbox: {KIM}",
            f"Administrative Rights: {admin}",
            "Identifier: 00000000A1",
            "Client Information (if Available)",
            "Machine Name: PC-BOB",
            "Address: 192.0.2.7",
            "Process Name: OUTLOOK.EXE",
            "Process Id: 0",
            "Application Id: <NULL>",
        ]
    )


@pytest.mark.parametrize(
    ("actor", "admin", "logon_type"),
    [(BOB, "false", "delegate"), (KIM, "false", "owner"), (BOB, "true", "admin")],
)
def test_a_folder_opened(actor, admin, logon_type):
    (event,) = exchange_auditing_2007.read(record(message=text(actor=actor, admin=admin)), CONTEXT)
    assert (event.action, event.strength, event.folder, event.logon_type) == (
        "folder_open",
        "opened",
        "/Inbox",
        logon_type,
    )
    assert (event.mailbox_ref, event.mailbox_ref_form, event.actor_name) == (KIM, "legacy_dn", actor)
    assert (event.client_host, event.client_ip, event.client_app) == ("PC-BOB", "192.0.2.7", "OUTLOOK.EXE")


def test_a_message_opened_and_mail_sent_as_another():
    (event,) = exchange_auditing_2007.read(record(10102, text(first="")), CONTEXT)
    assert (event.action, event.strength, event.items[0].item_id) == ("item_read", "read", "00000000A1")
    (event,) = exchange_auditing_2007.read(record(10104, text(first=f"{BOB} sent a message as {KIM}")), CONTEXT)
    assert (event.action, event.strength) == ("send_as", "acted")


def test_labels_in_the_strings_do_as_well():
    (event,) = exchange_auditing_2007.read(record(values=text().splitlines()), CONTEXT)
    assert event.mailbox_ref == KIM


def test_without_labels_it_is_a_problem():
    (problem,) = exchange_auditing_2007.read(record(values=["/Inbox", "Kim", "EX\\bob"]), CONTEXT)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records) == ("unknown_layout", 1)


def test_only_its_log_is_recognised():
    assert exchange_auditing_2007.recognise(record())
    assert not exchange_auditing_2007.recognise(record(code=10101))


@given(st.text(max_size=300))
def test_any_text_makes_one_reading(message):
    (reading,) = exchange_auditing_2007.read(record(message=message), CONTEXT)
    assert isinstance(reading, Event | Problem)
