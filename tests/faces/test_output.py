"""Nothing written by an attacker acts on the terminal, in a spreadsheet or on what reads the JSON."""

from __future__ import annotations

import csv
import io
import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.faces.cli import main
from mailwitness.faces.output import Answer, Format, as_csv, dumps, write
from mailwitness.faces.text import for_spreadsheet, for_terminal

HOSTILE = (
    *(chr(point) for point in range(0x20)),
    *(chr(point) for point in range(0x7F, 0xA0)),
    *"\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068",
    *"\u2069\ufeff\ufff9\U000e0041\ud800",
)
IN_TEXT = [f"a{character}b" for character in HOSTILE]


def acting(text, but=""):
    """Return the characters of `text` that a terminal obeys or that cannot be seen."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in but]


def answer(*texts):
    return Answer(verb="changes", items=[{"who": text, "list": [text]} for text in texts], columns={"who": "Who"})


@pytest.mark.parametrize("form", list(Format))
def test_no_form_carries_a_character_that_acts(form, capfdbinary):
    shown = answer(*IN_TEXT)
    shown.notes = list(IN_TEXT)
    write(shown, form)
    out = capfdbinary.readouterr().out.decode()
    assert "a" in out
    assert not acting(out, but="\r\n")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20)))
def test_json_says_the_same(item):
    assert orjson.loads(dumps(item)) == item
    assert orjson.loads(dumps(item, indent=True)) == item


@pytest.mark.parametrize("lead", ["", " ", "\u3000", "\t"])
@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20a", "\n=1"]
)
def test_no_cell_is_a_formula(lead, formula):
    assert for_spreadsheet(lead + formula).startswith("'")
    (cell,) = [row["who"] for row in csv.DictReader(io.StringIO(as_csv(answer(lead + formula))))]
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))


@given(st.text())
def test_text_without_such_characters_stays(text):
    if not acting(text):
        assert for_terminal(text) == text


def test_an_error_nobody_foresaw_is_no_finding(monkeypatch, capsys):
    def fail():
        raise RuntimeError("unforeseen \x1b[31m")

    monkeypatch.setattr("mailwitness.faces.cli.app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 70
    said = capsys.readouterr().err
    assert "unforeseen" in said
    assert "\x1b" not in said
