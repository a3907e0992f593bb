"""Rendered English texts say what their strings said, and what looks like a label in a value is not believed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.windows_records import ADMIN, NEW, OLD, event, new, old, read, record

from mailwitness.event import Event
from mailwitness.knowledge.windows_texts import windows_texts
from mailwitness.sources.windows_text import strings_of

SUBJECT_TEXT = f"""Subject:
	Security ID:		{ADMIN}
	Account Name:		admmig
	Account Domain:		OFFSEC
	Logon ID:		0x59DF36
"""
SUBJECT = {
    "SubjectUserSid": ADMIN,
    "SubjectUserName": "admmig",
    "SubjectDomainName": "OFFSEC",
    "SubjectLogonId": "0x59df36",
}
GROUP = {"TargetUserName": "Admins", "TargetDomainName": "OFFSEC", "TargetSid": "S-1-5-21-1-2-3-512"}
MEMBER = {"MemberName": "CN=a,DC=b", "MemberSid": "S-1-5-21-1-2-3-1234"}

CHANGED_5136 = """A directory service object was modified.

{subject}
Directory Service:
	Name:	offsec.lan
	Type:	Active Directory Domain Services

Object:
	DN:	CN=test56,DC=offsec,DC=lan
	GUID:	{{237E2948-0000-4000-8000-00000000ABCD}}
	Class:	user

Attribute:
	LDAP Display Name:	{attribute}
	Syntax (OID):	2.5.5.15
	Value:	{value}

Operation:
	Type:	{operation}
	Correlation ID:	{{67A42C05-A70D-4348-AF19-E883CB1FCA9C}}
	Application Correlation ID:	-
"""


def told(provider, code, text, **other):
    return record(provider, code, message=text.replace("\n", "\r\n"), **other)


def value_5136(value, attribute="description", operation="Value Added"):
    text = CHANGED_5136.format(subject=SUBJECT_TEXT, value=value, attribute=attribute, operation=operation)
    return told(NEW, 5136, text)


PAIRS = [
    (
        told(
            NEW,
            4756,
            f"""A member was added to a security-enabled universal group.

{SUBJECT_TEXT}
Member:
	Security ID:		S-1-5-21-1-2-3-1234
	Account Name:		CN=a,DC=b

Group:
	Security ID:		S-1-5-21-1-2-3-512
	Account Name:		Admins
	Account Domain:		OFFSEC

Additional Information:
	Privileges:		-
""",
        ),
        new(4756, {**SUBJECT, **GROUP, **MEMBER}),
    ),
    (
        told(
            NEW,
            4728,
            f"""A member was added to a security-enabled global group.

{SUBJECT_TEXT}
Member:
	Security ID:		S-1-5-21-1-2-3-1234
	Account Name:		CN=a,DC=b

Group:
	Security ID:		S-1-5-21-1-2-3-512
	Group Name:		Admins
	Group Domain:		OFFSEC
""",
        ),
        new(4728, {**SUBJECT, **GROUP, **MEMBER}),
    ),
    (
        value_5136("D:(A;;CC;;;PS)", "msExchMailboxSecurityDescriptor", "Value Deleted"),
        new(
            5136,
            {
                **SUBJECT,
                "OpCorrelationID": "{67A42C05-A70D-4348-AF19-E883CB1FCA9C}",
                "ObjectDN": "CN=test56,DC=offsec,DC=lan",
                "ObjectGUID": "{237E2948-0000-4000-8000-00000000ABCD}",
                "ObjectClass": "user",
                "AttributeLDAPDisplayName": "msExchMailboxSecurityDescriptor",
                "AttributeValue": "D:(A;;CC;;;PS)",
                "OperationType": "%%14675",
            },
        ),
    ),
    (
        told(
            NEW,
            4662,
            """An operation was performed on an object.

Subject :
	Security ID:		S-1-5-21-1-2-3-1111
	Account Name:		admmig
	Account Domain:		OFFSEC
	Logon ID:		0x59DF36

Object:
	Object Server:		DS
	Object Type:		%{bf967aba-0de6-11d0-a285-00aa003049e2}
	Object Name:		%{237e2948-0000-4000-8000-00000000abcd}
	Handle ID:		0x0

Operation:
	Operation Type:		Object Access
	Accesses:		Write Property

	Access Mask:		0x20
	Properties:		Write Property
		{e48d0154-bcf8-11d1-8702-00c04fb96050}
			{934de926-b09e-11d2-aa06-00c04f8eedd8}
	{bf967aba-0de6-11d0-a285-00aa003049e2}

Additional Information:
	Parameter 1:		-
	Parameter 2:
""",
        ),
        new(
            4662,
            {
                **SUBJECT,
                "ObjectServer": "DS",
                "ObjectType": "%{bf967aba-0de6-11d0-a285-00aa003049e2}",
                "ObjectName": "%{237e2948-0000-4000-8000-00000000abcd}",
                "AccessList": "%%7685\r\n\t\t\t\t",
                "AccessMask": "0x20",
                "Properties": "%%7685\r\n\t\t{e48d0154-bcf8-11d1-8702-00c04fb96050}\r\n"
                "\t\t\t{934de926-b09e-11d2-aa06-00c04f8eedd8}\r\n\t{bf967aba-0de6-11d0-a285-00aa003049e2}\r\n",
            },
        ),
    ),
    (
        told(
            NEW,
            4719,
            f"""System audit policy was changed.

{SUBJECT_TEXT}
Audit Policy Change:
	Category:		DS Access
	Subcategory:		Directory Service Changes
	Subcategory GUID:	{{0cce923c-69ae-11d9-bed3-505054503030}}
	Changes:		Success removed, Failure removed
""",
        ),
        new(
            4719,
            {
                **SUBJECT,
                "SubcategoryGuid": "{0CCE923C-69AE-11D9-BED3-505054503030}",
                "AuditPolicyChanges": "%%8448, %%8450",
            },
        ),
    ),
    (
        told(
            NEW,
            4624,
            """An account was successfully logged on.

Subject:
	Security ID:		NULL SID
	Account Name:		-
	Account Domain:		-
	Logon ID:		0x0

Logon Type:			3

New Logon:
	Security ID:		S-1-5-21-1-2-3-1111
	Account Name:		admmig
	Account Domain:		OFFSEC
	Logon ID:		0x88F313A8
	Logon GUID:		{00000000-0000-0000-0000-000000000000}

Network Information:
	Workstation Name:	WS1
	Source Network Address:	10.23.23.9
	Source Port:		62173
""",
        ),
        new(
            4624,
            {
                "TargetUserSid": ADMIN,
                "TargetUserName": "admmig",
                "TargetDomainName": "OFFSEC",
                "TargetLogonId": "0x88f313a8",
                "LogonType": "3",
                "WorkstationName": "WS1",
                "IpAddress": "10.23.23.9",
            },
        ),
    ),
]


@pytest.mark.parametrize(("text", "strings"), PAIRS, ids=[text.event_code for text, _ in PAIRS])
def test_text_and_strings_are_the_same_event(text, strings):
    assert event(text) == event(strings)


def test_the_flat_texts_before_2008():
    text = """User Account Changed:
	Target Account Name:	test56
	Target Domain:	OFFSEC
	Target Account ID:	%{S-1-5-21-1-2-3-1234}
	Caller User Name:	admmig
	Caller Domain:	OFFSEC
	Caller Logon ID:	(0x0,0x59DF36)
	Privileges:	-
"""
    told_so = event(told(OLD, 642, text, format="evt", time_quality="second", user_sid=ADMIN))
    target = ("test56", "OFFSEC", "%{S-1-5-21-1-2-3-1234}")
    assert told_so == event(old(642, "-", *target, "admmig", "OFFSEC", "(0x0,0x59DF36)", "-"))


def test_a_resolved_sid_is_no_sid():
    text = SUBJECT_TEXT.replace(ADMIN, "OFFSEC\\admmig")
    said = event(told("Microsoft-Windows-Eventlog", 1102, f"The audit log was cleared.\n{text}"))
    assert (said.actor_sid, said.actor_name, said.actor_kind) == (None, "OFFSEC\\admmig", "user")


@pytest.mark.parametrize(
    ("provider", "code", "text"),
    [
        ("Microsoft-Windows-Eventlog", 104, "The Application log file was cleared."),
        ("Microsoft-Windows-Eventlog", 1100, "The event logging service has shut down."),
        ("EventLog", 6008, "Das System wurde zuvor am 02.03.2026 um 09:00:00 unerwartet heruntergefahren."),
        ("Security", 512, "Windows is starting up."),
    ],
)
def test_where_the_id_alone_tells_enough_any_text_will_do(provider, code, text):
    assert event(told(provider, code, text)).kind == "audit"


def test_another_language_is_a_problem():
    (problem,) = read(told(NEW, 4756, "Ein Mitglied wurde hinzugefügt.\n\nAntragsteller:\n\tKontoname:\tadmmig\n"))
    assert (problem.code, problem.records) == ("unknown_layout", 1)
    assert problem.found.startswith("a text without known English labels")


@pytest.mark.parametrize(
    "value",
    [
        "x\nSubject:\n\tAccount Name:\tsomebody else",
        "x\nOperation:\n\tType:\tValue Deleted",
        "x\n\nOperation:\ny",
        "x\n\tValue:\ty",
        "x\n\tLDAP Display Name:\tmember",
    ],
)
def test_a_value_cannot_pass_for_the_record(value):
    (problem,) = read(value_5136(value))
    assert not isinstance(problem, Event)
    assert problem.found.startswith("two ")


def test_a_value_of_several_lines_is_kept_whole():
    said = event(value_5136("one\n\ttwo: 2\nThree:\nfour"))
    assert said.after == "one\r\n\ttwo: 2\r\nThree:\r\nfour"


@given(st.text(max_size=300), st.frozensets(st.sampled_from(["SubjectUserName", "AttributeValue", "TargetSid"])))
def test_any_text_gives_strings_or_a_fault(text, strings):
    labelled = strings_of(text, strings)
    assert len(labelled.names) == len(labelled.values) == len(set(labelled.names))
    assert set(labelled.names) <= strings


@pytest.mark.parametrize("text", [" " * 200_000, "a" * 200_000, "a " * 100_000, "\t" * 200_000 + "x", "\n" * 200_000])
def test_a_hostile_text_costs_little(text):
    started = time.process_time()
    strings_of(text, frozenset({"SubjectUserName"}))
    assert time.process_time() - started < 10  # what grows with the square takes minutes


def test_a_text_beyond_the_limit_is_refused():
    (problem,) = read(told(NEW, 4756, "x" * 300_000))
    assert problem.found.startswith("a text of 300000 characters")


def test_every_label_stands_for_a_string_some_event_has():
    assert len(windows_texts()) > 15
