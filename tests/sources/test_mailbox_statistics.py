"""The last account that logged on to a mailbox: a lead, no proof."""

from __future__ import annotations

from datetime import UTC, datetime

from mailwitness.event import Problem
from mailwitness.formats.interface import ExportRecord
from mailwitness.sources import mailbox_statistics
from mailwitness.sources.interface import Context

LEGACY = "/o=Example/ou=Site/cn=Recipients/cn=kim"
ROW = {
    "DisplayName": "Kim",
    "LegacyDN": LEGACY,
    "LastLoggedOnUserAccount": "EX\\bob",
    "LastLogonTime": "30.04.2011 20:01:55",
    "DatabaseName": "DB1",
    "ServerName": "EX01",
}


def read(fields, time_zone="Europe/Berlin"):
    record = ExportRecord(format="csv", offset=2, container="csv", shape=tuple(fields), fields=fields)
    assert mailbox_statistics.recognise(record)
    context = Context(organization="example.org", evidence_sha256="00" * 32, time_zone=time_zone)
    return list(mailbox_statistics.read(record, context))


def test_the_last_account_is_an_attempt():
    (event,) = read(ROW)
    assert (event.action, event.strength, event.outcome) == ("logon", "attempted", "unknown")
    assert (event.actor_name, event.mailbox_ref, event.mailbox_ref_form) == ("EX\\bob", LEGACY, "legacy_dn")
    assert event.occurred_at == datetime(2011, 4, 30, 18, 1, 55, tzinfo=UTC)
    assert (event.time_quality, event.database, event.computer) == ("zone_assumed", "DB1", "EX01")


def test_an_open_logon_is_open():
    row = {"Windows2000Account": "EX\\bob", "LogonTime": "2011-04-30T18:01:55Z", "FullMailboxDirectoryName": LEGACY}
    (event,) = read(row | {"ClientIPAddress": "192.0.2.7", "UserName": "Kim"})
    assert (event.strength, event.outcome, event.client_ip) == ("opened", "success", "192.0.2.7")
    assert event.mailbox_ref == LEGACY


def test_nobody_yet_is_no_event():
    assert read(ROW | {"LastLoggedOnUserAccount": ""}) == []
    assert read(ROW | {"LastLogonTime": ""}) == []


def test_without_a_zone_it_is_a_problem():
    (problem,) = read(ROW, time_zone=None)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records) == ("ambiguous", 1)
