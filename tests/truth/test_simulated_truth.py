"""Changes, accesses and gaps of simulated organisations are told as they happened: every generation, seeds 1 to 20."""

from __future__ import annotations

import pytest
from tests.truth.comparison import differences
from tests.truth.simulated import GENERATIONS, SEEDS, simulated


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_answers_are_the_truth(shared_histories, generation, seed):
    history = simulated(shared_histories, generation, seed)
    assert any(row["kind"] == "change" for row in history.truth)
    assert differences(history.trail, history.evidence, history.truth) == []
