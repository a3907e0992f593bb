"""What the .evt reader says: of real logs, held to libevt, and of written ones with all that happens to a log."""

from __future__ import annotations

import struct
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import evt
from mailwitness.formats.evt_libevt import records_by_libevt
from mailwitness.formats.evt_record import channel_of_file
from mailwitness.formats.evt_ring import HEADER
from mailwitness.formats.interface import Record, Skipped, Wanted
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evt import EvtWriter

START = datetime(2004, 5, 1, 12, tzinfo=UTC)
SAMPLES = {  # live, recovered
    "moex01/test_files/Application.evt": (67, 0),
    "moex01/test_files/Security.evt": (49, 0),
    "plaso/test_data/SysEvent.Evt": (6063, 437),
}


def said(number, values=("a", "", "b")):
    return WindowsRecord(
        provider="Security" if number % 2 else "MSExchangeIS Mailbox",
        event_code=560 + number % 7,
        computer="DC1",
        channel="Security",
        record_id=number,
        occurred_at=START + timedelta(seconds=number),
        values=(*values, f"{number}"),
        audit="success" if number % 3 else "failure",
        user_sid="S-1-5-21-1-2-3-1001" if number % 2 else None,
        data=b"\1\2\3" if number % 5 == 0 else b"",
        qualifiers=0x4000,
    )


def written(path, count=60, first=1, **settings):
    with EvtWriter(path, **settings) as writer:
        for number in range(first, first + count):
            writer.write(said(number))
    return path.read_bytes()


def read(path, wanted=None):
    readings = [r for span in evt.spans(path) for r in evt.read(path, span, wanted or Wanted())]
    return tuple([r for r in readings if isinstance(r, kind)] for kind in (Record, Problem, Skipped))


def live(records):
    return sorted(r.record_id for r in records if not r.recovered)


@pytest.mark.samples
@pytest.mark.parametrize("name", SAMPLES)
def test_every_record_of_a_sample_comes_out(samples, name):
    records, problems, skipped = read(samples / name)
    recovered = sum(r.recovered for r in records)
    assert (len(records) - recovered, recovered) == SAMPLES[name]
    assert problems == skipped == []
    assert [r.offset for r in records] == sorted({r.offset for r in records})


@pytest.mark.samples
@pytest.mark.parametrize("name", SAMPLES)
def test_libevt_says_the_same(samples, name):
    """The oracle. It gives a string more where a record's strings are followed by padding, and one torn remnant."""
    ours = {r.offset: r for r in read(samples / name)[0]}
    theirs = {r.offset: r for r in records_by_libevt(samples / name, channel_of_file(name))}
    torn = set(theirs) - set(ours)
    assert set(ours) <= set(theirs)
    assert torn == ({1_965_840} if "SysEvent" in name else set()), "its end was written over: its two sizes differ"
    padded = 0
    for offset, record in ours.items():
        other = theirs[offset]
        if other.values != record.values:
            assert other.values == (*record.values, "")
            padded += 1
            continue
        assert other == record
    assert padded == (17 if "Security" in name else 0)


@pytest.mark.samples
def test_a_real_audit_policy_change(samples):
    record = read(samples / "moex01/test_files/Security.evt")[0][0]
    assert (record.event_code, record.channel, record.computer) == (612, "Security", "MACHINENAME")
    assert record.audit == "success"
    assert record.user_sid == "S-1-5-18"
    assert record.occurred_at == datetime(2026, 1, 11, 13, 36, 33, tzinfo=UTC)
    assert record.time_quality == "second"
    assert record.values[2] == "+"
    assert len(record.values) == 21


def test_a_written_log_reads_as_it_was_written(tmp_path):
    path = tmp_path / "AppEvent.Evt"
    written(path)
    records, problems, _ = read(path)
    assert problems == []
    for record, was in zip(records, map(said, range(1, 61)), strict=True):
        assert record.provider == was.provider
        assert record.event_code == was.event_code, "without the upper half of the event id"
        assert (record.record_id, record.values, record.names) == (was.record_id, was.values, ())
        assert record.occurred_at == was.occurred_at
        assert record.audit == was.audit
        assert record.user_sid == was.user_sid
        assert record.data == (was.data or None)
        assert record.channel == ("Security" if was.provider == "Security" else "Application")
        assert not record.recovered


@pytest.mark.parametrize("dirty", [False, True])
@pytest.mark.parametrize("capacity", [0x1000, 0x1010, 0x1024, 0x10A8, 0x4000])
def test_a_wrapped_log_gives_its_newest_records(tmp_path, capacity, dirty):
    path = tmp_path / "Security.evt"
    written(path, 500, capacity=capacity, dirty=dirty)
    records, problems, _ = read(path)
    assert problems == []
    numbers = live(records)
    assert numbers[-1] == 500
    assert numbers == list(range(numbers[0], 501)), "no hole"
    assert len(numbers) * 300 > capacity // 2
    by_number = {r.record_id: r for r in records if not r.recovered}
    assert all(by_number[n].values == said(n).values for n in numbers), "the one over the end of the file too"
    assert all(r.record_id < numbers[0] for r in records if r.recovered)


def test_every_place_where_a_log_can_wrap(tmp_path):
    path = tmp_path / "Security.evt"
    for capacity in range(0x800, 0x900, 4):
        written(path, 40, capacity=capacity, dirty=bool(capacity & 4))
        records, problems, _ = read(path)
        assert problems == [], capacity
        numbers = live(records)
        assert numbers == list(range(numbers[0], 41)), capacity


def test_left_over_records_are_kept_apart(tmp_path):
    path = tmp_path / "Security.evt"
    written(path, 10, first=101, remnants=[said(n) for n in range(50, 55)])
    records, problems, _ = read(path)
    assert problems == []
    assert live(records) == list(range(101, 111))
    assert [r.record_id for r in records if r.recovered] == list(range(50, 55))
    assert [r.values for r in records if r.recovered] == [said(n).values for n in range(50, 55)]


def test_a_forged_record_within_a_record_is_not_one(tmp_path):
    path = tmp_path / "Security.evt"
    written(path, 5)
    inner = path.read_bytes()[HEADER : HEADER + 400]
    with EvtWriter(path) as writer:
        writer.write(said(1))
        writer.write(WindowsRecord(**{f: getattr(said(2), f) for f in said(2).__struct_fields__} | {"data": inner}))
        writer.write(said(3))
    records, problems, _ = read(path)
    assert problems == []
    assert [(r.record_id, r.recovered) for r in records] == [(1, False), (2, False), (3, False)]


def test_passing_over_keeps_the_numbers(tmp_path):
    path = tmp_path / "Security.evt"
    written(path, 60)
    records, problems, skipped = read(path, Wanted(frozenset({561})))
    assert problems == []
    assert {r.event_code for r in records} == {561}
    told = Counter({(s.computer, s.channel): s.records for s in skipped})
    assert told.total() + len(records) == 60
    assert set(told) == {("DC1", "Security")}, "the file's name says so where the provider does not"
    assert sorted([r.record_id for r in records] + [n for s in skipped for n in s.numbers]) == list(range(1, 61))


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("SecEvent.Evt", "Security"),
        ("dc1-SYSEVENT.EVT", "System"),
        ("AppEvent.Evt", "Application"),
        ("NTDS.Evt", "Directory Service"),
        ("NtFrs.Evt", "File Replication Service"),
        ("DnsEvent.Evt", "DNS Server"),
        ("archive-2004.evt", "Application"),
    ],
)
def test_the_channel_follows_from_the_name(name, channel):
    assert channel_of_file(name) == channel


def test_a_cut_log_gives_what_is_left_and_says_so(tmp_path):
    path = tmp_path / "Security.evt"
    data = written(path)
    ends = [r.offset for r in read(path)[0]]
    for cut in (HEADER + 1, ends[1], ends[1] + 30, ends[40] - 4, ends[-1] + 10):
        path.write_bytes(data[:cut])
        records, problems, _ = read(path)
        assert live(records) == list(range(1, 1 + sum(end <= cut for end in ends[1:])))
        assert problems[0].code == "truncated", cut


def test_a_cut_wrapped_log_keeps_both_ends(tmp_path):
    path = tmp_path / "Security.evt"
    data = written(path, 500, capacity=0x4000)
    whole = live(read(path)[0])
    path.write_bytes(data[:-0x1000])
    records, problems, _ = read(path)
    assert problems
    assert set(live(records)) < set(whole)
    assert live(records)[-1] == 500


def test_an_empty_file_and_a_header_alone(tmp_path):
    path = tmp_path / "Security.evt"
    path.write_bytes(b"")
    assert read(path) == ([], [], [])
    path.write_bytes(written(tmp_path / "other.evt", 1)[:HEADER])
    assert [p.code for p in read(path)[1]] == ["truncated"]


def test_a_broken_record_costs_itself(tmp_path):
    path = tmp_path / "Security.evt"
    data = bytearray(written(path))
    at = read(path)[0][10].offset
    data[at + 4 : at + 8] = b"XXXX"
    path.write_bytes(data)
    records, problems, _ = read(path)
    assert live(records) == [n for n in range(1, 61) if n != 11]
    assert [(p.code, p.where.offset, p.records) for p in problems] == [("damaged", at, 1)]


def test_a_record_whose_offsets_lead_out_of_it_is_a_problem(tmp_path):
    path = tmp_path / "Security.evt"
    data = bytearray(written(path))
    at = read(path)[0][10].offset
    struct.pack_into("<I", data, at + 36, 0xFFFFFF)
    path.write_bytes(data)
    records, problems, _ = read(path)
    assert len(live(records)) + sum(p.records for p in problems) == 60
    assert len(problems) == 1 or len(live(records)) == 60


def test_fewer_strings_than_the_record_says_are_remarked(tmp_path):
    path = tmp_path / "Security.evt"
    data = bytearray(written(path))
    at = read(path)[0][10].offset
    struct.pack_into("<H", data, at + 26, 40)
    path.write_bytes(data)
    records, problems, _ = read(path)
    assert len(live(records)) == 60
    assert [(p.code, p.records, p.where.record_id) for p in problems] == [("damaged", 0, 11)]


def test_records_taken_out_are_missed(tmp_path):
    path = tmp_path / "Security.evt"
    data = written(path)
    offsets = [r.offset for r in read(path)[0]]
    path.write_bytes(data[: offsets[10]] + data[offsets[12] :])
    records, problems, _ = read(path)
    assert live(records) == [n for n in range(1, 61) if n not in {11, 12}]
    assert [p.code for p in problems] == ["damaged"]
    assert "bytes were taken out" in problems[0].found


def test_the_last_records_blanked_are_missed(tmp_path):
    path = tmp_path / "Security.evt"
    data = bytearray(written(path))
    at = read(path)[0][-3].offset
    end = data.index(struct.pack("<II", 0x11111111, 0x22222222)) - 4
    data[at:end] = bytes(end - at)
    path.write_bytes(data)
    records, problems, _ = read(path)
    assert live(records) == list(range(1, 58))
    assert [(p.code, p.records) for p in problems] == [("damaged", 3)]


def test_header_and_end_record_must_agree(tmp_path):
    path = tmp_path / "Security.evt"
    data = bytearray(written(path))
    struct.pack_into("<I", data, 24, 99)
    path.write_bytes(data)
    records, problems, _ = read(path)
    assert len(records) == 60
    assert [(p.code, p.where.offset) for p in problems] == [("damaged", 0)]


def test_a_log_without_its_header_is_known_by_its_name_and_read(tmp_path):
    path = tmp_path / "SecEvent.Evt"
    data = written(path)
    path.write_bytes(bytes(HEADER) + data[HEADER:])
    assert formats.recognise(path).NAME == "evt"
    records, problems, _ = read(path)
    assert len(live(records)) == 60
    assert [p.code for p in problems] == ["damaged"]
    path.rename(tmp_path / "SecEvent.bin")
    assert formats.recognise(tmp_path / "SecEvent.bin") is None
