"""Kill -9 at random moments: nothing acknowledged is missing, the rest comes in again. `make fault` has 100 more."""

from __future__ import annotations

import pytest
from tests.fault.killing import Victim, Zygote

KILLS = 12


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_writer_loses_nothing_it_acknowledged(zygote, tmp_path, seed):
    victim = Victim(tmp_path / "victim", zygote, seed)
    victim.kill_at_random()
    victim.check()
