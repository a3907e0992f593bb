"""Store events of Exchange 5.5 to 2003: from strings, from text, and what is not understood."""

# ruff: noqa: E501 - the texts of the logs and the rows of the tables stand on one line each
from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import Record
from mailwitness.knowledge.exchange_store_events import store_knowledge
from mailwitness.sources import exchange_store
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="App.evt")
OWNER = "/o=Example/ou=First Administrative Group/cn=Recipients/cn=kim"
OTHER = "/o=Example/ou=First Administrative Group/cn=Recipients/cn=bob"


def record(code, values=(), message=None, provider="MSExchangeIS Mailbox Store", **more):
    return Record(
        format="evt",
        offset=4096,
        provider=provider,
        event_code=code,
        computer="EX01",
        channel="Application",
        record_id=7,
        occurred_at=datetime(2005, 3, 1, 9, 30, tzinfo=UTC),
        time_quality="second",
        values=tuple(values),
        message=message,
        **more,
    )


def only(made) -> Event:
    events = list(made)
    assert len(events) == 1
    assert isinstance(events[0], Event), events[0]
    return events[0]


@pytest.mark.parametrize(
    "provider",
    ["MSExchangeIS Private", "MSExchangeIS Mailbox", "MSExchangeIS Mailbox Store", "msexchangeismailboxstore"],
)
def test_every_spelling_of_the_provider_is_recognised(provider):
    assert exchange_store.recognise(record(1016, ["EX\\bob", "kim@example.org"], provider=provider))


def test_others_are_left_alone():
    assert not exchange_store.recognise(record(1016, provider="MSExchangeIS Public Store"))
    assert not exchange_store.recognise(record(1016, provider="ESE"))
    assert not exchange_store.recognise(record(9548, [OWNER]))  # described, with the reason why it is not read
    assert exchange_store.codes() >= {1009, 1013, 1016, 1022, 1029}


@pytest.mark.parametrize(
    ("mailbox", "form"),
    [("kim@example.org", "smtp"), (OWNER, "legacy_dn"), ("Kim Doe", "display_name"), ("EX\\kim", "account")],
)
def test_1016_is_an_attempt_and_no_more(mailbox, form):
    event = only(exchange_store.read(record(1016, ["EX\\bob", mailbox], audit="success"), CONTEXT))
    assert (event.kind, event.action, event.strength, event.outcome) == ("access", "logon", "attempted", "unknown")
    assert (event.actor_name, event.actor_kind, event.logon_type) == ("EX\\bob", "user", "delegate")
    assert (event.mailbox_ref, event.mailbox_ref_form) == (mailbox, form)
    assert (event.computer, event.channel, event.record_id) == ("EX01", "Application", 7)


@pytest.mark.parametrize(
    ("text", "account", "mailbox"),
    [
        (
            "NT User EX\\User1 logged on to User2 mailbox, and is not the primary Windows NT account on this mailbox.",
            "EX\\User1",
            "User2",
        ),
        (
            "NT User ExchService logged on to ExUser1 mailbox, and is not the Primary\r\nWindows NT Account on this mailbox.\r\n",
            "ExchService",
            "ExUser1",
        ),
        (
            "Windows 2000 User NT AUTHORITY\\SYSTEM logged on to kim@example.org mailbox, and is not the primary Windows 2000 account on this mailbox.",
            "NT AUTHORITY\\SYSTEM",
            "kim@example.org",
        ),
        (  # a display name that tries to speak for itself
            "Windows 2000 User EX\\bob logged on to Kim logged on to CEO mailbox, and is not the primary Windows 2000 account on this mailbox.",
            "EX\\bob",
            "Kim logged on to CEO",
        ),
    ],
)
def test_1016_from_its_texts(text, account, mailbox):
    event = only(exchange_store.read(record(1016, message=text), CONTEXT))
    assert (event.actor_name, event.mailbox_ref) == (account, mailbox)


def test_strings_and_text_make_one_event():
    text = "Windows 2000 User EX\\bob logged on to Kim mailbox, and is not the primary Windows 2000 account on this mailbox."
    from_strings = only(exchange_store.read(record(1016, ["EX\\bob", "Kim"]), CONTEXT))
    from_text = only(exchange_store.read(record(1016, message=text), CONTEXT))
    assert from_strings == from_text


def test_1009_does_not_claim_whose_mailbox_it_is():
    event = only(exchange_store.read(record(1009, ["EX\\kim", OWNER, "First SG\\Mailbox Store (EX01)"]), CONTEXT))
    assert (event.strength, event.outcome, event.logon_type) == ("opened", "success", None)
    assert (event.mailbox_ref_form, event.database) == ("legacy_dn", "First SG\\Mailbox Store (EX01)")
    text = f'EX\\kim logged on as {OWNER} on database "First SG\\Mailbox Store (EX01)".'
    assert only(exchange_store.read(record(1009, message=text), CONTEXT)) == event


def test_1013_is_a_mailbox_opened_by_another():
    text = f"EX\\bob was validated as {OTHER} and logged on to {OWNER}."
    for given_record in (record(1013, ["EX\\bob", OTHER, OWNER]), record(1013, message=text)):
        event = only(exchange_store.read(given_record, CONTEXT))
        assert (event.strength, event.logon_type, event.mailbox_ref) == ("opened", "delegate", OWNER)
        assert event.actor_name == "EX\\bob"


def test_1013_upon_the_own_mailbox_is_the_owner():
    event = only(exchange_store.read(record(1013, ["EX\\kim", OWNER.upper(), OWNER]), CONTEXT))
    assert event.logon_type == "owner"


def test_1022_is_a_refused_logon():
    database = "First Storage Group\\Private Information Store (ALIA)"
    text = f'Logon Failure on database "{database}" - Windows 2000 account EX\\administrator; mailbox {OWNER}. Error: -2147221231'
    for given_record in (
        record(1022, [database, "EX\\administrator", OWNER, "-2147221231"]),
        record(1022, message=text),
    ):
        event = only(exchange_store.read(given_record, CONTEXT))
        assert (event.outcome, event.strength, event.database) == ("failure", "attempted", database)
        assert (event.actor_name, event.mailbox_ref) == ("EX\\administrator", OWNER)


def test_1029_names_the_right_and_the_folder():
    text = (
        f"{OTHER} failed an operation because the user did not have the following access rights: 'Create Subfolder' "
        f"The distinguished name of the owning mailbox is {OWNER}. The folder ID is in the data section of this event."
    )
    for given_record in (
        record(1029, [OTHER, "'Create Subfolder'", OWNER], data=b"\x01\x00\xff"),
        record(1029, message=text, data=b"\x01\x00\xff"),
    ):
        event = only(exchange_store.read(given_record, CONTEXT))
        assert (event.outcome, event.rights, event.folder) == ("failure", ("Create Subfolder",), "0100ff")
        assert (event.actor_name, event.mailbox_ref, event.scope) == (OTHER, OWNER, "folder")


def test_a_move_and_a_descriptor_that_could_not_be_updated():
    text = (
        "Started to move mailbox 'kim'. Source Database: SG1\\Store 1 Destination Database: SG2\\Store 2 "
        f"Exchange DN: {OWNER}"
    )
    event = only(exchange_store.read(record(1006, message=text, provider="MSExchangeAdmin"), CONTEXT))
    assert (event.attribute, event.before, event.after) == ("homeMDB", "SG1\\Store 1", "SG2\\Store 2")
    assert event.mailbox_ref == OWNER
    event = only(exchange_store.read(record(9554, ["{01234567-89ab-CDEF-0123-456789abcdef}", "x"]), CONTEXT))
    assert (event.kind, event.outcome, event.mailbox_ref_form) == ("permission", "failure", "guid")


@pytest.mark.parametrize("values", [(), ("EX\\bob",), ("a", "b", "c")])
def test_an_unknown_layout_is_a_problem(values):
    (problem,) = exchange_store.read(record(1016, values), CONTEXT)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records, problem.where.record_id) == ("unknown_layout", 1, 7)


@given(
    st.sampled_from(sorted(exchange_store.codes())), st.lists(st.text(max_size=50), max_size=6), st.text(max_size=200)
)
def test_whatever_stands_in_a_record_makes_one_reading(code, values, message):
    for given_record in (record(code, values), record(code, message=message)):
        provider = "MSExchangeAdmin" if code == 1006 else given_record.provider
        assert (
            len(list(exchange_store.read(record(code, given_record.values, given_record.message, provider), CONTEXT)))
            == 1
        )


@pytest.mark.parametrize(
    "unit", [" logged on to ", " logged on as /o=", " Destination Database: ", " and logged on to /o=a", "{", "a"]
)
def test_hostile_texts_cost_a_bounded_time(unit):
    heads = {
        1016: "NT User ",
        1009: "",
        1013: "a was validated as /o=",
        1022: 'Logon Failure on database "',
        1029: "",
        1006: "Started to move mailbox 'a'. Source Database: ",
        9554: "",
    }
    start = time.process_time()
    for code, head in heads.items():
        provider = "MSExchangeAdmin" if code == 1006 else "MSExchangeIS"
        list(exchange_store.read(record(code, message=(head + unit * 6000)[:5999], provider=provider), CONTEXT))
    assert time.process_time() - start < 2.0


def test_every_described_event_names_its_source_and_reason():
    for event in store_knowledge().events:
        assert event.source
        assert event.not_read or event.layouts or event.wordings, event.id
