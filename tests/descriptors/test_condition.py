"""Conditional expressions and resource attributes, as text and as the bytes Windows makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.descriptors.ace import ATTRIBUTE
from mailwitness.descriptors.application import expressed
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.claim import Claim, claim_text, decode_claim, encode_claim, parse_claim
from mailwitness.descriptors.condition import AND, COMPOSITE, OR, SID, STRING, Token, decode, encode, trustees
from mailwitness.descriptors.condition_text import condition_text, parse_condition
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sddl import parse_sddl


def utf16(text):
    return text.encode("utf-16-le")


def counted(code, data):
    return bytes([code]) + len(data).to_bytes(4, "little") + data


def test_the_expression_of_the_specification():
    """MS-DTYP 2.4.4.17 gives the codes: attribute f9, string 10, == 80, && a0, || a1, postfix, padded to four."""
    tokens = parse_condition('(@User.Title=="PM" && (@User.Division=="Finance" || @User.Division =="Sales"))')
    division = counted(0xF9, utf16("Division"))
    body = (
        b"artx"
        + counted(0xF9, utf16("Title"))
        + counted(0x10, utf16("PM"))
        + b"\x80"
        + division
        + counted(0x10, utf16("Finance"))
        + b"\x80"
        + division
        + counted(0x10, utf16("Sales"))
        + b"\x80\xa1\xa0"
    )
    assert encode(tokens) == body + b"\0" * (-len(body) % 4)
    assert decode(encode(tokens)) == tokens


def test_a_group_test_of_the_specification():
    sid = bytes.fromhex("01020000000000052000000043020000")
    data = encode(parse_condition("(!(!(Member_of{SID(AA)})))"))
    assert data == b"artx" + counted(0x50, counted(0x51, sid)) + b"\x89\xa2\xa2\0\0\0"
    assert expressed(0x09, data) == "(!(!(Member_of {SID(AA)})))"
    assert trustees(decode(data)) == ["S-1-5-32-579"]


@pytest.mark.parametrize(
    ("text", "value", "sign", "base"),
    [
        ("1", 1, 3, 2),
        ("+1", 1, 1, 2),
        ("-0x1F", -31, 2, 3),
        ("017", 15, 3, 1),
        ("0", 0, 3, 2),
        ("0xffffffff", 2**32 - 1, 3, 3),
    ],
)
def test_an_integer_keeps_how_it_was_written(text, value, sign, base):
    token = parse_condition(f"(a == {text})")[1]
    assert (token.value, token.sign, token.base) == (value, sign, base)
    assert condition_text(parse_condition(f"(a == {text})")) == f"(a == {text.lower()})"


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("a && b || c", ["a", "b", AND, "c", OR]),
        ("a || b && c", ["a", "b", "c", AND, OR]),
        ("a || b || c", ["a", "b", OR, "c", OR]),
        ("a || (b || c)", ["a", "b", "c", OR, OR]),
        ("(a || b) && c", ["a", "b", OR, "c", AND]),
    ],
)
def test_operators_bind_as_in_windows(text, order):
    tokens = parse_condition(f"({text})")
    assert [token.value or token.code for token in tokens] == order
    assert condition_text(tokens) == f"({text})"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("member_OF(SID(BA))", "(Member_of SID(BA))"),
        ("(@USER.a != @device.b)", "(@User.a != @Device.b)"),
        ("(a == #0A0b)", "(a == #0a0b)"),
        ("(a == ##1#2#3##)", "(a == #01020300)"),
        ("(a Not_Contains {})", "(a Not_Contains {})"),
        ('(@User.ad://ext/Silo == "x")', '(@User.ad://ext/Silo == "x")'),
        ("(@User.a%0020b == 1)", "(@User.a%0020b == 1)"),
        ("(Not_Exists x && !y)", "(Not_Exists x && !(y))"),
    ],
)
def test_other_spellings(text, same):
    assert condition_text(parse_condition(text)) == same
    assert parse_condition(same) == parse_condition(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "a ==",
        "== a",
        "a b",
        "a && ",
        "(a",
        "a)",
        "a == {1",
        "a == {1 2}",
        "a == {b}",
        "a == 99999999999999999999",
        "a == #0",
        "a = 1",
        "Member_of",
        'a == "x',
        "SID(XX) == 1",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(DescriptorError):
        parse_condition(text)


def test_what_no_text_says_is_told():
    assert expressed(0x09, encode((Token(0xF8, "a"), Token(0x01, 1), Token(0x80)))) is None  # eight bits
    assert expressed(0x09, encode((Token(0xF8, "a"), Token(STRING, 'q"q'), Token(0x80)))) is None  # a quote
    assert expressed(0x09, encode((Token(AND),))) is None  # no operands
    assert expressed(0x09, b"artx\xf8\x02\0\0\0a\0") is None  # no padding
    assert expressed(0x09, b"what") is None


@pytest.mark.parametrize(
    "data",
    [
        b"artx\x10\xff\xff\xff\xff",
        b"artx\x10\x03\0\0\0abc",
        b"artx\x04\x01",
        b"artx\x51\x04\0\0\0abcd",
        b"artx\x77\0\0\0\0",
        b"artx" + b"\x50\x00\x01\x00\x00" * 100 + b"\0" * 256,
        b"artx" + b"\xa2" * 3_000,
    ],
)
def test_hostile_bytes_are_refused(data):
    with pytest.raises(DescriptorError):
        decode(data)


def test_nested_composites_end():
    token = Token(COMPOSITE, ())
    for _ in range(70):
        token = Token(COMPOSITE, (token,))
    with pytest.raises(DescriptorError, match="deep"):
        decode(encode((token,)))


@given(st.binary(max_size=200).map(lambda data: b"artx" + data))
def test_any_bytes_are_decoded_or_refused(data):
    try:
        tokens = decode(data)
    except DescriptorError:
        return
    assert encode(tokens).startswith(data.rstrip(b"\0"))
    expressed(0x09, data)


NAMES = st.text(min_size=1, max_size=8).map(lambda name: Token(0xF9, name))
VALUES = st.one_of(
    st.text(alphabet=st.characters(exclude_characters='"'), max_size=8).map(lambda text: Token(STRING, text)),
    st.integers(0, (1 << 63) - 1).map(lambda number: Token(0x04, number)),
    st.integers(1, 1 << 63).map(lambda number: Token(0x04, -number, 2, 3)),
    st.sampled_from(["S-1-1-0", "S-1-5-21-1-2-3-1104"]).map(lambda sid: Token(SID, sid)),
)
TERMS = st.builds(lambda a, b: (a, b, Token(0x80)), NAMES, VALUES)
SAYABLE = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds(lambda a, b, code: (*a, *b, Token(code)), inner, inner, st.sampled_from([AND, OR])),
        inner.map(lambda a: (*a, Token(0xA2))),
    ),
    max_leaves=12,
)


@given(SAYABLE)
def test_what_text_can_say_it_says_exactly(tokens):
    text = expressed(0x09, encode(tokens))
    assert text is not None
    assert parse_condition(text) == tokens


def test_a_claim_as_windows_lays_it_out():
    """Header, offsets, name, values; seen in descriptors that Windows made of SDDL."""
    data = encode_claim(parse_claim('("colour",TS,0,"blue", "red")'))
    head = bytes.fromhex("180000000300000000000000020000002600000030000000")
    assert data == head + utf16("colour\0") + utf16("blue\0") + utf16("red\0")
    acl = write_binary(parse_sddl('S:(RA;;;;;WD;("colour",TS,0,"blue", "red"))'))
    assert data in acl


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('("a",TI,0,-5,0x10,017)', '("a",TI,0x0,-5,16,15)'),
        ('("a",TU,0x10001,18446744073709551615)', '("a",TU,0x10001,18446744073709551615)'),
        ('("a",TB,0,1,0)', '("a",TB,0x0,1,0)'),
        ('("a",TD,0,SID(BA),S-1-5-18)', '("a",TD,0x0,BA,SY)'),
        ('("a",TX,0,#0a0B,)', '("a",TX,0x0,#0a0b,#)'),
        ('("a",TS,2)', '("a",TS,0x2)'),
        (' ( "a%0020b" , ts , 0 , "x;y)" ) ', '("a%0020b",TS,0x0,"x;y)")'),
    ],
)
def test_claims_of_every_type(text, same):
    claim = parse_claim(text)
    assert claim_text(claim) == same
    assert decode_claim(encode_claim(claim)) == claim


@pytest.mark.parametrize(
    "text",
    [
        "",
        '("a")',
        '("a",TQ,0,1)',
        '("a",TI,0,x)',
        '("a",TI,0,9223372036854775808)',
        '("a",TU,0,-1)',
        '("a",TB,0,2)',
        '("a",TS,0,x)',
        '("a",TD,0,XX)',
        '("a",TX,0,#0)',
        '("a",TX,0,zz)',
        '("a",TI,0,1',
        '("a",TI,99999999999,1)',
        '("a",TI,0,08)',
    ],
)
def test_what_is_no_claim_is_refused(text):
    with pytest.raises(DescriptorError):
        parse_claim(text)


@given(st.from_type(Claim))
def test_claims_come_out_as_they_were(claim):
    read = decode_claim(encode_claim(claim))
    values = [value.split("\0")[0] if claim.type == "TS" else value for value in claim.values]
    assert list(read.values) == values  # a zero ends a string


@given(st.binary(max_size=120))
def test_any_claim_is_decoded_or_refused(data):
    try:
        decode_claim(data)
    except DescriptorError:
        return
    expressed(ATTRIBUTE, data)


def test_claims_that_share_their_bytes_end():
    """Offsets may all point at one long text: reading each of them would take the file's time squared."""
    count = 1_900
    head = bytes.fromhex("1000000003000000000000006c070000")
    assert int.from_bytes(head[12:16], "little") == count
    long = utf16("x" * 28_000 + "\0")
    with pytest.raises(DescriptorError, match="beside one another"):
        decode_claim(head + (16 + 4 * count).to_bytes(4, "little") * count + long)
