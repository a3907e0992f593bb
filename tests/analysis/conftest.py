"""What tests of rights begin with."""

from __future__ import annotations

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.made_directory import nobody_has_rights


@pytest.fixture(scope="module")
def engine():
    return EngineOfRows()


@pytest.fixture
def seen():
    """A directory in which nobody has any right yet."""
    return nobody_has_rights()
