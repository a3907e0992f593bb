"""Single faults in an .evtx file: what is said, and that a bad record costs itself only."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from mailwitness.event import Problem
from mailwitness.formats import evtx
from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER, Spot, mended, salvage, walk
from mailwitness.formats.interface import Record, Skipped, Wanted
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx import EvtxWriter

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
RECORDS = 500


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Return the bytes of a log of 500 records in several chunks, closed properly."""
    path = tmp_path_factory.mktemp("evtx") / "Security.evtx"
    with EvtxWriter(path) as writer:
        for i in range(1, RECORDS + 1):
            writer.write(
                WindowsRecord(
                    provider="Microsoft-Windows-Security-Auditing",
                    event_code=4662 if i % 5 else 5136,
                    computer="dc1.example.com",
                    channel="Security",
                    record_id=i,
                    occurred_at=START + timedelta(seconds=i),
                    names=("SubjectUserName", "ObjectName"),
                    values=(f"user{i}", "x" * 200),
                    audit="success",
                )
            )
    return path.read_bytes()


@pytest.fixture
def read(tmp_path):
    """Return a function that reads bytes as a log: records, Problems, what was passed over."""

    def read(data, wanted=None, reader=evtx.read):
        path = tmp_path / "log.evtx"
        path.write_bytes(data)
        readings = [r for span in evtx.spans(path) for r in reader(path, span, wanted or Wanted())]
        return tuple([r for r in readings if isinstance(r, kind)] for kind in (Record, Problem, Skipped))

    return read


def changed(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def chunks(data):
    return [data[at : at + CHUNK] for at in range(FILE_HEADER, len(data), CHUNK)]


def spots_of(data, chunk):
    body = chunks(data)[chunk]
    return walk(body, struct.unpack_from("<I", body, 48)[0])[0]


def resealed(data, chunk):
    """Return the log with the checksums of one chunk made to fit what stands there."""
    at = FILE_HEADER + chunk * CHUNK
    body = bytearray(data[at : at + CHUNK])
    free = struct.unpack_from("<I", body, 48)[0]
    struct.pack_into("<I", body, 52, zlib.crc32(body[512:free]))
    struct.pack_into("<I", body, 124, zlib.crc32(body[128:512], zlib.crc32(body[:120])))
    return changed(data, at, bytes(body))


def test_an_intact_log_has_all_its_records_and_no_problem(log, read):
    records, problems, skipped = read(log)
    assert [r.record_id for r in records] == list(range(1, RECORDS + 1))
    assert [r.occurred_at for r in records] == [START + timedelta(seconds=i) for i in range(1, RECORDS + 1)]
    assert problems == skipped == []
    assert len(chunks(log)) > 3


def test_one_changed_letter_is_seen_and_costs_no_record(log, read):
    at = log.index("user7".encode("utf-16-le"))
    records, problems, _ = read(changed(log, at, b"Z"))
    assert len(records) == RECORDS
    assert [(p.code, p.where.offset, p.records) for p in problems] == [("damaged", FILE_HEADER, 0)]
    assert "records whose checksum does not hold" in problems[0].found


@pytest.mark.parametrize("reader", [evtx.read, evtx.read_with_libevtx])
@pytest.mark.parametrize(
    ("field", "new"),
    [(0, b"\0\0\0\0"), (4, b"\0\0\0\0"), (4, b"\xff\xff\xff\x7f"), (4, b"\x40\0\0\0"), (-4, b"\1\2\3\4")],
)
def test_a_broken_frame_costs_no_record(log, read, reader, field, new):
    spot = spots_of(log, 1)[5]
    at = FILE_HEADER + CHUNK + spot.at + (field if field >= 0 else spot.size + field)
    records, problems, _ = read(changed(log, at, new), reader=reader)
    assert len(records) == RECORDS
    assert [p.code for p in problems] == ["damaged"]


def test_a_record_no_reader_can_read_costs_itself(log, read):
    spot = spots_of(log, 1)[5]
    at = FILE_HEADER + CHUNK + spot.at
    records, problems, _ = read(changed(log, at + 24, b"\xee" * (spot.size - 28)))
    assert len(records) == RECORDS - 1
    assert spot.file_id not in {r.record_id for r in records}
    assert [(p.code, p.records) for p in problems] == [("damaged", 0), ("damaged", 1)]
    assert problems[1].where.offset == at


def test_the_same_behind_checksums_that_fit(log, read):
    spot = spots_of(log, 1)[5]
    at = FILE_HEADER + CHUNK + spot.at
    records, problems, _ = read(resealed(changed(log, at + 24, b"\xee" * (spot.size - 28)), 1))
    assert len(records) == RECORDS - 1
    assert [(p.code, p.records, p.where.offset) for p in problems] == [("damaged", 1, at)]


def test_what_is_passed_over_in_a_damaged_chunk_is_read(log, read):
    at = log.index("user7".encode("utf-16-le"))
    records, problems, skipped = read(changed(log, at, b"Z"), Wanted(frozenset({5136})))
    in_first = len(spots_of(log, 0))
    assert sum(r.event_code != 5136 for r in records) == in_first - in_first // 5
    assert len(problems) == 1
    assert sum(s.records for s in skipped) + len(records) == RECORDS


def test_what_is_passed_over_keeps_its_numbers(log, read):
    records, problems, skipped = read(log, Wanted(frozenset({5136})))
    assert problems == []
    assert {(s.computer, s.channel) for s in skipped} == {("dc1.example.com", "Security")}
    assert len(skipped) == len(chunks(log))
    numbers = sorted([r.record_id for r in records] + [n for s in skipped for n in s.numbers])
    assert numbers == list(range(1, RECORDS + 1))
    assert {r.event_code for r in records} == {5136}


def test_a_wanted_record_that_breaks_among_unwanted_ones_is_a_problem(log, read):
    spot = spots_of(log, 1)[next(i for i, s in enumerate(spots_of(log, 1)) if s.file_id % 5 == 0)]
    at = FILE_HEADER + CHUNK + spot.at
    # Break the values, not the descriptors: the event code still reads, the rendering does not.
    broken = resealed(changed(log, at + spot.size - 60, b"\xff" * 50), 1)
    records, problems, skipped = read(broken, Wanted(frozenset({5136})))
    seen = len(records) + sum(s.records for s in skipped) + sum(p.records for p in problems)
    assert seen == RECORDS


@pytest.mark.parametrize("chunk", [0, 1, -1])
def test_a_chunk_taken_out_is_missed(log, read, chunk):
    parts = chunks(log)
    taken = parts.pop(chunk)
    records, problems, _ = read(log[:FILE_HEADER] + b"".join(parts))
    first, last = struct.unpack_from("<QQ", taken, 24)
    assert {r.record_id for r in records} == set(range(1, RECORDS + 1)) - set(range(first, last + 1))
    assert problems[0].code == "truncated"
    assert problems[0].found == f"room for {len(parts)}"


def test_a_last_chunk_taken_out_is_missed_though_the_count_was_changed(log, read):
    parts = chunks(log)[:-1]
    head = bytearray(log[:FILE_HEADER])
    struct.pack_into("<Q", head, 16, len(parts) - 1)
    struct.pack_into("<H", head, 42, len(parts))
    struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
    records, problems, _ = read(bytes(head) + b"".join(parts))
    assert [p.code for p in problems] == ["truncated"]
    assert problems[0].expected == f"records up to number {RECORDS}, as the header says"
    assert problems[0].found == f"records up to number {records[-1].record_id}"


def test_a_chunk_of_zeros_is_missed(log, read):
    records, problems, _ = read(changed(log, FILE_HEADER + CHUNK, bytes(CHUNK)))
    assert [(p.code, p.where.offset) for p in problems] == [("damaged", FILE_HEADER + CHUNK)]
    assert len(records) == RECORDS - len(spots_of(log, 1))


def test_room_not_used_yet_is_no_problem(log, read):
    records, problems, _ = read(log + bytes(3 * CHUNK))
    assert len(records) == RECORDS
    assert problems == []


def test_foreign_bytes_in_place_of_chunks_are_said_once(log, read):
    records, problems, _ = read(log + b"\x55" * 3 * CHUNK)
    assert len(records) == RECORDS
    assert [(p.code, p.found[:7]) for p in problems] == [("damaged", "3 times")]


def test_a_chunk_without_its_magic_is_still_read(log, read):
    records, problems, _ = read(changed(log, FILE_HEADER + CHUNK, b"ELFCHNK\0"))
    assert len(records) == RECORDS
    assert [p.code for p in problems] == ["damaged"]
    assert "ELFCHNK" in problems[0].found


def test_a_chunk_that_leaves_its_checksums_out_is_remarked(log, read):
    at = FILE_HEADER + CHUNK
    data = changed(changed(changed(log, at + 52, bytes(4)), at + 120, b"\4\0\0\0"), at + 124, bytes(4))
    records, problems, _ = read(data)
    assert len(records) == RECORDS
    assert [(p.code, p.where.offset) for p in problems] == [("not_checkable", at)]


@pytest.mark.parametrize("length", [0, 1, 127, 4095, 4096, 4097, 4700, 70_000, 100_000])
def test_a_log_cut_anywhere_says_so(log, read, length):
    records, problems, _ = read(log[:length])
    assert problems
    assert {p.code for p in problems} <= {"truncated", "damaged"}
    whole = {(r.record_id, r.values) for r in read(log)[0]}
    assert {(r.record_id, r.values) for r in records} <= whole
    if length > 5000:
        assert records


def test_records_left_behind_the_live_ones_are_kept_apart(log, read):
    at = FILE_HEADER + CHUNK
    spots = spots_of(log, 1)
    data = bytearray(log)
    last = spots[-1]
    struct.pack_into("<Q", data, at + 16, struct.unpack_from("<Q", data, at + 16)[0] - 1)
    struct.pack_into("<Q", data, at + 32, last.file_id - 1)
    struct.pack_into("<I", data, at + 48, last.at)
    records, problems, _ = read(resealed(bytes(data), 1))
    assert [r.record_id for r in records if r.recovered] == [last.file_id]
    assert len(records) == RECORDS
    assert [(p.code, p.where.offset) for p in problems] == [("damaged", at + CHUNK)], "its number is missing now"


def test_salvage_finds_no_record_within_a_record():
    def record(number, content):
        size = 28 + len(content)
        return b"**\0\0" + struct.pack("<IQQ", size, number, 0) + content + struct.pack("<I", size)

    inner = record(99, b"f" * 20)
    body = record(1, b"a" * 12) + record(2, inner) + record(3, b"c" * 12)
    chunk = (bytes(512) + body).ljust(CHUNK, b"\0")
    assert [s.file_id for s in salvage(chunk, 512, CHUNK)] == [1, 2, 3]
    assert walk(chunk, 512 + len(body))[1]


def test_mending_leaves_the_content_where_it_is(log):
    chunk = chunks(log)[0]
    spots = spots_of(log, 0)
    kept = spots[3:9:2]
    after = mended(chunk, kept)
    assert len(after) == CHUNK
    found, is_complete = walk(after, struct.unpack_from("<I", after, 48)[0])
    assert is_complete
    assert [s.at for s in found] == [512, *(s.at for s in kept)]
    for spot in kept:
        assert after[spot.at + 24 : spot.at + spot.size - 4] == chunk[spot.at + 24 : spot.at + spot.size - 4]
    assert isinstance(found[0], Spot)


READ = """
import resource, sys, time
from pathlib import Path
from mailwitness.formats import evtx
from mailwitness.formats.interface import Wanted
until = int(time.process_time()) + 4  # of reading: how long the imports took is the machine's
resource.setrlimit(resource.RLIMIT_CPU, (until, until))
path = Path(sys.argv[2])
for span in evtx.spans(path):
    for reading in getattr(evtx, sys.argv[1])(path, span, Wanted()):
        print(type(reading).__name__, getattr(reading, "records", 0))
"""


def run(reader, path):
    return subprocess.run(
        [sys.executable, "-c", READ, reader, str(path)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.samples
def test_the_second_reader_survives_what_hangs_the_first(samples):
    paths = sorted((samples / "hostile").iterdir())
    assert len(paths) == 3
    hung = False
    for path in paths:
        hung = hung or run("read", path).returncode < 0
        second = run("read_with_libevtx", path)
        assert second.returncode == 0, second.stderr
        assert second.stdout.split() == ["Problem", "0", "Problem", "1"], path
        assert evtx.record_heads(path, evtx.spans(path)[0]) == 1
    assert hung, "if no file hangs the first library any more, it can be trusted more"
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY
