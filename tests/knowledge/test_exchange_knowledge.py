"""The Exchange knowledge files: entries are whole, names are Exchange's, what is unverified is known as such."""

from __future__ import annotations

import re

import pytest

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.exchange_2007_auditing import auditing_events
from mailwitness.knowledge.exchange_cmdlets import Cmdlet, cmdlet_knowledge
from mailwitness.knowledge.exchange_store_events import StoreKnowledge, store_knowledge
from mailwitness.knowledge.experimental import is_experimental
from mailwitness.knowledge.loader import parse
from mailwitness.knowledge.mailbox_operations import operation_knowledge, operations

PARAMETER = re.compile(r"[A-Z][A-Za-z0-9]+|\*")


def parameters_of(cmdlet: Cmdlet):
    for event in cmdlet.events:
        yield from (*event.when, *event.mailbox, *event.per_mailbox, *event.group, *event.object, *event.trustee)
        yield from (*event.rights_from, *event.each, *event.app_id)
        yield from filter(None, (event.before_from, event.after_from))


def test_cmdlets_and_parameters_have_exchanges_names():
    for name, cmdlet in cmdlet_knowledge().cmdlets.items():
        assert re.fullmatch(r"[A-Z][a-z]+-[A-Z][A-Za-z]+", name)
        assert all(PARAMETER.fullmatch(parameter) for parameter in parameters_of(cmdlet)), name


def test_every_cmdlet_says_since_when_unless_it_is_experimental():
    for name, cmdlet in cmdlet_knowledge().cmdlets.items():
        assert cmdlet.valid_from or cmdlet.mark == "experimental", name
        assert cmdlet.valid_from.keys() | cmdlet.valid_to.keys() <= {"exchange", "exchange_online"}, name


@pytest.mark.parametrize(
    "cmdlet",
    [
        "Add-MailboxPermission",
        "Add-ADPermission",
        "Add-RecipientPermission",
        "Set-MailboxFolderPermission",
        "Set-Mailbox",
        "New-InboxRule",
        "New-TransportRule",
        "New-ManagementRoleAssignment",
        "Update-RoleGroupMember",
        "New-ManagementScope",
        "New-ApplicationAccessPolicy",
        "New-ServicePrincipal",
        "Set-MailboxAuditBypassAssociation",
        "Set-AdminAuditLogConfig",
        "Set-OrganizationConfig",
        "New-MailboxExportRequest",
        "New-MailboxRestoreRequest",
        "New-MailboxSearch",
        "New-ComplianceSearchAction",
        "Set-CASMailbox",
        "Connect-Mailbox",
        "Add-DistributionGroupMember",
        "Set-EventLogLevel",
    ],
)
def test_the_cmdlets_that_matter_are_described(cmdlet):
    assert cmdlet in cmdlet_knowledge().cmdlets


@pytest.mark.parametrize(
    "operation",
    [
        "mailitemsaccessed",
        "folderbind",
        "messagebind",
        "mailboxlogin",
        "modifyfolderpermissions",
        "updateinboxrules",
        "updatecalendardelegation",
        "recorddelete",
        "searchqueryinitiatedexchange",
        "add app role assignment to service principal",
        "consent to application",
        "add service principal credentials",
        "add delegated permission grant",
        "add member to role",
    ],
)
def test_the_operations_that_matter_are_described(operation):
    assert operation in operations()


def test_what_is_unverified_is_known_as_such():
    assert is_experimental("exchange_store", "MSExchangeIS Mailbox Store", "9554")
    assert not is_experimental("exchange_store", "MSExchangeIS Mailbox Store", "1016")
    assert all(is_experimental("exchange_auditing_2007", "MSExchangeIS", str(code)) for code in auditing_events())
    assert is_experimental("unified_audit", "Exchange", "Set-MailboxPermission")
    assert not is_experimental("unified_audit", "Exchange", "Add-MailboxPermission")
    assert not is_experimental("unified_audit", "Exchange", None)


def test_a_field_name_never_hides_another():
    names = operation_knowledge().field_names
    assert all(source == source.casefold() and target == target.casefold() for source, target in names.items())


def test_an_entry_without_a_source_is_refused():
    entry = "{id: 1, title: x, mark: verified, valid_from: '2000', valid_to: '2003'}"
    with pytest.raises(KnowledgeError, match="source"):
        parse(f"{{source: x, channel: x, providers: [], events: [{entry}]}}", StoreKnowledge, "test")
    assert all(event.source for event in store_knowledge().events)
