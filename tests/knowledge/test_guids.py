"""The GUIDs: each named once, found in any spelling, with its sets."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from evtx import PyEvtxParser

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge import guids as module
from mailwitness.knowledge.guids import guids, normal
from mailwitness.knowledge.loader import load, parse

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"


def test_a_guid_may_mean_two_things():
    assert {meaning.kind for meaning in guids().meanings(MEMBER)} == {"attribute", "validated_write"}
    assert guids().name(MEMBER, "attribute") == "member"
    assert guids().name(MEMBER, "validated_write", "attribute") == "Self-Membership"
    assert guids().name(MEMBER, "class") == MEMBER


@pytest.mark.parametrize("spelling", [MEMBER.upper(), f"{{{MEMBER}}}", f"%{{{MEMBER}}}", f" {MEMBER} "])
def test_any_spelling_is_found(spelling):
    assert normal(spelling) == MEMBER
    assert guids().name(spelling, "attribute") == "member"


@pytest.mark.parametrize(
    ("kind", "name", "guid"),
    [
        ("attribute", "msExchMailboxSecurityDescriptor", "934de926-b09e-11d2-aa06-00c04f8eedd8"),
        ("attribute", "publicdelegates", "f0f8ff9a-1191-11d0-a060-00aa006c33ed"),
        ("class", "user", "bf967aba-0de6-11d0-a285-00aa003049e2"),
        ("extended_right", "Send-As", "ab721a54-1e2f-11d0-9819-00aa0040529b"),
        ("property_set", "Exchange-Information", "1f298a89-de98-47b8-b5cd-572ad53d267e"),
        ("app_role", "full_access_as_app", "dc890d15-9560-4a4c-9b7f-a736ec74ec40"),
        ("audit_subcategory", "Directory Service Changes", "0cce923c-69ae-11d9-bed3-505054503030"),
        ("attribute", "nobody", None),
    ],
)
def test_a_name_gives_its_guid(kind, name, guid):
    assert guids().guid(kind, name) == guid


def test_sets_and_members_agree():
    assert guids().sets("msExchMailboxSecurityDescriptor") == {"Exchange-Information", "Public-Information"}
    assert "publicDelegates" in guids().members("Personal-Information")
    assert guids().members("nothing") == guids().sets("nothing") == frozenset()


def test_unproven_ones_are_marked():
    mail_read = guids().meaning("810c84a8-4a9e-49e6-bf7d-12d183f40d01")
    assert (mail_read.name, mail_read.mark) == ("Mail.Read", "experimental")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (MEMBER, MEMBER[:-1]),
        (MEMBER, MEMBER.upper()),
        (MEMBER, "934de926-b09e-11d2-aa06-00c04f8eedd8"),
        ("members: [member, memberOf]", "members: [member, memberOff]"),
        ("set: Membership", "set: Membershop"),
    ],
)
def test_a_malformed_file_is_refused(monkeypatch, good, bad):
    text = resources.files(module.__package__).joinpath(module.FILE).read_text(encoding="utf-8")
    assert good in text
    monkeypatch.setattr(module, "load", lambda name, shape: parse(text.replace(good, bad, 1), shape, name))
    with pytest.raises(KnowledgeError):
        guids.__wrapped__()


def test_every_entry_names_its_source():
    file = load(module.FILE, module.GuidFile)
    groups = [*file.attributes, *file.classes, *file.property_sets, *file.extended_rights, *file.set_members]
    assert all(group.source for group in groups)


@pytest.mark.samples
def test_the_samples_name_subcategories_and_rights_we_know(samples):
    """Every GUID of the changed descriptors, and every subcategory whose auditing was changed."""
    unknown = set()
    seen = 0
    for path in sorted((samples / "mdecrevoisier").rglob("*.evtx")):
        for record in PyEvtxParser(str(path)).records_json():
            data = json.loads(record["data"])["Event"].get("EventData") or {}
            text = f"{data.get('SubcategoryGuid', '')} {data.get('AttributeValue', '')}"
            for guid in GUID.findall(text) if "nTSecurityDescriptor" in record["data"] or "Subcat" in str(data) else ():
                seen += 1
                if not guids().meanings(guid):
                    unknown.add(guid)
    assert seen > 400
    assert unknown == set()
