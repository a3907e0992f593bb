"""A page of Microsoft Graph wraps its records: each comes out by itself."""

from __future__ import annotations

from mailwitness.formats import json_lines
from mailwitness.formats.interface import ExportRecord, Wanted


def test_a_page_of_graph(tmp_path):
    path = tmp_path / "page.json"
    path.write_text('{"@odata.context":"https://graph.example/$metadata","value":[{"id":"a"},{"id":"b"}]}')
    found = [r for span in json_lines.spans(path) for r in json_lines.read(path, span, Wanted())]
    assert [r.fields for r in found if isinstance(r, ExportRecord)] == [{"id": "a"}, {"id": "b"}]


def test_an_object_with_a_value_of_its_own_stays_whole(tmp_path):
    path = tmp_path / "own.json"
    path.write_text('{"name":"x","value":[1]}')
    (found,) = [r for span in json_lines.spans(path) for r in json_lines.read(path, span, Wanted())]
    assert isinstance(found, ExportRecord)
    assert found.fields == {"name": "x", "value": [1]}
