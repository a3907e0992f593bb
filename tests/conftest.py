"""What every test may use: the real samples, the tests' own data, and the rule that CI skips no real part."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from mailwitness.intake.importing import import_paths
from mailwitness.intake.report import ImportReport
from mailwitness.trail.create import create_trail

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT.parent / "shared" / "samples"
DATA = ROOT / "tests" / "data"

# How long one example takes says how busy the machine is: what must be quick has a test that says so.
settings.register_profile("unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real evidence; the test skips, saying so, where it is absent."""
    if not SAMPLES.is_dir():
        pytest.skip(f"the samples folder is absent: {SAMPLES}")
    return SAMPLES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):  # noqa: ARG001 - pytest names them
    """Turn a skip into a failure in CI: there every real part is there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be skipped: {report.longrepr}"
    return report


def pytest_collection_modifyitems(config, items):
    """Leave the slow suites to their own make targets, unless asked for by -m."""
    if "slow" in (config.getoption("-m") or ""):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture(scope="session")
def sample_trail(samples, tmp_path_factory) -> SampleTrail:
    """Return one trail into which all samples were imported, and the import's report. Tests only read it."""
    folder = tmp_path_factory.mktemp("samples")
    made = create_trail(folder / "trail", organization="samples", key_dir=folder / "keys")
    report = import_paths(folder / "trail", [samples], key_path=made.key_path)
    return SampleTrail(folder / "trail", made.key_path, made.verifier_key, report)


class SampleTrail(NamedTuple):
    """A trail of all samples."""

    path: Path
    key_path: Path
    verifier_key: str
    report: ImportReport


@pytest.fixture(scope="session")
def shared_histories(tmp_path_factory, request) -> Path:
    """Return a folder that all workers of this run share, for what is costly to make (tests/truth/simulated.py)."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "histories"
    folder.mkdir(exist_ok=True)
    return folder
