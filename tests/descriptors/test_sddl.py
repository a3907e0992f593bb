"""SDDL as Windows writes it, cut texts, and what is refused where."""

from __future__ import annotations

import pytest

from mailwitness.descriptors.ace import Ace
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.descriptor import Acl
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sddl import parse_ace_text, parse_sddl, read_sddl, write_ace, write_sddl
from mailwitness.descriptors.sid import ALIASES, DOMAIN_ALIASES, ROOT_ALIASES, Domain, resolved, spelled
from mailwitness.event import Place

DOMAIN = Domain("S-1-5-21-1-2-3", "S-1-5-21-9-9-9")


@pytest.mark.parametrize(
    "text",
    [
        "O:DAG:DAD:PAI(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;DA)(OA;;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;PS)",
        "O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;S-1-5-21-1-2-3-1105)",
        "S:AI(AU;CIIDSA;WPWDWO;;;WD)(OU;CIIOSAFA;WDWO;;bf967aba-0de6-11d0-a285-00aa003049e2;WD)",
        "D:PARAI(OA;CIIO;RPWPCR;91e647de-d96f-4b70-9557-d63ff4f3ccd8;;PS)S:P",
        "D:",
        "D:PS:",
        "D:NO_ACCESS_CONTROL",
        "D:PNO_ACCESS_CONTROLS:NO_ACCESS_CONTROL",
        "D:(A;OICINPIOID;GXGWGR;;;S-1-5-32-560)(D;;0x100000;;;AN)(A;;FA;;;SY)(A;;KR;;;BU)(A;;;;;WD)",
        "S:(ML;;NWNRNX;;;HI)(SP;;;;;S-1-17-1442530252)(TL;;CC;;;S-1-19-512-4096)",
        'S:(RA;;;;;WD;("Project",TS,0x0,"Windows","SQL"))',
        'D:(XA;;FX;;;WD;(@User.Title == "PM" && (@User.Division == "Finance" || @User.Division == "Sales")))',
        "D:(XD;;FX;;;WD;(!(@User.Project Any_of {1, -0x2, 017})))(ZA;;CR;;;WD;(Member_of {SID(BA), SID(DA)}))",
        "S:(XU;SA;CR;;;WD;(Exists @Resource.Secret))",
        "D:(A;;CC;;;S-1-0xFFFFFFFFFFFF-7)",
        "D:(0x04;0x03;#01020304)(0xff;0x00;#)",
    ],
)
def test_the_same_text_comes_out(text):
    assert write_sddl(parse_sddl(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("D:(A;;CcRC;;;ps)", "D:(A;;CCRC;;;PS)"),
        ("D:(A;;WDWOCR;;;S-1-1-0)", "D:(A;;CRWDWO;;;WD)"),
        ("D:(A;;0x1;;;S-1-0x5-0x12)", "D:(A;;CC;;;SY)"),
        ("D:(A;;16;;;WD)(A;;017;;;WD)", "D:(A;;RP;;;WD)(A;;CCDCLCSW;;;WD)"),
        ("D:ARAIP(A;CIOI;GA;;;WD)", "D:PARAI(A;OICI;GA;;;WD)"),
        ("  O:BA G:WD D: P (A;; GA ;;; WD ) (A;;CC;;;AN) ", "O:BAG:WDD:P(A;;GA;;;WD)(A;;CC;;;AN)"),
        ("S:D:P", "D:PS:"),
        ("O:S-1-2-0x200D:", "O:S-1-2-512D:"),
        (
            "S:(OU;;CR;AB721A54-1E2F-11D0-9819-00AA0040529B;;WD)",
            "S:(OU;;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;WD)",
        ),
    ],
)
def test_another_spelling_says_the_same(text, same):
    assert write_sddl(parse_sddl(text)) == same
    assert parse_sddl(same) == parse_sddl(text)


@pytest.mark.parametrize(("alias", "sid"), sorted(ALIASES.items()))
def test_an_alias_is_its_sid(alias, sid):
    assert parse_sddl(f"O:{alias}").owner == sid
    assert parse_sddl(f"O:{sid}").owner == sid
    assert write_sddl(parse_sddl(f"O:{sid}")) == f"O:{alias}"


@pytest.mark.parametrize("alias", sorted(DOMAIN_ALIASES | ROOT_ALIASES))
def test_a_domain_relative_alias_waits_for_its_domain(alias):
    descriptor = parse_sddl(f"O:{alias}D:(A;;CC;;;{alias})")
    assert descriptor.owner == alias
    assert write_sddl(descriptor) == f"O:{alias}D:(A;;CC;;;{alias})"
    with pytest.raises(DescriptorError, match="needs its domain"):
        write_binary(descriptor)
    sid = resolved(alias, DOMAIN)
    assert sid.rpartition("-")[0] == (DOMAIN.root if alias in ROOT_ALIASES else DOMAIN.sid)
    assert spelled(sid, DOMAIN) == alias
    assert write_binary(descriptor, DOMAIN) == write_binary(parse_sddl(f"O:{sid}D:(A;;CC;;;{sid})"))


def test_the_root_domain_is_not_guessed():
    assert resolved("EA", Domain("S-1-5-21-1-2-3")) == "EA"


def test_a_condition_that_names_the_domain_waits_too():
    ace = parse_sddl("D:(XA;;CC;;;WD;(Member_of {SID(DA)}))").dacl.aces[0]
    assert (ace.data, ace.pending) == (b"", "(Member_of {SID(DA)})")
    by_sid = parse_sddl("D:(XA;;CC;;;WD;(Member_of {SID(S-1-5-21-1-2-3-512)}))")
    assert write_binary(parse_sddl("D:(XA;;CC;;;WD;(Member_of {SID(DA)}))"), DOMAIN) == write_binary(by_sid)


@pytest.mark.parametrize(
    ("text", "offset", "expected", "found"),
    [
        ("", 0, "O:, G:, D: or S:", "nothing"),
        ("X:BA", 0, "O:, G:, D: or S:", "X:BA"),
        ("O:BAO:BA", 4, "one O:", "another"),
        ("D:NO_ACCESS_CONTROLD:", 19, "one D:", "another"),
        ("O:XX", 2, "a SID or one of SDDL's names", "XX"),
        ("O:S-1", 2, "a SID or one of SDDL's names", "S-1"),
        ("D:(Q;;CC;;;WD)", 3, "the type of an entry", "Q;;CC;;;WD)"),
        ("D:(A;QQ;CC;;;WD)", 5, "ACE flags", "QQ"),
        ("D:(A;CI;CCQQ;;;WD)", 10, "access rights", "QQ"),
        ("D:(A;;0x1FFFFFFFF;;;WD)", 6, "32 bits", "0X1FFFFFFFF"),
        ("D:(A;;1_0;;;WD)", 6, "32 bits", "1_0"),
        ("D:(A;;CC;ab721a54-1e2f-11d0-9819-00aa0040529b;;WD)", 9, "no GUID", "ab721a54"),
        ("D:(OA;;CC;ab721a54;;WD)", 10, "a GUID", "ab721a54"),
        ("D:(A;;CC;;;)", 11, "a SID", "nothing"),
        ("D:(A;;CC;;)", 10, "6 fields", "5"),
        ("D:(A;;CC;;;WD;(a))", 14, "six fields", "(a)"),
        ("D:(XA;;CC;;;WD;(a ==))", 20, "an operand", ")"),
        ("D:(A;;CC;;;WD", 13, "the ) of an entry", "the end"),
        ("D:(A;;CC;;;WD)junk", 14, "O:, G:, D: or S:", "junk"),
    ],
)
def test_an_error_says_where_what_was_expected_and_found(text, offset, expected, found):
    with pytest.raises(DescriptorError) as raised:
        parse_sddl(text)
    error = raised.value
    assert error.offset == offset
    assert expected in error.expected
    assert found in error.found
    problem = error.problem(Place(evidence="dc.evtx", record_id=7))
    assert problem.where.record_id == 7
    assert str(offset) in problem.expected
    assert problem.records == 0


def test_a_cut_text_gives_what_stands_before_the_cut():
    text = "O:BAG:SYD:AI(A;;CC;;;WD)(OA;CI;RP;bf9679c0-0de6-11d0-a285-00aa003049e2;;AU)S:(AU;SA;CR;;;WD)"
    dacl, entry, sacl = text.index("(A;"), text.index("(OA;"), text.index("S:(")
    whole = {4, 8, 10, dacl, entry, sacl, sacl + 2}
    for length in range(1, len(text)):
        reading = read_sddl(text[:length])
        assert reading.partial is not (length in whole), text[:length]
        if reading.partial:
            assert reading.fault.code in {"truncated", "unparsable"}
    assert len(read_sddl(text[:60]).descriptor.dacl.aces) == 1
    assert read_sddl(text[: sacl + 5]).descriptor.sacl == Acl()
    assert read_sddl(text[:60] + "...").partial


@pytest.mark.parametrize(
    "text",
    [
        "D:" + "(A;;CC;;;WD)" * 16_385,
        "D:" + "(" * 500_000,
        "D:(XA;;CC;;;WD;(" + "(" * 60_000 + "a" + ")" * 60_000 + "))",
        "D:(XA;;CC;;;WD;(" + "!" * 60_000 + "a))",
        "D:(XA;;CC;;;WD;(a Contains {" + "1," * 60_000 + "1}))",
        'D:(XA;;CC;;;WD;(a == "' * 20_000,
        "D:(A;;0x" + "f" * 500_000 + ";;;WD)",
        "D:(A;;" + "CC" * 500_000 + ";;;WD)",
        "D:(A;" + " " * 500_000 + ";CC;;;WD)",
        "O:S-" + "1-" * 500_000,
        " " * 2_097_153,
        'S:(RA;;;;;WD;("a",TI,0' + ",1" * 60_000 + "))",
    ],
    ids=range(12),
)
def test_hostile_texts_are_refused_at_once(text):
    with pytest.raises(DescriptorError):
        parse_sddl(text)


def test_an_entry_that_sddl_cannot_say_keeps_its_bytes():
    plain = Ace(0x00, 2, 1, "S-1-1-0", data=b"\x01\x02\x03\x04")
    assert write_ace(plain) == "(0x00;0x02;#0100000001010000000000010000000001020304)"
    assert parse_ace_text(write_ace(plain)) == plain
    odd = Ace(0x05, 0, 1, "S-1-1-0", object_flags=0x8)
    assert parse_ace_text(write_ace(odd)) == odd


def test_every_descriptor_of_the_samples_comes_out_as_it_was(sample_descriptors):
    assert len(sample_descriptors) == 8
    for record in sample_descriptors:
        assert write_sddl(parse_sddl(record.sddl)) == record.sddl
