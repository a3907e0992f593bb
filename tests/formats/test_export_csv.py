"""CSV exports: every delimiter and encoding, rows that cost themselves, and the real files."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import csv_rows, export_csv
from mailwitness.formats.interface import ExportRecord, Span, Wanted


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("first", ["", "#TYPE Deserialized.Microsoft.Exchange.Data\r\n"])
def test_delimiters_encodings_and_type_lines(read_bytes, delimiter, encoding, first):
    lines = ['"Identity","User","AccessRights"', '"Zoë, 🂡; |\t x","EXAMPLE\\bob","FullAccess"', '"b","c","d"']
    text = first + "\r\n".join(line.replace('","', f'"{delimiter}"') for line in lines)
    a, b = read_bytes(text.encode(encoding), name="rights.csv")
    assert a.fields == {"Identity": "Zoë, 🂡; |\t x", "User": "EXAMPLE\\bob", "AccessRights": "FullAccess"}
    assert (a.container, a.shape) == ("csv", ("Identity", "User", "AccessRights"))
    assert (a.offset, b.offset) == (2 + bool(first), 3 + bool(first))


def test_a_sep_line_and_log_fields(read_bytes):
    assert read_bytes("sep=;\r\na,b;c\r\n1;2\r\n", "x.csv")[0].fields == {"a,b": "1", "c": "2"}
    log = "#Software: Microsoft Exchange Server\r\n#Fields: date-time,client-ip\r\n2021-03-02T22:43:17Z,192.0.2.1\r\n"
    assert read_bytes(log, "log.log")[0].fields == {"date-time": "2021-03-02T22:43:17Z", "client-ip": "192.0.2.1"}


def test_json_over_many_lines_is_one_value(read_bytes):
    record, after = read_bytes('A,B\r\n"{\r\n  ""x"": 1\r\n}",2\r\n3,4\r\n', "x.csv")
    assert record.fields == {"A": '{\r\n  "x": 1\r\n}', "B": "2"}
    assert after.offset == 5


def test_columns_of_one_name_keep_their_values(read_bytes):
    (record,) = read_bytes("A,B,A\r\n1,2,3\r\n", "x.csv")
    assert record.fields == {"A": "1", "B": "2", "A (2)": "3"}


def test_one_column_is_a_table_only_by_its_name(tmp_path):
    for name, expected in (("names.csv", export_csv), ("names.txt", None)):
        path = tmp_path / name
        path.write_text("Identity\r\nbob\r\n")
        assert formats.recognise(path) is expected


@pytest.mark.parametrize(
    "text", ["dn: CN=a,DC=b\nobjectClass: top\n", "version: 1\n\ndn: CN=a,DC=b", "1,2,3\n4,5,6\n", "a=1,b=2\n"]
)
def test_what_has_commas_and_is_no_table(tmp_path, text):
    path = tmp_path / "file.txt"
    path.write_text(text)
    assert formats.recognise(path) is not export_csv


def test_dates_whose_order_the_file_shows(read_bytes):
    text = "When,Other,Day\r\n3/4/2021 1:00,5/6/2021 1:00,x\r\n3/25/2021 1:00,5/6/2021 1:00,x\r\n"
    assert {r.day_first for r in read_bytes(text, "x.csv")} == {(("When", False),)}


def test_the_order_is_found_behind_the_first_thousand_rows(read_bytes):
    text = "When,X\r\n" + "3/4/2021 1:00,x\r\n" * 1500 + "25/3/2021 1:00,x\r\n"
    assert read_bytes(text, "x.csv")[0].day_first == (("When", True),)


BAD = {
    "too few": ("1", "damaged"),
    "too many": ("1,2,3", "damaged"),
    "a quote within": ('1,"2"x', "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_costs_itself(read_bytes, name):
    row, code = BAD[name]
    readings = read_bytes(f"A,B\r\n1,2\r\n{row}\r\n3,4\r\n", "x.csv")
    assert [r.fields["A"] for r in readings if isinstance(r, ExportRecord)] == ["1", "3"]
    assert [(p.code, p.records, p.where.line) for p in readings if isinstance(p, Problem)] == [(code, 1, 3)]


def test_a_quote_that_never_closes_costs_its_own_row(read_bytes):
    readings = read_bytes('A,B\r\n1,2\r\n"x,y\r\n3,4\r\n5,6\r\n', "x.csv")
    assert [r.fields["A"] for r in readings if isinstance(r, ExportRecord)] == ["1", "3", "5"]
    assert [r.offset for r in readings if isinstance(r, ExportRecord)] == [2, 4, 5]
    assert [(p.code, p.where.line) for p in readings if isinstance(p, Problem)] == [("damaged", 3)]


def test_a_giant_field_is_taken_and_a_larger_one_is_a_limit(read_bytes, monkeypatch):
    (record,) = read_bytes("A,B\r\n" + "x" * 3_000_000 + ",2\r\n", "x.csv")
    assert len(record.fields["A"]) == 3_000_000
    monkeypatch.setattr(csv_rows, "FIELD_BYTES", 1000)
    long_line = read_bytes("A,B\r\n" + "x" * 3000 + ",2\r\n3,4\r\n", "x.csv")
    long_field = read_bytes('A,B\r\n"' + "x\r\n" * 3000 + '",2\r\n', "x.csv")
    assert [type(r) for r in long_line] == [Problem, ExportRecord]
    assert (long_line[0].code, long_line[1].offset) == ("limit", 3)
    assert long_field[0].code == "limit"


def test_too_many_columns_are_a_limit(read_bytes):
    readings = read_bytes(",".join(f"c{i}" for i in range(10_001)) + "\r\n1,2\r\n", "x.csv")
    assert [r.code for r in readings] == ["limit"]


def test_bytes_of_a_code_page_are_kept_and_said_once(read_bytes):
    readings = read_bytes("A,B\r\nZ\xfcrich,1\r\nK\xf6ln,2\r\n".encode("latin-1"), "x.csv")
    assert [type(r) for r in readings] == [Problem, ExportRecord, ExportRecord]
    assert (readings[0].code, readings[0].records) == ("ambiguous", 0)
    assert readings[1].fields["A"].encode("utf-8", "surrogateescape") == b"Z\xfcrich"


VALUE = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.lists(st.lists(VALUE, min_size=2, max_size=2), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_any_values_survive_the_way_through_csv(tmp_path_factory, rows, delimiter, encoding):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["First", "Second"])
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    readings = list(export_csv.read(path, Span(0, path.stat().st_size), Wanted()))
    assert [list(r.fields.values()) for r in readings] == rows


@pytest.mark.samples
def test_the_real_unified_audit_log_export(samples):
    path = samples / "invictus_o365" / "auditrecords.given.csv"
    readings = list(export_csv.read(path, Span(0, path.stat().st_size), Wanted()))
    assert all(isinstance(r, ExportRecord) for r in readings)
    assert len(readings) == 3435
    assert sum(not r.fields["AuditData"] for r in readings) == 2
    assert readings[0].day_first == (("CreationDate", False),)


@pytest.mark.samples
def test_a_real_export_with_json_over_many_lines(samples):
    path = samples / "techjollof" / "TestFormated.csv"
    assert formats.recognise(path) is export_csv
    readings = list(export_csv.read(path, Span(0, path.stat().st_size), Wanted()))
    assert [r.fields["AuditData"][:1] for r in readings] == ["{"] * 4
