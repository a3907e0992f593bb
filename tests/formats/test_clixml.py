"""CLIXML: every type PowerShell serializes, references, escapes, and hostile objects."""

from __future__ import annotations

import pytest

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import clixml
from mailwitness.formats.interface import ExportRecord

ACE = "Deserialized.Microsoft.Exchange.Management.RecipientTasks.MailboxAcePresentationObject"


def objects(*elements):
    namespace = "http://schemas.microsoft.com/powershell/2004/04"
    return f'<Objs Version="1.1.0.1" xmlns="{namespace}">\r\n  ' + "\r\n  ".join(elements) + "\r\n</Objs>"


def with_properties(properties, reference="0"):
    return f'<Obj RefId="{reference}"><TN RefId="{reference}"><T>{ACE}</T></TN><Props>{properties}</Props></Obj>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_permission_as_exchange_exports_it(read_bytes, encoding):
    text = objects(
        f'<Obj RefId="0"><TN RefId="0"><T>{ACE}</T><T>System.Object</T></TN><ToString>ace</ToString><Props>'
        '<Obj N="AccessRights" RefId="1"><TN RefId="1"><T>System.Collections.ArrayList</T></TN>'
        "<LST><S>FullAccess</S><S>ReadPermission</S></LST></Obj>"
        '<Obj N="InheritanceType" RefId="2"><TN RefId="2"><T>Enum</T></TN><ToString>All</ToString><I32>1</I32></Obj>'
        '<B N="Deny">false</B><S N="User">EXAMPLE\\Zoë</S></Props><MS><S N="PSComputerName">ex1</S></MS></Obj>'
    )
    (record,) = read_bytes(text.encode(encoding))
    assert record == ExportRecord(
        format="clixml",
        offset=1,
        container="clixml",
        shape=(ACE, "AccessRights", "InheritanceType", "Deny", "User", "PSComputerName", "#string"),
        fields={
            "#type": ACE,
            "AccessRights": ["FullAccess", "ReadPermission"],
            "InheritanceType": "All",
            "Deny": False,
            "User": "EXAMPLE\\Zoë",
            "PSComputerName": "ex1",
            "#string": "ace",
        },
    )


TYPES = {
    '<S N="V">text</S>': "text",
    '<S N="V"></S>': "",
    '<S N="V" />': "",
    '<S N="V">a_x000D__x000A_b_x005F_c</S>': "a\r\nb_c",
    '<S N="V">_xD83C__xDCA1__xD800_</S>': "🂡\ud800",
    '<S N="V">_x00ZZ_ _x12_</S>': "_x00ZZ_ _x12_",
    '<Nil N="V" />': None,
    '<B N="V">true</B>': True,
    '<I32 N="V">-5</I32>': -5,
    '<U16 N="V">5</U16>': 5,
    '<By N="V">255</By>': 255,
    '<SB N="V">-1</SB>': -1,
    '<I64 N="V">9007199254740991</I64>': 9007199254740991,
    '<I64 N="V">9007199254740993</I64>': "9007199254740993",
    '<U64 N="V">18446744073709551615</U64>': "18446744073709551615",
    '<I32 N="V">five</I32>': "five",
    '<Db N="V">1.50</Db>': "1.50",
    '<Sg N="V">INF</Sg>': "INF",
    '<D N="V">0.10</D>': "0.10",
    '<DT N="V">2021-03-02T22:43:17.1234567+01:00</DT>': "2021-03-02T22:43:17.1234567+01:00",
    '<TS N="V">P1DT2H</TS>': "P1DT2H",
    '<G N="V">6d4fbdae-e3ae-4530-8d0b-f62a14687939</G>': "6d4fbdae-e3ae-4530-8d0b-f62a14687939",
    '<URI N="V">https://x/</URI>': "https://x/",
    '<Version N="V">15.1.2</Version>': "15.1.2",
    '<BA N="V">AQID</BA>': "AQID",
    '<Obj N="V" RefId="9"><LST /></Obj>': [],
    '<Obj N="V" RefId="9"><IE><I32>1</I32><Nil /></IE></Obj>': [1, None],
    '<Obj N="V" RefId="9"><STK><S>a</S></STK></Obj>': ["a"],
    '<Obj N="V" RefId="9"><DCT><En><S N="Key">k</S><I32 N="Value">1</I32></En></DCT></Obj>': {"k": 1},
    '<Obj N="V" RefId="9"><I32>7</I32></Obj>': 7,
    '<Obj N="V" RefId="9"><ToString>e.com/Users/bob</ToString></Obj>': "e.com/Users/bob",
    '<Obj N="V" RefId="9"><ToString>bob</ToString><Props><S N="Name">b</S></Props></Obj>': {
        "Name": "b",
        "#string": "bob",
    },
    '<Obj N="V" RefId="9"><LST><S>a</S></LST><MS><S N="M">b</S></MS></Obj>': {"M": "b", "#items": ["a"]},
}


@pytest.mark.parametrize("element", TYPES)
def test_every_type(read_bytes, element):
    (record,) = read_bytes(objects(with_properties(element)))
    assert record.fields["V"] == TYPES[element]
    assert type(record.fields["V"]) is type(TYPES[element])


def test_references_to_types_and_objects_before(read_bytes):
    first = with_properties('<Obj N="List" RefId="7"><LST><S>a</S></LST></Obj>')
    second = '<Obj RefId="8"><TNRef RefId="0" /><Props><Ref N="Same" RefId="7" /></Props></Obj>'
    a, b = read_bytes(objects(first, second))
    assert b.fields == {"#type": ACE, "Same": ["a"]}
    assert (a.shape[0], b.shape[0], b.offset) == (ACE, ACE, 2)


def test_an_object_that_refers_to_itself_ends_there(read_bytes):
    (record,) = read_bytes(objects(with_properties('<Ref N="Self" RefId="0" />')))
    assert record.fields["Self"] == {"#reference": "0"}


def test_a_reference_to_nothing_is_said(read_bytes):
    record, remark = read_bytes(objects(with_properties('<Ref N="X" RefId="99" />')))
    assert record.fields["X"] == {"#reference": "99"}
    assert (remark.code, remark.records) == ("limit", 0)


def test_strings_lists_and_names_that_come_twice(read_bytes):
    twice = with_properties('<S N="A">1</S><S N="A">2</S>', "1")
    text = objects("<S>plain</S>", f'<Obj RefId="0"><LST>{twice}<S>x</S></LST></Obj>')
    string, item, other = read_bytes(text)
    assert string.fields == {"#value": "plain"}
    assert item.fields == {"#type": ACE, "A": "1", "A (2)": "2"}
    assert (item.offset, other.offset, other.fields) == (2, 3, {"#value": "x"})


def test_references_repeated_in_references_are_a_limit(read_bytes):
    lists = "".join(
        f'<Obj N="L{n}" RefId="{n}"><LST>' + f'<Ref RefId="{n - 1}" />' * 10 + "</LST></Obj>" for n in range(2, 12)
    )
    (problem,) = read_bytes(objects(with_properties('<Obj N="L1" RefId="1"><LST><S>lol</S></LST></Obj>' + lists)))
    assert (problem.code, problem.records) == ("limit", 1)


BAD = {
    "a DOCTYPE": ('<!DOCTYPE Objs [<!ENTITY a "b">]>', "", "refused"),
    "deep": ("", "<Obj>" * 200_000, "limit"),
    "torn": ("", "<Obj><S>x", "truncated"),
    "mismatched": ("", "<Obj></S>", "damaged"),
    "an entity": ("", "<S>&xxe;</S>", "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_costs_nothing_before_it(read_bytes, name):
    before, after, code = BAD[name]
    text = before + objects(with_properties("<S N='A'>1</S>")).removesuffix("</Objs>") + after
    *records, problem = read_bytes(text)
    assert len(records) == (0 if before else 1)
    assert (problem.code, problem.records) == (code, 1)


def test_the_memory_for_references_is_bounded(read_bytes, monkeypatch):
    monkeypatch.setattr(clixml, "_REFERENCES", 10)
    many = [f'<Obj RefId="{n}"><Props><S N="A">x</S></Props></Obj>' for n in range(50)]
    last = '<Obj RefId="60"><Props><Ref N="Old" RefId="1" /><Ref N="New" RefId="49" /></Props></Obj>'
    *_, record, remark = read_bytes(objects(*many, last))
    assert record.fields == {"Old": {"#reference": "1"}, "New": {"A": "x"}}
    assert isinstance(remark, Problem)


def test_it_is_recognised_before_any_other_xml(tmp_path):
    path = tmp_path / "export.xml"
    path.write_text(objects(with_properties("<S N='A'>&lt;Event &gt;</S>")))
    assert formats.recognise(path) is clixml
