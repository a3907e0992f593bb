"""A reader that dies, hangs or fails costs the record it died on, and nothing else."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from mailwitness.formats.interface import Span
from mailwitness.intake.messages import Delivery, Mark, Plan, Planned, Read
from mailwitness.intake.rescue import Rescue
from mailwitness.intake.workers import Died, Pool, ReadingProcess
from mailwitness.trail.schema import BATCH_SCHEMA


class Collected:
    def __init__(self) -> None:
        self.seen = self.filtered = self.unread = self.events = 0
        self.names: list[str] = []
        self.problems = []

    def apply(self, delivery, body):
        self.seen += delivery.seen
        self.filtered += delivery.filtered
        self.unread += delivery.unread
        self.problems += delivery.problems
        if delivery.events:
            batch = pa.ipc.read_record_batch(pa.py_buffer(body), BATCH_SCHEMA)
            self.names += batch.column("actor_name").to_pylist()


def _request(path, format_name, **more):
    span = Span(0, path.stat().st_size)
    said = {
        "path": str(path),
        "name": path.name,
        "format": format_name,
        "spans": (span,),
        "evidence_sha256": "0" * 64,
        "organization": "contoso",
    }
    return Read(**said | more)


@pytest.fixture
def read(fake, tmp_path):
    """Return a function that reads lines with a pool of one reader, and a rescue where it dies."""
    pool = Pool(1, fake.COMMAND)
    rescuer = ReadingProcess(fake.COMMAND)

    def run(lines, kind="FAKE", **more):
        path = tmp_path / "evidence"
        path.write_bytes(fake.file_of(lines, kind))
        collected = Collected()
        rescue = Rescue(rescuer, collected.apply)
        job = pool.submit(_request(path, kind.lower(), **more), rescue.now)
        through = Mark()
        for reply, body in job.replies():
            if isinstance(reply, Delivery):
                collected.apply(reply, body)
                through = reply.through
            else:
                assert isinstance(reply, Died)
                rescue.read(job.request, through, reply.cause)
        return collected

    yield run
    rescuer.stop()
    pool.close()


def test_a_healthy_file_is_read_in_one_delivery(read):
    got = read(["event 1 ann", "foreign 2", "skip 7", "none 3", "unread 4", "raise 5", "damaged 2", "remark 0"])

    assert (got.seen, got.filtered, got.unread) == (14, 9, 4)
    assert got.names == ["ann"]
    assert Counter(p.code for p in got.problems) == {"unparsable": 2, "damaged": 2}
    assert "LookupError: a defect" in [p.found for p in got.problems]


@pytest.mark.parametrize("how", ["hang", "die", "eat", "fail"])
def test_all_records_but_the_hostile_one_are_read(read, how):
    lines = [f"event {n} person{n}" for n in range(40)]
    lines[20] = how

    got = read(lines)

    assert got.names == [f"person{n}" for n in range(40) if n != 20]
    assert got.seen == 40
    assert got.unread == 1
    died = [p for p in got.problems if p.code == "reader_died"]
    assert len(died) == 1
    assert died[0].where.offset == 2 * 256  # the chunk it stands in
    assert "the second reader read it" in died[0].found


def test_two_hostile_chunks_cost_themselves(read):
    lines = [f"event {n} person{n}" for n in range(40)]
    lines[3] = lines[33] = "die"

    got = read(lines)

    assert len(got.names) == 38
    assert got.unread == 2
    assert [p.where.offset for p in got.problems if p.code == "reader_died"] == [0, 4 * 256]


def test_a_file_on_which_readers_keep_dying_goes_to_the_second_reader_and_then_to_none(read, monkeypatch):
    monkeypatch.setattr("mailwitness.intake.rescue.DISTRUST", 2)
    lines = [f"event {n} person{n}" for n in range(48)]
    for chunk in range(6):
        lines[8 * chunk + 4] = "die" if chunk < 3 else "die2"

    got = read(lines)

    # Chunks 0 and 1 kill the first reader, 2 is not given to it any more, 3 and 4 kill the second, 5 is not tried.
    assert got.names == [f"person{n}" for n in range(23) if n % 8 != 4]
    deaths = [(p.code, p.where.offset // 256) for p in got.problems if p.code != "damaged"]
    assert deaths == [("reader_died", n) for n in (0, 1, 3, 4)] + [("limit", 5), ("limit", 6)]
    assert got.seen == len(got.names) + got.unread


def test_without_a_second_reader_every_record_before_the_hostile_one_is_kept(read):
    lines = [f"event {n} person{n}" for n in range(10)]
    lines[6] = "die"

    got = read(lines, kind="FAKESTREAM")

    assert got.names == [f"person{n}" for n in range(6)]
    assert (got.seen, got.unread) == (7, 1)
    assert [p.code for p in got.problems] == ["reader_died"]
    assert "left unread" in got.problems[0].found


def test_a_streamed_read_is_resumed_without_delivering_twice(read):
    lines = [f"event {n} person{n}" for n in range(9000)]
    lines[2000] = "skip 3"
    lines[8500] = "die"

    got = read(lines, kind="FAKESTREAM", streamed=True)

    assert got.names == [f"person{n}" for n in range(8500) if n != 2000]
    assert got.seen == 8499 + 3 + 1
    assert (got.filtered, got.unread) == (3, 1)


def test_a_pool_survives_the_death_of_its_reader(fake, tmp_path):
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(fake.file_of(["die"]))
    good.write_bytes(fake.file_of(["event 1 ann"]))
    pool = Pool(1, fake.COMMAND)
    try:
        [(first, _)] = pool.submit(_request(bad, "fake")).replies()
        [(plan, _)] = pool.submit(Plan(str(good), "good")).replies()
        [(second, _)] = pool.submit(_request(good, "fake")).replies()
    finally:
        pool.close()

    assert first == Died("it died of signal 11")
    assert isinstance(plan, Planned)
    assert plan.format == "fake"
    assert second.events == 1
