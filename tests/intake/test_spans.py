"""Whatever a file holds, every record is counted once, in one delivery or in many, interrupted or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwitness.formats.interface import Span
from mailwitness.intake import spans
from mailwitness.intake.messages import Read
from mailwitness.intake.spans import SpanReader

_RECORDS = st.sampled_from(["event", "pair", "none", "foreign", "unread", "raise"])
_COUNTED = st.sampled_from(["skip", "damaged", "remark"])
_LINES = st.lists(
    st.one_of(
        st.builds("{} {} x".format, _RECORDS, st.integers(1, 10**6)),
        st.builds("{} {}".format, _COUNTED, st.integers(0, 9)),
    ),
    max_size=30,
)


class Interrupted(Exception):
    pass


class Sum:
    """The sum of deliveries; raises when the `die_after`-th has come, as if the process had died then."""

    def __init__(self, die_after=None) -> None:
        self.seen = self.filtered = self.unread = self.records = self.events = 0
        self.numbers = set()
        self.offsets: list[int] = []
        self.problems: list[str] = []
        self.through = None
        self.deliveries = 0
        self.die_after = die_after

    def take(self, delivery, batch):
        rows_of = list(memoryview(delivery.rows_of).cast("I")) or [1] * delivery.events
        assert sum(rows_of) == delivery.events == (0 if batch is None else len(batch))
        self.seen += delivery.seen
        self.filtered += delivery.filtered
        self.unread += delivery.unread
        self.records += len(rows_of)
        self.events += delivery.events
        self.offsets += [] if batch is None else batch.column("offset").to_pylist()
        self.problems += [problem.code for problem in delivery.problems]
        self.through = delivery.through
        for numbers in delivery.numbers:
            for first, last in zip(numbers.ranges[::2], numbers.ranges[1::2], strict=True):
                self.numbers |= set(range(first, last + 1))
        self.deliveries += 1
        if self.deliveries == self.die_after:
            raise Interrupted

    def facts(self):
        return (
            self.seen,
            self.filtered,
            self.unread,
            self.records,
            self.events,
            self.offsets,
            self.problems,
            self.numbers,
        )


def _read(fake, lines, total, **more):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence"
        path.write_bytes(fake.file_of(lines))
        said = {
            "path": str(path),
            "name": "evidence",
            "format": "fake",
            "spans": (Span(0, path.stat().st_size),),
            "evidence_sha256": "0" * 64,
            "organization": "contoso",
        }
        SpanReader(Read(**said | more), total.take).run()
    return total


_QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@_QUIET
@given(lines=_LINES)
def test_seen_is_the_sum_of_what_became_of_records(fake, lines):
    total = _read(fake, lines, Sum())

    words = [line.split(" ") for line in lines]
    records = [word for word, *_ in words if word in {"event", "pair", "none", "foreign", "unread", "raise"}]
    counted = sum(int(rest[0]) for word, *rest in words if word in {"skip", "damaged"})
    assert total.seen == len(records) + counted + sum(int(r[0]) for w, *r in words if w == "remark")
    assert total.seen == total.records + total.filtered + total.unread
    assert total.events == records.count("event") + 2 * records.count("pair")
    assert total.deliveries == 1


@_QUIET
@given(lines=_LINES, rows=st.integers(1, 4), die_after=st.integers(1, 12))
def test_a_stream_that_is_cut_off_and_resumed_gives_what_one_read_gives(fake, lines, rows, die_after):
    whole = _read(fake, lines, Sum())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "ROWS", rows)
        parts = Sum(die_after)
        try:
            _read(fake, lines, parts, streamed=True)
        except Interrupted:
            parts.die_after = None
            _read(fake, lines, parts, streamed=True, resume_after=parts.through)

    assert parts.facts() == whole.facts()


def test_problems_beyond_the_limit_are_counted(fake, monkeypatch):
    monkeypatch.setattr(spans, "PROBLEMS", 3)
    deliveries = []
    _read(fake, ["damaged 1"] * 10, type("All", (), {"take": lambda _, delivery, __: deliveries.append(delivery)})())

    assert len(deliveries[0].problems) == 3
    assert deliveries[0].more_problems == 7
    assert deliveries[0].seen == deliveries[0].unread == 10


def test_problems_of_a_format_carry_the_name_of_the_evidence(fake):
    found = []
    total = type("All", (), {"take": lambda _, delivery, __: found.extend(delivery.problems)})()
    _read(fake, ["damaged 1"], total, name="archive.zip!Security.fake")

    assert found[0].where.evidence == "archive.zip!Security.fake"
