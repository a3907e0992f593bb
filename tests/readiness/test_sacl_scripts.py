"""The scripts that write audit entries on Windows: VBScript is run, PowerShell is given the same entries."""

from __future__ import annotations

import re

import pytest
from tests.readiness.adsi import ADMIN, BASE, EXCHANGE, Domain, Entry

from mailwitness.knowledge.guids import guids
from mailwitness.readiness.audit_entries import Entries, script_rows
from mailwitness.readiness.kit import script

SOURCE = script("SetMailboxSacl.vbs").decode("ascii")
ENTRIES = Entries(guids())


@pytest.fixture
def domain(tmp_path):
    """Return a domain without audit entries."""
    return Domain(tmp_path)


def said_of(aces):
    """Return entries as ADSI has them: type 7 and its flags where a GUID stands in it."""
    return [
        (
            7 if ace.object_type or ace.inherited_type else 2,
            ace.flags,
            ace.mask,
            (1 if ace.object_type else 0) + (2 if ace.inherited_type else 0),
            "Jeder",
            ace.object_type or "",
            ace.inherited_type or "",
        )
        for ace in aces
    ]


def held(domain, dn):
    return [entry.said() for entry in domain.objects[dn].kept]


def test_it_shows_what_is_lacking_and_changes_nothing(domain):
    assert domain.run(SOURCE) == 0
    assert f"{BASE}: {len(ENTRIES.of_domain(BASE).aces)} audit entries are lacking" in domain.said
    assert "Nothing was changed; apply changes it." in domain.said
    assert [each.writes for each in domain.objects.values()] == [0, 0, 0]


def test_it_writes_exactly_the_entries_that_are_written_over_ldap(domain):
    assert domain.run(SOURCE, "apply") == 0
    assert held(domain, BASE) == said_of(ENTRIES.of_domain(BASE).aces)
    assert held(domain, ADMIN) == said_of(ENTRIES.of_mailbox(ADMIN).aces)
    assert held(domain, EXCHANGE) == said_of(ENTRIES.of_exchange(EXCHANGE).aces)
    assert [each.writes for each in domain.objects.values()] == [1, 1, 1]


def test_a_second_time_nothing_is_lacking(domain):
    domain.run(SOURCE, "apply")
    before = {dn: held(domain, dn) for dn in domain.objects}
    domain.run(SOURCE, "apply")
    assert {dn: held(domain, dn) for dn in domain.objects} == before
    assert f"{BASE}: 0 audit entries are lacking" in domain.said


def test_undo_takes_away_what_was_added_and_nothing_that_was_there(domain):
    first = ENTRIES.of_domain(BASE).aces[0]
    there = Entry(Trustee="jeder", AccessMask=first.mask, AceFlags=first.flags, AceType=2)
    other = Entry(Trustee="CORP\\Auditors", AccessMask=32, AceFlags=64, AceType=2)
    domain.objects[BASE].kept = [there, other]
    domain.run(SOURCE, "apply")
    assert len(domain.objects[BASE].kept) == len(ENTRIES.of_domain(BASE).aces) + 1
    assert domain.run(SOURCE, "undo") == 0
    assert domain.objects[BASE].kept == [there, other]
    assert not domain.objects[ADMIN].kept
    domain.run(SOURCE, "undo")
    assert any("no longer there" in line for line in domain.said)
    assert domain.objects[BASE].kept == [there, other]


def test_an_argument_nobody_knows_is_refused(domain):
    assert domain.run(SOURCE, "please") == 2
    assert domain.said[-1].startswith("usage:")


def test_powershell_is_given_the_same_entries_by_name():
    text = script("Set-MailboxSacl.ps1").decode("ascii")
    rows = re.findall(r'^(?:\$rows = @\()?\s*"([a-z]+\|[^"]*)"', text, re.MULTILINE)
    assert rows == script_rows(ENTRIES)
    assert {row.split("|")[0] for row in rows} == set(re.findall(r'Get-Rule "([a-z]+)"', text))
    assert {row.split("|")[4] for row in rows} == set(re.findall(r'"(\d+)" = "', text))


@pytest.mark.parametrize("name", ["Set-MailboxSacl.ps1", "SetMailboxSacl.vbs"])
def test_nothing_is_left_to_fill_in(name):
    assert not re.search(r"@[A-Z_]+@", script(name).decode("ascii"))
