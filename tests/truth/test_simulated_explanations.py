"""Explanations of simulated accesses are what truly let them happen: every generation, seeds 1 to 20."""

from __future__ import annotations

import pytest
from tests.truth.explanations import wrong_explanations
from tests.truth.simulated import GENERATIONS, SEEDS, simulated


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_explanations_are_the_truth(shared_histories, generation, seed):
    history = simulated(shared_histories, generation, seed)
    assert any(row["kind"] == "explanation" for row in history.truth)
    assert wrong_explanations(history.trail, history.evidence, history.truth) == []
