"""What an attacker writes into any field stays text in every form of a report."""

from __future__ import annotations

import csv
import io
import subprocess
from html.parser import HTMLParser

import openpyxl
import orjson
import pytest
from tests.faces.web.payloads import PAYLOADS

from mailwitness.errors import UsageError
from mailwitness.faces.reports.pages import as_html, as_pdf
from mailwitness.faces.reports.plain_forms import inert
from mailwitness.faces.reports.writing import rendered, write_report
from mailwitness.faces.text import for_terminal

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
OURS = set("html head meta title style body main h1 h2 section ul li dl dt dd p div table thead tbody".split())
OURS |= set("tr th td footer code".split())


class Page(HTMLParser):
    """The elements of a page, their attributes' names, and the text of its cells."""

    def __init__(self, text) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.cells, self._open = set(), set(), [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open = tag == "td"
        if self._open:
            self.cells.append("")

    def handle_endtag(self, tag):
        self._open = self._open and tag != "td"

    def handle_data(self, data):
        if self._open:
            self.cells[-1] += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def test_a_page_holds_our_elements_only_and_every_text(hostile_report):
    text = as_html(hostile_report).decode()
    page = Page(text)
    assert page.elements == OURS - {"script"}
    assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {"href", "src", "style"}
    expected = [for_terminal(cell) for row in hostile_report.sections[0].rows for cell in row]
    assert page.cells == expected
    assert "default-src 'none'" in text
    assert len(PAYLOADS) == 300


def test_csv_is_inert_and_whole(hostile_report):
    data = rendered(hostile_report, "csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline="")))
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(FORMULA)]
    at = rows.index(["Who", "Mailbox"]) + 1
    assert rows[at:] == [[inert(cell) for cell in row] for row in hostile_report.sections[0].rows]


def test_a_workbook_holds_text_only(hostile_report):
    book = openpyxl.load_workbook(io.BytesIO(rendered(hostile_report, "xlsx")))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell for cell in cells if cell.hyperlink or cell.value.lstrip().startswith(FORMULA)]
    values = {cell.value for cell in cells}
    assert values >= {inert(text) for text in PAYLOADS}


def test_json_is_exact(hostile_report):
    document = orjson.loads(rendered(hostile_report, "json"))
    items = document["sections"][0]["items"]
    assert [(item["who"], item["target"]) for item in items] == list(hostile_report.sections[0].rows)
    assert document["covered"] is False
    assert document["not_covered"] == list(hostile_report.blind)


def test_a_pdf_holds_every_text_and_nothing_that_acts(hostile_report, tmp_path):
    data = as_pdf(hostile_report)
    assert data == as_pdf(hostile_report)
    assert not [
        word for word in (b"/JavaScript", b"/URI", b"/Launch", b"/EmbeddedFile", b"/OpenAction") if word in data
    ]
    assert b"/StructTreeRoot" in data
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    ran = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True)
    text = "".join(ran.stdout.decode().split())
    ascii_texts = ["".join(for_terminal(each).split()) for each in PAYLOADS if each.isascii()]
    left = [each for each in ascii_texts if each not in text]
    assert len(left) <= len(ascii_texts) // 50, left  # a cell may be cut by the foot of a page
    assert "NOTFULLYCOVERED:30parts" in text


def test_a_long_table_is_cut_and_says_so(hostile_report, monkeypatch):
    monkeypatch.setattr("mailwitness.faces.reports.pages.HTML_ROWS", 10)
    text = as_html(hostile_report).decode()
    assert text.count("<tr>") == 11
    assert "The first 10 of 300 rows are shown; the CSV of this report holds all of them." in text


def test_nothing_is_written_over(hostile_report, tmp_path):
    write_report(hostile_report, tmp_path, ["csv"])
    with pytest.raises(UsageError, match="there already"):
        write_report(hostile_report, tmp_path, ["csv"])
