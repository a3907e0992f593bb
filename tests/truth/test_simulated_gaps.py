"""Every time without records is found from the trail and its directory alone, and none is invented: seeds 1 to 20."""

from __future__ import annotations

import pytest
from tests.truth.gap_comparison import wrong_gaps
from tests.truth.simulated import GENERATIONS, SEEDS, simulated


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_gap_is_found_and_none_invented(shared_histories, generation, seed):
    history = simulated(shared_histories, generation, seed)
    assert any(row["kind"] == "gap" for row in history.truth)
    assert wrong_gaps(history.trail, history.evidence, history.truth) == []
