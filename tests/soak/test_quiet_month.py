"""A month of 1,000 mailboxes: at most one finding a day that the truth does not name; and how many cases are found."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from tests.rules.named_by_truth import Judged, judged
from tests.truth.simulated import GENERATIONS

from mailwitness.intake.importing import import_paths
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.finding import at_least
from mailwitness.simulate.simulation import simulate
from mailwitness.trail.create import create_trail

pytestmark = pytest.mark.slow
DAYS = 30
MISSED = 0.35
"""The share of cases that no finding stands for: those whose records prove less than what happened."""


@pytest.fixture(scope="module", params=GENERATIONS)
def month(request, tmp_path_factory) -> Judged:
    folder: Path = tmp_path_factory.mktemp(request.param)
    simulate(folder / "e", seed=7, mailboxes=1_000, days=DAYS, generation=request.param, max_records=20_000)
    made = create_trail(folder / "trail", organization="simulated", key_dir=folder / "keys")
    truth = [json.loads(line) for line in (folder / "e" / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    end = max(datetime.fromisoformat(row["at"]) for row in truth)
    import_paths(folder / "trail", [folder / "e"], key_path=made.key_path, time_zone="UTC", collected_at=end)
    return judged(folder / "trail", folder / "e", truth, load_rules())


def test_at_most_one_finding_a_day_of_which_nobody_did_anything(month):
    assert len(month.findings) > 10
    assert len(month.unnamed()) <= DAYS, [(f.rule_id, f.occurred_at) for f in month.unnamed()]


def test_at_most_one_finding_a_day_to_look_at_is_no_case(month):
    looked_at = [f for f in month.beside_the_cases() if f.level in at_least("medium")]
    assert len(looked_at) <= DAYS, [(f.rule_id, f.occurred_at) for f in looked_at]


def test_most_cases_are_found(month):
    cases = [row for row in month.truth if row["kind"] == "finding"]
    missed = month.missed({rule.rule_id for rule in load_rules().rules if rule.level in at_least("low")})
    assert len(missed) <= MISSED * len(cases), [(row["rule"], row["at"]) for row in missed]
