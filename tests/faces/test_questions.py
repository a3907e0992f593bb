"""What the verbs that ask say beside an answer: whom a name was taken for, and what rests on an unverified layout."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailwitness.analysis.filters import Filters, Known, Match
from mailwitness.errors import UsageError
from mailwitness.faces.cli import main
from mailwitness.faces.exit_codes import strongest
from mailwitness.faces.options import instant_of
from mailwitness.faces.output import Answer
from mailwitness.faces.verbs_questions import ACCESS_COLUMNS, _filters, _say_match, access_item


def said(match, known=None):
    answer = Answer(verb="changes", items=[], columns={})
    _say_match(answer, Filters(mailbox="anna@a.example", known_mailbox=known), match)
    return answer


def test_a_single_match_by_name_alone_is_said_in_every_form():
    answer = said(Match(("anna@b.example",), weak=True))
    assert answer.notes == ["Matched by name alone: anna@a.example = anna@b.example."]
    assert answer.envelope()["matched"] == {
        "asked": "anna@a.example",
        "references": ("anna@b.example",),
        "by_name_alone": True,
    }


def test_a_match_in_full_needs_no_word():
    assert said(Match(("anna@a.example",), weak=False)).notes == []


def test_what_the_directory_knows_is_said():
    names = ("A\\anna", "B\\anna")
    answer = said(Match(("anna@a.example",), weak=False), Known(names, names, frozenset()))
    assert answer.notes == ["anna@a.example can mean several: A\\anna, B\\anna. All are shown."]
    assert answer.envelope()["matched"]["by_directory"] == names


def test_what_is_not_listed_is_counted():
    (note,) = said(Match(tuple(f"anna@{n}.example" for n in range(11)), weak=True)).notes
    assert note.endswith("anna@7.example and 3 more.")


def test_an_unverified_layout_is_said_in_the_table_of_accesses():
    at = datetime(2026, 3, 2, tzinfo=UTC)
    item = access_item({"occurred_at": at, "source": "exchange_store", "event_code": "10100", "experimental": True})
    assert "proof" in ACCESS_COLUMNS
    assert item["proof"] == "10100 (experimental)"


@pytest.mark.parametrize("text", ["999999d", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "yesterday"])
def test_a_time_beyond_the_calendar_is_usage(text):
    with pytest.raises(UsageError):
        instant_of(text, "--since")


@pytest.mark.parametrize("until", ["2026-03-01", "2026-03-02"])
def test_an_empty_time_is_usage(until):
    with pytest.raises(UsageError):
        _filters("2026-03-02", until, None, None, None, None, noise=False)


def test_which_code_wins():
    ranked = [70, 75, 2, 1, 4, 3]
    for place, code in enumerate(ranked):
        assert strongest(set(ranked[place:])) == code
    assert strongest({3, 4}, frozenset({4})) == 3
    assert strongest(set()) == 0


def test_what_accept_cannot_take_is_refused_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["mailwitness", "import", str(tmp_path), "--trail", str(tmp_path), "--accept", "9"])
    monkeypatch.setattr("mailwitness.faces.verbs_trail.import_paths", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--accept 9" in capsys.readouterr().err
