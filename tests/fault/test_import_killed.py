"""An import is killed at 100 random moments: what was acknowledged is there, and the next import completes it."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "intake"))

import fake_reader
import killed_import

from mailwitness.trail.create import create_trail

SEED = 7
MOMENTS = [random.Random(SEED + n).uniform(0.3, killed_import.SECONDS) for n in range(100)]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    return killed_import.evidence(fake_reader, tmp_path_factory.mktemp("killed") / "evidence")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_moment(evidence, tmp_path, monkeypatch, moment):
    fake_reader.install(monkeypatch)
    trail = create_trail(tmp_path / "trail", organization="contoso", key_dir=tmp_path / "keys")
    killed_import.check(trail, evidence, fake_reader, moment)
