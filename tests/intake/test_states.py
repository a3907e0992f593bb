"""Exports of states and of directories come in with everything else: counted, sealed, once."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import imported
import pytest
from tests.directory.written_exports import ANNA, AT, EXPORTS, FOLDER, as_clixml, as_csv, as_json

from mailwitness.directory.store import load_observations
from mailwitness.intake.importing import import_paths
from mailwitness.intake.report import Counts
from mailwitness.intake.states import DIRECTORY_EXPORTS
from mailwitness.trail.durable import make_directory
from mailwitness.trail.verify import verify

OBSERVED = datetime(2026, 11, 20, 8, tzinfo=UTC)
LATER = datetime(2026, 11, 21, tzinfo=UTC)
LDIF = """version: 1

dn: CN=Anna Berg,OU=Staff,DC=fabrik,DC=example
objectClass: user
sAMAccountName: anna
objectSid: S-1-5-21-1-2-3-1101

dn: CN=printer,OU=Staff,DC=fabrik,DC=example
objectClass: printQueue

dn: CN=Helpdesk,OU=Staff,DC=fabrik,DC=example
objectClass: group
member: CN=Anna Berg,OU=Staff,DC=fabrik,DC=example
"""
CMDLET = [
    {
        "CmdletName": "Add-MailboxPermission",
        "ObjectModified": "fabrik.example/Staff/Anna Berg",
        "Caller": "fabrik.example/Staff/Bob",
        "RunDate": "2026-11-19T10:00:00Z",
        "Succeeded": "True",
        "CmdletParameters": [{"Name": "User", "Value": "bob"}, {"Name": "AccessRights", "Value": "FullAccess"}],
    },
]

MANIFEST = {
    "CollectionManifest": "Collect-ExchangeEvidence.ps1",
    "CollectedAt": AT,
    "ComputerName": "EX01",
    "Exports": [{"Name": "Get-Mailbox", "File": "Get-Mailbox.xml", "Complete": True, "Count": 2, "Error": None}],
}


@pytest.fixture
def bring(new_trail):
    """Return a function that imports paths."""
    return lambda *paths, **more: import_paths(
        new_trail.trail.path, list(paths), key_path=new_trail.key_path, **{"workers": 1} | more
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a collection leaves it: exports of states, an audit log, LDIF, a manifest."""
    folder = tmp_path / "EX01-20261120T080000Z"
    make_directory(folder)
    for cmdlet in EXPORTS:
        shutil.copy(FOLDER / f"{cmdlet}.xml", folder)
    (folder / "Search-AdminAuditLog.json").write_text(json.dumps(CMDLET))
    (folder / "directory.ldif").write_text(LDIF)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def test_a_folder_comes_in_with_one_import(bring, folder: Path, new_trail):
    report = bring(folder, collected_at=OBSERVED)

    states = sum(len(rows) for rows in EXPORTS.values())
    assert report.totals == Counts(seen=states + 5, recorded=states + 4, filtered=1, events=1)
    observed = load_observations(new_trail.trail.path)
    assert {right.source for right in observed.stated_rights} == {
        *("Get-MailboxPermission", "Get-ADPermission", "Get-RecipientPermission", "Get-MailboxFolderPermission"),
        "Get-Mailbox",
    }
    assert {role.role for role in observed.role_assignments} == {"ApplicationImpersonation", "Mailbox Import Export"}
    assert len([one for one in observed.principals if one.dn and one.dn.startswith("CN=Anna Berg,")]) == 3
    assert {member.group_dn.partition(",")[0] for member in observed.members} == {
        *("CN=Organization Management", "CN=Helpdesk"),
    }
    (collected,) = [setting for setting in observed.settings if setting.attribute.startswith("collected ")]
    assert (collected.dn, collected.attribute) == ("EX01", "collected Get-Mailbox")
    assert json.loads(collected.value) == {"Complete": True, "Count": 2, "File": "Get-Mailbox.xml"}
    by_name = {snapshot.name.rpartition("/")[2]: snapshot for snapshot in observed.snapshots}
    assert {name for name, snapshot in by_name.items() if snapshot.complete} == {
        *("Get-RoleGroupMember.xml", "directory.ldif"),
    }
    assert by_name["directory.ldif"].origin == "ldif"
    assert by_name["Get-Mailbox.xml"].origin == "export"
    assert {right.observed_at for right in observed.stated_rights} == {OBSERVED}
    assert not verify(new_trail.trail.path, deep=True).findings


def test_every_file_has_its_custody_leaf_and_its_observations_one_more(bring, folder: Path, new_trail):
    bring(folder, collected_at=OBSERVED)

    taken = imported.statements(new_trail.trail.path)
    observed = imported.statements(new_trail.trail.path, act="directory_observed")
    assert {said["evidence"][0]["sha256"] for said in observed} < {said["evidence"][0]["sha256"] for said in taken}
    assert len(observed) == len(EXPORTS) + 2
    assert {said["person"] for said in observed} == {said["person"] for said in taken}
    assert all(said["evidence"][0]["kept"] for said in observed)
    counts = {said["evidence"][0]["name"].rpartition("/")[2]: said["counts"] for said in taken}
    assert counts["Get-Mailbox.xml"]["recorded"] == 2


@pytest.mark.parametrize("forget", [True, False])
def test_what_comes_again_counts_once(bring, folder: Path, new_trail, *, forget: bool):
    first = bring(folder, collected_at=OBSERVED)
    size = len(imported.statements(new_trail.trail.path, act="directory_observed"))
    if forget:
        new_trail.trail.state.unlink()

    again = bring(folder, collected_at=OBSERVED)

    assert (again.totals.recorded, again.totals.duplicates) == (0, first.totals.recorded)
    assert again.totals.seen == first.totals.seen
    assert len(imported.statements(new_trail.trail.path, act="directory_observed")) == size


def test_the_same_bytes_of_another_time_are_that_state_again(bring, tmp_path: Path, new_trail):
    path = tmp_path / "rights.csv"
    path.write_text("Identity,User,AccessRights\nanna,bob,FullAccess\n")

    bring(path, collected_at=OBSERVED)
    again = bring(path, collected_at=LATER)

    assert again.totals.recorded == 1
    rights = load_observations(new_trail.trail.path).stated_rights
    assert [right.observed_at for right in rights] == [OBSERVED, LATER]


def test_without_a_time_nothing_is_taken_in_and_it_is_said(bring, tmp_path: Path, new_trail):
    (tmp_path / "rights.csv").write_text("Identity,User,AccessRights\nanna,bob,FullAccess\n")
    (tmp_path / "directory.ldif").write_text(LDIF)

    report = bring(tmp_path / "rights.csv", tmp_path / "directory.ldif")

    assert report.totals == Counts(seen=4, filtered=1, unread=3, problems=2)
    assert {problem.code for problem in report.problems} == {"ambiguous"}
    assert all("--collected-at" in problem.expected for problem in report.problems)
    assert load_observations(new_trail.trail.path).snapshots == []

    assert bring(tmp_path / "rights.csv", tmp_path / "directory.ldif", collected_at=OBSERVED).totals.recorded == 3


def test_a_large_export_is_streamed_and_nothing_of_it_lost(bring, tmp_path: Path, new_trail):
    granted = EXPORTS["Get-MailboxPermission"][0]
    rows = [{**granted, "User": f"FABRIK\\user{number}", "Comment": "x" * 400} for number in range(12_000)]
    (tmp_path / "large.csv").write_text(as_csv(rows))
    assert (tmp_path / "large.csv").stat().st_size > 6 << 20

    report = bring(tmp_path / "large.csv")

    assert report.totals == Counts(seen=12_000, recorded=12_000)
    rights = load_observations(new_trail.trail.path).stated_rights
    assert {right.trustee for right in rights} == {f"FABRIK\\user{number}" for number in range(12_000)}
    assert len(rights) == 12_000


def test_rows_that_cannot_be_read_are_counted_beside_those_that_can(bring, tmp_path: Path, new_trail):
    granted, denied = EXPORTS["Get-MailboxPermission"]
    lost = {**denied, "AccessRights": "System.String[]"}
    (tmp_path / "a.xml").write_text(as_clixml([granted, lost, {"Name": "of nothing"}]))

    report = bring(tmp_path / "a.xml")

    assert report.totals == Counts(seen=3, recorded=1, filtered=1, unread=1, problems=1)
    assert len(load_observations(new_trail.trail.path).stated_rights) == 1


def test_what_no_column_can_hold_costs_letters_and_not_the_import(bring, tmp_path: Path, new_trail):
    row = {**EXPORTS["Get-MailboxPermission"][0], "User": "bob\udfff"}
    data = as_csv([row]).encode("utf-8", "surrogatepass")
    (tmp_path / "a.csv").write_bytes(data)

    report = bring(tmp_path / "a.csv")

    assert report.totals.recorded == 1
    assert report.totals.problems >= 1
    assert load_observations(new_trail.trail.path).stated_rights[0].trustee.startswith("bob")


def test_an_archive_of_exports(bring, folder: Path, tmp_path: Path, new_trail):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)

    report = bring(tmp_path / "a.zip", collected_at=OBSERVED)

    assert report.totals.unread == 0
    assert len(load_observations(new_trail.trail.path).role_assignments) == 2


def test_where_only_hashes_are_kept(make_trail, folder: Path):
    made = make_trail("hashes", keep_evidence="hash")

    report = import_paths(made.trail.path, [folder], key_path=made.key_path, workers=1, collected_at=OBSERVED)

    assert report.totals.unread == 0
    assert not any(s["evidence"][0]["kept"] for s in imported.statements(made.trail.path, act="directory_observed"))
    assert load_observations(made.trail.path).stated_rights


def test_objects_of_two_times_in_two_parts_of_a_file_are_said(bring, tmp_path: Path, new_trail):
    mailbox = EXPORTS["Get-Mailbox"][0]
    (tmp_path / "a.json").write_text(as_json([mailbox, {**mailbox, "CollectedAt": "2026-11-22T00:00:00Z"}]))

    report = bring(tmp_path / "a.json")

    assert report.totals == Counts(seen=2, recorded=1, unread=1, problems=1)
    assert {one.observed_at for one in load_observations(new_trail.trail.path).principals} == {OBSERVED}
    assert AT.startswith("2026-11-20")
    assert {one.object_guid for one in load_observations(new_trail.trail.path).principals} == {ANNA}


@pytest.mark.parametrize("cmdlet", sorted(EXPORTS))
def test_a_cmdlets_rows_are_no_directory_export_though_they_have_dns_and_classes(cmdlet: str):
    rows = [{**row, "DistinguishedName": "CN=x", "ObjectClass": "{top, msExchRole}"} for row in EXPORTS[cmdlet]]
    head = as_csv(rows).encode()
    assert not any(module.recognise(head, "export.csv") for module in DIRECTORY_EXPORTS)


def test_an_import_cut_off_between_the_tables_and_the_custody_leaf_is_completed(bring, folder: Path, new_trail):
    path = folder / "Get-MailboxPermission.xml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailwitness.intake.importing.statement", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bring(path)
    assert imported.statements(new_trail.trail.path) == []

    report = bring(path)

    assert (report.totals.recorded, report.totals.duplicates) == (0, 2)
    assert len(imported.statements(new_trail.trail.path)) == 1
    assert len(load_observations(new_trail.trail.path).stated_rights) == 2
    assert not verify(new_trail.trail.path, deep=True).findings
