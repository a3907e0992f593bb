"""The live service is killed under load: nothing acknowledged is lost, nothing stands twice, no bookmark runs ahead."""

from __future__ import annotations

import pytest
from tests.fault.live_killing import kill_at_random_moments


def test_a_few_times(tmp_path):
    kill_at_random_moments(tmp_path, 3, seed=11)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_times(tmp_path, seed):
    kill_at_random_moments(tmp_path, 20, seed)
