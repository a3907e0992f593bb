"""Cmdlets in the MSExchange Management log: both parameter forms, any language, strings or text alone."""

# ruff: noqa: E501 - the texts of the logs and the rows of the tables stand on one line each
from __future__ import annotations

import json
from datetime import UTC, datetime

import evtx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import Event, Problem
from mailwitness.formats.interface import Record
from mailwitness.knowledge.exchange_cmdlets import cmdlet_knowledge
from mailwitness.sources import exchange_cmdlets
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="example.org", evidence_sha256="00" * 32, evidence_name="Management.evtx")
SID = "S-1-5-21-1-2-3-1111"
SERVERS = (
    "View Entire Forest: 'False', Default Scope: 'example.org', Configuration Domain Controller: 'dc1.example.org', "
    "Preferred Global Catalog: 'dc2.example.org', Preferred Domain Controllers: '{ dc2.example.org }'"
)
FRENCH = (
    "Afficher la forêt entière : 'False', Portée par défaut : « example.org », Configuration du contrôleur de domaine : "
    "« DC.example.org », Catalogue global préféré : « GC.example.org », Contrôleurs de domaine préférés : "
    "« { GC.example.org } »"
)
GERMAN = (
    'Gesamte Gesamtstruktur anzeigen: "True", Konfigurationsdomänencontroller: "DC.example.org", '
    'Bevorzugter globaler Katalog: "GC.example.org", Bevorzugte Domänencontroller: "{ GC.example.org }"'
)
CALLER = "example.org/Users/Administrator"


def record(cmdlet, parameters, code=1, servers=SERVERS, strings=27):
    values = [cmdlet, parameters, CALLER, SID, SID, "Remote-ManagementShell-Unknown", "1 w3wp", "", "5", "0", servers]
    return bare_record(code, (values + [""] * 20)[:strings])


def bare_record(code=1, values=(), message=None):
    return Record(
        format="evtx",
        offset=512,
        provider="MSExchange CmdletLogs",
        event_code=code,
        computer="ex01.example.org",
        channel="MSExchange Management",
        record_id=77,
        occurred_at=datetime(2019, 3, 1, 9, 30, tzinfo=UTC),
        time_quality="exact",
        values=tuple(values),
        message=message,
    )


def events(*args, **more) -> list[Event]:
    given_record = record(*args, **more)
    assert exchange_cmdlets.recognise(given_record)
    made = list(exchange_cmdlets.read(given_record, CONTEXT))
    assert all(isinstance(event, Event) for event in made), made
    return made


def test_a_grant_says_who_whose_and_through_which_server():
    (event,) = events(
        "Add-MailboxPermission", '-Identity "kim" -User "EX\\bob" -AccessRights ("FullAccess","ReadPermission")'
    )
    assert (event.kind, event.action, event.outcome, event.scope) == ("permission", "granted", "success", "mailbox")
    assert (event.mailbox_ref, event.mailbox_ref_form) == ("kim", "display_name")
    assert (event.trustee_name, event.rights) == ("EX\\bob", ("FullAccess", "ReadPermission"))
    assert (event.actor_name, event.actor_sid, event.actor_kind) == (CALLER, SID, "user")
    assert event.through_server == "dc1.example.org"


def test_both_forms_mean_the_same():
    new = events("Add-MailboxPermission", '-Identity "kim" -User "EX\\bob" -AccessRights ("FullAccess")')
    old = events("Add-MailboxPermission", "{Identity=kim, User=EX\\bob, AccessRights={FullAccess}}")
    assert new == old


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "expected"),
    [
        ("Add-MailboxPermission", '-Identity a -User b -AccessRights FullAccess -Deny "True"', [("permission", "denied", "b", ("FullAccess",))]),
        ("Add-MailboxPermission", "-Identity a -Owner b", [("permission", "owner_changed", "b", ())]),
        ("Remove-MailboxPermission", "-Identity a -User b -AccessRights FullAccess", [("permission", "revoked", "b", ("FullAccess",))]),
        ("Remove-MailboxPermission", "-Identity a -User b -AccessRights FullAccess -Deny", [("permission", "changed", "b", ("FullAccess",))]),
        ("Add-ADPermission", '-Identity a -User b -ExtendedRights ("Send-As","Receive-As")', [("permission", "granted", "b", ("SendAs", "ReceiveAs"))]),
        ("Add-RecipientPermission", "-Identity a -Trustee b -AccessRights SendAs", [("permission", "granted", "b", ("SendAs",))]),
        ("Set-Mailbox", '-Identity a -GrantSendOnBehalfTo @{Add="b"; Remove="c"}', [("permission", "granted", "b", ("SendOnBehalf",)), ("permission", "revoked", "c", ("SendOnBehalf",))]),
        ("Set-Mailbox", '-Identity a -GrantSendOnBehalfTo ("b","c")', [("permission", "granted", "b", ("SendOnBehalf",)), ("permission", "granted", "c", ("SendOnBehalf",))]),
        ("Set-Mailbox", "-Identity a -GrantSendOnBehalfTo $null", [("permission", "revoked", None, ("SendOnBehalf",))]),
        ("Set-Mailbox", "-Identity a -LinkedMasterAccount EX\\eve", [("permission", "owner_changed", "EX\\eve", ())]),
        ("New-ManagementRoleAssignment", '-Role "ApplicationImpersonation" -User "svc"', [("role", "assigned", "svc", ("ApplicationImpersonation",))]),
        ("New-ManagementRoleAssignment", '-Role "Mailbox Import Export" -SecurityGroup "Ops"', [("role", "assigned", "Ops", ("Mailbox Import Export",))]),
        ("New-RoleGroup", '-Name "Helpers" -Roles "Mail Recipients","Mailbox Search" -Members "eve"', [("role", "assigned", "Helpers", ("Mail Recipients", "Mailbox Search")), ("membership", "added", "eve", ())]),
        ("Add-RoleGroupMember", '-Identity "Organization Management" -Member "eve"', [("membership", "added", "eve", ())]),
        ("Set-MailboxAuditBypassAssociation", "-Identity svc -AuditBypassEnabled $true", [("audit", "bypass_set", "svc", ())]),
        ("Add-DistributionGroupMember", "-Identity Staff -Member eve", [("membership", "added", "eve", ())]),
        ("Connect-Mailbox", '-Identity "Kim" -Database "DB1" -User "eve"', [("permission", "owner_changed", "eve", ())]),
    ],
)  # fmt: skip
def test_what_cmdlets_mean(cmdlet, parameters, expected):
    made = events(cmdlet, parameters)
    assert [(event.kind, event.action, event.trustee_name, event.rights) for event in made] == expected
    assert len({event.event_id for event in made}) == len(made)


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "expected"),
    [
        ("Set-Mailbox", '-Identity a -ForwardingSmtpAddress "smtp:x@evil.example" -DeliverToMailboxAndForward "True"', ("routing", "forwarding_set", "ForwardingSmtpAddress", "smtp:x@evil.example")),
        ("Set-Mailbox", '-Identity a -ForwardingSmtpAddress ""', ("routing", "forwarding_removed", "ForwardingSmtpAddress", None)),
        ("Set-Mailbox", "-Identity a -ForwardingAddress $null", ("routing", "forwarding_removed", "ForwardingAddress", None)),
        ("Set-Mailbox", "-Identity a -DeliverToMailboxAndForward $false", ("routing", "rule_changed", "DeliverToMailboxAndForward", "false")),
        ("Set-Mailbox", "-Identity a -AuditEnabled:$false", ("audit", "settings_changed", "AuditEnabled", "false")),
        ("Set-Mailbox", '-Identity a -AuditDelegate @{Remove="SendAs"}', ("audit", "settings_changed", "AuditDelegate", "-SendAs")),
        ("Set-AdminAuditLogConfig", '-AdminAuditLogEnabled "False"', ("audit", "settings_changed", "AdminAuditLogEnabled", "False")),
        ("Set-OrganizationConfig", "-AuditDisabled $true", ("audit", "settings_changed", "AuditDisabled", "true")),
        ("Set-EventLogLevel", '-Identity "MSExchangeIS\\9000 Private\\Logons" -Level Lowest', ("audit", "settings_changed", "EventLogLevel", "Lowest")),
        ("New-InboxRule", '-Name "." -ForwardTo "x@evil.example" -Mailbox kim', ("routing", "rule_created", None, "Name=., ForwardTo=x@evil.example, Mailbox=kim")),
        ("New-MailboxExportRequest", '-Mailbox kim -FilePath "\\\\ex01\\c$\\kim.pst"', ("access", "export", None, "Mailbox=kim, FilePath=\\\\ex01\\c$\\kim.pst")),
        ("Set-CASMailbox", "-Identity a -ImapEnabled $true", ("account", "changed", "ImapEnabled", "true")),
    ],
)  # fmt: skip
def test_settings_and_routes(cmdlet, parameters, expected):
    (event,) = events(cmdlet, parameters)
    assert (event.kind, event.action, event.attribute, event.after) == expected


def test_folders_and_rules_name_their_mailbox():
    (event,) = events(
        "Add-MailboxFolderPermission",
        '-Identity "kim@example.org:\\Inbox\\Secret" -User "Default" -AccessRights "Reviewer"',
    )
    assert (event.mailbox_ref, event.folder, event.scope) == ("kim@example.org", "\\Inbox\\Secret", "folder")
    (event,) = events("Remove-InboxRule", '-Identity "example.org/Users/Kim\\1234"')
    assert (event.mailbox_ref, event.mailbox_ref_form) == ("example.org/Users/Kim", "canonical")
    (event,) = events("Disable-InboxRule", '-Identity "Junk"')
    assert event.mailbox_ref == CALLER  # without a mailbox the caller's own is meant
    (event,) = events("Set-InboxRule", '-Identity "1" -Mailbox "EX\\kim"')
    assert event.mailbox_ref == "EX\\kim"


def test_a_failed_cmdlet_is_a_failed_attempt():
    (event,) = events("New-MailboxExportRequest", "-Mailbox kim -FilePath x", code=6)
    assert (event.outcome, event.strength) == ("failure", "attempted")
    (event,) = events("Add-MailboxPermission", "-Identity a -User b -AccessRights FullAccess", code=6)
    assert (event.outcome, event.strength) == ("failure", None)


def test_a_rehearsal_is_not_sure_to_have_changed_anything():
    (event,) = events("Add-MailboxPermission", "-Identity a -User b -AccessRights FullAccess -WhatIf")
    assert event.outcome == "unknown"


def test_a_parameter_named_twice_is_said_and_hides_nothing():
    made = list(
        exchange_cmdlets.read(
            record("Add-MailboxPermission", '-Identity "a" -User "x" -AccessRights "FullAccess" -User "eve"'), CONTEXT
        )
    )
    assert [event.trustee_name for event in made[:2]] == ["x", "eve"]
    assert isinstance(made[2], Problem)
    assert (made[2].code, made[2].records) == ("ambiguous", 0)


def test_older_records_have_fewer_strings():
    (event,) = events("Add-MailboxPermission", "{Identity=kim, User=bob, AccessRights={FullAccess}}", strings=3)
    assert (event.actor_name, event.actor_sid, event.through_server) == (CALLER, None, None)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        (SERVERS, "dc1.example.org"),
        (FRENCH, "DC.example.org"),
        (GERMAN, "DC.example.org"),
        ("", None),
        ("View Entire Forest: 'True', Preferred Domain Controllers: '{ dc }'", None),
        ("nothing quoted", None),
    ],
)
def test_the_configuration_server_in_any_language(text, server):
    (event,) = events("Add-MailboxPermission", "-Identity a -User b -AccessRights FullAccess", servers=text)
    assert event.through_server == server


def test_from_the_text_alone():
    message = (
        'Cmdlet suceeded. Cmdlet Set-Mailbox, parameters -ForwardingSmtpAddress "smtp:x@evil.example" -Identity "kim".'
    )
    made = list(exchange_cmdlets.read(bare_record(message=message), CONTEXT))
    assert [(event.action, event.after, event.mailbox_ref) for event in made] == [
        ("forwarding_set", "smtp:x@evil.example", "kim")
    ]
    assert made[0].actor_name is None
    message = "Das Cmdlet wurde erfolgreich ausgeführt. Cmdlet Add-MailboxPermission, Parameter {Identity=kim, User=EX\\bob, AccessRights={FullAccess}}."
    (event,) = exchange_cmdlets.read(bare_record(message=message), CONTEXT)
    assert (event.mailbox_ref, event.trustee_name, event.rights) == ("kim", "EX\\bob", ("FullAccess",))
    assert not exchange_cmdlets.recognise(
        bare_record(message='Cmdlet suceeded. Cmdlet Set-OabVirtualDirectory, parameters -Identity "x".')
    )


def test_what_touches_nothing_is_filtered():
    assert not exchange_cmdlets.recognise(record("Get-Mailbox", "-Identity a"))
    assert list(exchange_cmdlets.read(record("Set-Mailbox", "-Identity a -ProhibitSendQuota 5GB"), CONTEXT)) == []


@pytest.mark.parametrize(
    ("given_record", "code"),
    [
        (bare_record(), "unknown_layout"),
        (bare_record(values=["", ""]), "unknown_layout"),
        (record("Add-MailboxPermission", '-Identity "a" -Us'), "unparsable"),
        (record("Set-Mailbox", '-Identity "a" -CustomAttribute1 "cut o'), "unparsable"),
    ],
)
def test_what_is_not_understood_is_a_problem(given_record, code):
    assert exchange_cmdlets.recognise(given_record)
    (problem,) = exchange_cmdlets.read(given_record, CONTEXT)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records) == (code, 1)


@given(st.sampled_from(sorted(cmdlet_knowledge().cmdlets)), st.text(max_size=120), st.booleans())
def test_no_parameters_raise(cmdlet, text, dashed):
    for reading in exchange_cmdlets.read(record(cmdlet, "-Identity a -User " + text if dashed else text), CONTEXT):
        assert isinstance(reading, Event | Problem)


def test_the_french_forwarded_record(samples):
    """A real record: French, forwarded, from omerbenamram/evtx."""
    parser = evtx.PyEvtxParser(str(samples / "omerbenamram/samples/issue_201.evtx"))
    (data,) = [json.loads(found["data"])["Event"] for found in parser.records_json()]
    values = tuple(data["EventData"]["Data"]["#text"])
    (event,) = exchange_cmdlets.read(bare_record(values=values), CONTEXT)
    assert (event.kind, event.action, event.after) == ("routing", "forwarding_set", "smtp:test2@example.com")
    assert (event.mailbox_ref, event.actor_name) == ("Administrateur", "ave.local/Users/Administrateur")
    assert event.actor_sid == "S-1-5-21-186559946-3925841745-111227986-500"
    assert event.through_server == "DC.ave.local"
