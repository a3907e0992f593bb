"""Holes in record numbers: found in any custody leaf however long, with their neighbours, in nearly linear time."""

from __future__ import annotations

import time
from datetime import timedelta

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.rows import START

from mailwitness.analysis.coverage import LISTED, Coverage, Part, coverage_of
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.gaps import RecordNumbersSeen, gaps
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import EvidenceError
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.writer import Writer


@pytest.fixture
def trail_of_long_custody(tmp_path):
    """A trail whose custody statement does not fit its entry: every second record number of 20,000 is missing."""
    made = create_trail(tmp_path / "trail", key_dir=tmp_path / "keys")
    ranges = [str(number) for first in range(1, 40_000, 2) for number in (first, first)]
    with Writer.open(tmp_path / "trail", made.key_path) as writer:
        writer.custody({"act": "import", "continuity": [{"computer": "DC1", "channel": "Security", "ranges": ranges}]})
    return tmp_path / "trail"


def test_a_custody_leaf_too_long_for_its_entry_is_read_all_the_same(trail_of_long_custody):
    with Embedded(open_reader(trail_of_long_custody)) as engine:
        found = gaps(engine)
    assert len(found) == 19_999
    assert (found[0].computer, found[0].first_record_id, found[0].last_record_id) == ("dc1", 2, 2)


def test_a_long_value_that_was_changed_is_refused(trail_of_long_custody):
    (kept,) = (path for path in (trail_of_long_custody / "evidence").rglob("*") if path.is_file())
    kept.chmod(0o600)
    kept.write_bytes(b'{"act":"import"}')
    with Embedded(open_reader(trail_of_long_custody)) as engine, pytest.raises(EvidenceError):
        gaps(engine)


class Table:
    """An engine over given events and one custody leaf."""

    def __init__(self, events: pa.Table, ranges: list[int]) -> None:
        log = {"computer": "dc1", "channel": "security", "ranges": [str(number) for number in ranges]}
        self.said = {"continuity": [log]}
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.register("events", events)

    def register(self, name, table):
        self.connection.register(name, table)

    def rows(self, query, **parameters):
        sql, used = query.bind(**parameters)
        cursor = self.connection.execute(sql, used)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def custody(self, kind):
        summary = kind()
        summary.take(self.said)
        return summary


def events_of(numbers, cleared=()):
    return pa.table(
        {
            "computer": ["DC1"] * len(numbers),
            "channel": ["Security"] * len(numbers),
            "record_id": pa.array(numbers, pa.int64()),
            "occurred_at": pa.array([START + timedelta(seconds=n) for n in numbers], pa.timestamp("us", "UTC")),
            "action": ["log_cleared" if number in cleared else "changed" for number in numbers],
            "recovered": [False] * len(numbers),
        }
    )


def test_a_hole_lies_between_its_neighbours():
    engine = Table(events_of([1, 2, 7, 20, 21], cleared=[20]), [1, 7, 10, 11, 20, 21])
    first, second = gaps(engine)
    assert (first.first_record_id, first.last_record_id, first.cause) == (8, 9, "unknown")
    assert (first.after_at, first.before_at) == (START + timedelta(seconds=7), START + timedelta(seconds=20))
    assert (second.first_record_id, second.last_record_id, second.cause) == (12, 19, "cleared")


def test_a_log_of_nothing_but_holes_takes_no_time():
    numbers = list(range(1, 80_000, 2))
    engine = Table(events_of(numbers), [number for first in numbers for number in (first, first)])
    began = time.process_time()
    assert len(gaps(engine)) == 39_999
    assert time.process_time() - began < 10


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("blind", range(LISTED + 4))
def test_every_blind_stretch_is_listed_or_counted(blind, empty):
    parts = tuple(Part(verdict="absent", what=f"hole {number}") for number in range(blind))
    said = "\n".join(Coverage(parts, uncovered=True).sentences(empty=empty))
    assert said.count("hole ") == min(blind, LISTED)
    assert (f"{blind - LISTED} more" in said) is (blind > LISTED)


def test_a_loss_that_lasts_into_the_asked_time_is_blind():
    class Throttled(Table):
        def __init__(self) -> None:
            self.connection = duckdb.connect(config={"threads": 1})
            self.connection.execute("SET TimeZone = 'UTC'")
            self.connection.execute(
                "CREATE TABLE events AS SELECT 'e' AS event_id, ?::TIMESTAMPTZ AS occurred_at, ?::TIMESTAMPTZ AS"
                " occurred_until_at, 'audit' AS kind, 'throttled' AS action, 'unknown' AS outcome, NULL AS attribute,"
                " NULL AS before, NULL AS after, NULL AS actor_name, 'exo' AS computer, NULL AS channel, NULL AS"
                " provider, NULL AS event_code, 1 AS record_id, NULL AS mailbox_ref, 'unified_audit' AS source, NULL"
                " AS through_server, false AS recovered",
                [START, START + timedelta(hours=24)],
            )
            self.said = {}

    inside = Filters(since=START + timedelta(hours=12), until=START + timedelta(hours=13))
    assert any("stopped recording" in part.what for part in coverage_of(Throttled(), inside).parts)
    after = Filters(since=START + timedelta(hours=25))
    assert not any("stopped recording" in part.what for part in coverage_of(Throttled(), after).parts)


NUMBERS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    deliveries=st.lists(st.tuples(st.sampled_from(["DC1", "dc1", "dc2"]), NUMBERS), max_size=8), cleared=st.booleans()
)
def test_holes_are_what_no_delivery_saw_however_the_numbers_were_delivered(deliveries, cleared):
    seen = RecordNumbersSeen()
    numbers = {}
    for computer, ranges in deliveries:
        pairs = [str(number) for first, more in ranges for number in (first, first + more)]
        said = {"continuity": [{"computer": computer, "channel": "Security", "ranges": pairs}]}
        seen = msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=RecordNumbersSeen)  # as it is kept between two
        seen.take(said)
        for first, more in ranges:
            numbers.setdefault(computer.lower(), set()).update(range(first, first + more + 1))
    if cleared:
        seen.take({"clears": [{"computer": "DC1", "channel": "Security", "record_id": "1"}]})
    missing = [
        (computer, number)
        for computer, of_it in sorted(numbers.items())
        for number in range(min(of_it, default=0), max(of_it, default=0))
        if number not in of_it
    ]
    if cleared and min(numbers.get("dc1", ()), default=0) == 1:  # the first hole parts the new count from the older
        of_dc1 = numbers["dc1"]
        end = next((n for n in range(1, max(of_dc1)) if n not in of_dc1), None)
        while end is not None and ("dc1", end) in missing:
            missing.remove(("dc1", end))
            end += 1
    told = [(computer, n) for computer, _channel, first, last in seen.holes() for n in range(first, last + 1)]
    assert told == missing
