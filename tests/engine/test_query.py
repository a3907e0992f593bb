"""A question's text: lines that stand only when asked for, parameters that must be given."""

from __future__ import annotations

from importlib import resources

import pytest

from mailwitness.engine.query import Query, load_query
from mailwitness.errors import KnowledgeError

QUERY = Query("q", "what?", "SELECT 1\nWHERE a = $a  -- when a\n  AND b = $b  -- when b")
SQL = "mailwitness.analysis.sql"
NAMES = sorted(f.name.removesuffix(".sql") for f in resources.files(SQL).iterdir() if f.name.endswith(".sql"))


def test_an_absent_filter_leaves_no_trace():
    assert QUERY.bind() == ("SELECT 1", {})


def test_a_present_filter_stands():
    sql, used = QUERY.bind(a=1)
    assert "a = $a" in sql
    assert "$b" not in sql
    assert used == {"a": 1}


def test_a_missing_parameter_is_named():
    with pytest.raises(KnowledgeError, match="needs a"):
        Query("q", "what?", "SELECT $a").bind()


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_asks_and_gives(name):
    query = load_query(SQL, name)
    assert query.question.endswith("?")
    assert "\n-- columns:" in query.text


def test_a_list_becomes_one_parameter_a_value():
    query = Query("q", "what?", "SELECT * FROM t WHERE a IN $names OR b IN $names")
    assert query.bind(names=["x", "y"]) == (
        "SELECT * FROM t WHERE a IN ($names_0, $names_1) OR b IN ($names_0, $names_1)",
        {"names_0": "x", "names_1": "y"},
    )
