"""The real descriptors of the samples, and random ones for `st.from_type`: every type, flag, mask and layout."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import msgspec
import pytest
from evtx import PyEvtxParser
from hypothesis import strategies as st

from mailwitness.descriptors.ace import ACE_TYPES, ATTRIBUTE, Ace
from mailwitness.descriptors.claim import Claim, encode_claim
from mailwitness.descriptors.condition import (
    AND,
    ATTRIBUTES,
    COMPARISONS,
    COMPOSITE,
    INTEGERS,
    NOT,
    OCTETS,
    OR,
    SID,
    STRING,
    TESTS,
    Token,
    encode,
)
from mailwitness.descriptors.descriptor import DACL_PRESENT, SACL_PRESENT, SELF_RELATIVE, Acl, Descriptor
from mailwitness.descriptors.sid import ALIASES

SIDS = st.one_of(
    st.sampled_from(sorted(ALIASES.values())),
    st.builds(
        lambda authority, rest: "-".join(["S-1", authority, *map(str, rest)]),
        st.one_of(st.integers(0, 0xFFFFFFFF).map(str), st.integers(1 << 32, (1 << 48) - 1).map(lambda n: f"0x{n:X}")),
        st.lists(st.integers(0, 0xFFFFFFFF), min_size=0, max_size=15),
    ),
)
GUIDS = st.one_of(
    st.none(),
    st.sampled_from(["bf9679c0-0de6-11d0-a285-00aa003049e2", "00000000-0000-0000-0000-000000000000"]),
    st.binary(min_size=16, max_size=16).map(lambda data: str(uuid.UUID(bytes=data))),
)
MASKS = st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(0, 0x1FF), st.sampled_from([0xF01FF, 0x1F01FF, 0x20094, 0x1]))
NAMES = st.text(min_size=1, max_size=12)


def integers():
    return st.builds(
        Token,
        st.sampled_from(sorted(INTEGERS)),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.integers(0, 255),
        st.integers(0, 255),
    )


def literals():
    return st.one_of(
        integers(),
        st.builds(Token, st.just(STRING), st.text(max_size=12)),
        st.builds(Token, st.just(OCTETS), st.binary(max_size=12)),
        st.builds(Token, st.just(SID), SIDS),
    )


VALUES = st.one_of(literals(), st.builds(Token, st.just(COMPOSITE), st.lists(literals(), max_size=3).map(tuple)))
ATTRIBUTE_NAMES = st.builds(Token, st.sampled_from(sorted(ATTRIBUTES)), NAMES)
TERMS = st.one_of(
    ATTRIBUTE_NAMES.map(lambda name: (name,)),
    st.builds(
        lambda left, right, code: (left, right, Token(code)),
        ATTRIBUTE_NAMES,
        st.one_of(ATTRIBUTE_NAMES, VALUES),
        st.sampled_from(sorted(COMPARISONS)),
    ),
    st.builds(lambda operand, code: (operand, Token(code)), VALUES, st.sampled_from(sorted(TESTS))),
)
CONDITIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds(lambda a, b, code: (*a, *b, Token(code)), inner, inner, st.sampled_from([AND, OR])),
        inner.map(lambda a: (*a, Token(NOT))),
    ),
    max_leaves=8,
)
CLAIMS = st.one_of(
    st.builds(Claim, NAMES, st.just("TS"), st.integers(0, 0xFFFFFFFF), st.lists(st.text(max_size=9), max_size=4)),
    st.builds(Claim, NAMES, st.just("TI"), st.just(0), st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=4)),
    st.builds(Claim, NAMES, st.just("TU"), st.just(1), st.lists(st.integers(0, (1 << 64) - 1), max_size=4)),
    st.builds(Claim, NAMES, st.just("TB"), st.just(1), st.lists(st.integers(0, 1), max_size=4)),
    st.builds(Claim, NAMES, st.just("TD"), st.just(0), st.lists(SIDS, max_size=4)),
    st.builds(Claim, NAMES, st.just("TX"), st.just(0), st.lists(st.binary(max_size=9), max_size=4)),
)


@st.composite
def aces(draw):
    number = draw(st.integers(0, 0x18))
    flags = draw(st.integers(0, 0xFF))
    kind = ACE_TYPES.get(number)
    if kind is None:
        return Ace(number, flags, 0, None, data=draw(st.binary(max_size=24)))
    objects = (draw(GUIDS), draw(GUIDS), draw(st.sampled_from([0, 0, 0, 4]))) if kind.has_objects else (None, None, 0)
    data = b""
    if kind.has_condition:
        data = draw(st.one_of(CONDITIONS.map(encode), st.binary(max_size=24)))
    elif number == ATTRIBUTE:
        data = draw(st.one_of(CLAIMS.map(encode_claim), st.binary(max_size=24)))
    elif draw(st.integers(0, 9)) == 0:
        data = draw(st.binary(max_size=8))
    return Ace(number, flags, draw(MASKS), draw(SIDS), objects[0], objects[1], data, object_flags=objects[2])


@st.composite
def descriptors(draw):
    acls = [draw(st.one_of(st.none(), st.lists(aces(), max_size=5).map(lambda found: Acl(tuple(found))))) for _ in "DS"]
    control = SELF_RELATIVE
    for acl, present, bits in ((acls[0], DACL_PRESENT, 0x1500), (acls[1], SACL_PRESENT, 0x2A00)):
        if acl is not None or draw(st.booleans()):
            control |= present | draw(st.integers(0, 0x3F)) << 8 & bits
    owner, group = draw(st.one_of(st.none(), SIDS)), draw(st.one_of(st.none(), SIDS))
    return Descriptor(control, owner, group, acls[0], acls[1])


st.register_type_strategy(Ace, aces())
st.register_type_strategy(Descriptor, descriptors())
st.register_type_strategy(Claim, CLAIMS)


class DescriptorRecord(msgspec.Struct, frozen=True):
    """One 5136 record of nTSecurityDescriptor: whose, by whom, added or deleted, the descriptor."""

    object_dn: str
    actor: str
    correlation: str
    is_added: bool
    sddl: str


@pytest.fixture(scope="session")
def sample_descriptors(samples: Path) -> list[DescriptorRecord]:
    """Return the records of changed descriptors among the real logs of attacks on a directory."""
    found = []
    for path in sorted((samples / "mdecrevoisier").rglob("*ID5136*.evtx")):
        for record in PyEvtxParser(str(path)).records_json():
            data = json.loads(record["data"])["Event"].get("EventData") or {}
            if data.get("AttributeLDAPDisplayName") == "nTSecurityDescriptor":
                found.append(
                    DescriptorRecord(
                        data["ObjectDN"],
                        data["SubjectUserName"],
                        data["OpCorrelationID"],
                        data["OperationType"] == "%%14674",
                        data["AttributeValue"],
                    )
                )
    return found
