"""The descriptions of Windows events hold together, and refuse what they do not know."""

from __future__ import annotations

import pytest

from mailwitness.errors import KnowledgeError
from mailwitness.event import Event
from mailwitness.knowledge.directory_attributes import attributes, directory_knowledge, said
from mailwitness.knowledge.loader import load, parse
from mailwitness.knowledge.windows_events import (
    FILES,
    WindowsEvents,
    catalogue,
    common,
    entries_of,
    experimental_layout,
)

ISSUE_2000 = """642 668 639 641 659 624 626 628 629 630 627 632 633 636 637 660 661 631 635 658 665 685
560 565 566 567 612 512 513 516 517 528 540 538 576"""
ISSUE_2008 = """4738 4720 4722 4724 4725 4726 4728 4729 4732 4733 4756 4757 4735 4737 4755 4764 4662 5136 5137 5139
5141 4719 4907 4670 4624 4648 4672 4634 4742 4781"""

ENTRY = """
source: s
read_by: windows_security
providers: [P]
events:
  - id: 1
    title: t
    kind: account
    action: changed
    reading: user
    layouts: [{ strings: [+target, +subject], of: [2008+], mark: verified, source: s }]
"""


def entries(text):
    return entries_of(parse(text, WindowsEvents, "here"), common(), "here")


@pytest.mark.parametrize("code", [int(code) for code in ISSUE_2000.split()])
def test_every_event_of_the_old_security_log_is_described(code):
    assert catalogue().find("SECURITY", code) is not None


@pytest.mark.parametrize("code", [int(code) for code in ISSUE_2008.split()])
def test_every_event_of_the_new_security_log_is_described(code):
    assert catalogue().find("microsoft-windows-security-auditing", code) is not None


@pytest.mark.parametrize("code", [1100, 1101, 1102, 104])
def test_the_event_logs_own_events_are_its_providers_alone(code):
    assert catalogue().find("Microsoft-Windows-Eventlog", code) is not None
    assert [provider for provider, number in catalogue().entries if number == code] == ["microsoft-windows-eventlog"]


def test_every_form_names_its_source():
    for entry in catalogue().entries.values():
        assert entry.event.layouts
        assert all(layout.source.strip() for layout in entry.event.layouts)
    assert all(attribute.source.strip() for attribute in directory_knowledge().attributes)


def test_a_good_entry_reads():
    (entry,) = entries(ENTRY)
    assert entry.reading.fields["trustee_sid"] == "TargetSid"
    assert entry.event.layouts[0].strings[0] == "TargetUserName"


@pytest.mark.parametrize(
    ("found", "replaced", "message"),
    [
        ("kind: account", "kind: acount", "unknown word"),
        ("action: changed", "action: widened", "unknown word"),
        ("title: t", "titel: t", "unknown field"),
        ("reading: user", "reading: users", "unknown reading"),
        (", source: s }", " }", "source"),
        ("+subject", "+subjekt", "unknown block"),
        ("mark: verified", "mark: sure", "mark"),
        ("+subject]", "+target]", "two strings alike"),
        ("reading: user", "reading: user\n    fields: { nobody: TargetSid }", "no field of an event"),
        ("reading: user", "reading: user\n    fields: { before: OldName }", "no layout has a string"),
        ("reading: user", "reading: user\n    fields: { before: $clock }", "no value of a record"),
        ("reading: user", "reading: user\n    constants: { nobody: x }", "no fields of an event"),
        ("reading: user", "reading: user\n    rule: magic", "rule"),
    ],
)
def test_a_bad_entry_is_refused(found, replaced, message):
    text = ENTRY.replace(found, replaced)
    assert text != ENTRY
    with pytest.raises(KnowledgeError, match=message):
        entries(text)


def test_two_layouts_of_one_length_are_refused():
    layout = "{ strings: [+target, +subject], of: [2008+], mark: verified, source: s }"
    with pytest.raises(KnowledgeError, match="told apart"):
        entries(ENTRY.replace(f"[{layout}]", f"[{layout}, {layout}]"))


def test_constants_are_words_the_event_allows():
    """A constant outside the event's own words (a scope, a strength) would be sealed for ever."""
    hints = {name: str(Event.__annotations__[name]) for name in ("scope", "strength", "mailbox_ref_form")}
    words = {
        "Scope | None": {"mailbox", "folder", "database", "server", "organization", "directory"},
        "Strength | None": {"attempted", "opened", "read", "acted"},
        "MailboxRefForm | None": {
            "dn",
            "sid",
            "guid",
            "legacy_dn",
            "smtp",
            "upn",
            "account",
            "display_name",
            "canonical",
        },
    }
    for entry in catalogue().entries.values():
        for name, hint in hints.items():
            assert entry.reading.constants.get(name) in {None, *words[hint]}


def test_experimental_events_say_so():
    assert experimental_layout("Security", "666")
    assert not experimental_layout("Security", "642")
    assert not experimental_layout("Security", "1")
    assert not experimental_layout(None, "642")
    assert not experimental_layout("Security", None)
    assert not experimental_layout("Security", "6e2")


def test_files_are_all_there():
    assert sum(len(parse_file(name).events) for name in FILES) == len(catalogue().entries)


def parse_file(name):
    return load(name, WindowsEvents)


def test_attributes_that_carry_a_descriptor_come_first():
    names = list(attributes())
    assert names[:2] == ["msexchmailboxsecuritydescriptor", "ntsecuritydescriptor"]


def test_a_phrase_outside_the_vocabulary_is_refused():
    with pytest.raises(KnowledgeError, match="unknown word"):
        said("permission widened")
