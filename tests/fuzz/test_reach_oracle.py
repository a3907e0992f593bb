"""Reach and explanation agree with brute force on 5,000 random histories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from tests.analysis.histories import histories
from tests.analysis.test_reach_oracle import UNHURRIED, agree


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=UNHURRIED)
@given(histories())
def test_five_thousand_random_histories(history):
    agree(history)
