"""The state at the end of a history: descriptors as bytes, the directory as LDIF, the ledger behind both."""

from __future__ import annotations

import base64
import struct

import pytest

from mailwitness.descriptors.binary import parse_binary
from mailwitness.descriptors.sddl import parse_sddl, write_sddl
from mailwitness.errors import KnowledgeError
from mailwitness.simulate.ledger import DEFAULT, Ledger
from mailwitness.simulate.setups import set_up
from mailwitness.simulate.simulation import simulate
from mailwitness.simulate.writers.ldif import LdifWriter
from mailwitness.simulate.writers.security_descriptor import descriptor_bytes

DOMAIN = "S-1-5-21-1004336348-1177238915-682003330"


def test_descriptors_in_bytes_say_what_their_text_says():
    world = set_up("2019", 1, 8).world
    owner, other = world.organisation.mailboxes()[:2]
    world.set_extended_right(owner, other, "SendAs", granted=True)
    domain = world.organisation.domain_sid
    relative = {"DA": 512, "EA": 519, "CA": 517, "RS": 553}
    for text in (world.descriptor(owner), world.mailbox_descriptor(owner)):
        spelled = text
        for alias, rid in relative.items():
            spelled = spelled.replace(f";{alias})", f";{domain}-{rid})").replace(f":{alias}", f":{domain}-{rid}")
        assert write_sddl(parse_binary(descriptor_bytes(text, domain))) == write_sddl(parse_sddl(spelled))


def test_a_simple_descriptor_byte_by_byte():
    data = descriptor_bytes("O:PSG:PSD:(A;CI;CCRC;;;PS)", DOMAIN)
    assert struct.unpack_from("<BBH4I", data) == (1, 0, 0x8004, 20, 32, 0, 44)
    assert data[20:32] == bytes.fromhex("01010000000000050a000000")
    assert struct.unpack_from("<BBHHH", data, 44) == (2, 0, 28, 1, 0)
    assert struct.unpack_from("<BBHI", data, 52) == (0, 2, 20, 0x20001)


@pytest.mark.parametrize("text", ["", "O:PS", "O:PSG:PSD:(A;;CC;;;ZZ)", 'O:PSG:PSD:(XA;;CC;;;WD;(@User.a=="b"))'])
def test_what_no_story_holds_is_refused(text):
    with pytest.raises((KnowledgeError, KeyError)):
        descriptor_bytes(text, DOMAIN)


def unfolded(path):
    """Return the entries of an LDIF file as lists of (name, bytes), read as RFC 2849 says."""
    text = path.read_bytes().decode("ascii").replace("\r\n ", "")
    entries = []
    for block in text.split("\r\n\r\n")[1:]:
        entry = []
        for line in block.strip().split("\r\n"):
            name, _colon, value = line.partition(":")
            entry.append((name, base64.b64decode(value[2:]) if value.startswith(": ") else value[1:].encode()))
        entries.append(entry)
    return entries


def test_ldif_folds_and_encodes(tmp_path):
    with LdifWriter(tmp_path / "x.ldif") as ldif:
        ldif.write(("CN=Zoë,DC=example", {"cn": ["Zoë"], "description": ["x" * 200, " y", "z:"], "sid": [b"\1\0"]}))
    raw = (tmp_path / "x.ldif").read_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    (entry,) = unfolded(tmp_path / "x.ldif")
    assert entry == [
        ("dn", "CN=Zoë,DC=example".encode()),
        ("cn", "Zoë".encode()),
        ("description", b"x" * 200),
        ("description", b" y"),
        ("description", b"z:"),
        ("sid", b"\1\0"),
    ]


def test_the_directory_holds_every_mailbox_and_the_way_up_to_the_domain(tmp_path):
    simulate(tmp_path, 3, mailboxes=10, days=3, generation="hybrid", max_records=800)
    entries = unfolded(tmp_path / "hybrid" / "directory.ldif")
    names = [dict(entry)["dn"].decode() for entry in entries]
    assert len(names) == len(set(names))
    for name in names[1:]:
        assert name.partition(",")[2] in names[: names.index(name)]
    boxes = [dict(entry) for entry in entries if "msExchMailboxGuid" in dict(entry)]
    assert len(boxes) == 10
    assert all(parse_binary(box["msExchMailboxSecurityDescriptor"]) for box in boxes)
    assert all(len(box["objectGUID"]) == 16 for box in boxes)


def test_the_ledger_explains_by_the_shortest_way():
    ledger = Ledger()
    assert ledger.explain("chief", "anna") is None
    ledger.grant("chief", "readers", "FullAccess", "c1")
    ledger.join("readers", "team", "c2")
    ledger.join("team", "anna", None)
    found = ledger.explain("chief", "anna")
    assert (found.path, found.by) == (("member of team", "member of readers", "FullAccess"), ("c2", "c1"))
    ledger.grant("chief", "anna", "FullAccess", "c3")
    assert ledger.explain("chief", "anna").by == ("c3",)
    ledger.revoke("chief", "anna", "FullAccess")
    ledger.leave("team", "anna")
    assert ledger.explain("chief", "anna") is None


def test_the_ledger_knows_rights_that_open_nothing_and_rights_of_everybody():
    ledger = Ledger()
    ledger.grant("chief", "anna", "SendAs", "c1")
    assert ledger.explain("chief", "anna") is None
    assert ledger.change_of("chief", "anna", "SendAs") == "c1"
    ledger.grant("chief", DEFAULT, "Reviewer", "c2")
    assert ledger.explain("chief", "bert").path == ("Default", "Reviewer")
    ledger.grant_everywhere("svc", "ApplicationImpersonation", None)
    assert ledger.explain("other", "svc").path == ("ApplicationImpersonation on every mailbox",)


def test_the_ledger_forgets_cycles_of_groups():
    ledger = Ledger()
    ledger.join("a", "b", None)
    ledger.join("b", "a", None)
    ledger.join("a", "anna", None)
    assert ledger.explain("chief", "anna") is None
