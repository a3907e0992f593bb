"""What an entry gives, in words, and whether it reaches a mailbox."""

from __future__ import annotations

import pytest

from mailwitness.descriptors.naming import mailbox_rights_of, name_of_ace
from mailwitness.descriptors.sddl import parse_ace_text
from mailwitness.knowledge.guids import NamedGuid, guids

SEND_AS = "ab721a54-1e2f-11d0-9819-00aa0040529b"
MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"
MAILBOX_SD = "934de926-b09e-11d2-aa06-00c04f8eedd8"
USER = "bf967aba-0de6-11d0-a285-00aa003049e2"
COMPUTER = "bf967a86-0de6-11d0-a285-00aa003049e2"
STRANGER = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;AN)", ("GenericAll",)),
        ("(A;;FA;;;AN)", ("GenericAll", "Synchronize")),
        ("(A;;GA;;;AN)", ("GenericAll",)),
        ("(A;;LCRPLORC;;;AN)", ("GenericRead",)),
        ("(A;;CCLCRPRC;;;AN)", ("CreateChild", "ListChildren", "ReadProperty", "ReadControl")),
        ("(A;;CR;;;AN)", ("AllExtendedRights",)),
        ("(A;;WDWO;;;AN)", ("WriteDacl", "WriteOwner")),
        ("(A;;0x200;;;AN)", ("0x200",)),
        ("(A;;;;;AN)", ()),
        (f"(OA;;CR;{SEND_AS};;AN)", ("SendAs",)),
        ("(OA;;CR;ab721a56-1e2f-11d0-9819-00aa0040529b;;AN)", ("ReceiveAs",)),
        ("(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;AN)", ("DS-Replication-Get-Changes-All",)),
        (f"(OA;;RPWP;{MEMBER};;AN)", ("ReadProperty(member)", "WriteProperty(member)")),
        (f"(OA;;SW;{MEMBER};;AN)", ("Self(Self-Membership)",)),
        (f"(OA;;CCDC;{USER};;AN)", ("CreateChild(user)", "DeleteChild(user)")),
        (f"(OA;;CRWP;{STRANGER};;AN)", (f"WriteProperty({STRANGER})", f"ExtendedRight({STRANGER})")),
        (f"(OA;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;{USER};AN)", ("GenericAll",)),
        ("(AU;SA;WPWDWO;;;WD)", ("WriteProperty", "WriteDacl", "WriteOwner")),
    ],
)
def test_names_in_the_directory(entry, names):
    assert name_of_ace(parse_ace_text(entry)) == names


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("(A;CI;CCRC;;;PS)", ("FullAccess", "ReadPermission")),
        ("(A;CI;LC;;;AN)", ("ExternalAccount",)),
        ("(A;CI;DCSDWDWO;;;AN)", ("SendAs", "DeleteItem", "ChangePermission", "ChangeOwner")),
        ("(A;CI;GA;;;AN)", ("GenericAll",)),
    ],
)
def test_names_in_a_mailbox(entry, names):
    assert name_of_ace(parse_ace_text(entry), "mailbox") == names


def reached(entry, context="directory", known=None):
    return {right.name: right.of for right in mailbox_rights_of(parse_ace_text(entry), context, known)}


def test_send_as_by_its_own_name_or_with_all_others():
    assert reached(f"(OA;;CR;{SEND_AS};;AN)") == {"SendAs": "send"}
    assert {"SendAs", "ReceiveAs"} < set(reached("(A;;CR;;;AN)"))
    assert {"SendAs", "ReceiveAs", "WriteDacl", "WriteOwner"} < set(reached("(A;;GA;;;AN)"))
    assert reached("(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;AN)") == {}


def test_the_mailbox_descriptor_is_written_by_name_by_set_or_by_all():
    name = "WriteProperty(msExchMailboxSecurityDescriptor)"
    assert reached(f"(OA;;WP;{MAILBOX_SD};;AN)") == {name: "grant"}
    assert name in reached("(OA;;WP;1f298a89-de98-47b8-b5cd-572ad53d267e;;AN)")  # Exchange-Information
    assert name in reached("(OA;;WP;e48d0154-bcf8-11d1-8702-00c04fb96050;;AN)")  # Public-Information, 2003
    assert name in reached("(A;;WP;;;AN)")
    assert reached(f"(OA;;WP;{MEMBER};;AN)") == {}
    assert reached(f"(OA;;RP;{MAILBOX_SD};;AN)") == {}


def test_personal_information_holds_send_on_behalf():
    assert reached("(OA;;RPWP;77b5b886-944a-11d1-aebd-0000f80367c1;;PS)") == {"WriteProperty(publicDelegates)": "send"}


def test_a_refusal_and_an_audit_give_nothing():
    assert reached("(D;;GA;;;AN)") == reached("(AU;SA;GA;;;WD)") == {}


def test_what_only_computers_inherit_reaches_no_mailbox():
    assert reached(f"(OA;CIIO;GA;;{COMPUTER};AN)") == {}
    assert reached(f"(OA;CIIO;GA;;{USER};AN)") != {}
    assert reached(f"(OA;CI;GA;;{COMPUTER};AN)") != {}  # it holds on the object itself too
    assert reached(f"(OA;CIIO;GA;;{STRANGER};AN)") != {}


def test_rights_of_a_mailbox():
    assert reached("(A;CI;CCRC;;;AN)", "mailbox") == {"FullAccess": "open"}
    assert reached("(A;CI;GA;;;AN)", "mailbox")["ChangePermission"] == "grant"


def test_a_directory_may_bring_its_own_schema():
    own = guids().extended([NamedGuid(STRANGER, "corpBadge", "attribute", "the directory's schema", "verified")])
    entry = f"(OA;;WP;{STRANGER};;AN)"
    assert name_of_ace(parse_ace_text(entry), known=own) == ("WriteProperty(corpBadge)",)
    assert name_of_ace(parse_ace_text(f"(OA;;WP;{MEMBER};;AN)"), known=own) == ("WriteProperty(member)",)
