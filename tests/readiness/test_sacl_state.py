"""Which writes to mailboxes are recorded, by the SACLs of an LDIF export and of a real domain."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory import ldif_export
from mailwitness.directory.model import Snapshot
from mailwitness.directory.rows import Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.store import load_observations, record_file
from mailwitness.faces.cli import app
from mailwitness.knowledge.guids import guids
from mailwitness.readiness.audit_entries import Entries
from mailwitness.readiness.sacl_readings import SaclReadings, sacl_sha256
from mailwitness.readiness.sacl_state import groups_of, sacl_states

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
USER = "CN=Ada,OU=People,DC=example,DC=test"
DN = {"domain": "DC=example,DC=test", "ou": "OU=People,DC=example,DC=test", "user": USER}
CLASSES = {"domain": "domainDNS", "ou": "organizationalUnit", "user": "user"}
ALL = "".join(
    ["S:(AU;IDSAFA;WDWO;;;WD)"] + [f"(OU;IDSAFA;WP;{guid};;WD)" for guid in Entries(guids()).attributes.values()]
)
CONTAINER = "S:(AU;CISAFA;WDWO;;;WD)"
MAILBOX_RIGHTS = guids().guid("attribute", "msExchMailboxSecurityDescriptor")


def entry(kind, sddl, *more, object_class=None):
    lines = [f"dn: {DN[kind]}", f"objectClass: {object_class or CLASSES[kind]}", *more]
    if kind == "user":
        lines.append("msExchMailboxGuid:: " + base64.b64encode(bytes(range(16))).decode())
    if sddl is not None:
        descriptor = write_binary(parse_sddl("O:BAG:BAD:(A;;RP;;;WD)" + sddl))
        lines.append("nTSecurityDescriptor:: " + base64.b64encode(descriptor).decode())
    return "\n".join(lines) + "\n"


@pytest.fixture
def seen(trail, tmp_path):
    """Return what imports an export and gives the state of its mailbox."""
    count = 0

    def see(*entries, at=None):
        nonlocal count
        count += 1
        path = tmp_path / f"export{count}.ldf"
        path.write_text("\n".join(entries), encoding="utf-8")
        reader = SnapshotReader(Rows(), path.name)
        ldif_export.read(path, path.name, reader)
        assert reader.problems.count == 0
        read_at = AT + timedelta(days=count)
        snapshot = Snapshot(observed_at=read_at, evidence_sha256="", complete=True, name=path.name)
        record_file(trail.trail.path, trail.key_path, reader.rows, snapshot, path)
        return sacl_states(load_observations(trail.trail.path), at)

    return see


def one(states):
    assert len(states) == 1
    return states[0]


def test_all_that_is_asked_is_recorded(seen):
    state = one(seen(entry("domain", CONTAINER), entry("ou", CONTAINER), entry("user", ALL)))
    assert (state.records("success"), state.records("failure")) == ("recorded", "recorded")
    assert state.lacking.success == state.lacking.failure == ()
    assert "records success of all" in state.why("success")


def test_an_object_without_audit_entries_records_nothing(seen):
    state = one(seen(entry("domain", CONTAINER), entry("ou", CONTAINER), entry("user", "")))
    assert state.records("success", "WriteDacl") == "not recorded"
    assert "WriteProperty(msExchMailboxSecurityDescriptor)" in state.lacking.success
    assert state.dn in state.why("success")


def test_an_export_without_sacls_says_nothing(seen):
    state = one(seen(entry("domain", ""), entry("user", "")))
    assert state.records("success") == "unknown"
    assert "not read" in state.why("success")


@pytest.mark.parametrize(
    ("sddl", "right", "success", "failure"),
    [
        ("S:(AU;SA;WDWO;;;WD)", "WriteDacl", True, False),
        ("S:(AU;FA;WDWO;;;WD)", "WriteDacl", False, True),
        ("S:(AU;SA;WD;;;WD)(AU;FA;WD;;;WD)", "WriteDacl", True, True),
        ("S:(AU;SAFA;GA;;;WD)", "WriteOwner", True, True),
        ("S:(AU;CIIOSAFA;WD;;;WD)", "WriteDacl", False, False),
        ("S:(AU;SAFA;WD;;;BA)", "WriteDacl", False, False),
        (f"S:(OU;SAFA;WP;{MAILBOX_RIGHTS};;WD)", "WriteProperty(msExchMailboxSecurityDescriptor)", True, True),
        (f"S:(OU;SAFA;WP;{MAILBOX_RIGHTS};;WD)", "WriteProperty(publicDelegates)", False, False),
        ("S:(AU;SAFA;WP;;;WD)", "WriteProperty(publicDelegates)", True, True),
        ("S:(OU;SAFA;WP;77b5b886-944a-11d1-aebd-0000f80367c1;;WD)", "WriteProperty(publicDelegates)", True, True),
        ('S:(XU;SAFA;WD;;;WD;(@User.Title=="x"))', "WriteDacl", False, False),
    ],
    ids=[
        "success",
        "failure",
        "both apart",
        "generic",
        "heirs only",
        "some accounts",
        "attribute",
        "another attribute",
        "every attribute",
        "property set",
        "under a condition",
    ],
)
def test_an_entry_records_what_it_says_and_no_more(seen, sddl, right, success, failure):
    state = one(seen(entry("domain", CONTAINER), entry("user", sddl)))
    assert state.records("success", right) == ("recorded" if success else "not recorded")
    assert state.records("failure", right) == ("recorded" if failure else "not recorded")


def test_a_container_that_does_not_record_is_named(seen):
    state = one(seen(entry("domain", CONTAINER), entry("ou", "S:(AU;SA;WO;;;WD)"), entry("user", ALL)))
    assert state.above == (DN["ou"],)
    assert state.records("success") == "not recorded"
    assert state.records("success", "WriteDacl") == "recorded"


def test_why_an_object_is_an_exception_is_said(seen):
    more = ("adminCount: 1",)
    state = one(
        seen(entry("domain", CONTAINER), entry("user", "S:PAI(AU;SA;WD;;;WD)", *more, object_class="inetOrgPerson"))
    )
    assert state.because == ("inetOrgPerson", "SACL_PROTECTED", "adminCount")
    assert "adminCount" in state.why("failure")


def test_an_attribute_that_the_schema_keeps_out_of_events_is_said(seen):
    schema = "\n".join(
        [
            "dn: CN=ms-Exch-Mailbox-Security-Descriptor,CN=Schema,CN=Configuration,DC=example,DC=test",
            "objectClass: attributeSchema",
            "lDAPDisplayName: msExchMailboxSecurityDescriptor",
            "schemaIDGUID:: " + base64.b64encode(bytes.fromhex("26e94d939eb0d211aa0600c04f8eedd8")).decode(),
            "searchFlags: 264",
            "",
        ]
    )
    state = one(seen(schema, entry("domain", CONTAINER), entry("user", ALL)))
    assert state.never_audited == ("msExchMailboxSecurityDescriptor",)
    assert state.records("success") == "not recorded"
    assert "searchFlags" in state.why("success")


def test_the_state_is_of_the_time_asked_for(seen):
    seen(entry("domain", CONTAINER), entry("user", ""))
    later = one(seen(entry("domain", CONTAINER), entry("user", ALL)))
    before = one(seen(entry("domain", CONTAINER), entry("user", ALL), at=AT + timedelta(days=1)))
    assert later.records("success") == "recorded"
    assert before.records("success") == "not recorded"


def test_an_object_without_audit_entries_lacks_them_in_coverage_too(seen, trail):
    seen(entry("domain", CONTAINER), entry("user", ""))
    readings = SaclReadings(load_observations(trail.trail.path))
    points = list(readings.points(USER.casefold(), "success", (), datetime(2026, 1, 1, tzinfo=UTC)))
    assert [point.word for point in points] == ["absent"]


def test_mailboxes_that_lack_the_same_are_told_together(seen):
    states = seen(
        entry("domain", CONTAINER),
        entry("user", "S:PAI(AU;SAFA;WO;;;WD)"),
        entry("user", "S:PAI(AU;SAFA;WO;;;WD)").replace("CN=Ada", "CN=Bob"),
        entry("user", ALL).replace("CN=Ada", "CN=Cid"),
    )
    (group,) = groups_of(states)
    assert (group.mailboxes, group.because) == (2, ("SACL_PROTECTED",))
    assert group.examples == (USER, USER.replace("Ada", "Bob"))
    assert group.lacking.failure == group.lacking.success
    assert "WriteDacl" in group.sentence()
    assert "setup-kit --apply-sacl" in group.sentence()


def test_the_verb_says_which_mailboxes_lack_what(seen, trail):
    seen(entry("domain", CONTAINER), entry("user", "S:(AU;SA;WD;;;WD)", "sAMAccountName: ada"))
    command = ["coverage", "--trail", str(trail.trail.path), "--format", "json"]
    for asked in ([], ["--mailbox", "ada"]):
        (group,) = json.loads(CliRunner().invoke(app, [*command, *asked]).stdout)["audit_entries"]
        assert group["examples"] == [USER]
        assert "WriteDacl" in group["lacking"]["failure"]
        assert "WriteDacl" not in group["lacking"]["success"]
    assert json.loads(CliRunner().invoke(app, [*command, "--mailbox", "bob"]).stdout)["audit_entries"] == []


def test_equal_sacls_have_one_hash_whatever_else_differs():
    one_, same = (parse_sddl(text) for text in ("O:BAD:(A;;RP;;;WD)S:(AU;SA;WD;;;WD)", "D:PAIS:AI(AU;SA;WD;;;WD)"))
    assert sacl_sha256(one_) == sacl_sha256(same)
    assert sacl_sha256(one_) != sacl_sha256(parse_sddl("S:(AU;SAFA;WD;;;WD)"))
