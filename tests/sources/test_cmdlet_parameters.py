"""The tokenizer of cmdlet parameters: both forms, hostile and damaged texts."""

from __future__ import annotations

import csv
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailwitness.sources.cmdlet_parameters import Value, from_pairs, parse_parameters, split_list


def texts(text: str) -> dict[str, tuple[str, ...]]:
    parameters = parse_parameters(text)
    assert parameters.doubts == ()
    return {name: value.texts for name, value in parameters.values.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('-Identity "kim" -User "EX\\bob"', {"Identity": ("kim",), "User": ("EX\\bob",)}),
        # a backslash escapes nothing: this is how setup logs its paths
        ('-Path "E:\\" -Start "True"', {"Path": ("E:\\",), "Start": ("True",)}),
        ('-AccessRights ("FullAccess","ReadPermission")', {"AccessRights": ("FullAccess", "ReadPermission")}),
        ("-AccessRights @('FullAccess', 'ReadPermission')", {"AccessRights": ("FullAccess", "ReadPermission")}),
        ("-Rights FullAccess,ReadPermission", {"Rights": ("FullAccess", "ReadPermission")}),
        ('-Rights "FullAccess", "ReadPermission"', {"Rights": ("FullAccess", "ReadPermission")}),
        ("-To {a@x.example, b@x.example}", {"To": ("a@x.example", "b@x.example")}),
        (
            '-ContentFilter "(Subject -eq \'x\')" -Dumpster "True"',
            {"ContentFilter": ("(Subject -eq 'x')",), "Dumpster": ("True",)},
        ),
        ('-Name "say ""hi"" now"', {"Name": ('say "hi" now',)}),
        ('-Name "say `"hi`" now"', {"Name": ('say "hi" now',)}),
        ('-Name "say "hi" now"', {"Name": ('say "hi" now',)}),
        ("-Name 'it''s'", {"Name": ("it's",)}),
        ("-Updates $null -Force", {"Updates": (), "Force": ("True",)}),
        ("-Confirm:$false -WhatIf:$true", {"Confirm": ("false",), "WhatIf": ("true",)}),
        ('-ForwardingSmtpAddress "" -Identity "a"', {"ForwardingSmtpAddress": (), "Identity": ("a",)}),
        ("-Limit -5 -All", {"Limit": ("-5",), "All": ("True",)}),
        ('-Name "Größe 漢字 🎈"', {"Name": ("Größe 漢字 🎈",)}),
        ("-Data 0x00FF00A1B2 -Next 1", {"Data": ("0x00FF00A1B2",), "Next": ("1",)}),
        # Exchange 2010
        ("{Identity=kim, User=EX\\bob}", {"Identity": ("kim",), "User": ("EX\\bob",)}),
        (
            "{Identity=CN=Kim, OU=Sales, DC=x,DC=example, AccessRights={FullAccess, ReadPermission}}",
            {"Identity": ("CN=Kim, OU=Sales, DC=x,DC=example",), "AccessRights": ("FullAccess", "ReadPermission")},
        ),
        ("{Name=a, b and c, Force=True}", {"Name": ("a, b and c",), "Force": ("True",)}),
        ("{ForwardingAddress=$null, Identity=kim}", {"ForwardingAddress": (), "Identity": ("kim",)}),
        ("{}", {}),
        ("", {}),
    ],
)
def test_reads(text, expected):
    assert texts(text) == expected


def test_a_hash_table_says_what_is_added_and_removed():
    parameters = parse_parameters('-Identity "kim" -GrantSendOnBehalfTo @{Add="a","b"; Remove="c"} -Confirm:$false')
    assert parameters.doubts == ()
    value = parameters.get("grantsendonbehalfto")
    assert value == Value((), ("a", "b"), ("c",), is_table=True)
    assert value.text == "+a; +b; -c"
    assert parameters.get("Confirm").truth is False


@pytest.mark.parametrize(
    ("text", "doubt", "kept"),
    [
        ('-Identity "kim" -User "bo', "a quote is not closed", {"Identity": ("kim",), "User": ("bo",)}),
        ('-Rights ("FullAccess","Rea', "a quote is not closed", {"Rights": ("FullAccess", "Rea")}),
        ("-Rights (FullAccess", "a list is not closed", {"Rights": ("FullAccess",)}),
        ("{Identity=kim, User=bo", "the text is cut off", {"Identity": ("kim",), "User": ("bo",)}),
        ('lost words -User "bob"', "text that is no parameter at 0", {"User": ("bob",)}),
        # a value that reads as a further parameter: nothing of it is lost
        (
            '-Name "x" -User "decoy" -User "bob"',
            "the parameter User is named twice",
            {"Name": ("x",), "User": ("decoy", "bob")},
        ),
    ],
)
def test_doubts_are_said_and_values_kept(text, doubt, kept):
    parameters = parse_parameters(text)
    assert doubt in parameters.doubts
    assert {name: value.texts for name, value in parameters.values.items()} == kept


_NAMES = st.from_regex(r"[A-Z][A-Za-z]{2,12}", fullmatch=True).filter(lambda name: name.casefold() != "street")
_VALUES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\"'`"), min_size=1, max_size=30)


@given(st.dictionaries(_NAMES, st.lists(_VALUES.filter(str.strip), min_size=1, max_size=3), max_size=6))
@example({"Aaa": ["\\"]})
def test_what_exchange_writes_is_read_back(parameters):
    folded = [name.casefold() for name in parameters]
    if len(set(folded)) != len(folded):
        return
    written = []
    for name, values in parameters.items():
        quoted = [f'"{value}"' for value in values]
        written.append(f"-{name} {quoted[0]}" if len(values) == 1 else f"-{name} ({','.join(quoted)})")
    written = " ".join(written)
    assert texts(written) == {name: tuple(values) for name, values in parameters.items()}


@given(st.text(max_size=300))
@example("@{a=@{a=@{a=@{a=@{a=@{")
@example("-A @{")
@example("{A=")
def test_no_text_raises(text):
    for prefix in ("", "{", "-A ", "-A @{b=", '-A "'):
        parse_parameters(prefix + text)
    from_pairs([("A", text), ("a", text)])


@pytest.mark.parametrize(
    "unit", ["@{a=", '"', "'", "-a ", "{", "(", '-A "', '" -', "\t", "{Abc=", ", Abc=", "@(", ";", '"" ', "-Aa -Bb "]
)
def test_hostile_repetition_takes_linear_time(unit):
    text = "-A " + unit * (60_000 // len(unit))
    start = time.process_time()
    parse_parameters(text)
    parse_parameters("{Abc=" + text)
    assert time.process_time() - start < 2.0


def test_lists_of_the_audit_logs():
    assert split_list("a;b; c") == ("a", "b", "c")
    assert split_list("FullAccess, ReadPermission", comma=True) == ("FullAccess", "ReadPermission")
    assert split_list("Smith, John") == ("Smith, John",)
    assert split_list("  ") == ()
    assert from_pairs([("Grant", '@{Add="x"}')]).get("Grant") == Value((), ("x",), (), is_table=True)
    assert from_pairs([("Name", "(not a list")]).get("Name") == Value(("(not a list",))


def test_the_texts_of_a_real_log(samples):
    """Compliance cmdlets of invictus-ir/o365_dataset: quotes amid values are not escaped, long texts are cut off."""
    csv.field_size_limit(2**31 - 1)
    doubts: list[tuple[str, ...]] = []
    with (samples / "invictus_o365/auditrecords.given.csv").open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            text = json.loads(row["AuditData"] or "{}").get("Parameters")
            if isinstance(text, str):
                doubts.append(parse_parameters(text).doubts)
    assert (len(doubts), sum(map(bool, doubts))) == (90, 2)
