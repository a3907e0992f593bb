"""The demo's two stories are told as they happened."""

from __future__ import annotations

import pytest
from tests.truth.comparison import differences

from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import expected, write_demo
from mailwitness.trail.create import create_trail


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    return folder


def test_every_change_and_access_is_told_once_and_as_it_was(trail):
    assert differences(trail / "trail", trail / "evidence", expected()) == []
