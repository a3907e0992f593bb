"""A real domain whose SYSVOL audits objects only: what is not recorded, what the kit mends, what then proves it."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from tests.directory.lab import MAILBOXES
from typer.testing import CliRunner

from mailwitness.directory.ldap_connection import Connection
from mailwitness.directory.ldap_snapshot import take_snapshot
from mailwitness.directory.store import load_observations
from mailwitness.faces.cli import app
from mailwitness.intake.importing import import_paths
from mailwitness.readiness.sacl_plan import plan
from mailwitness.readiness.sacl_write import apply, undo
from mailwitness.simulate.layouts import directory_names, layouts
from mailwitness.simulate.writers.evtx import EvtxWriter
from mailwitness.trail.create import create_trail

HOST = "dc1.example.test"
CHANGED = f"CN=mbx00001,{MAILBOXES}"
EQUAL = f"CN=mbx00002,{MAILBOXES}"
ADMIN = {
    "SubjectUserSid": "S-1-5-21-1-2-3-500",
    "SubjectUserName": "Administrator",
    "SubjectDomainName": "EXAMPLE",
    "SubjectLogonId": "0x3e9",
}
DEFAULT_CONTROLLERS = "{6AC1786C-016F-11D2-945F-00C04FB984F9}"
OBJECT_ACCESS_ALONE = "[Unicode]\r\nUnicode=yes\r\n[Version]\r\nRevision=1\r\n[Event Audit]\r\n" + "".join(
    f"{name} = {value}\r\n"
    for name, value in {
        "AuditObjectAccess": 3,
        "AuditDSAccess": 0,
        "AuditAccountManage": 0,
        "AuditPolicyChange": 0,
        "AuditLogonEvents": 0,
    }.items()
)
RUNNER = CliRunner()


class Lab:
    """A trail beside a domain controller, the copy of its SYSVOL, and its log as somebody saved it."""

    def __init__(self, controller, folder) -> None:
        self.controller = controller
        self.folder = folder
        self.made = create_trail(folder / "trail", organization="example.test", key_dir=folder / "keys")
        self.sysvol = folder / "sysvol"
        shutil.copytree(controller.folder / "state" / "sysvol", self.sysvol)
        self.number = 0
        self.at = None
        self.record_id = 0

    def snapshot(self):
        take_snapshot(self.made.trail.path, self.made.key_path, self.controller.server())
        return load_observations(self.made.trail.path)

    def policy(self, name):
        (path,) = self.sysvol.rglob(f"*{DEFAULT_CONTROLLERS}*/MACHINE/Microsoft/Windows NT/{name}")
        return path

    def log(self, *records):
        """Import a saved log that goes on where the last one ended; `records` are (minutes, word, values)."""
        self.number += 1
        path = self.folder / f"Security-{self.number}.evtx"
        with EvtxWriter(path) as writer:
            for minutes, word, values in records:
                layout = "windows_eventlog" if word == "log_cleared" else "windows_2008"
                record = layouts(layout).record(word, HOST, self.at + timedelta(minutes=minutes), values)
                self.record_id += 1
                writer.write(msgspec.structs.replace(record, record_id=self.record_id))
        report = import_paths(self.made.trail.path, [path], key_path=self.made.key_path, workers=1)
        assert report.totals.problems == 0

    def asked(self, *arguments, state=True):
        """Return the verdicts of the question of changes on the controller, at the end unless a time is asked for."""
        command = ["coverage", "--trail", str(self.made.trail.path), "--question", "changes", "--format", "json"]
        command += ["--state", str(self.sysvol)] if state else []
        said = RUNNER.invoke(app, [*command, *map(str, arguments)])
        assert said.exit_code in (0, 3), said.output
        items = json.loads(said.stdout)["items"]
        return [item for item in items if item["computer"] == HOST]

    def at_minute(self, minutes, mailbox):
        (item,) = self.asked("--at", (self.at + timedelta(minutes=minutes)).isoformat(), "--mailbox", mailbox)
        return item["verdict"], item["cause"]


def logon(minutes):
    return minutes, "logon", {"TargetUserSid": ADMIN["SubjectUserSid"], "TargetUserName": "Administrator"}


def written(minutes, dn, guid, attribute="msExchMailboxSecurityDescriptor", values=(None, "O:PSG:PSD:(A;CI;CC;;;PS)")):
    """Return the 5136 records of one write."""
    given = ADMIN | {
        "OpCorrelationID": f"{{{UUID(int=minutes)}}}",
        "DSName": "example.test",
        "ObjectDN": dn,
        "ObjectGUID": f"{{{guid}}}",
        "ObjectClass": "user",
        "AttributeLDAPDisplayName": attribute,
        "AttributeSyntaxOID": directory_names().attributes[attribute].syntax,
    }
    operations = directory_names().operations
    return [
        (minutes, "object_modified", given | {"AttributeValue": value, "OperationType": operations[word]})
        for word, value in zip(("deleted", "added"), values, strict=True)
        if value is not None
    ]


def policy_off(minutes):
    policy = directory_names().policy
    said = {"CategoryId": policy.directory_changes["category"], "SubcategoryGuid": policy.directory_changes["guid"]}
    said |= {"SubcategoryId": policy.directory_changes["subcategory"], "AuditPolicyChanges": policy.success_removed}
    return minutes, "audit_policy", ADMIN | said


@pytest.fixture
def lab(controller, tmp_path):
    """Return the lab with a log of the controller at hand that proves nothing of its directory's changes."""
    lab = Lab(controller, tmp_path)
    observations = lab.snapshot()
    lab.at = observations.snapshots[0].observed_at.replace(microsecond=0)
    lab.guids = {each.dn: each.object_guid for each in observations.principals if each.dn in (CHANGED, EQUAL)}
    lab.log(logon(0), logon(60), logon(600))
    for path in lab.sysvol.rglob("audit.csv"):
        path.unlink()
    lab.policy("SecEdit/GptTmpl.inf").write_bytes(OBJECT_ACCESS_ALONE.encode("utf-16"))
    return lab


@pytest.fixture
def with_kit(lab, controller, tmp_path):
    """Return the lab with the kit's template in SYSVOL and its audit entries in the directory."""
    kit = tmp_path / "kit"
    assert RUNNER.invoke(app, ["setup-kit", str(kit), "--generation", "2008"]).exit_code == 0
    (template,), (listed,) = kit.rglob("audit-policy.inf"), kit.rglob("audit.csv")
    template_in_sysvol = lab.policy("SecEdit/GptTmpl.inf")
    template_in_sysvol.write_bytes(template.read_bytes())
    (template_in_sysvol.parents[1] / "Audit").mkdir(exist_ok=True)
    (template_in_sysvol.parents[1] / "Audit" / "audit.csv").write_bytes(listed.read_bytes())
    with Connection(controller.server()) as connection:
        apply(connection, plan(connection), tmp_path / "undo.json")
        yield lab
        undo(connection, tmp_path / "undo.json")


def test_object_access_alone_records_no_change_of_permissions(lab):
    (item,) = lab.asked()
    assert (item["verdict"], item["cause"]) == ("absent", "policy_off")
    assert "AuditDSAccess" in item["why"] or "Directory Service Changes" in item["why"]
    assert "AuditObjectAccess is on, but" in item["why"]
    assert "audit-policy" in item["fix"]
    assert "change of a permission" in item["lost"]


def test_with_the_kit_it_is_configured_and_a_record_proves_it_for_equal_audit_entries(with_kit):
    lab = with_kit
    (item,) = lab.asked()
    assert (item["verdict"], item["cause"]) == ("configured", "settings")
    lab.snapshot()
    assert lab.at_minute(120, CHANGED) == ("configured", "settings")
    lab.log(*written(610, CHANGED, lab.guids[CHANGED]), logon(700))
    assert lab.at_minute(600, CHANGED)[0] == "configured"
    assert lab.at_minute(620, CHANGED) == ("proven", "event")
    assert lab.at_minute(620, EQUAL) == ("proven", "event")
    lab.log(policy_off(710), logon(720))
    assert lab.at_minute(709, CHANGED) == ("proven", "event")
    assert lab.at_minute(715, CHANGED) == ("absent", "policy_off")
    assert lab.at_minute(715, EQUAL) == ("absent", "policy_off")


def test_a_proof_ends_where_the_log_is_cleared(with_kit):
    lab = with_kit
    lab.snapshot()
    lab.log(*written(610, CHANGED, lab.guids[CHANGED]), (650, "log_cleared", ADMIN), logon(700))
    assert lab.at_minute(640, CHANGED) == ("proven", "event")
    assert lab.at_minute(660, CHANGED)[0] == "configured"


def test_a_proof_ends_where_records_are_missing(with_kit):
    lab = with_kit
    lab.snapshot()
    lab.log(*written(610, CHANGED, lab.guids[CHANGED]))
    lab.record_id += 7
    lab.log(logon(700), logon(710))
    assert lab.at_minute(650, CHANGED) == ("absent", "records_missing")
    assert lab.at_minute(705, CHANGED)[0] == "configured"


def test_a_proof_ends_where_the_audit_entries_are_changed(with_kit):
    lab = with_kit
    lab.snapshot()
    before, after = (f"O:DAG:DAD:(A;;RC;;;SY)S:{entries}" for entries in ("(AU;SA;WD;;;WD)", "(AU;SA;RC;;;WD)"))
    change = written(650, CHANGED, lab.guids[CHANGED], "nTSecurityDescriptor", (before, after))
    lab.log(*written(610, CHANGED, lab.guids[CHANGED]), *change, logon(700))
    assert lab.at_minute(640, CHANGED) == ("proven", "event")
    assert lab.at_minute(690, CHANGED)[0] == "configured"  # by the policy alone: its entries were not read since
    assert lab.at_minute(690, EQUAL)[0] == "proven"


def test_what_the_directory_shows_to_lack_audit_entries_is_absent_whatever_the_policy(lab):
    lab.policy("SecEdit/GptTmpl.inf").write_bytes(
        "[Version]\r\n[Event Audit]\r\nAuditDSAccess = 3\r\n".encode("utf-16")
    )
    (item,) = lab.asked("--mailbox", CHANGED)
    assert (item["verdict"], item["cause"]) == ("absent", "audit_entries_lacking")
    assert "WriteProperty" in item["why"]
    assert "--apply-sacl" in item["fix"]
