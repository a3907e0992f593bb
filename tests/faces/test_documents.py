"""The tables of docs/ say what the program does."""

from __future__ import annotations

import pytest
from tests.conftest import ROOT

from mailwitness import sources
from mailwitness.errors import UsageError
from mailwitness.faces.documents import TABLES, main, rewritten
from mailwitness.knowledge.event_table import event_rows
from mailwitness.knowledge.windows_events import catalogue

DOCS = ROOT / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_the_page_is_up_to_date(path):
    page = path.read_text(encoding="utf-8")
    assert rewritten(page) == page, f"{path.name} is out of date: make docs"


def test_the_page_of_sources_has_every_table():
    page = (DOCS / "sources.md").read_text(encoding="utf-8")
    for name in TABLES:
        assert f"<!-- table: {name} -->" in page


def test_every_event_code_a_source_reads_is_in_the_table():
    listed = {row.id for row in event_rows()}
    assert sources.wanted().codes - listed == set()
    assert {(entry.provider, entry.event.id) for entry in catalogue().entries.values()} <= {
        (row.provider, row.id) for row in event_rows()
    }


def test_every_source_and_its_proof_is_in_the_table():
    table = TABLES["sources"]()
    for source in sources.discover():
        assert f"| {source.NAME} |" in table
        assert len(source.DOC) > 50


def test_cells_cannot_break_the_table():
    for make in TABLES.values():
        lines = make().splitlines()
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_an_unknown_table_is_refused():
    with pytest.raises(UsageError, match="no such table"):
        rewritten("<!-- table: nothing -->\n<!-- end -->")


def test_the_command_rewrites_only_what_differs(tmp_path, capsys):
    (tmp_path / "a.md").write_text("# A\n<!-- table: attributes -->\nold\n<!-- end -->\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("# B\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"rewritten: {tmp_path / 'a.md'}\n"
    assert "msExchMailboxSecurityDescriptor" in (tmp_path / "a.md").read_text(encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_the_command_wants_a_folder(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
