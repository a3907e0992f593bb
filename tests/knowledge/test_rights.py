"""The names of rights, the tokens of Security events, the words for folders."""

from __future__ import annotations

import pytest

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.rights import access_tokens, context_of, mailbox_rights, mask_of_tokens, rights


def test_one_bit_has_two_names():
    assert context_of("directory").names(0x1) == ("CreateChild",)
    assert context_of("mailbox").names(0x1) == ("FullAccess",)


def test_the_attribute_tells_the_context():
    assert context_of("nTSecurityDescriptor") is context_of("directory")
    assert context_of("MSEXCHMAILBOXSECURITYDESCRIPTOR") is context_of("mailbox")
    with pytest.raises(KnowledgeError):
        context_of("description")


@pytest.mark.parametrize(
    ("context", "mask", "expanded"),
    [
        ("directory", 0x10000000, 0xF01FF),
        ("directory", 0x80000001, 0x20095),
        ("directory", 0xF01FF, 0xF01FF),
        ("mailbox", 0x10000000, 0xF0007),
        ("mailbox", 0x80000000, 0x80000000),
    ],
)
def test_generic_rights_stand_for_bits(context, mask, expanded):
    assert context_of(context).expanded(mask) == expanded


def test_every_bit_of_a_mask_is_named():
    for context in rights().contexts:
        for bit in range(32):
            assert context.names(1 << bit), (context.name, bit)


@pytest.mark.parametrize(
    ("tokens", "mask", "unknown"),
    [
        ("%%1540\r\n\t\t\t\t", 0x80000, ()),
        ("%%1537 %%1538 %%1539 %%1540", 0xF0000, ()),
        ("%%7688\r\n\t%%7684", 0x110, ()),
        ("%%4416 %%7680", 0x1, ("%%4416",)),
        ("", 0, ()),
        ("-", 0, ("-",)),
        ("%%" + "9" * 5_000, 0, ("%%" + "9" * 5_000,)),
        ("%%١٥٣٧", 0, ("%%١٥٣٧",)),
    ],
)
def test_tokens_make_a_mask(tokens, mask, unknown):
    assert mask_of_tokens(tokens) == (mask, unknown)


def test_the_series_of_directory_tokens_goes_by_bits():
    assert [access_tokens()[7680 + at].bit for at in range(9)] == [1 << at for at in range(9)]


@pytest.mark.parametrize(
    ("word", "mask"),
    [
        ("Reviewer", 0x401),
        ("ReadItems", 0x1),
        ("ReadAny", 0x1),
        ("visible", 0x400),
        ("FreeBusySimple", 0x800),
        ("Create Subfolder", 0x80),
        ("None", 0),
        ("Owner", 0x7FB),
        ("Sovereign", None),
    ],
)
def test_words_for_folder_rights(word, mask):
    assert rights().folder_rights.mask(word) == mask


def test_folder_masks_have_names_and_tell_who_reads():
    folder = rights().folder_rights
    assert folder.names(0x401) == ("Reviewer",)
    assert folder.names(0x403) == ("ReadItems", "CreateItems", "FolderVisible")
    assert folder.reads(0x401)
    assert not folder.reads(folder.mask("Contributor"))


def test_each_role_is_made_of_its_rights():
    folder = rights().folder_rights
    known = sum(word.bit for word in folder.words)
    assert all(mask & ~known == 0 for mask in folder.roles.values())


def test_a_right_says_what_it_is_good_for():
    assert {right.name: right.of for right in mailbox_rights("mailbox", 0x1)} == {"FullAccess": "open"}
    assert {right.of for right in mailbox_rights("directory", 0xC0000)} == {"grant"}
    assert mailbox_rights("directory", 0x4) == ()
