"""What the .evtx reader says of real logs: every record, its place, and what is wrong with the file."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import evtx
from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER
from mailwitness.formats.interface import Record, Skipped, Span, Wanted

pytestmark = pytest.mark.samples

DFIR = "dfirmuseum/Windows/EventLogs"
COUNTS = {  # live records, records left over behind them, Problems
    "omerbenamram/samples/Security_with_size_t.evtx": (636, 0, 0),
    "omerbenamram/samples/issue_201.evtx": (1, 0, 0),
    "omerbenamram/samples/post-Security.evtx": (126, 0, 0),
    "omerbenamram/samples/security.evtx": (2261, 0, 0),
    "velocidex/testdata/Security.evtx": (739, 1, 0),
    f"{DFIR}/Win10/RathbunVM/RathbunVM_W10EventLogs/Security.evtx": (5229, 0, 0),
    f"{DFIR}/Win2012R2/StolenSzechuan/StolenSzechuanEventLogs/Security.chunks00-11.evtx": (917, 0, 0),
    "mdecrevoisier/TA0007-Discovery/T1069-Permission Groups Discovery/ID4662-Domain group enumeration CME.evtx": (
        80,
        58,
        0,
    ),
    "plaso/test_data/evtx/System2.evtx": (283, 0, 3),
    "bad-input/omerbenamram/Application_no_crc32.evtx": (17, 0, 1),
    "bad-input/omerbenamram/sample-with-zero-data-size-event.evtx": (450, 0, 1),
    "bad-input/omerbenamram/sysmon.evtx": (358, 0, 1),
    "bad-input/omerbenamram/2-vss_0-Microsoft-Windows-TerminalServices-RemoteConnectionManager%4Operational.evtx": (
        1795,
        245,
        7,
    ),
}


def read(path, wanted=None, reader=evtx.read):
    return [r for span in evtx.spans(path) for r in reader(path, span, wanted or Wanted())]


def logs(samples):
    """Return every sample a reader survives."""
    return [path for path in sorted(samples.rglob("*.evtx")) if "hostile" not in path.parts]


@pytest.mark.parametrize("name", COUNTS)
def test_every_record_of_a_sample_comes_out(samples, name):
    readings = read(samples / name)
    records = [r for r in readings if isinstance(r, Record)]
    recovered = sum(r.recovered for r in records)
    problems = [r for r in readings if isinstance(r, Problem)]
    assert (len(records) - recovered, recovered, len(problems)) == COUNTS[name]
    assert len({r.offset for r in records}) == len(records)


def test_all_samples_together(samples):
    said = Counter()
    for path in logs(samples):
        for reading in read(path):
            said[type(reading).__name__] += 1
            said["unread"] += getattr(reading, "records", 0)
            said["recovered"] += getattr(reading, "recovered", False)
    assert said == {"Record": 18_493, "recovered": 515, "Problem": 13, "unread": 3}


def test_a_forwarded_cmdlet_event(samples):
    (record,) = read(samples / "omerbenamram/samples/issue_201.evtx")
    assert (record.provider, record.event_code, record.channel) == ("MSExchange CmdletLogs", 1, "MSExchange Management")
    assert record.record_id == 3229, "the number of the log it was forwarded from, not this file's"
    assert record.offset == 0x1000 + 512
    assert record.names == ()
    assert record.values[0] == "Set-Mailbox"
    assert len(record.values) == 27
    assert "" in record.values


def test_a_descriptor_change_says_who_where_and_when(samples):
    path = samples / (
        "mdecrevoisier/TA0005-Defense Evasion/T1222.001-File and Directory Permissions Modification/"
        "ID5136-Permission change on top root AD (DCsync).evtx"
    )
    record = next(r for r in read(path) if r.event_code == 5136)
    assert record.provider == "Microsoft-Windows-Security-Auditing"
    assert record.channel == "Security"
    assert record.audit == "success"
    assert record.get("AttributeLDAPDisplayName") == "nTSecurityDescriptor"
    assert record.get("OpCorrelationID").startswith("{")
    assert record.names[0] == "OpCorrelationID"
    assert record.occurred_at.tzinfo is UTC
    assert record.occurred_at.year == 2021
    assert record.time_quality == "exact"


def test_a_cleared_log_is_read_from_user_data(samples):
    path = samples / (
        "mdecrevoisier/TA0005-Defense Evasion/T1070.001-Clear Windows event logs/ID104-1102-Event log cleared.evtx"
    )
    record = next(r for r in read(path) if r.event_code == 1102)
    assert record.names == ("SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId")
    assert record.get("SubjectUserSid").startswith("S-1-5-21-")


def test_a_time_of_nine_digits_is_cut_not_rounded(samples):
    path = samples / (
        "mdecrevoisier/TA0007-Discovery/T1069-Permission Groups Discovery/"
        "ID4799-4624-Local admin group enumerated by SharpHound.evtx"
    )
    record = next(r for r in read(path) if r.event_code == 4624)
    assert record.occurred_at == datetime(2021, 5, 3, 8, 58, 25, 921033, tzinfo=UTC)
    assert record.record_id == 9_796_981, "written as text in this record"
    assert record.version == 2


WRONG_IN_LIBEVTX = {"ProcessId", "HandleId", "MinimumPasswordLengthAudit", "ExtraInfo"}  # pointers, -1, white space


def test_two_libraries_say_the_same_of_every_sample(samples):
    """The oracle: libevtx by way of XML, against evtx by way of JSON, field by field."""
    differing = Counter()
    compared = 0
    for path in logs(samples):
        first = {r.offset: r for r in read(path) if isinstance(r, Record)}
        second = {r.offset: r for r in read(path, reader=evtx.read_with_libevtx) if isinstance(r, Record)}
        assert set(second) <= set(first)
        differing["unread"] += len(first) - len(second)
        for offset, other in second.items():
            compared += 1
            differing.update(differences(first[offset], other))
    assert compared == 18_492
    assert differing.pop("unread") == 1
    assert set(differing) <= {"values", "data"}
    assert differing["values"] == 3, (
        "two with control characters, which XML cannot carry; one whose one string is empty"
    )
    assert differing["data"] == 1, "an empty Binary is none"


def differences(one, other):
    for field in one.__struct_fields__:
        a, b = getattr(one, field), getattr(other, field)
        if field == "values" and one.names:
            a, b = (
                [v for n, v in zip(one.names, values, strict=True) if n not in WRONG_IN_LIBEVTX] for values in (a, b)
            )
        if a != b:
            yield field


@pytest.mark.parametrize("codes", [{4662, 5136, 4738, 1102, 1}, {4624}, {4624, 4634, 4672, 4688}, {99999}])
def test_passing_over_changes_nothing_but_what_was_passed_over(samples, codes):
    wanted = Wanted(frozenset(codes))
    for path in logs(samples):
        everything = [r for r in read(path) if isinstance(r, Record)]
        chosen = read(path, wanted)
        records = [r for r in chosen if isinstance(r, Record)]
        assert [r for r in records if wanted.has(r.event_code)] == [
            r for r in everything if wanted.has(r.event_code)
        ], path
        skipped = [r for r in chosen if isinstance(r, Skipped)]
        passed = Counter((r.computer, r.channel, r.record_id) for r in set(everything) - set(records))
        told = Counter((s.computer, s.channel, n) for s in skipped for n in s.numbers)
        assert told == passed, path
        assert sum(s.records for s in skipped) == len(everything) - len(records)


def test_hardly_a_record_fails_open(samples):
    """Of the live records of whole chunks only those without a template are rendered though nobody asked for them."""
    rendered = Counter()
    for path in logs(samples):
        if "bad-input" in path.parts or "plaso" in path.parts:
            continue
        for reading in read(path, Wanted(frozenset({99999}))):
            if isinstance(reading, Record) and not reading.recovered:
                rendered[path.name] += 1
    assert rendered == {
        "issue_201.evtx": 1,
        "ID4799-4624-Local admin group enumerated by SharpHound.evtx": 55,
    }


def test_everything_libevtx_can_read_of_bad_input_comes_out(samples):
    for path in sorted((samples / "bad-input").rglob("*.evtx")):
        ours = Counter(r.record_id for r in read(path) if isinstance(r, Record))
        assert not libevtx_alone(path) - ours, path


def libevtx_alone(path):
    """Return the record numbers libevtx reads by itself, the recovered ones included."""
    import pyevtx  # noqa: PLC0415 - only here

    file = pyevtx.file()
    file.open(str(path))
    numbers = Counter()
    for count, get in (
        (file.get_number_of_records(), file.get_record),
        (file.get_number_of_recovered_records(), file.get_recovered_record),
    ):
        for i in range(count):
            try:
                xml = get(i).get_xml_string()
            except OSError:
                continue
            numbers[int(xml.partition("<EventRecordID>")[2].partition("<")[0])] += 1
    return numbers


def test_a_log_without_checksums_is_read_with_one_remark(samples):
    readings = read(samples / "bad-input/omerbenamram/Application_no_crc32.evtx")
    problems = [r for r in readings if isinstance(r, Problem)]
    assert [(p.code, p.records) for p in problems] == [("not_checkable", 0)]


def test_a_cut_log_says_so_and_gives_what_is_left(samples):
    problems = [r for r in read(samples / "plaso/test_data/evtx/System2.evtx") if isinstance(r, Problem)]
    assert [(p.code, p.records) for p in problems] == [("truncated", 0), ("truncated", 0), ("truncated", 1)]
    assert [p.where.offset for p in problems[:2]] == [0, 0x21000]
    assert "96 chunks" in problems[0].expected


def test_chunks_read_apart_say_the_same(samples):
    for name in ("omerbenamram/samples/post-Security.evtx", "bad-input/omerbenamram/sysmon.evtx"):
        path = samples / name
        (whole,) = evtx.spans(path)
        assert whole == Span(0, path.stat().st_size)
        pieces = evtx.chunk_spans(path, whole)
        assert pieces[0].start == 0
        assert pieces[-1].end == whole.end
        apart = [r for piece in pieces for r in evtx.read(path, piece, Wanted()) if isinstance(r, Record)]
        assert apart == [r for r in read(path) if isinstance(r, Record)]


def test_a_log_is_found_by_its_content(samples, tmp_path):
    path = tmp_path / "renamed.txt"
    path.write_bytes((samples / "omerbenamram/samples/issue_201.evtx").read_bytes())
    assert formats.recognise(path).NAME == "evtx"
    data = bytearray(path.read_bytes())
    data[:8] = bytes(8)
    path.write_bytes(data)
    assert formats.recognise(path).NAME == "evtx", "the header is gone, the first chunk is there"
    assert [r.code for r in read(path) if isinstance(r, Problem)] == ["damaged"]
    assert sum(isinstance(r, Record) for r in read(path)) == 1


@pytest.mark.parametrize(
    ("name", "is_closed"),
    [
        ("omerbenamram/samples/Security_with_size_t.evtx", True),
        ("omerbenamram/samples/post-Security.evtx", True),
        ("velocidex/testdata/Security.evtx", False),
        ("bad-input/omerbenamram/sysmon.evtx", False),
    ],
)
def test_each_chunk_taken_out_leaves_a_gap_in_the_numbers(samples, tmp_path, name, is_closed):
    """The frame says it too, but for the two ends of a running log's copy, whose header does not know them."""
    data = (samples / name).read_bytes()
    before = read(samples / name)
    everything = {r.record_id for r in before if isinstance(r, Record) and not r.recovered}
    remarks = sum(isinstance(r, Problem) for r in before)
    path = tmp_path / "short.evtx"
    used = [at for at in range(FILE_HEADER, len(data) - CHUNK + 1, CHUNK) if data[at : at + 8] == b"ElfChnk\0"]
    for at in used:
        path.write_bytes(data[:at] + data[at + CHUNK :])
        readings = read(path)
        left = {r.record_id for r in readings if isinstance(r, Record) and not r.recovered}
        inside = {
            r.record_id for r in before if isinstance(r, Record) and not r.recovered and at <= r.offset < at + CHUNK
        }
        assert left == everything - inside
        assert inside
        is_said = sum(isinstance(r, Problem) for r in readings) > remarks
        assert is_said == (is_closed or at not in {used[0], used[-1]})
