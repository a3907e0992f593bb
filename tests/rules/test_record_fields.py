"""A record's own values by name: nested, listed, in one cell of JSON, and of hostile size."""

from __future__ import annotations

import orjson

from mailwitness.rules.record_fields import TEXT_LIMIT, VALUES_LIMIT, record_table, values_of


def test_named_and_unnamed_values():
    raw = {"data": [["SubjectUserName", "olga"], ["", "x"], "y"], "format": "evtx", "level": 4}
    values = values_of(raw)
    assert values["subjectusername"] == ["olga"]
    assert values["data"] == ["x", "y"]
    assert values["level"] == ["4"]


def test_what_is_nested_and_listed():
    fields = {"A": {"B": {"C": 1}}, "L": ["x", None, 2], "P": [{"Name": "To", "Value": "z"}], "T": True}
    values = values_of({"fields": fields})
    assert values["a.b.c"] == ["1"]
    assert values["l"] == ["x", "2"]
    assert values["p.to"] == ["z"]
    assert values["p"] == ['[{"Name":"To","Value":"z"}]']
    assert values["t"] == ["True"]


def test_json_in_a_cell_is_the_record_it_is():
    audit = orjson.dumps({"Operation": "New-InboxRule", "Parameters": [{"Name": "ForwardTo", "Value": "c"}]}).decode()
    values = values_of({"fields": {"AuditData": audit, "Operations": "New-InboxRule"}})
    assert values["operation"] == ["New-InboxRule"]
    assert values["parameters.forwardto"] == ["c"]


def test_a_cell_that_is_no_json_stays_text():
    assert values_of({"fields": {"AuditData": '{"cut'}}) == {"auditdata": ['{"cut']}
    assert values_of({"fields": {"AuditData": "[1]"}}) == {"auditdata": ["[1]"]}


def test_names_that_differ_in_case_are_one():
    assert values_of({"fields": {"X": "1", "x": "2"}}) == {"x": ["1", "2"]}


def test_hostile_sizes_end():
    deep: dict = {}
    inner = deep
    for _ in range(100):
        inner["k"] = {}
        inner = inner["k"]
    inner["k"] = "end"
    assert values_of({"fields": deep}) == {}
    many = values_of({"fields": {f"n{number}": "v" for number in range(10_000)}})
    assert len(many) == VALUES_LIMIT


def test_the_table_is_bounded_and_takes_long_records_from_beside_the_trail():
    class Kept:
        def long_value(self, sha256):
            return orjson.dumps({"data": [["Name", sha256]]})

    entry = orjson.dumps({"raw": {"sha256": "ab", "size": "9"}})
    long = orjson.dumps({"raw": {"data": ["x" * (TEXT_LIMIT + 10)]}})
    table = record_table([{"seq": 1, "entry": entry}, {"seq": 2, "entry": long}, {"seq": 3, "entry": b"{}"}], Kept())
    rows = table.to_pylist()
    assert dict(rows[0]["record"]) == {"name": ["ab"]}
    assert len(rows[1]["record_text"]) == TEXT_LIMIT
    assert rows[2]["record"] == []
