"""The log the benchmark imports is a sound one, of the share of relevant records it says."""

from __future__ import annotations

import sys
from pathlib import Path

import evtx
import orjson
import pytest

from mailwitness import sources
from mailwitness.formats import evtx as our_evtx
from mailwitness.formats.interface import Problem, Record, Skipped, Span

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))

import security_log


@pytest.mark.parametrize("share", [0.02, 0.1, 1.0])
def test_the_log_is_valid_and_has_the_share_it_is_asked_for(tmp_path, monkeypatch, share):
    monkeypatch.setattr(security_log, "POOL_RECORDS", 2_000)
    path = tmp_path / "Security.evtx"
    written = security_log.make(path, 3, share)

    rendered = [orjson.loads(record["data"]) for record in evtx.PyEvtxParser(str(path)).records_json()]
    numbers = [record["Event"]["System"]["EventRecordID"] for record in rendered]
    readings = list(our_evtx.read(path, Span(0, path.stat().st_size), sources.wanted()))
    read = [reading for reading in readings if isinstance(reading, Record)]
    passed_over = sum(reading.records for reading in readings if isinstance(reading, Skipped))

    assert len(rendered) == written == len(read) + passed_over
    assert numbers == list(range(1, written + 1))
    assert not [reading for reading in readings if isinstance(reading, Problem)]
    assert abs(len(read) / written - share) < 0.02
