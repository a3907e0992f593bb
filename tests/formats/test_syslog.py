"""Syslog: how streams are cut, what headers are understood, and what messages carry."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import syslog
from mailwitness.formats.interface import ExportRecord, Record, Skipped, Span, Wanted
from mailwitness.formats.syslog_frames import Cutter, TooLong, Torn
from mailwitness.formats.syslog_message import parse_message
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_json import nxlog
from mailwitness.simulate.writers.event_xml import event_xml

EVENT = WindowsRecord(
    provider="Microsoft-Windows-Security-Auditing",
    event_code=5136,
    computer="dc1.example.com",
    channel="Security",
    record_id=7,
    occurred_at=datetime(2026, 3, 1, 8, 15, 0, 123456, UTC),
    names=("ObjectDN", "AttributeValue"),
    values=("CN=Zoë,DC=example", "O:BAG:BAD:"),
)
SAMBA = {"timestamp": "2026-03-01T08:15:00.123456+0000", "type": "dsdbChange", "dsdbChange": {"version": {"major": 1}}}
HEADER = b"<13>1 2026-03-01T08:15:00.123Z dc1.example.com samba 123 - - "


def counted(*messages):
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


def cut(data, limit=1 << 20, step=None):
    cutter = Cutter(limit)
    pieces = []
    for at in range(0, len(data), step or len(data) or 1):
        pieces += cutter.feed(data[at : at + (step or len(data))])
    last = cutter.end()
    return pieces + ([] if last is None else [last])


def read(tmp_path, data, wanted=None):
    path = tmp_path / "batch.syslog"
    path.write_bytes(data)
    return list(syslog.read(path, Span(0, len(data)), wanted or Wanted()))


MESSAGES = [b"<13>1 first", b"<13>1 with\nline feeds\n", b"{}", b"<14>" + b"x" * 300]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_counted_messages_are_cut_wherever_the_bytes_are_torn(step):
    pieces = cut(counted(*MESSAGES), step=step)
    assert [piece.data for piece in pieces] == MESSAGES
    assert b"".join(piece.frame for piece in pieces) == counted(*MESSAGES)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_lines_are_cut_and_the_last_needs_no_end(step):
    data = b"<13>one\n<13>two\r\n\n\0<13>three\0\n2026-03-01 no count\n<13>last"
    said = [b"<13>one", b"<13>two", b"<13>three", b"2026-03-01 no count", b"<13>last"]
    assert [piece.data for piece in cut(data, step=step)] == said


def test_counts_and_lines_may_alternate_in_one_stream():
    data = counted(b"<13>a\nb") + b"<13>line\n" + counted(b"<13>c") + b"\n"
    assert [piece.data for piece in cut(data)] == [b"<13>a\nb", b"<13>line", b"<13>c"]


@given(st.lists(st.binary(min_size=1).map(lambda b: b"<13>" + b), max_size=8), st.integers(1, 50))
def test_what_was_counted_comes_back(messages, step):
    assert [piece.data for piece in cut(counted(*messages), step=step)] == messages


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_cut_alike_however_they_arrive(data, step):
    assert told(cut(data, limit=64, step=step)) == told(cut(data, limit=64, step=1))


def told(pieces):
    """Return pieces without what of a long one depends on when its length was noticed."""
    return [(type(piece), piece.offset, getattr(piece, "frame", None)) for piece in pieces]


@given(st.binary(max_size=400))
def test_every_byte_is_in_a_piece_or_between_messages(data):
    held = b"".join(piece.frame for piece in cut(data))
    assert held.translate(None, b"\r\n\0") == data.translate(None, b"\r\n\0")


def test_a_message_beyond_the_limit_costs_itself_alone():
    long = b"<13>" + b"x" * 5000
    [first, second] = cut(counted(long, b"<13>next"), limit=100, step=16)
    assert (first.size, second.data) == (5004, b"<13>next")
    assert first.head.startswith(b"<13>x")
    pieces = cut(long + b"\n<13>next\n", limit=100, step=16)
    assert isinstance(pieces[0], TooLong)
    assert [piece.data for piece in pieces[1:]] == [b"<13>next"]


def test_a_torn_count_is_no_message():
    assert cut(b"20 <13>torn") == [Torn(0, b"20 <13>torn")]


def test_what_is_held_stays_within_the_limit():
    cutter = Cutter(1000)
    for _ in range(1000):
        list(cutter.feed(b"y" * 100))
        assert cutter.held <= 1100


HEADERS = {
    b"<13>1 2026-03-01T08:15:00Z dc1 samba 12 - - {}": ("dc1", "samba"),
    b'<13>1 - dc1 samba - - [a@1 b="c \\"d\\] e"][f@2] \xef\xbb\xbf{}': ("dc1", "samba"),
    b"<13>1 - - - - - - @cee: {}": (None, None),
    b"<13>Mar  1 08:15:00 dc1 samba[12]: {}": ("dc1", "samba"),
    b"<13>Mar  1 08:15:00 dc1 samba:   {}": ("dc1", "samba"),
    b"<13>Mar  1 08:15:00 samba: {}": (None, "samba"),
    b"<13>Mar  1 2026 08:15:00.123 fe80::1 {}": ("fe80::1", None),
    b"<13>2026-03-01T08:15:00.123456+01:00 dc1 samba: {}": ("dc1", "samba"),
}


@pytest.mark.parametrize("message", HEADERS)
def test_headers_of_the_usual_senders(message):
    parsed = parse_message(message)
    assert ((parsed.host, parsed.app), parsed.body, parsed.has_header) == (HEADERS[message], b"{}", True)


def test_structured_data_is_unescaped():
    parsed = parse_message(b'<13>1 - h a - - [NXLOG@14506 EventID="1" Text="a \\"b\\" \\\\ \\]"] text')
    assert parsed.elements == {"NXLOG@14506": {"EventID": "1", "Text": 'a "b" \\ ]'}}
    assert parsed.body == b"text"


def test_an_event_is_the_same_record_however_it_is_carried(tmp_path):
    xml, flat = event_xml(EVENT).encode(), nxlog(EVENT)
    pairs = " ".join(f'{name}="{escaped(str(value))}"' for name, value in flat.items() if name != "Message")
    structured = f"<13>1 2026-03-01T08:15:00Z dc1 - - - [NXLOG@14506 {pairs}] \xef\xbb\xbfSome text".encode()
    messages = [HEADER + xml, HEADER + b"<?xml version='1.0'?>" + xml, HEADER + json.dumps(flat).encode(), structured]
    readings = read(tmp_path, counted(*messages))
    assert [type(reading) for reading in readings] == [Record] * 4
    said = {(r.provider, r.event_code, r.computer, r.record_id, r.values) for r in readings}
    assert said == {(EVENT.provider, 5136, "dc1.example.com", 7, EVENT.values)}
    assert [reading.offset for reading in readings][:1] == [0]
    assert readings[3].offset == len(counted(*messages[:3]))


def escaped(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def test_what_no_source_reads_is_passed_over_and_counted(tmp_path):
    messages = [HEADER + event_xml(EVENT).encode(), HEADER + json.dumps(nxlog(EVENT)).encode()]
    readings = read(tmp_path, counted(*messages), Wanted(frozenset({1})))
    assert readings == [Skipped(2, "dc1.example.com", "Security", (7, 7))]


def test_an_audit_record_names_who_said_to_have_sent_it(tmp_path):
    [record] = read(tmp_path, HEADER + b"  " + json.dumps(SAMBA).encode() + b"\n")
    assert isinstance(record, ExportRecord)
    assert (record.fields["type"], record.claimed_host) == ("dsdbChange", "dc1.example.com")
    assert record.raw()["claimed_host"] == "dc1.example.com"


def test_text_for_people_is_filtered_and_what_is_no_syslog_is_said(tmp_path):
    data = b"<13>Mar  1 08:15:00 dc1 sshd[1]: hello\nno syslog at all\n<13>nor this\n"
    readings = read(tmp_path, data)
    assert readings[0] == Skipped(1)
    problems = [reading for reading in readings if isinstance(reading, Problem)]
    assert [(p.code, p.records, p.where.offset) for p in problems] == [("unparsable", 1, 39), ("unparsable", 1, 56)]


def test_what_is_torn_too_long_or_damaged_is_a_problem_and_costs_itself(tmp_path):
    good = counted(HEADER + event_xml(EVENT).encode())
    long = counted(HEADER + b"{" + b" " * (1 << 20))
    data = long + counted(HEADER + b'{"a": ') + counted(HEADER + b"<Event><System>") + good + good[:50]
    readings = read(tmp_path, data)
    problems = [(r.code, r.records) for r in readings if isinstance(r, Problem)]
    assert problems == [("limit", 1), ("damaged", 1), ("damaged", 1), ("truncated", 1)]
    assert sum(isinstance(r, Record) for r in readings) == 1


@pytest.mark.parametrize("message", [*HEADERS, counted(HEADER + b"{}")])
def test_syslog_is_recognised_by_its_first_message(tmp_path, message):
    path = tmp_path / "log.txt"
    path.write_bytes(message + b"\n")
    assert formats.recognise(path) is syslog


@given(st.binary(max_size=300))
def test_no_bytes_raise_or_vanish(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    for reading in read(folder, b"<13>1 " + data):
        assert isinstance(reading, Record | ExportRecord | Problem | Skipped)
