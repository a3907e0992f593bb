"""What the logs say of auditing: policies changed, logs cleared, records lost."""

from __future__ import annotations

import pytest
from tests.sources.windows_records import ADMIN, event, new, old, read, record

EVENTLOG = "Microsoft-Windows-Eventlog"
CALLER = ("admmig", "OFFSEC", "(0x0,0x59DF36)")
SUBJECT = {
    "SubjectUserSid": ADMIN,
    "SubjectUserName": "admmig",
    "SubjectDomainName": "OFFSEC",
    "SubjectLogonId": "0x59df36",
}


def test_612_tells_the_whole_new_policy_by_place_and_not_by_display():
    pairs = ["-"] * 18
    pairs[2] = "+"  # Logon/Logoff success
    pairs[12] = pairs[13] = "+"  # Account Management both
    pairs[15] = "+"  # Directory Service Access failure
    said = event(old(612, *pairs, *CALLER))
    assert (said.kind, said.action, said.scope) == ("audit", "policy_changed", "server")
    assert said.after == (
        "System: No Auditing; Logon/Logoff: Success; Object Access: No Auditing; Privilege Use: No Auditing; "
        "Detailed Tracking: No Auditing; Policy Change: No Auditing; Account Management: Success and Failure; "
        "Directory Service Access: Failure; Account Logon: No Auditing"
    )
    assert (said.actor_name, said.logon_id) == ("OFFSEC\\admmig", "0x59df36")


def test_612_of_nt4_knows_seven_categories():
    said = event(old(612, *["+"] * 14, *CALLER))
    assert said.after.count(": Success and Failure") == 7
    assert "Directory Service Access" not in said.after


@pytest.mark.parametrize("written", ["0CCE923C-69AE-11D9-BED3-505054503030", "{0CCE923C-69AE-11D9-BED3-505054503030}"])
def test_4719_names_the_subcategory_and_what_was_removed(written):
    said = event(
        new(4719, {**SUBJECT, "SubcategoryGuid": written, "AuditPolicyChanges": "%%8448, %%8450"}),
    )
    assert (said.kind, said.action) == ("audit", "policy_changed")
    assert (said.attribute, said.after) == ("Directory Service Changes", "success removed; failure removed")


def test_4719_keeps_what_it_does_not_know():
    guid = "01234567-69ae-11d9-bed3-505054503030"
    said = event(new(4719, {**SUBJECT, "SubcategoryGuid": f"{{{guid}}}", "AuditPolicyChanges": "%%8449, %%1"}))
    assert (said.attribute, said.after) == (guid, "success added; %%1")
    assert event(new(4719, {**SUBJECT, "SubcategoryGuid": "?", "AuditPolicyChanges": "-"})).attribute == "?"


def test_517_was_the_clients_doing():
    said = event(old(517, "SYSTEM", "NT AUTHORITY", "(0x0,0x3E7)", *CALLER))
    assert (said.kind, said.action, said.attribute) == ("audit", "log_cleared", "Security")
    assert (said.actor_name, said.logon_id) == ("OFFSEC\\admmig", "0x59df36")


def test_517_without_a_client_was_the_primary_users():
    said = event(old(517, "SYSTEM", "NT AUTHORITY", "(0x0,0x3E7)", "-", "-", "-"))
    assert (said.actor_name, said.logon_id) == ("NT AUTHORITY\\SYSTEM", "0x3e7")


def test_1102_counts_by_its_provider_alone():
    names = ("SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId")
    values = tuple(SUBJECT[name] for name in names)
    said = event(record(EVENTLOG, 1102, values, names))
    assert (said.kind, said.action, said.attribute, said.source) == (
        "audit",
        "log_cleared",
        "Security",
        "windows_eventlog",
    )
    assert (said.actor_sid, said.actor_name) == (ADMIN, "OFFSEC\\admmig")
    for provider in ("Microsoft-Windows-TerminalServices-ClientActiveXCore", "SceCli", "Security"):
        assert read(record(provider, 1102, values, names)) is None


def test_104_names_the_log():
    said = event(
        record(
            EVENTLOG,
            104,
            ("admmig", "OFFSEC", "Application", ""),
            ("SubjectUserName", "SubjectDomainName", "Channel", "BackupPath"),
            audit=None,
            channel="System",
            user_sid=ADMIN,
        )
    )
    assert (said.action, said.attribute, said.actor_name, said.actor_sid) == (
        "log_cleared",
        "Application",
        "OFFSEC\\admmig",
        ADMIN,
    )
    assert said.outcome == "success"


@pytest.mark.parametrize(
    ("given", "word", "attribute"),
    [
        (old(512), "gap", "started"),
        (old(513), "gap", "shut_down"),
        (old(516, "12"), "discarded", "messages_discarded"),
        (record(EVENTLOG, 1100), "gap", "service_shut_down"),
        (record(EVENTLOG, 1101, ("34",), ("Reason",)), "discarded", "events_dropped"),
        (record("EventLog", 6008, ("9:00:00", "3/2/2026"), audit=None), "gap", "unexpected_shut_down"),
        (
            record("EventLog", 6008, ("9:00:00", "3/2/2026", "", "", "5", "", ""), audit=None),
            "gap",
            "unexpected_shut_down",
        ),
    ],
)
def test_what_proves_that_records_are_missing(given, word, attribute):
    said = event(given)
    assert (said.kind, said.action, said.attribute, said.outcome) == ("audit", word, attribute, "success")


def test_how_many_were_discarded_is_told():
    assert event(old(516, "12")).after == "12"


def test_a_failure_audit_is_a_failure():
    said = event(new(4719, {**SUBJECT, "SubcategoryGuid": "-", "AuditPolicyChanges": "-"}, audit="failure"))
    assert said.outcome == "failure"


def test_a_record_without_an_audit_keyword_says_unknown():
    assert event(new(4672, SUBJECT, audit=None)).outcome == "unknown"
