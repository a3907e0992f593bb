"""What is written as .evt comes back unchanged from libevt, also from dirty, wrapped and cleared logs."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pyevt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwitness.errors import UsageError
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evt import EvtWriter

START = datetime(2004, 3, 9, 17, 42, 7, tzinfo=UTC)


def record(number: int, *values: str, data: bytes = b"") -> WindowsRecord:
    return WindowsRecord(
        provider="Security",
        event_code=642,
        computer="DC01",
        channel="Security",
        record_id=number,
        occurred_at=START + timedelta(seconds=number),
        values=values or ("-", "hbrandt", "FABRIK", "%{S-1-5-21-1-2-3-1104}", "x" * (number % 17), ""),
        audit="success" if number % 3 else "failure",
        task=7,
        user_sid="S-1-5-21-1916301093-1535568266-1534413614-1105" if number % 2 else None,
        data=data,
        qualifiers=0,
    )


def write(path, records, **kwargs):
    with EvtWriter(path, **kwargs) as writer:
        for made in records:
            writer.write(made)
    return pyevt.open(str(path))


def check(found, made):
    assert found.identifier == made.record_id
    assert found.event_identifier & 0xFFFF == made.event_code
    assert found.event_type == (8 if made.audit == "success" else 16)
    assert (found.event_category, found.source_name, found.computer_name) == (made.task, "Security", "DC01")
    assert found.get_written_time().replace(tzinfo=UTC) == made.occurred_at
    assert found.user_security_identifier == made.user_sid
    assert tuple(found.get_string(i) or "" for i in range(found.get_number_of_strings())) == made.values
    if made.data:
        assert found.data == made.data


def test_records_come_back(tmp_path):
    made = [record(n, data=b"\1\2\3" if n % 4 == 0 else b"") for n in range(1, 300)]
    file = write(tmp_path / "log.evt", made)
    assert not file.is_corrupted()
    assert file.get_number_of_records() == 299
    for index, one in enumerate(made):
        check(file.get_record(index), one)


def test_a_dirty_log_has_a_header_that_is_behind(tmp_path):
    file = write(tmp_path / "log.evt", [record(n) for n in range(40, 140)], dirty=True)
    header = struct.unpack_from("<12I", (tmp_path / "log.evt").read_bytes())
    assert header[4:8] == (48, 48, 1, 0)
    assert header[9] == 1
    assert file.get_number_of_records() == 100
    check(file.get_record(99), record(139))


@pytest.mark.parametrize("count", [5, 40, 60, 61, 64, 80, 100, 333])
def test_a_full_log_wraps_and_keeps_the_newest(tmp_path, count):
    file = write(tmp_path / "log.evt", [record(n) for n in range(1, count + 1)], capacity=4096)
    assert (tmp_path / "log.evt").stat().st_size == 4096
    numbers = [file.get_record(i).identifier for i in range(file.get_number_of_records())]
    assert numbers == list(range(numbers[0], count + 1))
    assert len(numbers) >= min(count, 18)
    for index, number in enumerate(numbers):
        check(file.get_record(index), record(number))


def walk(data: bytes) -> list[int]:
    """Return the record numbers from the oldest to the end record, as the format's description says to find them."""
    header = struct.unpack_from("<12I", data)
    at, end, numbers = header[4], header[5], []
    while at != end:
        if len(data) - at < 56 or struct.unpack_from("<I", data, at)[0] == 0x27:
            at = 48  # too little room for a record: filled up, goes on behind the header
            continue
        size, signature, number = struct.unpack_from("<3I", data, at)
        assert signature == 0x654C664C
        whole = data[at : at + size]
        whole += data[48 : 48 + size - len(whole)]
        assert struct.unpack_from("<I", whole, size - 4)[0] == size
        numbers.append(number)
        at += size
        at = at if at < len(data) else at - len(data) + 48
    assert struct.unpack_from("<5I", data, at) == (0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
    return numbers


@pytest.mark.parametrize("capacity", range(4072, 4128, 4))
def test_a_wrapped_log_reads_on_behind_the_filled_end(tmp_path, capacity):
    """Libevt stops at the filled end of such a log without a word, so the format's description is the judge here."""
    for count in (41, 43, 90):
        write(tmp_path / "log.evt", [record(n) for n in range(1, count + 1)], capacity=capacity)
        numbers = walk((tmp_path / "log.evt").read_bytes())
        assert numbers == list(range(numbers[0], count + 1))
        assert len(numbers) >= 15


def test_a_running_log_that_wrapped_is_dirty_as_well(tmp_path):
    file = write(tmp_path / "log.evt", [record(n) for n in range(1, 101)], capacity=4096, dirty=True)
    assert struct.unpack_from("<I", (tmp_path / "log.evt").read_bytes(), 36)[0] == 3
    assert file.get_record(file.get_number_of_records() - 1).identifier == 100


def test_what_was_cleared_still_lies_behind_the_end(tmp_path):
    file = write(tmp_path / "log.evt", [record(1), record(2)], remnants=[record(n) for n in range(500, 505)])
    assert file.get_number_of_records() == 2
    assert [file.get_recovered_record(i).identifier for i in range(file.get_number_of_recovered_records())] == [
        500,
        501,
        502,
        503,
        504,
    ]


def test_an_impossible_capacity_is_refused(tmp_path):
    with pytest.raises(UsageError):
        EvtWriter(tmp_path / "log.evt", capacity=1025)
    with pytest.raises(UsageError), EvtWriter(tmp_path / "log.evt", capacity=1024) as writer:
        writer.write(record(1, "x" * 2000))


@given(values=st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))), min_size=1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(tmp_path, values):
    file = write(tmp_path / "log.evt", [record(7, *values)])
    check(file.get_record(0), record(7, *values))
