r"""Exports of how things stand: the same from every container, never guessed, never silent, whatever stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.directory.exports_read import CONTEXT, OBSERVED, of, read_file, read_rows
from tests.directory.written_exports import ANNA, AT, BOB, DB1, EXPORTS, FOLDER, WRITERS, as_csv

from mailwitness.directory.model import Member, Principal, RoleAssignment, Setting, StatedRight
from mailwitness.directory.state_exports import StateExportReader, export_of
from mailwitness.errors import KnowledgeError
from mailwitness.event import Problem
from mailwitness.formats.interface import ExportRecord
from mailwitness.knowledge import state_exports as knowledge


@pytest.mark.parametrize("cmdlet", sorted(EXPORTS))
def test_files_are_what_the_module_writes(cmdlet: str):
    for suffix, write in WRITERS.items():
        assert (FOLDER / f"{cmdlet}.{suffix}").read_bytes() == write(EXPORTS[cmdlet]).encode(), suffix


@pytest.mark.parametrize("cmdlet", sorted(EXPORTS))
def test_every_container_says_the_same(cmdlet: str):
    from_csv, from_json, from_xml = (read_file(FOLDER / f"{cmdlet}.{suffix}") for suffix in ("csv", "json", "xml"))
    assert from_csv
    assert not of(Problem, from_csv)
    assert "filtered" not in from_csv
    assert from_json == from_csv
    assert from_xml == from_csv
    assert all(observation.observed_at == OBSERVED for observation in from_csv)


@pytest.mark.parametrize("cmdlet", sorted(EXPORTS))
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-be-bom"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_delimiter_encoding_and_braces_do_not_matter(cmdlet: str, encoding: str, delimiter: str, tmp_path: Path):
    text = as_csv(EXPORTS[cmdlet], delimiter=delimiter, braces=True, type_line=encoding == "utf-16")
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    (tmp_path / "export.csv").write_bytes(data)
    assert read_file(tmp_path / "export.csv") == read_file(FOLDER / f"{cmdlet}.csv")


def test_every_export_in_the_knowledge_has_a_file():
    cmdlets = {export.cmdlet for export in knowledge.state_exports().exports if export.reads != "collection"}
    assert cmdlets == set(EXPORTS)


def test_a_mailbox_right_is_whose_it_is_denied_or_not_inherited_or_not():
    granted, denied = read_file(FOLDER / "Get-MailboxPermission.csv")
    assert granted == StatedRight(
        observed_at=OBSERVED,
        evidence_sha256=CONTEXT.evidence_sha256,
        source="Get-MailboxPermission",
        scope="mailbox",
        mailbox_ref=ANNA,
        mailbox_ref_form="guid",
        trustee="FABRIK\\helpdesk",
        trustee_form="account",
        rights=("FullAccess",),
        deny=False,
        inherited=False,
        inheritance="All",
        whole=True,
        product="exchange",
    )
    assert (denied.deny, denied.inherited, denied.rights) == (True, True, ("FullAccess", "ReadPermission"))


def test_rights_in_the_directory_have_the_words_descriptors_have():
    on_database, on_account = read_file(FOLDER / "Get-ADPermission.json")
    assert (on_database.scope, on_database.mailbox_ref, on_database.mailbox_ref_form) == ("database", DB1, "dn")
    assert on_database.rights == ("SendAs", "ReceiveAs")
    assert on_account.rights == ("WriteProperty(Exchange-Information)",)
    assert (on_account.trustee_form, on_account.applies_to) == ("sid", "User")


def test_other_values_of_a_row_are_read_though_some_are_lost():
    row = {**EXPORTS["Get-Mailbox"][0], "EmailAddresses": "Microsoft.Exchange.Data.ProxyAddressCollection"}
    row["GrantSendOnBehalfTo"] = "Microsoft.Exchange.Data.MultiValuedProperty`1[Microsoft.Exchange.Data.ADObjectId]"
    found = read_rows(row)
    assert of(Principal, found)[0].proxy_addresses == ()
    assert of(StatedRight, found) == []
    assert {(problem.code, problem.records) for problem in of(Problem, found)} == {("unparsable", 0)}
    assert len(of(Problem, found)) == 2


def test_a_mailbox_tells_its_names_switches_and_delegates():
    found = read_file(FOLDER / "Get-Mailbox.xml")
    anna, bob = of(Principal, found)
    assert (anna.object_guid, anna.mailbox_guid) == (ANNA, "0b000000-0000-4000-8000-000000000001")
    assert (anna.home_mdb, anna.enabled, anna.canonical_name) == (DB1, True, "fabrik.example/Staff/Anna Berg")
    assert anna.parent_dn == "OU=Staff,DC=fabrik,DC=example"
    assert anna.proxy_addresses == ("SMTP:anna.berg@fabrik.example", "smtp:anna@fabrik.example")
    assert bob.enabled is False
    switches = {(s.object_guid, s.attribute): s.value for s in of(Setting, found)}
    assert switches[ANNA, "msExchMailboxAuditEnable"] == "TRUE"
    assert switches[ANNA, "AuditDelegate"] == "Update, SoftDelete"
    assert switches[ANNA, "msExchGenericForwardingAddress"] == "smtp:out@elsewhere.example"
    assert switches[ANNA, "altRecipient"] is None
    assert switches[BOB, "deliverAndRedirect"] == "FALSE"
    delegates = [(right.mailbox_ref, right.trustee, right.rights, right.whole) for right in of(StatedRight, found)]
    assert delegates == [
        (ANNA, "fabrik.example/Staff/Berg, Bob", ("SendOnBehalf",), True),
        (ANNA, "fabrik.example/Staff/Carla", ("SendOnBehalf",), True),
        (BOB, None, (), True),
    ]


def test_a_scope_and_a_policy_are_settings_of_their_own():
    scope, policy = (
        {s.attribute: (s.dn, s.value) for s in of(Setting, read_file(FOLDER / f"{cmdlet}.xml"))}
        for cmdlet in ("Get-ManagementScope", "Get-ApplicationAccessPolicy")
    )
    asked = "Title -like 'Head*' -and MemberOfGroup -eq 'CN=Leaders,OU=Groups,DC=fabrik,DC=example'"
    assert scope["RecipientFilter"][0] == "Leadership"
    assert scope["RecipientFilter"][1].replace(", ", ",") == asked
    assert scope["Exclusive"] == ("Leadership", "False")
    assert policy["AppId"][1] == "bb000000-0000-4000-8000-000000000001"
    assert policy["ScopeIdentityRaw"][1] == "S-1-5-21-1-2-3-1500"


def test_what_an_export_leaves_out_is_no_switch():
    found = read_rows({"Identity": "anna", "AuditEnabled": "True", "CollectedAt": AT})
    assert [(s.dn, s.attribute, s.value) for s in of(Setting, found)] == [("anna", "msExchMailboxAuditEnable", "TRUE")]
    assert of(StatedRight, found) == []


def test_an_account_tells_its_sid():
    (user,) = read_file(FOLDER / "Get-User.csv")
    assert (user.sid, user.sid_history, user.account) == ("S-1-5-21-1-2-3-1101", ("S-1-5-21-9-9-9-500",), "anna")


def test_the_mailbox_of_a_folder_stands_in_a_column_or_in_the_identity():
    default, gone = read_file(FOLDER / "Get-MailboxFolderPermission.csv")
    assert (default.mailbox_ref, default.folder, default.trustee) == (ANNA, "/Kalender", "Default")
    assert (gone.trustee, gone.trustee_form) == ("S-1-5-21-1-2-3-1199", "sid")
    assert gone.rights == ("ReadItems", "FolderVisible")
    row = {"FolderName": "Calendar", "User": "bob", "AccessRights": "{Editor}", "CollectedAt": AT}
    (found,) = read_rows({**row, "Identity": "anna@fabrik.example:\\Calendar"})
    assert (found.mailbox_ref, found.mailbox_ref_form, found.folder) == ("anna@fabrik.example", "smtp", "\\Calendar")
    assert (found.scope, found.deny) == ("folder", False)
    (found,) = read_rows({**row, "Identity": "bob", "Mailbox": "anna"})
    assert (found.mailbox_ref, found.folder) == ("anna", "Calendar")
    (problem,) = read_rows({**row, "Identity": "bob"})
    assert (problem.code, problem.records) == ("unparsable", 1)
    assert "Mailbox" in problem.expected


def test_an_empty_list_is_said_where_the_script_says_it_is_whole():
    row = {"CollectedObject": ANNA, "User": None, "AccessRights": None, "CollectedAt": AT}
    (found,) = read_rows({**row, "CollectedWhole": True})
    assert (found.trustee, found.rights, found.whole) == (None, (), True)
    (problem,) = read_rows(row)
    assert problem.code == "unparsable"


def test_roles_and_who_holds_them():
    impersonation, export = read_file(FOLDER / "Get-ManagementRoleAssignment.json")
    assert isinstance(impersonation, RoleAssignment)
    assert (impersonation.role, impersonation.effective_user) == ("ApplicationImpersonation", "svc-backup")
    assert (impersonation.custom_scope, impersonation.delegating) == ("Leadership", False)
    assert (impersonation.product, impersonation.whole, impersonation.enabled) == ("exchange", True, True)
    assert (export.role, export.effective_user, export.delegating) == ("Mailbox Import Export", None, True)
    assert (export.assignee_type, export.product) == ("RoleGroup", "exchange_online")


def test_role_groups_are_whole_and_may_be_empty():
    reader = StateExportReader(CONTEXT)
    found: list[Any] = []
    for row in EXPORTS["Get-RoleGroupMember"]:
        said = reader.read(ExportRecord(format="csv", offset=2, container="csv", shape=tuple(row), fields=row))
        found += said or []
    assert [group.display_name for group in of(Principal, found)] == ["Organization Management", "Discovery Management"]
    (member,) = of(Member, found)
    assert (member.member_guid, member.group_guid) == (ANNA, "0c000000-0000-4000-8000-000000000001")
    assert (reader.is_whole, reader.observed_at) == (True, OBSERVED)


def test_a_role_group_named_again_is_told_once():
    row = EXPORTS["Get-RoleGroupMember"][0]
    found = read_rows(row, {**row, "Guid": BOB, "DistinguishedName": "CN=Bob"}, row)
    assert (len(of(Principal, found)), len(of(Member, found))) == (1, 2)


def test_switches_of_the_organization():
    config = {s.attribute: s.value for s in read_file(FOLDER / "Get-AdminAuditLogConfig.xml")}
    assert config["AdminAuditLogEnabled"] == "True"
    assert (config["AdminAuditLogCmdlets"], config["AdminAuditLogExcludedCmdlets"]) == ("*", None)
    (only,) = read_rows({"AuditDisabled": "False", "CollectedAt": AT})
    assert (only.dn, only.attribute, only.value) == ("organization", "AuditDisabled", "False")
    (problem,) = read_rows({"AuditBypassEnabled": "True", "CollectedAt": AT})
    assert problem.code == "unparsable"


def test_the_product_is_told_by_what_only_one_of_them_writes():
    row = {"Identity": "anna", "User": "bob", "AccessRights": "FullAccess", "CollectedAt": AT}
    assert read_rows(row)[0].product is None
    online = "VI1PR0501.EURPRD05.PROD.OUTLOOK.COM"
    role = {"Role": "ApplicationImpersonation", "RoleAssigneeName": "x", "CollectedAt": AT}
    assert read_rows({**role, "OriginatingServer": online})[0].product == "exchange_online"
    assert read_rows({**role, "OriginatingServer": "dc1.fabrik.example"})[0].product == "exchange"


@pytest.mark.parametrize(
    ("reference", "scope"),
    [
        ("fabrik.example/Staff/Anna", "mailbox"),
        (f"{DB1},DC=x".replace(",DC=x", ""), "database"),
        ("fabrik.example/Configuration/Services/Microsoft Exchange/Fabrik", "organization"),
        (
            "fabrik.example/Configuration/Services/Microsoft Exchange/Fabrik/Administrative Groups/AG1/Servers/EX01",
            "server",
        ),
        (
            "fabrik.example/Configuration/Services/Microsoft Exchange/Fabrik/Administrative Groups/AG1/Databases/DB01",
            "database",
        ),
    ],
)
def test_the_place_of_an_object_tells_its_kind(reference: str, scope: str):
    row = {"Identity": reference, "User": "bob", "AccessRights": "GenericAll", "ExtendedRights": "", "CollectedAt": AT}
    assert read_rows(row)[0].scope == scope


def test_names_of_columns_in_any_case_and_rows_of_other_exports():
    row = {"IDENTITY": "anna", "user": "bob", "accessrights": "FullAccess", "COLLECTEDAT": AT}
    assert read_rows(row)[0].trustee == "bob"
    assert read_rows({"Name": "x", "Value": "y"}) == ["filtered"]
    assert export_of(ExportRecord(format="csv", offset=1, container="csv", shape=(), fields={})) is None


def test_an_export_that_another_one_hides_is_refused(monkeypatch: pytest.MonkeyPatch):
    file = knowledge.state_exports()
    wider = msgspec.structs.replace(file.exports[0], cmdlet="Get-Other", columns=(*file.exports[0].columns, "More"))
    monkeypatch.setattr(knowledge, "load", lambda *_: msgspec.structs.replace(file, exports=(*file.exports, wider)))
    with pytest.raises(KnowledgeError, match="hides"):
        knowledge.state_exports.__wrapped__()
