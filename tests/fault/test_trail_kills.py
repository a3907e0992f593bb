"""A hundred kills at random moments of a writer that appends, seals and compacts."""

from __future__ import annotations

import pytest
from tests.fault.killing import Victim, Zygote

pytestmark = pytest.mark.slow
KILLS = 100


def test_a_hundred_kills_lose_nothing_acknowledged(tmp_path):
    zygote = Zygote()
    acknowledged, interrupted = 0, 0
    for seed in range(1000, 1000 + KILLS):
        victim = Victim(tmp_path / str(seed), zygote, seed)
        victim.kill_at_random()
        acknowledged += bool(victim.check())
        interrupted += bool(victim.recovery)
    zygote.close()
    # The test has teeth: many kills come after something was acknowledged, many in the middle of a commit.
    assert acknowledged >= KILLS // 4
    assert interrupted >= KILLS // 10
