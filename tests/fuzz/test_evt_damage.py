"""Damaged .evt files, and bytes that are no log at all: nothing raises, and no record goes missing in silence."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from mailwitness.event import Problem
from mailwitness.formats import evt
from mailwitness.formats.interface import Record, Skipped, Wanted

SAMPLES = (
    "moex01/test_files/Application.evt",
    "moex01/test_files/Security.evt",
    "plaso/test_data/SysEvent.Evt",
)


def read(path):
    live: Counter[tuple[object, ...]] = Counter()
    problems = Counter()
    for span in evt.spans(path):
        for reading in evt.read(path, span, Wanted()):
            if isinstance(reading, Record):
                said = (getattr(reading, field) for field in reading.__struct_fields__ if field != "offset")
                live[tuple(said)] += not reading.recovered
            elif isinstance(reading, Problem):
                problems[reading.code, reading.where.offset, reading.found] += 1
            else:
                assert isinstance(reading, Skipped)
    return +live, problems


def damaged(data, rng):
    """Return a log with some bytes changed, near a record's frame more often than elsewhere."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        heads = rng.randrange(len(data))
        near = data.find(b"LfLe", heads)
        at = max(0, near - 8 + rng.randrange(64)) if near != -1 and rng.random() < 0.7 else heads
        new = rng.choice([rng.randbytes(4), bytes(4), b"\xff\xff\xff\xff", b"LfLe", bytes([rng.randrange(256)])])
        changed[at : at + len(new)] = new[: len(data) - at]
    return bytes(changed)


def lost_in_silence(path, intact, data):
    path.write_bytes(data)
    expected, remarks = intact
    found, problems = read(path)
    return found.total() < expected.total() and not problems - remarks


def each(samples, tmp_path, seed, count):
    for name in SAMPLES:
        data = (samples / name).read_bytes()
        path = tmp_path / name.rpartition("/")[2]
        path.write_bytes(data)
        yield path, read(path), data, random.Random(f"{seed} {name}"), count // 5 if len(data) > 1 << 20 else count


COUNTS = pytest.mark.parametrize("count", [60, pytest.param(4000, marks=pytest.mark.slow)])


@pytest.mark.samples
@COUNTS
def test_no_record_of_a_damaged_log_goes_missing_in_silence(samples, tmp_path, count):
    for path, intact, data, rng, number in each(samples, tmp_path, 3, count):
        for i in range(number):
            assert not lost_in_silence(path, intact, damaged(data, rng)), (path.name, i)


@pytest.mark.samples
@COUNTS
def test_a_cut_log_is_never_whole(samples, tmp_path, count):
    for path, (expected, remarks), data, rng, number in each(samples, tmp_path, 4, count):
        for _ in range(number // 4):
            path.write_bytes(data[: rng.randrange(1, len(data))])
            found, problems = read(path)
            assert not found - expected, "what is left says what it said"
            assert found == expected or problems - remarks


@COUNTS
@pytest.mark.parametrize("magic", [b"\x30\0\0\0LfLe\1\0\0\0\1\0\0\0\x30\0\0\0", b""])
def test_random_bytes_are_records_or_problems(tmp_path, magic, count):
    rng = random.Random(f"evt {magic!r}")
    path = tmp_path / "random"
    words = [b"LfLe", bytes(8), b"\x30\0\0\0", b"\x3c\0\0\0", b"\x11\x11\x11\x11\x22\x22\x22\x22"]
    for _ in range(count):
        path.write_bytes(magic + b"".join(rng.choice([*words, rng.randbytes(8)]) for _ in range(rng.randrange(300))))
        live, problems = read(path)
        assert problems or not live
