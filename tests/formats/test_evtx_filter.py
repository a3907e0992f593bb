"""The look at the bytes that decides what is worth rendering: it must fail open, and never on its own."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER, walk
from mailwitness.formats.evtx_filter import Block, Frames, choose
from mailwitness.formats.evtx_template import NO_LAYOUT, Layout, layout_of
from mailwitness.formats.interface import Wanted
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx import EvtxWriter

SECURITY = "Microsoft-Windows-Security-Auditing"


def written(path, origins, count=60):
    """Write a log whose records come from the `origins` (computer, channel) in turn, and return its chunks."""
    with EvtxWriter(path) as writer:
        for i in range(count):
            computer, channel = origins[i % len(origins)]
            writer.write(
                WindowsRecord(
                    provider=SECURITY,
                    event_code=4624 if i % 2 else 5136,
                    computer=computer,
                    channel=channel,
                    record_id=1000 + i,
                    occurred_at=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=i),
                    names=("A",),
                    values=(str(i),),
                )
            )
    return path.read_bytes()[FILE_HEADER:]


def frames_of(data):
    free = [struct.unpack_from("<I", data, at + 48)[0] for at in range(0, len(data), CHUNK)]
    return Frames(Block(data), free)


def test_the_records_of_a_chunk_are_those_of_a_walk(tmp_path):
    data = written(tmp_path / "a.evtx", [("dc1", "Security")], 700)
    frames = frames_of(data)
    everything = Wanted()
    keep, skipped = choose(frames, everything)
    assert skipped == {}
    for i in range(len(data) // CHUNK):
        body = data[i * CHUNK : (i + 1) * CHUNK]
        spots, is_complete = walk(body, struct.unpack_from("<I", body, 48)[0])
        assert is_complete
        assert frames.spots(i, keep) == spots


def test_a_chunk_with_a_hole_has_no_records_here(tmp_path):
    data = bytearray(written(tmp_path / "a.evtx", [("dc1", "Security")]))
    spots, _ = walk(bytes(data), struct.unpack_from("<I", data, 48)[0])
    struct.pack_into("<I", data, spots[3].at + 4, 28)
    assert frames_of(bytes(data)).count(0) == 0


def test_what_looks_like_a_record_within_one_is_none(tmp_path):
    data = bytearray(written(tmp_path / "a.evtx", [("dc1", "Security")]))
    free = struct.unpack_from("<I", data, 48)[0]
    spots, _ = walk(bytes(data), free)
    place = spots[5].at + 40
    data[place : place + 8] = b"**\0\0" + struct.pack("<I", 32)
    data[place + 28 : place + 32] = struct.pack("<I", 32)
    assert frames_of(bytes(data)).count(0) == len(spots)


def test_computers_and_channels_are_told_apart(tmp_path):
    origins = [("dc1.example.com", "Security"), ("dc2.example.com", "Security"), ("dc1.example.com", "System")]
    frames = frames_of(written(tmp_path / "a.evtx", origins))
    keep, skipped = choose(frames, Wanted(frozenset({5136})))
    assert int(keep.sum()) == 30
    told = {(s.computer, s.channel): s for s in skipped[0]}
    assert set(told) == set(origins)
    assert sorted(n for s in told.values() for n in s.numbers) == list(range(1001, 1060, 2))
    assert list(told["dc2.example.com", "Security"].numbers) == list(range(1001, 1060, 6))


@pytest.mark.samples
def test_every_template_of_the_samples_has_a_layout(samples):
    seen = set()
    for path in samples.rglob("*.evtx"):
        if {"hostile", "bad-input"} & set(path.parts):
            continue
        for layout in layouts(path):
            seen.add((layout.event_code, layout.record_number, layout.channel, layout.computer))
            assert layout.computer_text
            assert layout.channel_text or layout.channel >= 0
    assert seen == {(3, 10, 16, -1), (3, 10, -1, -1)}


def layouts(path: Path):
    data = path.read_bytes()
    for at in range(FILE_HEADER, len(data) - CHUNK + 1, CHUNK):
        chunk = data[at : at + CHUNK]
        if chunk[:8] != b"ElfChnk\0":
            continue
        for spot in walk(chunk, struct.unpack_from("<I", chunk, 48)[0])[0]:
            if chunk[spot.at + 28] == 0x0C:
                yield layout_of(chunk, struct.unpack_from("<I", chunk, spot.at + 34)[0])


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_have_a_layout_or_none(data, start):
    assert isinstance(layout_of(data, start), Layout)


def test_a_definition_that_goes_on_for_ever_has_none():
    deep = b"\x01" + bytes(6) + struct.pack("<I", 0)
    assert layout_of(struct.pack("<IHH", 0, 0, 0) + bytes(16) + struct.pack("<I", 60_000) + deep * 200, 0) == NO_LAYOUT


@pytest.fixture(scope="module")
def chunk(tmp_path_factory):
    return written(tmp_path_factory.mktemp("filter") / "a.evtx", [("dc1", "Security")])[:CHUNK]


@given(data=st.data())
def test_any_change_of_a_chunk_leaves_every_record_kept_or_counted(chunk, data):
    body = bytearray(chunk)
    free = struct.unpack_from("<I", body, 48)[0]
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(512, free - 8))
        new = data.draw(st.binary(min_size=1, max_size=8))
        body[at : at + len(new)] = new
    frames = frames_of(bytes(body))
    keep, skipped = choose(frames, Wanted(frozenset({5136})))
    passed = sum(s.records for chunk in skipped.values() for s in chunk)
    assert int(keep.sum()) + passed == frames.count(0)
    assert all(len(s.numbers) in {0, s.records} for chunk in skipped.values() for s in chunk)
