"""Event XML: the forms Windows writes, and what each kind of damage costs."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import event_xml
from mailwitness.formats.interface import Record, Skipped, Span, Wanted
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_xml import EventXmlWriter
from mailwitness.simulate.writers.event_xml import event_xml as written

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"


def event(number=7, code=5136, data="<Data Name='ObjectDN'>CN=a</Data>", extra=""):
    return (
        f"<Event xmlns='{NAMESPACE}'><System><Provider Name='Microsoft-Windows-Security-Auditing'/>"
        f"<EventID>{code}</EventID><Version>0</Version><Level>0</Level><Keywords>0x8020000000000000</Keywords>"
        f"<TimeCreated SystemTime='2022-12-14T16:06:51.0643605Z'/><EventRecordID>{number}</EventRecordID>"
        "<Correlation ActivityID='{a}'/><Channel>Security</Channel><Computer>dc1.example.com</Computer>"
        f"<Security UserID='S-1-5-18'/></System><EventData>{data}</EventData>{extra}</Event>"
    )


def split(readings):
    readings = list(readings)
    return [r for r in readings if isinstance(r, Record)], [r for r in readings if isinstance(r, Problem)]


def test_every_part_of_a_record_is_read(read_bytes):
    rendered = "<RenderingInfo Culture='fr-FR'><Message>Un objet a été modifié</Message></RenderingInfo>"
    (record,) = read_bytes(event(data="<Data Name='A'>x</Data><Data Name='B'/><Binary>0aFF</Binary>", extra=rendered))
    assert record == Record(
        format="event xml",
        offset=0,
        provider="Microsoft-Windows-Security-Auditing",
        event_code=5136,
        computer="dc1.example.com",
        channel="Security",
        record_id=7,
        occurred_at=datetime(2022, 12, 14, 16, 6, 51, 64360, UTC),
        time_quality="exact",
        values=("x", ""),
        names=("A", "B"),
        audit="success",
        level=0,
        version=0,
        user_sid="S-1-5-18",
        message="Un objet a été modifié",
        data=b"\n\xff",
        related_activity="{a}",
    )


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_the_writer_writes_is_read_back(tmp_path, root, encoding):
    path = tmp_path / "events.xml"
    records = [
        WindowsRecord(
            provider="Microsoft-Windows-Security-Auditing",
            event_code=5136,
            computer="dc1.example.com",
            channel="Security",
            record_id=number,
            occurred_at=datetime(2022, 12, 14, 16, 6, number, 1, UTC),
            names=("ObjectDN", "AttributeValue"),
            values=(f"CN=Zoë {number} 🂡,DC=example", "a < b & \r\n\tc"),
            audit="failure",
        )
        for number in range(1, 40)
    ]
    with EventXmlWriter(path, root=root, encoding=encoding) as writer:
        for record in records:
            writer.write(record)
    assert formats.recognise(path) is event_xml
    found, problems = split(event_xml.read(path, event_xml.spans(path)[0], Wanted()))
    assert problems == []
    assert [(r.record_id, r.occurred_at, r.values, r.audit) for r in found] == [
        (r.record_id, r.occurred_at, r.values, "failure") for r in records
    ]
    data = path.read_bytes()
    codec = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert all(data[r.offset :].startswith("<Event ".encode(codec)) for r in found)


def test_unwanted_records_are_counted_with_their_numbers_and_not_rendered(read_bytes):
    text = "\r\n".join(event(number, code) for number, code in ((1, 4624), (2, 5136), (3, 4625)))
    readings = read_bytes(text, wanted=Wanted(frozenset({5136})))
    assert [r.record_id for r in readings if isinstance(r, Record)] == [2]
    assert [r for r in readings if isinstance(r, Skipped)] == [Skipped(2, "dc1.example.com", "Security", (1, 3))]


@pytest.mark.parametrize(
    "hidden",
    [
        event(1, 4624).replace("<EventID>4624</EventID>", "<EventID>4624</EventID><EventID>5136</EventID>"),
        event(1, 4624).replace("<EventID>", "<!--<EventID>1</EventID>--><EventID>"),
    ],
)
def test_a_record_whose_code_is_not_plain_is_rendered(read_bytes, hidden):
    readings = read_bytes(hidden, wanted=Wanted(frozenset({5136})))
    assert not any(isinstance(r, Skipped) for r in readings)


def test_user_data_and_processing_errors_come_as_names_and_values(read_bytes):
    leaves = "<SubjectUserSid>S-1-5-18</SubjectUserSid><Deep><Inner>v</Inner></Deep>"
    cleared = f"<LogFileCleared xmlns='x'>{leaves}</LogFileCleared>"
    text = event(code=1102).replace(
        "<EventData><Data Name='ObjectDN'>CN=a</Data></EventData>", f"<UserData>{cleared}</UserData>"
    )
    (record,) = read_bytes(text)
    assert (record.names, record.values) == (("SubjectUserSid", "Inner"), ("S-1-5-18", "v"))


def test_unnamed_data_keep_their_positions_and_empty_ones(read_bytes):
    (record,) = read_bytes(event(data="<Data>a</Data><Data></Data><Data/><Data>d</Data>"))
    assert (record.names, record.values) == ((), ("a", "", "", "d"))


@pytest.mark.parametrize("torn_at", [30, 200, 400, 500])
def test_a_torn_record_costs_itself(read_bytes, torn_at):
    records, problems = split(read_bytes(event(1) + "\n" + event(2)[:torn_at] + "\n" + event(3) + "\n" + event(4)))
    assert [r.record_id for r in records] == [1, 3, 4]
    assert [(p.code, p.records) for p in problems] == [("damaged", 1)]


@pytest.mark.parametrize("from_byte", [10, 100, 400])
def test_a_record_without_its_beginning_costs_itself(read_bytes, from_byte):
    records, problems = split(read_bytes(event(1) + "\n" + event(2)[from_byte:] + "\n" + event(3)))
    assert [r.record_id for r in records] == [1, 3]
    assert [(p.code, p.records) for p in problems] == [("damaged", 1)]


def test_a_file_that_ends_within_a_record_is_said_to_be_truncated(read_bytes):
    records, problems = split(read_bytes(event(1) + event(2)[:-3]))
    assert [r.record_id for r in records] == [1]
    assert [(p.code, p.records) for p in problems] == [("truncated", 1)]


@pytest.mark.parametrize("control", ["\x01", "&#x1;", "&#0;", "&#31;", "&#xD800;", "&#xFFFF;"])
def test_a_character_xml_forbids_hides_no_record(read_bytes, control):
    records, problems = split(read_bytes(event(data=f"<Data Name='ObjectDN'>CN=a{control}b</Data>")))
    assert len(records) == 1
    assert records[0].values[0] != "CN=ab"
    assert records[0].values[0].startswith("CN=a")
    assert [(p.code, p.records) for p in problems] == [("damaged", 0)]


def test_bytes_that_are_no_utf8_hide_no_record(read_bytes):
    records, problems = split(read_bytes(event(data="<Data Name='A'>Z\xfcrich</Data>").encode("latin-1")))
    assert records[0].values == ("Z\ufffdrich",)
    assert [(p.code, p.records) for p in problems] == [("damaged", 0)]


def test_a_doctype_before_the_events_refuses_the_file(read_bytes):
    readings = read_bytes('<?xml version="1.0"?><!DOCTYPE Events [<!ENTITY a "b">]><Events>' + event() + "</Events>")
    assert [(r.code, r.records) for r in readings] == [("refused", 1)]


def test_a_doctype_within_an_event_costs_that_event(read_bytes):
    records, problems = split(
        read_bytes(event(1) + event(2).replace("<EventData>", "<!DOCTYPE x><EventData>") + event(3))
    )
    assert [r.record_id for r in records] == [1, 3]
    assert len(problems) == 1


def test_an_entity_nobody_declared_costs_its_record(read_bytes):
    records, problems = split(read_bytes(event(1, data="<Data>&xxe;</Data>") + event(2)))
    assert [r.record_id for r in records] == [2]
    assert [p.code for p in problems] == ["damaged"]


def test_events_in_cdata_and_comments_are_text_not_records(read_bytes):
    inner = event(99).replace("'", '"')
    records, problems = split(
        read_bytes(event(1, data=f"<Data><![CDATA[{inner}]]></Data><!-- {event(98)} -->") + event(2))
    )
    assert [r.record_id for r in records] == [1, 2]
    assert records[0].values == (inner,)
    assert problems == []


def test_an_element_of_the_same_name_within_a_record_is_no_record(read_bytes):
    nested = event(1).replace("<EventData>", f"<UserData><X xmlns='y'>{event(99)}</X></UserData><EventData>")
    records, problems = split(read_bytes(nested + "\n" + event(2)))
    assert [r.record_id for r in records] == [1, 2]
    assert problems == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("<EventID>5136</EventID>", "<EventID>many</EventID>"), "an EventID"),
        (("2022-12-14T16:06:51.0643605Z", "yesterday"), "TimeCreated in ISO 8601"),
        (("2022-12-14T16:06:51.0643605Z", "2022-13-14T16:06:51Z"), "TimeCreated in ISO 8601"),
        (("System>", "Systematic>"), "a System element"),
    ],
)
def test_what_every_event_has_is_missed(read_bytes, change, expected):
    records, problems = split(read_bytes(event(1) + event(2).replace(*change)))
    assert [r.record_id for r in records] == [1]
    assert [(p.code, p.expected, p.records) for p in problems] == [("unparsable", expected, 1)]


def test_spans_side_by_side_read_what_one_span_reads(tmp_path, monkeypatch):
    path = tmp_path / "events.xml"
    path.write_text("\n".join(event(number, data=f"<Data>{'x' * (number % 50)}</Data>") for number in range(500)))
    whole = list(event_xml.read(path, Span(0, path.stat().st_size), Wanted()))
    monkeypatch.setattr(event_xml, "_SPAN_BYTES", 20_000)
    spans = event_xml.spans(path)
    assert len(spans) > 5
    assert [r for span in spans for r in event_xml.read(path, span, Wanted())] == whole
    assert len(whole) == 500


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_value_survives_the_way_through_xml(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("xml") / "event.xml"
    record = WindowsRecord(
        provider="p",
        event_code=1,
        computer="c",
        channel="Application",
        record_id=1,
        occurred_at=datetime(2020, 1, 1, tzinfo=UTC),
        values=tuple(values),
    )
    path.write_text(written(record), encoding="utf-8", newline="")
    records, problems = split(event_xml.read(path, Span(0, path.stat().st_size), Wanted()))
    assert len(records) == 1
    if not problems:
        assert records[0].values == tuple(values)
    else:  # only what XML cannot carry at all
        assert any(ord(c) < 0x20 or ord(c) in {0xFFFE, 0xFFFF} for value in values for c in value)


@pytest.mark.parametrize("text", ["<Events></Events>", '<?xml version="1.0"?>\r\n<Events/>'])
def test_a_log_without_events_is_no_problem(read_bytes, text):
    assert read_bytes(text) == []
