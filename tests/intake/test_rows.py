"""The columns a reader hands over are the entry's projection, as `verify --deep` recomputes it."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from mailwitness.event import Event, Item
from mailwitness.intake.rows import Rows
from mailwitness.trail.projection import batch_of_events, columns_of
from mailwitness.trail.schema import BATCH_SCHEMA


def _event(**more):
    said = {
        "event_id": "ab" * 32,
        "organization": "contoso",
        "kind": "access",
        "action": "item_read",
        "occurred_at": datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
        "time_quality": "exact",
        "source": "fake",
        "evidence_sha256": "cd" * 32,
        "offset": 4096,
    }
    return Event(**said | more)


EVENTS = [
    _event(),
    _event(record_id=7, rights=("FullAccess", "SendAs"), recovered=True, actor_name="Jos\u00e9"),
    _event(items=(Item(subject="s\ud800", item_id="1"), Item(folder="Inbox")), occurred_until_at=datetime.now(UTC)),
    _event(actor_name="lone \udfff", rights=("\ufdd0",), before="b" * 70_000),
]


def test_columns_are_the_projection_of_the_entry():
    rows = Rows()
    for event in EVENTS:
        rows.add([event], {"format": "evtx"}, "salt")
    batch, rows_of, blobs = rows.take()
    expected, expected_blobs = batch_of_events([(event, {"format": "evtx"}) for event in EVENTS], "salt")

    assert batch.schema == BATCH_SCHEMA
    batch.validate(full=True)
    assert batch.to_pylist() == expected.to_pylist()
    assert blobs == expected_blobs
    assert rows_of == b""
    for entry in batch.column("entry").to_pylist()[:3]:
        assert columns_of(orjson.loads(entry), entry)["entry"] == entry


def test_rows_of_a_record_that_says_several_things_are_told():
    rows = Rows()
    rows.add(EVENTS[:1], {}, None)
    rows.add(EVENTS[:3], {}, None)
    _, rows_of, _ = rows.take()

    assert list(memoryview(rows_of).cast("I")) == [1, 3]
    assert rows.take() == (None, b"", ())


@pytest.mark.parametrize("bad", [_event(record_id=2**63), _event(record_id=-1)])
def test_a_record_is_taken_whole_or_not_at_all(bad):
    rows = Rows()
    with pytest.raises(ValueError, match="record number"):
        rows.add([EVENTS[0], bad], {}, None)

    assert len(rows) == 0
    assert rows.bytes == 0
