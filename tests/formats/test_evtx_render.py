"""What becomes of the library's JSON: names, values and numbers in every form evtx 0.14 writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.formats.evtx_render import record_of


def rendered(event_data=None, *, system=None, **parts):
    """Return the JSON of a record; `system` replaces or (None) removes elements of System."""
    elements = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing", "Guid": "54849625"}},
        "EventID": 5136,
        "Version": 0,
        "Level": 0,
        "Keywords": "0x8020000000000000",
        "TimeCreated": {"#attributes": {"SystemTime": "2026-03-01T08:00:00.123456Z"}},
        "EventRecordID": 77,
        "Correlation": None,
        "Channel": "Security",
        "Computer": "dc1.example.com",
        "Security": None,
    } | (system or {})
    event = {"#attributes": {"xmlns": "x"}, "System": {k: v for k, v in elements.items() if v is not ...}}
    if event_data is not None:
        event["EventData"] = event_data
    return json.dumps({"Event": event | parts}, separators=(",", ":"))


def test_a_plain_record():
    record = record_of(rendered({"A": "1", "B": ""}), 4608)
    assert (record.offset, record.event_code, record.record_id, record.version, record.level) == (4608, 5136, 77, 0, 0)
    assert record.occurred_at == datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
    assert (record.names, record.values) == (("A", "B"), ("1", ""))
    assert record.user_sid is record.related_activity is record.message is record.data is None


@pytest.mark.parametrize("code", [1, "1", {"#attributes": {"Qualifiers": 16384}, "#text": 1}, {"#text": "1"}])
def test_every_form_of_an_event_id(code):
    assert record_of(rendered(system={"EventID": code}), 0).event_code == 1


@pytest.mark.parametrize(
    ("keywords", "audit"),
    [
        ("0x8020000000000000", "success"),
        ("0x8010000000000000", "failure"),
        ("0x80000000000000", None),
        (0x8010000000000000, "failure"),
        (None, None),
        (..., None),
    ],
)
def test_the_audit_bits(keywords, audit):
    assert record_of(rendered(system={"Keywords": keywords}), 0).audit == audit


def test_numbers_flags_and_nothing_become_text():
    record = record_of(rendered({"A": 3, "B": True, "C": False, "D": None, "E": -1, "F": 2**64 - 1}), 0)
    assert record.values == ("3", "true", "false", "", "-1", str(2**64 - 1))


def test_guids_get_their_braces_back():
    guid = "647BDB0D-1F6A-4E0A-9E7B-0123456789AB"
    record = record_of(
        rendered(
            {"A": guid, "B": f"{{{guid}}}", "C": f"x{guid[1:]}"},
            system={"Correlation": {"#attributes": {"ActivityID": guid}}},
        ),
        0,
    )
    assert record.values == (f"{{{guid}}}", f"{{{guid}}}", f"x{guid[1:]}")
    assert record.related_activity == f"{{{guid}}}"


def test_positional_data_keep_their_order_and_their_empty_ones():
    record = record_of(
        rendered({"Data": {"#text": ["Set-Mailbox", "", "x", "647BDB0D-1F6A-4E0A-9E7B-0123456789AB"]}}), 0
    )
    assert record.names == ()
    assert record.values == ("Set-Mailbox", "", "x", "647BDB0D-1F6A-4E0A-9E7B-0123456789AB")


@pytest.mark.parametrize(("text", "values"), [("one", ("one",)), ("", ()), (5, ("5",))])
def test_one_positional_datum(text, values):
    assert record_of(rendered({"Data": {"#text": text}, "Binary": None}), 0).values == values


def test_binary_is_data():
    record = record_of(rendered({"Data": {"#text": ["a", "b"]}, "Binary": "D906"}), 0)
    assert (record.values, record.data) == (("a", "b"), b"\xd9\x06")
    record = record_of(rendered({"param1": "x", "Binary": "5400"}), 0)
    assert (record.names, record.values, record.data) == (("param1",), ("x",), b"T\0")
    record = record_of(rendered({"param1": "x", "Binary": "no hex"}), 0)
    assert (record.names, record.values, record.data) == (("param1", "Binary"), ("x", "no hex"), None)


def test_a_name_given_twice_is_kept_twice():
    text = rendered({"A": "1", "B": "2"}).replace('"B":"2"', '"A":"2"')
    record = record_of(text, 0)
    assert (record.names, record.values) == (("A", "A"), ("1", "2"))


def test_a_value_that_looks_like_a_key_changes_nothing():
    record = record_of(rendered({"A": 'x":"y', "B": '{"A":1}'}), 0)
    assert (record.names, record.values) == (("A", "B"), ('x":"y', '{"A":1}'))


def test_attributes_of_event_data_are_no_values():
    record = record_of(rendered({"#attributes": {"Name": "EVENT_X"}, "A": "1"}), 0)
    assert (record.names, record.values) == (("A",), ("1",))


def test_user_data():
    form = {"#attributes": {"xmlns": "y"}, "SubjectUserSid": "S-1-5-18", "Parts": {"Part": "a", "Part_1": "b", "N": {}}}
    record = record_of(rendered(UserData={"LogFileCleared": form}), 0)
    assert record.names == ("SubjectUserSid", "Part", "Part", "N")
    assert record.values == ("S-1-5-18", "a", "b", "")


def test_user_data_without_content():
    record = record_of(rendered(UserData={"ServiceShutdown": {"#attributes": {"xmlns": "y"}}}), 0)
    assert (record.names, record.values) == (("ServiceShutdown",), ("",))
    record = record_of(rendered(UserData={"File": "x", "Other": {"#attributes": {"a": "b"}, "#text": 3}}), 0)
    assert (record.names, record.values) == (("File", "Other"), ("x", "3"))


def test_what_windows_could_not_render():
    record = record_of(rendered(ProcessingErrorData={"ErrorCode": 15005, "DataItemName": "X"}), 0)
    assert (record.names, record.values) == (("ErrorCode", "DataItemName"), ("15005", "X"))


def test_the_rendered_message_and_the_user():
    text = rendered(
        {"A": "1"}, system={"Security": {"#attributes": {"UserID": "S-1-5-19"}}}, RenderingInfo={"Message": "so"}
    )
    record = record_of(text, 0)
    assert (record.message, record.user_sid) == ("so", "S-1-5-19")


def test_no_event_data_at_all():
    assert record_of(rendered(), 0).values == ()
    assert record_of(rendered(EventData=None), 0).values == ()
    assert record_of(rendered("text"), 0).values == ("text",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"Event":null}',
        '{"Event":{"System":null}}',
        rendered(system={"TimeCreated": None}),
        rendered(system={"TimeCreated": {"#attributes": {}}}),
        rendered(system={"TimeCreated": {"#attributes": {"SystemTime": "2026-03-01T08:00:00"}}}),
        rendered(system={"EventID": None}),
        rendered(system={"EventID": "x"}),
        rendered(system={"EventID": {"#attributes": {"Qualifiers": 1}}}),
        rendered(system={"EventRecordID": "x"}),
        rendered(system={"Provider": ...}),
    ],
)
def test_what_lacks_what_every_record_has_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the base of what JSON, msgspec and datetime raise
        record_of(text, 0)


def test_a_record_without_a_provider_name_is_still_one():
    assert record_of(rendered(system={"Provider": None}), 0).provider == ""


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4))


@given(trees, trees)
def test_any_content_reads_or_is_refused(event_data, user_data):
    try:
        record = record_of(rendered(event_data, UserData=user_data), 0)
    except ValueError:
        return
    assert not record.names or len(record.names) == len(record.values)
    assert all(isinstance(v, str) for v in record.values)


@given(st.dictionaries(texts.filter(lambda name: name not in {"Binary", "Data"} and not name.startswith("#")), texts))
def test_named_texts_come_out_as_they_are(pairs):
    record = record_of(rendered(pairs or None), 0)
    assert record.names == tuple(pairs)
    assert record.values == tuple(pairs.values())
