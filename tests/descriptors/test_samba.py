"""Samba reads and writes the same: an oracle for plain and object entries (it refuses conditions, claims, labels)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mailwitness.descriptors.ace import Ace, mask_text, parse_mask
from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.descriptor import (
    DACL_PRESENT,
    REVISION_DS,
    SACL_PRESENT,
    SELF_RELATIVE,
    Acl,
    Descriptor,
    in_domain,
)
from mailwitness.descriptors.sddl import parse_sddl, write_sddl
from mailwitness.descriptors.sid import Domain

PYTHON = "/usr/bin/python3"
ORACLE = Path(__file__).with_name("samba_oracle.py")
DOMAIN = Domain("S-1-5-21-111-222-333", "S-1-5-21-111-222-333")

RELATIVE_IDS = st.integers(0, 0xFFFFFFFF)
TRUSTEES = st.one_of(
    st.sampled_from("WD CO CG NU IU SU AN ED PS AU RC SY LS NS BA BU BG PU AO SO PO BO RE RU RD NO".split()),
    st.sampled_from("LA LG DA DU DG DC DD CA PA RS EA SA".split()),
    st.builds("S-1-5-21-{}-{}-{}-{}".format, *[RELATIVE_IDS] * 4),
    st.lists(RELATIVE_IDS, min_size=1, max_size=14).map(lambda rest: "-".join(["S-1-5", *map(str, rest)])),
)
GUIDS = st.one_of(st.just(""), st.uuids().map(str))
LETTERS = "CC DC LC SW RP WP DT LO CR SD RC WD WO GA GX GW GR".split()
# Samba 4.17 reads FA as 0x1ff and knows no KA, KR, KW: masks that are written with one name are left out.
RIGHTS = st.one_of(
    st.lists(st.sampled_from(LETTERS), unique=True).map("".join),
    st.integers(0, 0xFFFFFFFF).map("0x{:x}".format),
).filter(lambda text: mask_text(parse_mask(text))[:2] not in {"FA", "FR", "FW", "FX", "KA", "KR", "KW"})
FLAGS = st.lists(st.sampled_from("OI CI NP IO ID SA FA".split()), unique=True).map("".join)


def entries(names, guids):
    return st.builds(
        lambda *fields: f"({';'.join(fields)})", st.sampled_from(names.split()), FLAGS, RIGHTS, guids, guids, TRUSTEES
    )


def acls(names, object_names, at_least):
    both = st.one_of(entries(names, st.just("")), entries(object_names, GUIDS))
    control = st.sampled_from(["", "P", "AI", "PAI", "AR", "PARAI"])
    return st.builds(lambda flags, aces: flags + "".join(aces), control, st.lists(both, min_size=at_least, max_size=5))


TEXTS = st.builds(
    lambda owner, group, dacl, sacl: f"O:{owner}G:{group}D:{dacl}S:{sacl}",
    TRUSTEES,
    TRUSTEES,
    acls("A D", "OA OD", 1),  # Samba 4.17 takes the S of S: for one more flag of an empty list
    acls("AU AL", "OU OL", 0),
)


@pytest.fixture(scope="module")
def samba():
    """Return a function that sends requests to Samba and gives its answers."""
    probe = subprocess.run([PYTHON, "-c", "import samba.dcerpc.security"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"Samba's bindings are absent for {PYTHON}: install the system package python3-samba")

    def ask(requests):
        lines = "".join(json.dumps(request) + "\n" for request in requests)
        done = subprocess.run([PYTHON, str(ORACLE)], input=lines, capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(requests)
        return answers

    return ask


def examples(strategy, count):
    """Return `count` examples: one process of Samba answers them all."""
    found = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def gather(example):
        found.append(example)

    gather()
    return found


def as_samba_writes(descriptor):
    """Return the bytes with the revision Samba gives every list it makes from text, the one of object entries."""
    lists = {name: getattr(descriptor, name) for name in ("dacl", "sacl")}
    marked = {name: acl and msgspec.structs.replace(acl, revision=REVISION_DS) for name, acl in lists.items()}
    return write_binary(msgspec.structs.replace(descriptor, **marked), DOMAIN)


def said(descriptor):
    """Return what a descriptor says: its trustees as SIDs, its lists, its control flags."""
    descriptor = in_domain(descriptor, DOMAIN)
    acls = [acl and acl.aces for acl in (descriptor.dacl, descriptor.sacl)]
    return descriptor.control, descriptor.owner, descriptor.group, *acls


def test_samba_makes_the_same_bytes_of_a_text(samba):
    texts = examples(TEXTS, 400)
    answers = samba([{"sddl": text} for text in texts])
    for text, answer in zip(texts, answers, strict=True):
        assert answer.get("hex") == as_samba_writes(parse_sddl(text)).hex(), text


def test_samba_reads_our_bytes_and_our_text(samba):
    texts = examples(TEXTS, 300)
    binaries = [write_binary(parse_sddl(text), DOMAIN) for text in texts]
    answers = samba([{"hex": data.hex(), "text": True} for data in binaries])
    again = samba([{"sddl": write_sddl(parse_binary(data))} for data in binaries])
    for data, answer, second in zip(binaries, answers, again, strict=True):
        assert answer.get("hex") == data.hex()
        assert said(parse_sddl(answer["sddl"])) == said(parse_binary(data)), answer["sddl"]
        assert second.get("hex") == as_samba_writes(parse_binary(data)).hex()


@st.composite
def bare_descriptors(draw):
    """Return descriptors no text would give: parts left out, any flag and mask."""
    number = draw(st.sampled_from([0x00, 0x01, 0x05, 0x06]))
    guids = [draw(st.one_of(st.none(), st.uuids().map(str))) if number in {0x05, 0x06} else None for _ in range(2)]
    sid = f"S-1-5-21-{draw(RELATIVE_IDS)}-{draw(RELATIVE_IDS)}"
    ace = Ace(number, draw(st.integers(0, 0xFF)), draw(RELATIVE_IDS), sid, *guids)
    has_sacl = draw(st.booleans())
    control = SELF_RELATIVE | DACL_PRESENT | (SACL_PRESENT if has_sacl else 0)
    return Descriptor(control, draw(st.sampled_from([None, sid])), None, Acl((ace,)), Acl() if has_sacl else None)


def test_samba_reads_what_we_make_without_text(samba):
    binaries = [write_binary(descriptor) for descriptor in examples(bare_descriptors(), 200)]
    for data, answer in zip(binaries, samba([{"hex": data.hex()} for data in binaries]), strict=True):
        assert answer.get("hex") == data.hex()
        assert write_binary(parse_binary(data)) == data
