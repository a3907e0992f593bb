"""Accounts, groups and logons, in the forms of every generation of Windows."""

from __future__ import annotations

import pytest
from tests.sources.windows_records import ADMIN, NEW, event, new, old, read, record

from mailwitness.event import Problem
from mailwitness.knowledge.windows_events import catalogue

CALLER = ("admmig", "OFFSEC", "(0x0,0x59DF36)")
TARGET = ("test56", "OFFSEC", "%{S-1-5-21-1-2-3-1234}")
SUBJECT = {
    "SubjectUserSid": ADMIN,
    "SubjectUserName": "admmig",
    "SubjectDomainName": "OFFSEC",
    "SubjectLogonId": "0x59df36",
}
USER = {"TargetUserName": "test56", "TargetDomainName": "OFFSEC", "TargetSid": "S-1-5-21-1-2-3-1234"}
DASHES = ("-",) * 18


def who(said):
    return said.actor_sid, said.actor_name, said.actor_kind, said.logon_id


def whose(said):
    return said.mailbox_ref, said.mailbox_ref_form, said.trustee_sid, said.trustee_name


@pytest.mark.parametrize(
    "given",
    [
        old(642, *TARGET, *CALLER, "-"),  # NT 4.0
        old(642, "-", *TARGET, *CALLER, "-"),  # 2000
        old(642, "-", *TARGET, *CALLER, "-", *DASHES),  # 2003
        new(4738, {**SUBJECT, **USER}),
    ],
)
def test_an_account_change_of_any_generation_says_the_same(given):
    said = event(given)
    assert (said.kind, said.action, said.outcome) == ("account", "changed", "success")
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x59df36")
    assert whose(said) == ("OFFSEC\\test56", "account", "S-1-5-21-1-2-3-1234", "OFFSEC\\test56")
    assert said.attribute is None  # all dashes: something that is not listed, perhaps the descriptor
    assert said.before is None
    assert said.after is None
    assert (said.scope, said.object_class, said.through_server) == ("directory", "user", "DC1")


def test_what_changed_is_named():
    said = event(
        new(4738, {**SUBJECT, **USER, "OldUacValue": "0x15", "NewUacValue": "0x11", "UserAccountControl": "%%2050"})
    )
    assert (said.attribute, said.before, said.after) == ("UserAccountControl", "0x15", "0x11")
    said = event(new(4738, {**SUBJECT, **USER, "DisplayName": "T", "ScriptPath": "%%1793"}))
    assert said.attribute == "DisplayName,ScriptPath"


def test_the_change_text_of_windows_2000_is_kept():
    assert event(old(642, "Account Disabled.", *TARGET, *CALLER, "-")).after == "Account Disabled."


def test_642_with_a_number_of_strings_nobody_described_is_a_problem():
    (problem,) = read(old(642, *TARGET, *CALLER, "-", "more", "and more"))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.records) == ("unknown_layout", 1)
    assert problem.expected == "event 642 with 7 or 8 or 26 strings"
    assert problem.found.startswith("9 strings: 'test56 | OFFSEC")
    assert (problem.where.evidence, problem.where.record_id) == ("Security.evtx", 7)


def test_empty_strings_at_the_end_are_no_other_layout():
    assert event(old(642, "-", *TARGET, *CALLER, "-", *DASHES, "", "")).trustee_name == "OFFSEC\\test56"


@pytest.mark.parametrize(
    ("code", "strings", "word"),
    [
        (624, (*TARGET, *CALLER, "-"), "created"),
        (624, (*TARGET, *CALLER, "-", *DASHES), "created"),
        (626, (*TARGET, *CALLER), "enabled"),
        (627, (*TARGET, *CALLER, "-"), "changed"),
        (628, (*TARGET, *CALLER), "password_reset"),
        (629, (*TARGET, *CALLER), "disabled"),
        (630, (*TARGET, *CALLER, "-"), "deleted"),
    ],
)
def test_accounts_before_2008(code, strings, word):
    said = event(old(code, *strings))
    assert (said.kind, said.action) == ("account", word)
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x59df36")
    assert whose(said)[2:] == ("S-1-5-21-1-2-3-1234", "OFFSEC\\test56")


@pytest.mark.parametrize(
    ("code", "word"),
    [(4720, "created"), (4722, "enabled"), (4724, "password_reset"), (4725, "disabled"), (4726, "deleted")],
)
def test_accounts_since_2008(code, word):
    said = event(new(code, {**SUBJECT, **USER}))
    assert (said.kind, said.action) == ("account", word)
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x59df36")
    assert whose(said) == ("OFFSEC\\test56", "account", "S-1-5-21-1-2-3-1234", "OFFSEC\\test56")


@pytest.mark.parametrize(
    "given",
    [
        old(685, "Paul", "Ann", "OFFSEC", "%{S-1-5-21-1-2-3-1234}", *CALLER, "-"),
        new(
            4781,
            {**SUBJECT, "TargetSid": "S-1-5-21-1-2-3-1234", "TargetDomainName": "OFFSEC"}
            | {"OldTargetUserName": "Paul", "NewTargetUserName": "Ann"},
        ),
    ],
)
def test_a_rename_keeps_both_names(given):
    said = event(given)
    assert (said.kind, said.action) == ("account", "renamed")
    assert (said.before, said.after, said.trustee_sid) == ("Paul", "Ann", "S-1-5-21-1-2-3-1234")
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x59df36")


GROUP = ("Exchange Servers", "OFFSEC", "%{S-1-5-21-1-2-3-2222}")
MEMBER = ("CN=test56,OU=Staff,DC=offsec,DC=lan", "%{S-1-5-21-1-2-3-1234}")
NEW_GROUP = {"TargetUserName": "Exchange Servers", "TargetDomainName": "OFFSEC", "TargetSid": "S-1-5-21-1-2-3-2222"}
NEW_MEMBER = {"MemberName": MEMBER[0], "MemberSid": "S-1-5-21-1-2-3-1234"}


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (632, "added"),
        (633, "removed"),
        (636, "added"),
        (637, "removed"),
        (660, "added"),
        (661, "removed"),
        (665, "added"),
        (666, "removed"),
    ],
)
def test_members_before_2008(code, word):
    said = event(old(code, *MEMBER, *GROUP, *CALLER, "-"))
    assert (said.kind, said.action) == ("membership", word)
    assert (said.trustee_sid, said.trustee_name) == ("S-1-5-21-1-2-3-1234", MEMBER[0])
    assert (said.group_sid, said.group_name) == ("S-1-5-21-1-2-3-2222", "OFFSEC\\Exchange Servers")
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x59df36")


@pytest.mark.parametrize("code", [632, 633, 636, 637])
def test_members_of_nt4_have_no_name(code):
    said = event(old(code, MEMBER[1], *GROUP, *CALLER, "-"))
    assert (said.trustee_sid, said.trustee_name) == ("S-1-5-21-1-2-3-1234", None)
    assert said.group_name == "OFFSEC\\Exchange Servers"


@pytest.mark.parametrize(
    ("code", "word"),
    [(4728, "added"), (4729, "removed"), (4732, "added"), (4733, "removed"), (4756, "added"), (4757, "removed")],
)
def test_members_since_2008(code, word):
    said = event(new(code, {**SUBJECT, **NEW_GROUP, **NEW_MEMBER}))
    assert (said.kind, said.action, said.scope) == ("membership", word, "directory")
    assert (said.trustee_sid, said.trustee_name) == ("S-1-5-21-1-2-3-1234", MEMBER[0])
    assert (said.group_sid, said.group_name) == ("S-1-5-21-1-2-3-2222", "OFFSEC\\Exchange Servers")


def test_a_member_without_a_name_is_known_by_its_sid():
    said = event(new(4732, {**SUBJECT, **NEW_GROUP, "MemberName": "-", "MemberSid": "S-1-5-17"}))
    assert (said.trustee_sid, said.trustee_name) == ("S-1-5-17", None)


@pytest.mark.parametrize(
    ("code", "word", "strings"),
    [
        (code, word, strings)
        for code, word in [
            (631, "created"),
            (635, "created"),
            (658, "created"),
            (639, "changed"),
            (641, "changed"),
            (659, "changed"),
        ]
        for strings in [(*GROUP, *CALLER, "-"), (*GROUP, *CALLER, "-", "-", "-")]
    ],
)
def test_groups_before_2008(code, word, strings):
    said = event(old(code, *strings))
    assert (said.kind, said.action, said.object_class) == ("account", word, "group")
    assert (said.group_sid, said.group_name) == ("S-1-5-21-1-2-3-2222", "OFFSEC\\Exchange Servers")
    assert said.attribute is None
    assert said.mailbox_ref is None


@pytest.mark.parametrize("code", [4735, 4737, 4755])
def test_groups_since_2008(code):
    said = event(new(code, {**SUBJECT, **NEW_GROUP, "SamAccountName": "Exchange Servers"}))
    assert (said.kind, said.action, said.object_class) == ("account", "changed", "group")
    assert said.attribute == "SamAccountName"


@pytest.mark.parametrize(
    "given",
    [
        old(668, "Security Enabled Local Group Changed to Security Disabled Local Group.", *GROUP, *CALLER, "-"),
        new(
            4764,
            {**SUBJECT, **NEW_GROUP}
            | {"GroupTypeChange": "Security Enabled Local Group Changed to Security Disabled Local Group."},
        ),
    ],
)
def test_a_groups_new_type_is_told(given):
    said = event(given)
    assert (said.kind, said.action, said.attribute) == ("account", "changed", "groupType")
    assert said.after == "Security Enabled Local Group Changed to Security Disabled Local Group."


def test_a_computers_change():
    said = event(new(4742, {**SUBJECT, **USER, "TargetUserName": "PC$", "ServicePrincipalNames": "HOST/PC"}))
    assert (said.object_class, said.attribute, said.mailbox_ref) == ("computer", "ServicePrincipalNames", None)


@pytest.mark.parametrize(
    ("sid", "name", "kind"),
    [
        ("S-1-5-18", "DC1$", "system"),
        ("S-1-5-21-1-2-3-1000", "EXCH01$", "computer"),
        ("S-1-5-20", "NETWORK SERVICE", "service"),
        ("S-1-5-80-1-2", "svc", "service"),
        ("S-1-5-7", "ANONYMOUS LOGON", "unknown"),
        ("S-1-5-21-1-2-3-1111", "admmig", "user"),
        ("S-1-5-21-1-2-3-1111", "-", "user"),
        ("-", "-", "unknown"),
    ],
)
def test_what_kind_of_account_acts(sid, name, kind):
    said = event(new(4738, {**SUBJECT, **USER, "SubjectUserSid": sid, "SubjectUserName": name}))
    assert said.actor_kind == kind


LOGON = ("Administrator", "OFFSEC", "(0x1,0xF573)", "3", "User32  ", "Negotiate", "WS1")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (old(528, *LOGON), None),
        (old(528, *LOGON, "{guid}"), None),
        (old(528, *LOGON, "-", "DC1$", "OFFSEC", "(0x0,0x3E7)", "340", "-", "10.0.0.1", "0"), "10.0.0.1"),
        (old(528, *LOGON, "-", "DC1$", "OFFSEC", "(0x0,0x3E7)", "340", "-", "10.0.0.1", "0", ""), "10.0.0.1"),
        (old(540, *LOGON), None),
        (old(540, *LOGON, "-", "-", "-", "-", "-", "-", "10.0.0.1", "0"), "10.0.0.1"),
    ],
)
def test_logons_before_2008(given, address):
    said = event(given)
    assert (said.kind, said.action) == ("logon", "logon")
    assert who(said) == (ADMIN, "OFFSEC\\Administrator", "user", "0x10000f573")
    assert (said.logon_type, said.client_host, said.client_ip) == ("3", "WS1", address)


def test_a_logon_since_2008_is_the_targets():
    said = event(
        new(
            4624,
            {"SubjectUserSid": "S-1-0-0", "TargetUserSid": ADMIN, "TargetUserName": "admmig"}
            | {"TargetDomainName": "OFFSEC", "TargetLogonId": "0x88F313A8", "LogonType": "3"}
            | {"IpAddress": "::ffff:10.23.23.9", "WorkstationName": "WS1"},
        )
    )
    assert who(said) == (ADMIN, "OFFSEC\\admmig", "user", "0x88f313a8")
    assert (said.client_ip, said.client_host, said.logon_type) == ("10.23.23.9", "WS1", "3")


def test_logoffs():
    assert event(old(538, "Administrator", "OFFSEC", "(0x0,0xF573)", "3")).action == "logoff"
    said = event(new(4634, {"TargetUserSid": ADMIN, "TargetLogonId": "0xF573", "LogonType": "3"}))
    assert (said.kind, said.action, said.logon_id) == ("logon", "logoff", "0xf573")


def test_explicit_credentials_name_both_accounts():
    said = event(new(4648, {**SUBJECT, "TargetUserName": "svc", "TargetDomainName": "OFFSEC", "IpAddress": "-"}))
    assert (said.actor_name, said.trustee_name, said.strength) == ("OFFSEC\\admmig", "OFFSEC\\svc", "attempted")


@pytest.mark.parametrize(
    "given",
    [
        old(576, *CALLER, "SeBackupPrivilege\r\n\t\t\tSeDebugPrivilege"),
        old(576, *CALLER, "SeBackupPrivilege\r\n\t\t\tSeDebugPrivilege", ""),
        new(4672, {**SUBJECT, "PrivilegeList": "SeBackupPrivilege\r\n\t\t\tSeDebugPrivilege"}),
    ],
)
def test_privileges_are_rights(given):
    said = event(given)
    assert (said.kind, said.action) == ("logon", "special")
    assert said.rights == ("SeBackupPrivilege", "SeDebugPrivilege")


def test_the_order_of_named_strings_does_not_matter():
    names = catalogue().find(NEW, 4738).event.layouts[0].strings
    values = [{**SUBJECT, **USER}.get(name, "-") for name in names]
    there = event(record(NEW, 4738, values, names))
    back = event(record(NEW, 4738, values[::-1], names[::-1]))
    assert there == back


def test_strings_called_param_count_by_place():
    values = ("-", *TARGET, ADMIN, "admmig", "OFFSEC", "0x59df36", "-", *DASHES)
    said = event(record(NEW, 4738, values, [f"param{n}" for n in range(1, len(values) + 1)]))
    assert said.trustee_name == "OFFSEC\\test56"


def test_names_nobody_knows_are_a_problem():
    (problem,) = read(record(NEW, 4738, ("a", "b"), ("Foo", "Bar")))
    assert problem.code == "unknown_layout"


def test_provider_and_code_belong_together():
    assert read(record("Service Control Manager", 642, TARGET)) is None
    assert read(record(NEW, 642, TARGET)) is None
