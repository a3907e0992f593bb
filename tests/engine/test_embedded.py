"""Filters reach the Parquet scan: a question for a month or a mailbox does not read everything."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.filters import Filters
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import load_query
from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    return folder / "trail"


NO_KEYS = pa.table({"reference": pa.array([], pa.string()), "key": pa.array([], pa.string())})


@pytest.fixture(scope="module")
def engine(trail):
    with Embedded(open_reader(trail)) as opened:
        opened.register("mailbox_keys", NO_KEYS)
        yield opened


@pytest.mark.parametrize(
    ("question", "asked", "column"),
    [
        ("accesses", {"since": datetime(2024, 3, 1, tzinfo=UTC)}, "occurred_at"),
        ("accesses", {"until": datetime(2004, 4, 1, tzinfo=UTC)}, "occurred_at"),
        ("accesses", {"references": ["hbrandt@fabrik.example"]}, "mailbox_ref"),
        ("change_events", {"since": datetime(2024, 3, 1, tzinfo=UTC)}, "occurred_at"),
    ],
)
def test_the_filter_reaches_the_scan(engine, question, asked, column):
    query = load_query("mailwitness.analysis.sql", question)
    assert not any(column in part for part in engine.scan_filters(query))
    assert any(column in part for part in engine.scan_filters(query, **asked))


def test_an_empty_trail_answers(tmp_path):
    create_trail(tmp_path / "trail", key_dir=tmp_path / "keys")
    with Embedded(open_reader(tmp_path / "trail")) as engine:
        assert accesses(engine, Filters(non_owner=True)) == ([], {})


def test_times_are_utc(engine):
    rows = engine.rows(load_query("mailwitness.analysis.sql", "accesses"))
    assert rows
    assert all(row["occurred_at"].tzinfo is UTC for row in rows)
