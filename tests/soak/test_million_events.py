"""A million records of one organisation: every change, access and gap is told as it happened."""

from __future__ import annotations

import json

import pytest
from tests.truth.comparison import differences

from mailwitness.intake.importing import import_paths
from mailwitness.simulate.simulation import simulate
from mailwitness.trail.create import create_trail

pytestmark = pytest.mark.slow
RECORDS = 1_000_000


def test_a_million_records_are_told_as_they_happened(tmp_path):
    simulate(tmp_path / "e", seed=1, mailboxes=1_000, days=365, generation="hybrid", max_records=RECORDS)
    made = create_trail(tmp_path / "trail", organization="simulated", key_dir=tmp_path / "keys")
    report = import_paths(tmp_path / "trail", [tmp_path / "e"], key_path=made.key_path, time_zone="UTC")
    assert report.totals.seen > RECORDS * 3 // 4
    truth = [json.loads(line) for line in (tmp_path / "e" / "truth.jsonl").read_bytes().splitlines()]
    assert differences(tmp_path / "trail", tmp_path / "e", truth) == []
