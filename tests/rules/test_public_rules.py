"""Rules in the manner of SigmaHQ's over records that were imported: Windows, cmdlets, the cloud."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.rules.sample_records import GET_CHANGES_ALL, MAILBOX_BEFORE, PEOPLE, Sample, guid

from mailwitness.engine.embedded import Embedded
from mailwitness.intake.importing import import_paths
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.detect import detect
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader

SECURITY = "logsource: {product: windows, service: security}"
MANAGEMENT = "logsource: {product: windows, service: msexchange-management}"
CLOUD = "logsource: {product: m365, service: audit}"
EXCHANGE = "logsource: {product: m365, service: exchange}"
THREAT = "logsource: {product: m365, service: threat_management}"

FIRING = {
    "directory_service_changes": (
        SECURITY,
        """
  sel: {EventID: 5136, AttributeLDAPDisplayName|contains: SecurityDescriptor, OperationType: '%%14674'}
  own: {SubjectUserName|endswith: $}
  condition: sel and not own""",
    ),
    "replication_asked_for": (
        SECURITY,
        f"""
  sel: {{EventID: 4662, AccessMask: '0x100', Properties|contains: ['{GET_CHANGES_ALL}', 9923a32a-3607-11d2-b9be]}}
  f1: {{SubjectUserName|endswith: $}}
  f2: {{SubjectUserName|startswith: MSOL_}}
  condition: sel and not 1 of f*""",
    ),
    "member_of_group": (
        SECURITY,
        """
  sel: {EventID: [4728, 4732, 4756], TargetUserName|re: '^Organi[sz]ation'}
  condition: sel""",
    ),
    "user_of_domain": (
        SECURITY,
        """
  sel: {Provider_Name: Microsoft-Windows-Security-Auditing, EventID: 4756, SubjectUserSid|startswith: S-1-5-21-}
  local: {SubjectDomainName|fieldref: TargetUserName}
  condition: sel and not local""",
    ),
    "export_request": (
        MANAGEMENT,
        """
  command: {'|all': [New-MailboxExportRequest, ' -Mailbox ']}
  share: ['-FilePath "\\\\\\\\', .aspx]
  role: {'|all': [New-ManagementRoleAssignment, ' -Role "Mailbox Import Export"', ' -User ']}
  condition: (command and share) or role""",
    ),
    "export_request_by_data": (
        MANAGEMENT,
        """
  sel: {Data|contains|all: [New-MailboxExportRequest, pst]}
  condition: sel""",
    ),
    "forwarding_rule": (
        CLOUD,
        """
  op: {Operation: [New-InboxRule, Set-InboxRule]}
  act: {Parameters|contains: [ForwardTo, RedirectTo, DeleteMessage]}
  condition: op and act""",
    ),
    "forwarding_rule_by_parameter": (
        EXCHANGE,
        """
  sel: {Operation: New-InboxRule, Parameters.ForwardTo|endswith: '@mailbox.example'}
  condition: sel""",
    ),
    "deletion_in_two_words": (
        EXCHANGE,
        """
  sel: {Operation: [New-InboxRule, UpdateInboxRules], Parameters|contains|all: [DeleteMessage, 'True']}
  condition: sel""",
    ),
    "service_names_it_otherwise": (
        THREAT,
        """
  sel: {eventSource: Exchange, eventName: New-InboxRule, status: success}
  condition: sel""",
    ),
    "new_agent": (
        CLOUD,
        """
  sel: {Workload: Exchange, ClientIP|cidr: 192.0.2.0/24, UserId|re: '@fabrik\\.example$'}
  condition: sel""",
    ),
    "items_read": (
        EXCHANGE,
        """
  sel: {Operation: MailItemsAccessed, OperationProperties.MailAccessType: Bind, LogonType: 2}
  condition: sel""",
    ),
    "message_ids": (
        EXCHANGE,
        """
  sel: {Folders.FolderItems.InternetMessageId|startswith: '<'}
  condition: sel""",
    ),
}
QUIET = {
    "computer_only": (SECURITY, "\n  sel: {EventID: 5136, SubjectUserName|endswith: $}\n  condition: sel"),
    "other_value": (CLOUD, "\n  sel: {Operation: New-InboxRule, Parameters.ForwardTo: nobody}\n  condition: sel"),
    "other_case": (CLOUD, "\n  sel: {Operation|cased: new-inboxrule}\n  condition: sel"),
    "process": (SECURITY, "\n  sel: {EventID: 4688, NewProcessName|endswith: '\\\\cmd.exe'}\n  condition: sel"),
}


@pytest.fixture(scope="module")
def fired(tmp_path_factory) -> set[str]:
    folder = tmp_path_factory.mktemp("public")
    sample = Sample("public")
    sample.descriptor(
        "anna", "msExchMailboxSecurityDescriptor", MAILBOX_BEFORE, f"{MAILBOX_BEFORE}(A;CI;CC;;;{PEOPLE['bruno']})"
    )
    sample.operation("%%7688", "0x100", "fabrik", "bruno")
    sample.records[-1]["winlog"]["event_data"]["Properties"] = f"%%7688\n\t{{{GET_CHANGES_ALL}}}\n\t{{{guid('x')}}}\n"
    sample.membership(4756, "bruno", "Organization Management")
    sample.cmdlet("New-MailboxExportRequest", '-Mailbox "anna" -FilePath "\\\\share\\c$\\anna.pst"')
    sample.cloud(
        "New-InboxRule", "bruno", "bruno\\away", Name="..", ForwardTo="collector@mailbox.example", DeleteMessage="True"
    )
    sample.read("anna", "bruno")
    (folder / "all.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in sample.records))
    made = create_trail(folder / "trail", organization="public", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "all.jsonl"], key_path=made.key_path)
    return found_by(folder, FIRING | QUIET)


def found_by(folder: Path, rules: dict[str, tuple[str, str]]) -> set[str]:
    (folder / "rules").mkdir()
    for name, (logsource, detection) in rules.items():
        text = f"title: {name}\nname: {name}\nlevel: high\n{logsource}\ndetection:{detection}\n"
        (folder / "rules" / f"{name}.yml").write_text(text, encoding="utf-8")
    corpus = load_rules([folder / "rules"], builtin=False)
    assert corpus.refused == ()
    reader = open_reader(folder / "trail")
    with Embedded(reader) as engine:
        return {finding.rule_id for finding in detect(engine, corpus, 0, reader.size)}


@pytest.mark.parametrize("name", FIRING)
def test_it_fires(fired, name):
    assert name in fired


@pytest.mark.parametrize("name", QUIET)
def test_it_stays_quiet(fired, name):
    assert name not in fired
