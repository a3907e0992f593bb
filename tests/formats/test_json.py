"""JSON: three collectors' events, exports, and what of JSON is refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Problem
from mailwitness.formats import json_lines, strict_json
from mailwitness.formats.interface import ExportRecord, Record, Skipped, Span, Wanted
from mailwitness.formats.strict_json import JsonRefusedError
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_json import EventJsonWriter

AT = datetime(2022, 12, 14, 16, 6, 51, 64000, UTC)
RECORD = WindowsRecord(
    provider="Microsoft-Windows-Security-Auditing",
    event_code=5136,
    computer="dc1.example.com",
    channel="Security",
    record_id=7,
    occurred_at=AT,
    names=("ObjectDN", "AttributeValue"),
    values=("CN=Zoë,DC=example", "O:BAG:BAD:"),
    audit="failure",
    version=1,
    user_sid="S-1-5-18",
    message="A directory object was modified.",
    activity_id="{93EA0A9D-E913-0000-A20B-EA9313E9D401}",
)

WINLOGBEAT_6 = {
    "@timestamp": "2019-04-03T17:36:48.679Z",
    "type": "wineventlog",
    "record_number": "1301919",
    "event_id": 4672,
    "log_name": "Security",
    "source_name": "Microsoft-Windows-Security-Auditing",
    "computer_name": "it1.example.com",
    "keywords": ["Audit Failure"],
    "activity_id": "{a}",
    "version": 2,
    "user": {"identifier": "S-1-5-18"},
    "event_data": {"SubjectUserName": "SYSTEM", "Count": 3},
    "message": "Special privileges",
}
NXLOG = {
    "EventTime": "2020-09-21 18:59:08",
    "Hostname": "dc1.example.com",
    "Keywords": -9214364837600034816,
    "EventType": "AUDIT_SUCCESS",
    "SeverityValue": 2,
    "EventID": 4662,
    "SourceName": "Microsoft-Windows-Security-Auditing",
    "RecordNumber": 1894180,
    "Channel": "Security",
    "Version": 0,
    "ObjectServer": "DS",
    "EventReceivedTime": "2020-09-21 18:59:10",
    "@timestamp": "2020-09-21T22:59:14.904Z",
    "SourceModuleName": "eventlog",
}


def line(value):
    return json.dumps(value) + "\n"


def test_the_shapes_give_the_same_record(tmp_path):
    for shape in ("winlogbeat", "nxlog", "openwec"):
        path = tmp_path / f"{shape}.jsonl"
        with EventJsonWriter(path, shape) as writer:
            writer.write(RECORD)
        (record,) = json_lines.read(path, Span(0, path.stat().st_size), Wanted())
        assert record.format == shape
        assert record.offset == 1
        pairs = dict(zip(record.names, record.values, strict=True))
        assert pairs == dict(zip(RECORD.names, RECORD.values, strict=True))
        for name in ("provider", "event_code", "computer", "channel", "record_id", "audit", "version", "user_sid"):
            assert getattr(record, name) == getattr(RECORD, name), (shape, name)
        assert (record.occurred_at, record.time_quality) == (AT, "exact")
        assert record.message == RECORD.message
        assert record.related_activity == RECORD.activity_id


def test_winlogbeat_6_is_read(read_bytes):
    (record,) = read_bytes(line(WINLOGBEAT_6))
    assert (record.event_code, record.record_id, record.channel) == (4672, 1301919, "Security")
    assert (record.names, record.values) == (("SubjectUserName", "Count"), ("SYSTEM", "3"))
    assert (record.audit, record.user_sid, record.related_activity) == ("failure", "S-1-5-18", "{a}")
    assert record.occurred_at == datetime(2019, 4, 3, 17, 36, 48, 679000, UTC)


def test_unnamed_values_go_back_to_their_positions(read_bytes):
    data = {"param3": "c", "param1": "a", "Binary": "00ff"}
    (record,) = read_bytes(line(WINLOGBEAT_6 | {"event_data": data}))
    assert (record.names, record.values, record.data) == ((), ("a", "", "c"), b"\x00\xff")


def test_a_field_of_the_event_called_param1_beside_others_stays_a_name(read_bytes):
    (record,) = read_bytes(line(WINLOGBEAT_6 | {"event_data": {"param1": "a", "Other": "b"}}))
    assert (record.names, record.values) == (("param1", "Other"), ("a", "b"))


def test_a_giant_position_does_not_fill_the_memory(read_bytes):
    (record,) = read_bytes(line(WINLOGBEAT_6 | {"event_data": {"param999999999": "a"}}))
    assert record.names == ("param999999999",)


def test_a_time_without_zone_is_told_and_never_replaced_by_a_later_hops_time(read_bytes):
    (record,) = read_bytes(line(NXLOG))
    assert record.occurred_at == datetime(2020, 9, 21, 18, 59, 8, tzinfo=UTC)
    assert record.time_quality == "zone_assumed"
    assert record.names == ("ObjectServer",)
    assert record.audit == "success"


@pytest.mark.parametrize(
    ("time", "expected", "quality"),
    [
        ("2020-09-21T18:59:08.123456+02:00", datetime(2020, 9, 21, 16, 59, 8, 123456, UTC), "exact"),
        (1600714748, datetime(2020, 9, 21, 18, 59, 8, tzinfo=UTC), "second"),
        (1600714748123, datetime(2020, 9, 21, 18, 59, 8, 123000, UTC), "exact"),
        (1600714748123456, datetime(2020, 9, 21, 18, 59, 8, 123456, UTC), "exact"),
    ],
)
def test_the_other_ways_nxlog_writes_time(read_bytes, time, expected, quality):
    (record,) = read_bytes(line(NXLOG | {"EventTime": time}))
    assert (record.occurred_at, record.time_quality) == (expected, quality)


def test_an_events_own_eventtype_does_not_hide_the_outcome(read_bytes):
    failure = {"EventType": "CreateKey", "Keywords": -9218868437227405312}
    (record,) = read_bytes(line(NXLOG | failure))
    assert record.audit == "failure"


def test_openwec_drops_empty_values_so_positions_are_not_trusted(read_bytes):
    event = {
        "System": {
            "Provider": {"Name": "MSExchange CmdletLogs"},
            "EventID": 1,
            "TimeCreated": "2022-12-14T16:06:51.0643605Z",
            "EventRecordID": 3,
            "Channel": "MSExchange Management",
            "Computer": "ex1",
            "Keywords": "0x80000000000000",
        },
        "EventData": {"Data": ["Set-Mailbox", "-Identity x"]},
        "OpenWEC": {},
    }
    (record,) = read_bytes(line(event))
    assert (record.names, record.values) == (("Data", "Data"), ("Set-Mailbox", "-Identity x"))


def test_an_events_own_xml_is_preferred(read_bytes):
    xml = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/>"
        "<EventID>5136</EventID><TimeCreated SystemTime='2022-12-14T16:06:51.0643605Z'/>"
        "<EventRecordID>9</EventRecordID>"
        "<Channel>Security</Channel><Computer>dc1</Computer></System><EventData><Data>a</Data><Data/></EventData></Event>"
    )
    beat = {
        "@timestamp": "2022-12-14T16:06:51.064Z",
        "winlog": {"event_id": "5136", "event_data": {"param1": "a"}},
        "event": {"original": xml},
        "message": "text",
    }
    for value, message in ((beat, "text"), ({"meta": {"IpAddress": "192.0.2.1"}, "data": xml}, None)):
        (record,) = read_bytes(line(value))
        assert (record.record_id, record.values, record.message) == (9, ("a", ""), message)


@pytest.mark.parametrize(
    "wrap", [lambda e: {"_index": "x", "_source": e}, lambda e: {"hits": {"hits": [{"_source": e}]}}]
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("in_array", [True, False])
def test_elasticsearch_wrappings_arrays_and_pretty_printing(read_bytes, wrap, indent, in_array):
    events = [wrap(NXLOG | {"RecordNumber": number}) for number in range(3)]
    text = json.dumps(events, indent=indent) if in_array else "\n".join(json.dumps(e, indent=indent) for e in events)
    assert [r.record_id for r in read_bytes(text)] == [0, 1, 2]


def test_unwanted_events_are_counted_in_every_layout(read_bytes):
    events = [NXLOG | {"RecordNumber": number, "EventID": 5156} for number in range(3)] + [NXLOG]
    for text in ("".join(map(line, events)), json.dumps(events), json.dumps(events, indent=4)):
        readings = read_bytes(text, wanted=Wanted(frozenset({4662})))
        assert [r for r in readings if isinstance(r, Skipped)] == [Skipped(3, "dc1.example.com", "Security", (0, 1, 2))]
        assert [r.record_id for r in readings if isinstance(r, Record)] == [1894180]


@pytest.mark.parametrize("key", ['"EventID"', '"\\u0045ventID"'])
def test_a_wanted_code_cannot_hide_behind_a_second_key(read_bytes, key):
    text = line(NXLOG)[:-2] + f", {key}: 1}}\n" + line(NXLOG)
    readings = read_bytes(text, wanted=Wanted(frozenset({4662})))
    assert [type(r) for r in readings] == [Problem, Record]
    assert (readings[0].code, readings[0].records) == ("refused", 1)


BAD = {
    "duplicate key": ('{"a": 1, "a": 2}', "refused"),
    "duplicate key deep": ('{"b": {"a": 1, "a": 2}}', "refused"),
    "NaN": ('{"a": NaN}', "damaged"),
    "Infinity": ('{"a": -Infinity}', "damaged"),
    "cut": ('{"a": [1, 2}', "damaged"),
    "control character": ('{"a": "\x01"}', "damaged"),
    "deep": ('{"a":' + "[" * 200_000 + "]" * 200_000 + "}", "limit"),
    "deeper than our limit": ('{"a":' + "[" * 100 + "]" * 100 + "}", "limit"),
    "endless number": ('{"a": ' + "1" * 5000 + "}", "damaged"),
    "a number": ("{} 5", "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_costs_itself(read_bytes, name):
    text, code = BAD[name]
    readings = read_bytes('{"n": 1}\n' + text + '\n{"n": 2}\n')
    assert [r.fields["n"] for r in readings if isinstance(r, ExportRecord)] == [1, 2]
    assert [(p.code, p.records, p.where.line) for p in readings if isinstance(p, Problem)] == [(code, 1, 2)]


@pytest.mark.parametrize("name", ["duplicate key", "NaN", "cut", "control character", "deeper than our limit"])
@pytest.mark.parametrize("in_array", [True, False])
def test_a_bad_value_over_many_lines_costs_itself(read_bytes, name, in_array):
    text, code = BAD[name]
    values = ['{\n  "n": 1\n}', text.replace("{", "{\n", 1), '{\n  "n": 2\n}']
    document = "[\n" + ",\n".join(values) + "\n]\n" if in_array else "\n".join(values)
    readings = read_bytes(document)
    assert [r.fields["n"] for r in readings if isinstance(r, ExportRecord)] == [1, 2]
    assert [(p.code, p.records) for p in readings if isinstance(p, Problem)] == [(code, 1)]


def test_an_array_that_does_not_end_is_said_to_be_truncated(read_bytes):
    readings = read_bytes('[{"n": 1}, {"n": 2}')
    assert [type(r) for r in readings] == [ExportRecord, ExportRecord, Problem]
    assert readings[-1].code == "truncated"


def test_a_long_line_is_a_limit_and_the_next_is_read(read_bytes, monkeypatch):
    monkeypatch.setattr(json_lines, "LINE_BYTES", 1000)
    readings = read_bytes('{"n": 1}\n{"a": "' + "x" * 5000 + '"}\n{"n": 2}\n')
    assert [type(r) for r in readings] == [ExportRecord, Problem, ExportRecord]
    assert (readings[1].code, readings[1].where.line, readings[1].found) == ("limit", 2, "one of 5010")
    assert readings[2].offset == 3


def test_exports_are_kept_as_written(read_bytes):
    text = (
        '{"Identity": "x", "Date": "\\/Date(1614724997000)\\/", "Size": 1156492.00, "Big": 9223372036854775807,'
        ' "Flag": true, "None": null, "List": [1.50, {"a": "b"}]}'
    )
    (record,) = read_bytes(text)
    assert record.container == "json"
    assert record.shape == ("Identity", "Date", "Size", "Big", "Flag", "None", "List")
    assert record.fields == {
        "Identity": "x",
        "Date": "/Date(1614724997000)/",
        "Size": "1156492.00",
        "Big": "9223372036854775807",
        "Flag": True,
        "None": None,
        "List": ["1.50", {"a": "b"}],
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_powershells_encodings(read_bytes, encoding):
    text = '{"n": "Zoë 🂡"}\r\n{"n": "b"}\r\n'
    assert [r.fields["n"] for r in read_bytes(text.encode(encoding))] == ["Zoë 🂡", "b"]
    assert [r.fields["n"] for r in read_bytes(f"[{text.strip().replace(chr(13), ',')}]".encode(encoding))] == [
        "Zoë 🂡",
        "b",
    ]


def test_a_lone_surrogate_is_kept(read_bytes):
    (record,) = read_bytes(line(WINLOGBEAT_6 | {"event_data": {"A": "x\ud800"}}))
    assert record.values == ("x\ud800",)


def test_spans_side_by_side_read_what_one_span_reads(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(line(NXLOG | {"RecordNumber": n, "Message": "x" * (n % 40)}) for n in range(400)))
    whole = list(json_lines.read(path, Span(0, path.stat().st_size), Wanted()))
    monkeypatch.setattr(json_lines, "_SPAN_BYTES", 10_000)
    spans = json_lines.spans(path)
    assert len(spans) == 8
    assert [r for span in spans for r in json_lines.read(path, span, Wanted())] == whole
    assert len(whole) == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_decoded_as_it_is(value):
    assert strict_json.decode(json.dumps(value)) == value


@given(st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=4), st.data())
def test_any_duplicate_key_is_refused(members, data):
    twice = data.draw(st.sampled_from(sorted(members)))
    pairs = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in members.items()]
    pairs.insert(data.draw(st.integers(0, len(pairs))), f"{json.dumps(twice)}: 0")
    with pytest.raises(JsonRefusedError, match="twice"):
        strict_json.decode("{" + ", ".join(pairs) + "}")


COUNTS = {
    "cmd_lsass_memory_dumpert_syscalls": 118,
    "cmd_sam_copy_esentutl": 915,
    "empire_dcsync_dcerpc_drsuapi_DsGetNCChanges": 8465,
    "empire_mimikatz_backupkeys_dcerpc_smb_lsarpc": 7887,
    "empire_mimikatz_extract_keys": 13199,
    "empire_mimikatz_lsadump_patch": 6982,
    "empire_scm_dll_hijack_ikeext": 14722,
    "empire_shell_reg_dump_sam": 738,
}


@pytest.mark.samples
@pytest.mark.parametrize("stem", COUNTS)
def test_every_line_of_the_real_files_is_a_record(unpacked, stem):
    path = unpacked(stem)
    records = [r for span in json_lines.spans(path) for r in json_lines.read(path, span, Wanted())]
    assert all(isinstance(r, Record) for r in records)
    assert len(records) == COUNTS[stem]
    assert [r.offset for r in records] == list(range(1, len(records) + 1))


@pytest.mark.samples
def test_what_a_real_dcsync_looks_like(unpacked):
    path = unpacked("empire_dcsync_dcerpc_drsuapi_DsGetNCChanges")
    readings = list(json_lines.read(path, Span(0, path.stat().st_size), Wanted(frozenset({4662}))))
    records = [r for r in readings if isinstance(r, Record)]
    assert sum(r.records for r in readings if isinstance(r, Skipped)) + len(records) == 8465
    assert {r.get("SubjectUserName") for r in records} >= {"pgustavo"}
    assert {r.audit for r in records} == {"success"}
    assert {r.time_quality for r in records} == {"zone_assumed"}
    assert all(r.get("Properties") and r.record_id for r in records)


@pytest.mark.samples
def test_real_winlogbeat_6_outcomes_and_positions(unpacked):
    path = unpacked("empire_scm_dll_hijack_ikeext")
    records = list(json_lines.read(path, Span(0, path.stat().st_size), Wanted()))
    assert sum(r.audit == "failure" for r in records) == 16
    assert sum(r.audit == "success" for r in records) == 1196
    (first, *_) = [r for r in records if r.event_code == 7036]
    assert (first.names, first.values) == ((), ("Software Protection", "running"))
    assert first.data == bytes.fromhex("7300700070007300760063002F0034000000")
    assert {r.time_quality for r in records} == {"exact"}


@pytest.mark.parametrize("prolog", ["", " \n", '<?xml version="1.0" encoding="UTF-8"?>\n'])
def test_an_events_own_xml_needs_nothing_else(read_bytes, prolog):
    xml = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/>"
        "<EventID>1</EventID><TimeCreated SystemTime='2022-12-14T16:06:51Z'/></System></Event>"
    )
    for value in ({"winlog": {}, "event": {"original": prolog + xml}}, {"meta": {}, "data": prolog + xml}):
        (record,) = read_bytes(line(value))
        assert (record.event_code, record.provider) == (1, "P")


@pytest.mark.parametrize("where", ["event_data", "computer_name", "source_name", "event_id", "@timestamp", "keywords"])
@pytest.mark.parametrize("depth", [60, 300, 900, 960])
@pytest.mark.parametrize("code", [4672, 1])
def test_depth_within_an_event_raises_nothing(read_bytes, where, depth, code):
    event = WINLOGBEAT_6 | {"event_id": code} | {where: {"A": "@@"} if where == "event_data" else "@@"}
    deep = line(event).replace('"@@"', "[" * depth + "]" * depth)
    readings = read_bytes(deep + line(WINLOGBEAT_6), wanted=Wanted(frozenset({4672})))
    assert sum(r.records if isinstance(r, Problem | Skipped) else 1 for r in readings) == 2


@pytest.mark.parametrize("depth", [3, 300, 900, 990])
def test_arrays_in_arrays_are_no_objects(read_bytes, depth):
    first, *others = read_bytes("[{}, " + "[" * depth + "]" * depth + "]")
    assert isinstance(first, ExportRecord)
    assert [(r.code in {"unparsable", "limit"}, r.records) for r in others] == [(True, 1)]


@pytest.mark.parametrize("number", [2**63, -1, 10**25])
def test_a_number_no_log_can_hold_is_said(read_bytes, number):
    (problem,) = read_bytes(line(WINLOGBEAT_6 | {"record_number": number}))
    assert (problem.code, problem.records) == ("unparsable", 1)
    (problem,) = read_bytes(line(WINLOGBEAT_6 | {"event_id": number}))
    assert (problem.code, problem.records) == ("unparsable", 1)
