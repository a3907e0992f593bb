"""Who gained and who lost what, told apart from order, inheritance and rewriting."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.descriptors.descriptor import Descriptor
from mailwitness.descriptors.difference import Renewal, difference, difference_of_sddl
from mailwitness.descriptors.naming import name_of_change
from mailwitness.descriptors.sddl import parse_sddl, read_sddl, write_ace
from mailwitness.descriptors.sid import Domain

DOMAIN = Domain("S-1-5-21-1-2-3", "S-1-5-21-1-2-3")
BOB = "S-1-5-21-1-2-3-1104"
EVE = "S-1-5-21-1-2-3-1666"
SEND_AS = "ab721a54-1e2f-11d0-9819-00aa0040529b"
USER = "bf967aba-0de6-11d0-a285-00aa003049e2"
COMPUTER = "bf967a86-0de6-11d0-a285-00aa003049e2"


def said(changes):
    return [(write_ace(change.ace), change.mask) for change in changes]


def names(changes, context="directory"):
    return [name_of_change(change, context) for change in changes]


def pairs(records):
    """Return the (before, after) of each change among the 5136 records."""
    by_change = itertools.groupby(sorted(records, key=lambda r: r.correlation), key=lambda r: r.correlation)
    found = {}
    for _, both in by_change:
        before, after = sorted(both, key=lambda record: record.is_added)
        found[before.object_dn] = (before, after)
    return found


# the real changes


def test_the_samples_hold_four_changes(sample_descriptors):
    changes = pairs(sample_descriptors)
    assert len(changes) == 4
    assert all(difference_of_sddl(before.sddl, after.sddl).is_change for before, after in changes.values())


def test_the_owner_of_a_user_was_changed(sample_descriptors):
    before, after = pairs(sample_descriptors)["CN=test56,OU=Test-OU,OU=OFFSEC-COMPANY,DC=offsec,DC=lan"]
    found = difference_of_sddl(before.sddl, after.sddl)
    assert before.actor == "admmig"
    assert found.owner_changed
    assert (found.owner.before[-5:], found.owner.after[-5:]) == ("-1170", "-1234")
    assert (found.granted, found.revoked, found.rewritten_from, found.rewritten_to) == ((), (), (), ())
    assert not found.sacl_changed


def test_full_control_of_adminsdholder_was_granted(sample_descriptors):
    """An editor joined eleven entries of one group in one: nobody lost or gained by that."""
    before, after = pairs(sample_descriptors)["CN=AdminSDHolder,CN=System,DC=offsec,DC=lan"]
    found = difference_of_sddl(before.sddl, after.sddl)
    assert before.actor == "admmig"
    assert [(change.ace.trustee[-5:], name_of_change(change)) for change in found.granted] == [
        ("-1234", ("GenericAll",))
    ]
    assert found.revoked == ()
    assert len(found.rewritten_from) == 11
    assert {ace.trustee for ace in (*found.rewritten_from, *found.rewritten_to)} == {"S-1-5-32-554"}
    assert [write_ace(ace) for ace in found.rewritten_to] == ["(OA;;LCRPLORC;;;RU)"]


def test_read_and_create_child_on_an_ou_were_granted(sample_descriptors):
    before, after = pairs(sample_descriptors)["OU=Test-OU,OU=OFFSEC-COMPANY,DC=offsec,DC=lan"]
    found = difference_of_sddl(before.sddl, after.sddl)
    assert before.actor == "SRVFS02$"
    assert names(found.granted) == [("CreateChild", "ListChildren", "ReadProperty", "ReadControl")]
    assert (found.revoked, found.rewritten_from, found.owner) == ((), (), None)


def test_dcsync_rights_on_the_domain_were_granted(sample_descriptors):
    """Entries that others already said went away, one lost a flag that means nothing: no grant, no revocation."""
    before, after = pairs(sample_descriptors)["DC=offsec,DC=lan"]
    found = difference_of_sddl(before.sddl, after.sddl)
    assert before.actor == "SRVFS02$"
    assert names(found.granted) == [
        ("DS-Replication-Get-Changes",),
        ("DS-Replication-Get-Changes-All",),
        ("ReadProperty(Domain-Password)",),
        ("ReadProperty(Domain-Other-Parameters)",),
    ]
    assert {change.ace.trustee[-5:] for change in found.granted} == {"-1234"}
    assert found.revoked == ()
    assert len(found.rewritten_from) == 4
    assert [write_ace(ace) for ace in found.rewritten_to] == ["(OA;CI;RPWP;3f78c3e5-f79a-46bd-a0b8-9d18116ddc79;;PS)"]


# grants and revocations


def test_a_grant_and_its_revocation():
    before, after = "D:(A;;RP;;;AU)", f"D:(OA;;CR;{SEND_AS};;{EVE})(A;;RP;;;AU)"
    granted = difference_of_sddl(before, after)
    assert names(granted.granted) == [("SendAs",)]
    assert granted.revoked == ()
    revoked = difference_of_sddl(after, before)
    assert names(revoked.revoked) == [("SendAs",)]
    assert revoked.granted == ()


def test_a_mailbox_is_named_in_its_own_words():
    before, after = "O:PSG:PSD:(A;CI;CCRC;;;PS)", f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{EVE})"
    found = difference_of_sddl(before, after, context="mailbox")
    assert names(found.granted, "mailbox") == [("FullAccess",)]


def test_another_mask_shows_what_came_and_what_went():
    found = difference_of_sddl(f"D:(A;;RPWP;;;{EVE})", f"D:(A;;RPCRWD;;;{EVE})")
    assert names(found.granted) == [("AllExtendedRights", "WriteDacl")]
    assert names(found.revoked) == [("WriteProperty",)]


def test_full_control_given_to_a_reader_is_generic_all():
    found = difference_of_sddl(f"D:(A;;RP;;;{EVE})", f"D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;{EVE})")
    assert found.granted[0].mask == 0xF01FF & ~0x10
    assert names(found.granted) == [("GenericAll",)]


def test_two_equal_entries_are_two_and_one_of_them_is_no_loss():
    twice = difference_of_sddl("D:", f"D:(A;;CR;;;{EVE})(A;;CR;;;{EVE})")
    assert len(twice.granted) == 2
    once = difference_of_sddl(f"D:(A;;CR;;;{EVE})(A;;CR;;;{EVE})", f"D:(A;;CR;;;{EVE})")
    assert not once.is_change
    assert len(once.rewritten_from) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"(A;;RP;;;{EVE})(A;;WP;;;{EVE})", f"(A;;RPWP;;;{EVE})"),
        (f"(OA;;CR;;;{EVE})", f"(A;;CR;;;{EVE})"),
        (f"(A;;GA;;;{EVE})", f"(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;{EVE})"),
        (f"(A;OICI;RP;;;{EVE})", f"(A;CI;RP;;;{EVE})"),
        (f"(A;CI;RP;;;{EVE})", f"(A;;RP;;;{EVE})(A;CIIO;RP;;;{EVE})"),
        (f"(OA;;RP;;{USER};{EVE})", f"(A;;RP;;;{EVE})"),
        (f"(A;CI;RP;;;{EVE})(OA;CIIO;RP;;{USER};{EVE})", f"(A;CI;RP;;;{EVE})"),
        (f"(D;;CR;;;{EVE})(D;;WP;;;{EVE})", f"(D;;CRWP;;;{EVE})"),
        ("(A;;CC;;;S-1-1-0)", "(A;;0x1;;;WD)"),
        (f"(A;;RP;;;{EVE})", f"(A;;RP;;;{EVE})(A;;;;;{EVE})"),
    ],
)
def test_rewriting_is_no_change_either_way(before, after):
    for old, new in ((before, after), (after, before)):
        found = difference_of_sddl(f"D:{old}", f"D:{new}")
        assert not found.is_change, (said(found.granted), said(found.revoked))


@pytest.mark.parametrize(
    ("before", "after", "gained"),
    [
        (f"(A;;RP;;;{EVE})", f"(A;CI;RP;;;{EVE})", "to the children"),
        (f"(A;CINP;RP;;;{EVE})", f"(A;CI;RP;;;{EVE})", "to their children"),
        (f"(A;CIIO;RP;;;{EVE})", f"(A;CI;RP;;;{EVE})", "to the object"),
        (f"(OA;CIIO;RP;;{USER};{EVE})", f"(OA;CIIO;RP;;{COMPUTER};{EVE})", "to other children"),
        (f"(OA;CIIO;RP;;{USER};{EVE})", f"(A;CIIO;RP;;;{EVE})", "to all children"),
        (f"(OA;;CR;{SEND_AS};;{EVE})", f"(A;;CR;;;{EVE})", "to all extended rights"),
        (f"(A;;CR;;;{BOB})", f"(A;;CR;;;{EVE})", "to somebody else"),
        (f"(A;CIID;CR;;;{EVE})", f"(A;CIID;CR;;;{EVE})(A;;CR;;;{EVE})", "beyond its inheritance"),
        (f'(XA;;CR;;;{EVE};(@User.a == "x"))', f"(A;;CR;;;{EVE})", "without the condition"),
        (f"(A;;CR;;;{EVE})", f'(A;;CR;;;{EVE})(XA;;WP;;;{EVE};(@User.a == "x"))', "under a condition"),
        (f"(D;;CR;;;{EVE})(A;;CR;;;{EVE})", f"(A;;CR;;;{EVE})(D;;CR;;;{EVE})(A;;CR;;;{EVE})", "before the refusal"),
    ],
)
def test_wider_is_granted(before, after, gained):
    found = difference_of_sddl(f"D:{before}", f"D:{after}")
    assert len(found.granted) == 1, gained
    assert found.is_change


def test_in_a_mailbox_folders_and_messages_inherit_apart():
    found = difference_of_sddl(f"D:(A;CI;CC;;;{EVE})", f"D:(A;OICI;CC;;;{EVE})", context="mailbox")
    assert len(found.granted) == 1


def test_refusals_come_and_go():
    exchange = f"D:(OD;CI;CR;{SEND_AS};;DA)(A;CI;GA;;;SY)"
    found = difference_of_sddl(exchange, "D:(A;CI;GA;;;SY)")
    assert names(found.undenied) == [("SendAs",)]
    assert (found.granted, found.revoked) == ((), ())
    assert names(difference_of_sddl("D:(A;CI;GA;;;SY)", exchange).denied) == [("SendAs",)]


def test_a_refusal_put_behind_a_grant_is_told():
    before, after = f"D:(D;;CR;;;DA)(A;;CR;;;{EVE})(A;;RP;;;AU)", f"D:(A;;CR;;;{EVE})(A;;RP;;;AU)(D;;CR;;;DA)"
    found = difference_of_sddl(before, after)
    assert [write_ace(ace) for ace in found.overtaken] == ["(D;;CR;;;DA)"]
    assert found.is_change
    assert not difference_of_sddl(after, before).is_change
    other_bits = difference_of_sddl("D:(D;;CR;;;DA)(A;;RP;;;AU)", "D:(A;;RP;;;AU)(D;;CR;;;DA)")
    assert not other_bits.is_change
    narrower = f"(OD;;CR;{SEND_AS};;DA)", f"(OA;;CR;ab721a56-1e2f-11d0-9819-00aa0040529b;;{EVE})"
    assert not difference_of_sddl("D:" + "".join(narrower), "D:" + "".join(reversed(narrower))).is_change


def test_a_null_dacl_opens_everything_to_everybody():
    found = difference_of_sddl("D:(A;;RP;;;AU)", "D:NO_ACCESS_CONTROL")
    assert [(change.ace.trustee, name_of_change(change)) for change in found.granted] == [("S-1-1-0", ("GenericAll",))]
    assert names(difference_of_sddl("D:NO_ACCESS_CONTROL", "D:").revoked) == [("GenericAll",)]


# churn


def test_order_is_no_change():
    before = f"D:(A;;CR;;;{EVE})(A;;RP;;;AU)(A;;WP;;;{BOB})"
    found = difference_of_sddl(before, f"D:(A;;WP;;;{BOB})(A;;CR;;;{EVE})(A;;RP;;;AU)")
    assert not found.is_change
    assert found.reordered == 1


def test_inherited_entries_come_and_go_without_an_act():
    found = difference_of_sddl(f"D:AI(A;CIID;RP;;;{BOB})", f"D:AI(A;CIID;RP;;;{EVE})(A;CIID;WP;;;{EVE})")
    assert not found.is_change
    assert found.inherited_churn == 3


def test_an_inherited_entry_made_explicit_is_no_change_but_protection_is():
    found = difference_of_sddl(f"D:AI(A;CIID;RP;;;{BOB})", f"D:PAI(A;CI;RP;;;{BOB})")
    assert (found.granted, found.revoked, found.inherited_churn) == ((), (), 1)
    assert found.dacl_protected is True
    assert found.is_change


def test_an_inherited_flag_in_a_protected_list_hides_nothing():
    """What takes in nothing from its parent has nothing inherited: such an entry was put there."""
    found = difference_of_sddl("D:PAI(A;;RP;;;AU)", f"D:PAI(A;;RP;;;AU)(A;ID;GA;;;{EVE})")
    assert names(found.granted) == [("GenericAll",)]


def test_auto_inherited_flags_are_no_change():
    found = difference_of_sddl("D:(A;;RP;;;AU)S:", "D:ARAI(A;;RP;;;AU)S:AI")
    assert not found.is_change
    assert found.flag_churn


# identities


def test_an_alias_and_its_sid_are_one_account_in_their_domain():
    before, after = (
        "O:DAD:(A;;GA;;;DA)(A;;RP;;;EA)",
        "O:S-1-5-21-1-2-3-512D:(A;;GA;;;S-1-5-21-1-2-3-512)(A;;RP;;;S-1-5-21-1-2-3-519)",
    )
    assert not difference_of_sddl(before, after, domain=DOMAIN).is_change
    foreign = difference_of_sddl(before, after, domain=Domain("S-1-5-21-4-5-6", "S-1-5-21-4-5-6"))
    assert len(foreign.granted) == 2
    assert foreign.owner == Renewal("S-1-5-21-4-5-6-512", "S-1-5-21-1-2-3-512")


def test_without_the_domain_an_alias_is_not_taken_for_a_sid():
    assert difference_of_sddl("D:(A;;GA;;;DA)", "D:(A;;GA;;;S-1-5-21-1-2-3-512)").is_change


def test_the_group_changes_too():
    assert difference_of_sddl("O:BAG:BAD:", "O:BAG:SYD:").group == Renewal("S-1-5-32-544", "S-1-5-18")


# auditing


def test_removed_auditing_is_told():
    before = "D:S:AI(AU;CISA;WPWDWO;;;WD)(AU;CIIDSA;CR;;;WD)"
    found = difference_of_sddl(before, "D:S:AI(AU;CIIDSA;CR;;;WD)")
    assert found.sacl_changed
    assert names(found.sacl_removed) == [("WriteProperty", "WriteDacl", "WriteOwner")]
    assert (found.granted, found.revoked) == ((), ())
    assert difference_of_sddl(before, "D:").sacl_removed == found.sacl_removed


def test_auditing_of_failures_alone_is_less():
    found = difference_of_sddl("D:S:(AU;SAFA;CR;;;WD)", "D:S:(AU;FA;CR;;;WD)")
    assert len(found.sacl_removed) == 1
    assert found.sacl_added == ()
    assert not difference_of_sddl("D:S:(AU;SAFA;CR;;;WD)", "D:S:(AU;SA;CR;;;WD)(AU;FA;CR;;;WD)").is_change


def test_cutting_inheritance_of_auditing_is_a_change_of_the_sacl():
    found = difference_of_sddl("D:S:AI(AU;CIIDSA;CR;;;WD)", "D:S:P")
    assert found.sacl_protected is True
    assert found.sacl_changed


def test_labels_and_attributes_of_the_sacl_are_told():
    found = difference_of_sddl("D:S:(ML;;NW;;;ME)", 'D:S:(ML;;NW;;;HI)(RA;;;;;WD;("a",TS,0,"b"))')
    assert len(found.sacl_added) == 2
    assert len(found.sacl_removed) == 1


@pytest.mark.parametrize("entry", ["(0x04;0x00;#0102)", "(AU;SA;GA;;;WD)", "(ML;;NW;;;LW)"])
def test_entries_that_neither_grant_nor_refuse_are_told_apart(entry):
    found = difference_of_sddl("D:", f"D:{entry}")
    assert len(found.other_added) == 1
    assert found.granted == ()
    assert found.is_change


# cut texts


def test_a_cut_text_is_sure_of_what_it_shows_only():
    whole = f"D:(A;;RP;;;AU)(A;;CR;;;{EVE})(A;;WP;;;{BOB})S:(AU;SA;CR;;;WD)"
    cut = whole[:40]
    late = difference_of_sddl(whole, cut)
    assert late.partial
    assert late.revoked
    assert not any(change.certain for change in late.revoked)
    assert late.sacl_removed == ()
    early = difference_of_sddl(cut, whole)
    assert early.granted
    assert not any(change.certain for change in early.granted)
    both = difference_of_sddl(f"D:(A;;RP;;;AU){cut[14:]}", f"D:(A;;RPWD;;;AU){cut[14:]}")
    assert both.partial
    assert names(both.granted) == [("WriteDacl",)]


def test_a_text_cut_before_its_dacl_says_nothing_of_it():
    found = difference_of_sddl("O:BAG:BAD:(A;;RP;;;AU)", "O:BAG:B")
    assert (found.granted, found.revoked, found.group) == ((), (), None)
    assert found.partial


# properties


@given(st.from_type(Descriptor))
def test_nothing_differs_from_itself(descriptor):
    found = difference(descriptor, descriptor)
    assert not found.is_change
    assert (found.reordered, found.inherited_churn, found.rewritten_from) == (0, 0, ())


@given(st.from_type(Descriptor), st.from_type(Descriptor))
def test_forth_and_back_mirror(one, other):
    there, back = difference(one, other), difference(other, one)
    assert said(there.sacl_added) == said(back.sacl_removed)
    assert said(there.granted) == said(back.revoked)
    assert said(there.denied) == said(back.undenied)
    assert (there.inherited_churn, there.reordered) == (back.inherited_churn, back.reordered)


def test_hostile_lists_end():
    """Two lists as full as lists can be, every entry another one, refusals and grants by turns."""
    old = "D:" + "".join(f"(D;;CC;;;S-1-5-{i})(A;;0x{i + 1:x};;;WD)" for i in range(2_000))
    new = "D:" + "".join(f"(A;;0x{i + 5_000:x};;;WD)(D;;CC;;;S-1-5-{i})" for i in range(2_000))
    readings = read_sddl(old), read_sddl(new)
    started = time.process_time()
    assert difference(*readings).is_change
    assert time.process_time() - started < 10


def test_a_parsed_descriptor_can_be_compared_as_well():
    assert difference(parse_sddl("D:(A;;RP;;;AU)"), read_sddl("D:(A;;RPWP;;;AU)")).granted
