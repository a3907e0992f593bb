"""In the real samples every change of a descriptor and of a role group is found."""

from __future__ import annotations

import hashlib

import pytest

from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.detect import detect
from mailwitness.trail.reader import open_reader

DESCRIPTORS = Query(
    "descriptors",
    "which records tell of a change of a descriptor in the directory, refused ones too?",
    """SELECT event_id, evidence_sha256 FROM events
    WHERE noise IS NULL AND coalesce(scope, '') <> 'server'
      AND (lower(attribute) IN ('ntsecuritydescriptor', 'msexchmailboxsecuritydescriptor')
           OR list_has_any(rights, ['WriteDacl', 'WriteOwner']))""",
)
MEMBERS = Query(
    "members",
    "which records tell of a member added?",
    "SELECT event_id, evidence_sha256, group_name FROM events WHERE kind = 'membership' AND action = 'added'",
)
EXCHANGE_GROUPS = "Persistence/T1098.xxx-Account manipulation/ID4756-Exchange admin group change.evtx"
DOMAIN_GROUPS = "Persistence/T1098.xxx-Account manipulation/ID4728-4756-Member added to sensitive domain groups.evtx"


@pytest.fixture(scope="module")
def findings(sample_trail):
    reader = open_reader(sample_trail.path)
    with Embedded(reader) as engine:
        found = detect(engine, load_rules(), 0, reader.size, observations=load_observations(sample_trail.path))
        return found, engine.rows(DESCRIPTORS), engine.rows(MEMBERS)


def test_every_descriptor_change_is_found(findings):
    found, descriptors, _ = findings
    told = {event for finding in found for event in finding.event_ids}
    assert len(descriptors) >= 15
    assert [row for row in descriptors if row["event_id"] not in told] == []


@pytest.mark.parametrize(("file", "rule"), [(EXCHANGE_GROUPS, "exchange"), (DOMAIN_GROUPS, "privileged")])
def test_every_change_of_a_role_group_is_found(findings, samples, file, rule):
    found, _, members = findings
    path = next((samples / "mdecrevoisier").glob(f"TA0003-{file}"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    told = {event for f in found if f.rule_id.endswith("group_changed") for event in f.event_ids}
    ours = [row for row in members if row["evidence_sha256"] == sha256]
    assert ours, rule
    assert [row["group_name"] for row in ours if row["event_id"] not in told] == []


def test_what_microsofts_own_services_do_makes_no_finding(findings):
    found, _, _ = findings
    assert [f for f in found if (f.actor or "").startswith("NT AUTHORITY\\SYSTEM (Microsoft.Exchange")] == []
