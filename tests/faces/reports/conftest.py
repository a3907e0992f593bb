"""One trail of the bundled scenarios, and one report of texts an attacker would write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.faces.web.payloads import PAYLOADS

from mailwitness.faces.reports.report import Column, MadeAt, Report, Section
from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail

MADE_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="package")
def demo(tmp_path_factory):
    """Return (trail, key) of the demo's evidence. Tests only read it."""
    folder = tmp_path_factory.mktemp("reports")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    return folder / "trail", made.key_path


@pytest.fixture(scope="session")
def hostile_report():
    """Return a report in which every text that evidence can reach is hostile."""
    texts = PAYLOADS
    rows = tuple((text, texts[-1 - number]) for number, text in enumerate(texts))
    table = Section(
        title=texts[0],
        columns=(Column("who", "Who"), Column("target", "Mailbox")),
        rows=rows,
        said=texts[:3],
        controls=texts[3:6],
    )
    return Report(
        kind="changes",
        title=texts[1],
        made_at=MADE_AT,
        since=None,
        until=MADE_AT,
        query={"mailbox": texts[2]},
        checkpoint=MadeAt(origin="example/log", size=7, root="ab" * 32),
        is_covered=False,
        coverage=texts[6:9],
        blind=texts[:30],
        sections=(table,),
        made_by="mailwitness",
    )
