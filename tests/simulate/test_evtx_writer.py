"""What is written as .evtx comes back unchanged from evtx (Rust) and libevtx, which were written by others."""

from __future__ import annotations

import json
import random
import struct
import time
import zlib
from datetime import UTC, datetime, timedelta

import evtx
import pyevtx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwitness.errors import UsageError
from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx import EvtxWriter, chunk_pool
from mailwitness.simulate.writers.evtx_chunk import CHUNK_SIZE

AT = datetime(2024, 3, 5, 9, 14, 22, 418203, tzinfo=UTC)
SUBJECT = {
    "SubjectUserSid": "S-1-5-21-1004336348-1177238915-682003330-1111",
    "SubjectUserName": "adm-weiss",
    "SubjectDomainName": "NORDWIND",
    "SubjectLogonId": "0x24ddd890",
}


def modified(number: int, value: str = "O:PSG:PSD:(A;CI;CCRC;;;PS)") -> WindowsRecord:
    said = SUBJECT | {
        "OpCorrelationID": "{ff60a8e5-d3b1-480d-a55c-f8d3db68277a}",
        "ObjectDN": "CN=Hélène Brandt,DC=nordwind,DC=example",
        "ObjectGUID": "{237e2948-81ed-41be-b979-27f0f95b4302}",
        "AttributeValue": value,
    }
    record = layouts("windows_2008").record("object_modified", "dc01.nordwind.example", AT, said)
    return numbered(record, number)


def cmdlet(number: int, *values: str, data: bytes = b"") -> WindowsRecord:
    return WindowsRecord(
        provider="MSExchange CmdletLogs",
        event_code=1,
        computer="exch01.nordwind.example",
        channel="MSExchange Management",
        record_id=number,
        occurred_at=AT + timedelta(microseconds=number % 10**6),
        values=values,
        qualifiers=0x4000,
        level=4,
        task=1,
        data=data,
    )


def cleared(number: int) -> WindowsRecord:
    return numbered(layouts("windows_eventlog").record("log_cleared", "dc01.nordwind.example", AT, SUBJECT), number)


def numbered(record: WindowsRecord, number: int) -> WindowsRecord:
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return WindowsRecord(**fields | {"record_id": number, "occurred_at": AT + timedelta(milliseconds=number % 10**6)})


def by_evtx(path):
    return [
        json.loads(found["data"])["Event"]
        for found in evtx.PyEvtxParser(str(path), validate_checksums=True).records_json()
    ]


def by_libevtx(path):
    file = pyevtx.open(str(path))
    assert not file.is_corrupted()
    return [file.get_record(i) for i in range(file.get_number_of_records())]


def write(path, records, **kwargs):
    with EvtxWriter(path, **kwargs) as writer:
        for record in records:
            writer.write(record)
    return path


def test_all_kinds_of_body_are_read_alike(tmp_path):
    made = [modified(11), cmdlet(12, "Set-Mailbox", '-Identity "Ü"', "", "x", "", data=b"\x01\xff"), cleared(13)]
    path = write(tmp_path / "log.evtx", made)

    first, second, third = by_evtx(path)
    assert first["EventData"]["AttributeValue"] == "O:PSG:PSD:(A;CI;CCRC;;;PS)"
    assert first["EventData"]["SubjectLogonId"] == "0x24ddd890"
    assert first["EventData"]["ObjectGUID"] == "237E2948-81ED-41BE-B979-27F0F95B4302"
    assert first["System"]["EventID"] == 5136
    assert first["System"]["Computer"] == "dc01.nordwind.example"
    assert first["System"]["Keywords"] == "0x8020000000000000"
    assert second["EventData"]["Data"]["#text"] == ["Set-Mailbox", '-Identity "Ü"', "", "x", ""]
    assert second["EventData"]["Binary"] == "01FF"
    assert second["System"]["EventID"] == {"#attributes": {"Qualifiers": 16384}, "#text": 1}
    assert third["UserData"]["LogFileCleared"]["SubjectUserSid"] == SUBJECT["SubjectUserSid"]
    assert [e["System"]["EventRecordID"] for e in (first, second, third)] == [11, 12, 13]
    assert first["System"]["TimeCreated"]["#attributes"]["SystemTime"] == "2024-03-05T09:14:22.429203Z"

    one, two, three = by_libevtx(path)
    assert (one.event_identifier, one.get_string(13)) == (5136, "O:PSG:PSD:(A;CI;CCRC;;;PS)")
    assert [two.get_string(i) for i in range(5)] == ["Set-Mailbox", '-Identity "Ü"', None, "x", None]
    assert (three.event_identifier, three.get_string(0)) == (1102, SUBJECT["SubjectUserSid"])
    assert one.get_written_time().replace(tzinfo=UTC) == made[0].occurred_at


def test_many_chunks_keep_numbers_and_values(tmp_path):
    made = [modified(n, f"value {n}") if n % 3 else cmdlet(n, "New-Mailbox", f"{n}") for n in range(1000, 4000)]
    path = write(tmp_path / "log.evtx", made)
    assert path.stat().st_size > 5 * CHUNK_SIZE
    read = by_evtx(path)
    assert [e["System"]["EventRecordID"] for e in read] == list(range(1000, 4000))
    assert [e["EventData"]["AttributeValue"] for e in read if "AttributeValue" in e["EventData"]] == [
        f"value {n}" for n in range(1000, 4000) if n % 3
    ]
    assert len(by_libevtx(path)) == 3000


def test_checksums_and_offsets_stand_as_the_format_wants_them(tmp_path):
    data = write(tmp_path / "log.evtx", [modified(n) for n in range(1, 400)]).read_bytes()
    assert zlib.crc32(data[:120]) == struct.unpack_from("<I", data, 124)[0]
    assert struct.unpack_from("<H", data, 42)[0] == (len(data) - 4096) // CHUNK_SIZE
    for at in range(4096, len(data), CHUNK_SIZE):
        chunk = data[at : at + CHUNK_SIZE]
        last_at, free_at, records_crc = struct.unpack_from("<III", chunk, 44)
        assert zlib.crc32(chunk[512:free_at]) == records_crc
        assert zlib.crc32(chunk[128:512], zlib.crc32(chunk[:120])) == struct.unpack_from("<I", chunk, 124)[0]
        assert chunk[last_at : last_at + 4] == b"\x2a\x2a\0\0"


def test_event_id_is_the_substitution_at_index_three(tmp_path):
    """Fast readers take the event id from there, as real logs have it (a convention, not a rule of the format)."""
    data = write(tmp_path / "log.evtx", [modified(1), modified(2), cleared(3), cmdlet(4, "Get-Mailbox")]).read_bytes()
    chunk = data[4096:]
    at, codes = 512, []
    while chunk[at : at + 4] == b"\x2a\x2a\0\0":
        size = struct.unpack_from("<I", chunk, at + 4)[0]
        place = at + 24 + 4
        definition = struct.unpack_from("<I", chunk, place + 6)[0]
        place += 10
        if definition == place:
            place += 24 + struct.unpack_from("<I", chunk, place + 20)[0]
        count = struct.unpack_from("<I", chunk, place)[0]
        sizes = [struct.unpack_from("<H", chunk, place + 4 + 4 * i)[0] for i in range(count)]
        codes.append(struct.unpack_from("<H", chunk, place + 4 + 4 * count + sum(sizes[:3]))[0])
        at += size
    assert codes == [5136, 5136, 1102, 1]


def test_a_dirty_file_still_holds_every_record(tmp_path):
    path = write(tmp_path / "log.evtx", [modified(n) for n in range(1, 300)], dirty=True)
    assert struct.unpack_from("<I", path.read_bytes(), 120)[0] == 1
    assert len(by_evtx(path)) == 299


def test_an_empty_log_is_a_log(tmp_path):
    path = write(tmp_path / "log.evtx", [])
    assert by_evtx(path) == []


def test_a_pool_of_chunks_repeats_under_new_numbers_and_times(tmp_path):
    made = [modified(n, f"value {n}") for n in range(1, 400)] + [cleared(400)]
    pool = chunk_pool(made)
    assert sum(chunk.records for chunk in pool) == 400
    with EvtxWriter(tmp_path / "log.evtx") as writer:
        for turn in range(3):
            for chunk in pool:
                writer.write_chunk(chunk, shift=timedelta(days=turn))
        assert writer.written == 1200
    read = by_evtx(tmp_path / "log.evtx")
    assert [e["System"]["EventRecordID"] for e in read] == list(range(1, 1201))
    assert [e["EventData"]["AttributeValue"] for e in read[400:799]] == [f"value {n}" for n in range(1, 400)]
    assert read[800]["System"]["TimeCreated"]["#attributes"]["SystemTime"] == "2024-03-07T09:14:22.419203Z"
    assert len(by_libevtx(tmp_path / "log.evtx")) == 1200


def test_the_same_records_make_the_same_bytes(tmp_path):
    made = [modified(n) for n in range(1, 500)]
    one, two = write(tmp_path / "1.evtx", made), write(tmp_path / "2.evtx", made)
    assert one.read_bytes() == two.read_bytes()


def test_what_no_chunk_can_hold_is_refused(tmp_path):
    with EvtxWriter(tmp_path / "log.evtx") as writer:
        with pytest.raises(UsageError, match="does not fit"):
            writer.write(modified(1, "x" * 40_000))
        with pytest.raises(UsageError, match="does not fit"):
            writer.write(modified(1, "x" * 32_000 + "y" * 400))
        writer.write(modified(2, "x" * 30_000))
    assert len(by_evtx(tmp_path / "log.evtx")) == 1


TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=300)
LONG = st.builds(lambda text, times: text * times, TEXT, st.integers(1, 60))


def seen_by_libevtx(value):
    """Return the value as libevtx gives it: it takes a value of one line feed for none."""
    return "" if value == "\n" else value


@given(values=st.lists(TEXT | LONG, max_size=8), value=LONG, number=st.integers(1, 2**63))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(tmp_path, values, value, number):
    path = write(tmp_path / "log.evtx", [cmdlet(number, *values), modified(number + 1, value[:20_000])])
    bare, named = by_evtx(path)
    got = (bare["EventData"].get("Data") or {}).get("#text", [])
    assert ([got] if isinstance(got, str) else got) == values
    assert named["EventData"]["AttributeValue"] == value[:20_000]
    one, two = by_libevtx(path)
    assert [one.get_string(i) or "" for i in range(len(values))] == [seen_by_libevtx(v) for v in values]
    assert (two.get_string(13) or "") == seen_by_libevtx(value[:20_000])
    assert one.identifier == number


@given(
    sid=st.from_regex(r"S-1-\d{1,3}(-\d{1,12}){0,16}", fullmatch=True) | TEXT,
    logon=st.from_regex(r"0x[0-9a-fA-F]{0,17}", fullmatch=True),
    guid=st.uuids().map(lambda g: f"{{{g}}}") | TEXT,
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_typed_values_render_as_they_were_given(tmp_path, sid, logon, guid):
    record = layouts("windows_2008").record(
        "object_modified",
        "dc01.nordwind.example",
        AT,
        {"SubjectUserSid": sid, "SubjectLogonId": logon, "OpCorrelationID": guid},
    )
    (read,) = by_evtx(write(tmp_path / "log.evtx", [numbered(record, 1)]))
    data = read["EventData"]
    assert data["SubjectUserSid"] == sid
    assert data["SubjectLogonId"] == logon
    assert data["OpCorrelationID"] in {guid, guid[1:-1].upper()}


def test_writing_is_fast_enough_for_large_logs(tmp_path):
    """Two hundred chunks from a pool in well under a second of CPU: benchmarks need a gibibyte in seconds."""
    shuffled = random.Random(7)
    pool = chunk_pool(modified(n, "x" * shuffled.randrange(200)) for n in range(1, 1000))
    started = time.process_time()
    with EvtxWriter(tmp_path / "log.evtx") as writer:
        for turn in range(200):
            writer.write_chunk(pool[turn % len(pool)])
    assert time.process_time() - started < 2
