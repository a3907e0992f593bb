"""Rights used or requested on objects: what they amount to, and that nothing more is claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.windows_records import ADMIN, event, new, old, read

from mailwitness.event import Event
from mailwitness.knowledge.guids import guids
from mailwitness.sources.windows_object_access import decoded, listed_properties

USER_CLASS = guids().guid("class", "user")
OBJECT = "237e2948-0000-4000-8000-00000000abcd"
PRIMARY = ("DC1$", "OFFSEC", "(0x0,0x3E7)")
CLIENT = ("admmig", "OFFSEC", "(0x0,0x59DF36)")


def attribute(name, above="Public-Information"):
    """Return the lines of a property list that name an attribute in its set."""
    return f"\t\t{{{guids().guid('property_set', above)}}}\r\n\t\t\t{{{guids().guid('attribute', name)}}}\r\n"


def new_access(mask, properties="", tokens="-", class_guid=USER_CLASS, server="DS", **other):
    strings = {
        "SubjectUserSid": ADMIN,
        "SubjectUserName": "admmig",
        "SubjectDomainName": "OFFSEC",
        "SubjectLogonId": "0x59df36",
        "ObjectServer": server,
        "ObjectType": f"%{{{class_guid}}}",
        "ObjectName": f"%{{{OBJECT}}}",
        "OperationType": "Object Access",
        "AccessList": tokens,
        "AccessMask": mask,
        "Properties": properties,
    }
    return new(4662, strings, **other)


def access_566(mask, properties, tokens="%%7685\r\n\t\t\t"):
    return old(
        566,
        "DS",
        "Object Access",
        f"%{{{USER_CLASS}}}",
        f"%{{{OBJECT}}}",
        "-",
        *PRIMARY,
        *CLIENT,
        tokens,
        properties,
        "",
        "",
        mask,
    )


def opened_2000(tokens, *properties, server="DS", kind="user", name="CN=test56,DC=offsec,DC=lan", audit="success"):
    strings = (server, kind, name, "0", "0", "961803", "260", *PRIMARY, *CLIENT, tokens, "-")
    return old(565, *strings, *properties, audit=audit)


def opened_2003(mask, tokens, properties, *more, audit="success"):
    strings = ("DS", f"%{{{USER_CLASS}}}", f"%{{{OBJECT}}}", "0", "0", "1", "384", "C:\\WINDOWS\\system32\\lsass.exe")
    return old(565, *strings, *PRIMARY, *CLIENT, tokens, "-", properties, mask, *more, audit=audit)


@pytest.mark.parametrize(("mask", "right"), [("0x40000", "WriteDacl"), ("0x80000", "WriteOwner")])
def test_writing_the_descriptor_is_a_change_of_permissions(mask, right):
    said = event(new_access(mask, f"%%1539\r\n\t{{{USER_CLASS}}}\r\n"))
    assert (said.kind, said.action, said.outcome, said.strength) == ("permission", "changed", "success", "acted")
    assert said.rights == (right,)
    assert (said.object_guid, said.object_class) == (OBJECT, "user")
    assert (said.mailbox_ref, said.mailbox_ref_form) == (OBJECT, "guid")
    assert (said.actor_name, said.logon_id, said.through_server) == ("OFFSEC\\admmig", "0x59df36", "DC1")
    assert (said.before, said.after) == (None, None)


@pytest.mark.parametrize(
    "refused",
    [
        new_access("0x40000", audit="failure"),
        new_access("0x80000", audit="failure"),
        opened_2000("%%1539", audit="failure"),
        opened_2000("%%1540\r\n\t\t\t%%1538", audit="failure"),
        opened_2003("0xC0000", "%%1539", "---\r\n", audit="failure"),
        old(560, "Security", "File", "C:\\x", "-", "0", "1", "2", *PRIMARY, *CLIENT, "%%1539", "-", audit="failure"),
        old(
            560,
            "Security",
            "File",
            "C:\\x",
            "-",
            "0",
            "1",
            "2",
            "x.exe",
            *PRIMARY,
            *CLIENT,
            "%%1539",
            "-",
            "0",
            "0x40000",
            audit="failure",
        ),
    ],
)
def test_a_refused_request_is_an_attempted_change(refused):
    said = event(refused)
    assert (said.kind, said.action, said.outcome, said.strength) == ("permission", "changed", "failure", "attempted")
    assert said.actor_name == "OFFSEC\\admmig"


@pytest.mark.parametrize("make", [new_access, access_566])
@pytest.mark.parametrize(
    ("name", "said", "rights"),
    [
        ("msExchMailboxSecurityDescriptor", "permission changed", ("WriteProperty",)),
        ("publicDelegates", "permission changed", ("SendOnBehalf",)),
        ("msExchBypassAudit", "audit settings_changed", ("WriteProperty",)),
        ("msExchMasterAccountSid", "permission owner_changed", ("WriteProperty",)),
        ("altRecipient", "account changed", ("WriteProperty",)),
        ("member", "account changed", ("WriteProperty",)),
    ],
)
def test_a_write_says_which_attribute_and_no_value(make, name, said, rights):
    found = event(make("0x20", f"%%7685\r\n{attribute(name)}\t{{{USER_CLASS}}}\r\n"))
    assert f"{found.kind} {found.action}" == said
    assert (found.attribute, found.rights, found.strength) == (name, rights, "acted")
    assert (found.before, found.after) == (None, None)


def test_the_most_telling_attribute_speaks_for_the_record():
    listed = attribute("homeMDB") + attribute("msExchMailboxSecurityDescriptor") + attribute("altRecipient")
    found = event(new_access("0x20", f"%%7685\r\n{listed}"))
    assert (found.kind, found.attribute) == ("permission", "msExchMailboxSecurityDescriptor")


def test_an_attribute_that_was_only_read_does_not_speak_for_a_write():
    listed = f"%%7684\r\n{attribute('msExchMailboxSecurityDescriptor')}%%7685\r\n{attribute('homeMDB')}"
    found = event(new_access("0x30", listed))
    assert (found.kind, found.attribute) == ("account", "homeMDB")


def test_an_attribute_nobody_named_stands_as_its_guid():
    strange = "01234567-89ab-4cde-8f01-23456789abcd"
    found = event(new_access("0x20", f"%%7685\r\n\t\t{{{strange.upper()}}}\r\n\t{{{USER_CLASS}}}\r\n"))
    assert (found.kind, found.action, found.attribute) == ("account", "changed", strange)


def test_the_566_of_a_windows_2003_server():
    """The order is that of a published sample; the client acts, the primary user is the domain controller."""
    found = event(access_566("0x20", "%%7685\r\n" + attribute("msExchMailboxSecurityDescriptor")))
    assert (found.actor_sid, found.actor_name, found.logon_id) == (ADMIN, "OFFSEC\\admmig", "0x59df36")
    assert (found.object_guid, found.object_class, found.scope) == (OBJECT, "user", "mailbox")
    assert found.event_code == "566"


def test_the_server_itself_acts_where_no_client_does():
    found = event(old(565, "DS", "user", "CN=x", "0", "0", "1", "2", *PRIMARY, "-", "-", "-", "%%7684", "-"))
    assert (found.actor_name, found.logon_id) == ("OFFSEC\\DC1$", "0x3e7")


@pytest.mark.parametrize(
    "given_record",
    [
        opened_2000("%%7685", f"%%7685\r\n{attribute('altRecipient')}"),
        opened_2000("%%7685", "%%7685", *attribute("altRecipient").splitlines()),
        opened_2003("0x20", "%%7685", f"%%7685\r\n{attribute('altRecipient')}"),
        opened_2003("0x20", "%%7685", f"%%7685\r\n{attribute('altRecipient')}", "%20", "%21"),
    ],
)
def test_565_tells_a_request_and_no_more(given_record):
    found = event(given_record)
    assert (found.kind, found.action, found.attribute) == ("account", "changed", "altRecipient")
    assert (found.strength, found.outcome) == ("attempted", "success")
    assert found.actor_name == "OFFSEC\\admmig"


def test_565_of_windows_2000_names_the_object():
    found = event(opened_2000("%%1539"))
    assert (found.object_dn, found.object_class) == ("CN=test56,DC=offsec,DC=lan", "user")
    assert (found.mailbox_ref, found.mailbox_ref_form) == ("CN=test56,DC=offsec,DC=lan", "dn")


def test_exchange_asks_whether_a_client_may_open_a_mailbox():
    """KB813229: Exchange 2000 writes this into the Security log of its server."""
    name = "/o=Org/ou=Unit/cn=Recipients/cn=user"
    refused = opened_2000(
        "%%1560", server="Microsoft Exchange", kind="Microsoft Exchange Logon", name=name, audit="failure"
    )
    found = event(refused)
    assert (found.kind, found.action, found.scope) == ("access", "logon", "mailbox")
    assert (found.strength, found.outcome) == ("attempted", "failure")
    assert (found.mailbox_ref, found.mailbox_ref_form) == (name, "legacy_dn")
    assert found.actor_name == "OFFSEC\\admmig"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ("DS-Replication-Get-Changes-All", "access export"),
        ("User-Force-Change-Password", "account password_reset"),
        ("DS-Replication-Manage-Topology", "access search"),
    ],
)
def test_an_extended_right_goes_by_its_name(right, said):
    found = event(new_access("0x100", f"%%7688\r\n\t\t{{{guids().guid('extended_right', right)}}}\r\n"))
    assert f"{found.kind} {found.action}" == said
    assert any(right in name for name in found.rights)


def test_reading_is_no_change_and_no_access_to_a_mailbox():
    found = event(new_access("0x10", f"%%7684\r\n{attribute('msExchMailboxSecurityDescriptor')}"))
    assert (found.kind, found.action, found.scope, found.strength) == ("access", "search", "directory", "read")
    assert (found.mailbox_ref, found.mailbox_ref_form) == (None, None)


def test_a_mask_of_nothing_is_told_by_the_property_list():
    right = guids().guid("extended_right", "User-Force-Change-Password")
    found = event(new_access("0x0", f"---\r\n\t{{{USER_CLASS}}}\r\n%%7688\r\n\t\t\t{{{right}}}\r\n"))
    assert (found.kind, found.action) == ("account", "password_reset")


def test_a_child_is_not_its_container():
    server_class = guids().guid("class", "server") or guids().guid("class", "group")
    found = event(new_access("0x1", f"%%7680\r\n\t{{{server_class}}}\r\n"))
    assert (found.kind, found.action, found.object_guid) == ("account", "created", None)
    assert found.object_class == guids().name(server_class, "class")


def test_deleting_an_object():
    found = event(new_access("0x10000"))
    assert (found.kind, found.action, found.object_guid) == ("account", "deleted", OBJECT)


def test_bits_of_a_file_or_a_secret_are_not_the_directorys():
    """0x2 is Delete Child in the directory, a query on a secret of the LSA, writing to a file."""
    found = event(new_access("0x2", server="LSA"))
    assert (found.kind, found.action, found.scope, found.rights) == ("access", "search", "server", ("0x2",))
    found = event(new_access("0x40002", server="LSA"))
    assert (found.kind, found.action, found.rights) == ("permission", "changed", ("WriteDacl", "0x2"))


def test_567_names_the_rights_used_on_a_file():
    found = event(old(567, "Security", "1156", "File", "2936", "C:\\WINDOWS\\explorer.exe", "%%1539", "0x40000"))
    assert (found.kind, found.action, found.actor_sid, found.strength) == ("permission", "changed", ADMIN, "acted")


def test_property_lists_nest():
    right = "00000000-0000-4000-8000-000000000001"
    listed = listed_properties(f"---\r\n\t{{{right}}}\r\n%%7684\r\n%%7685\r\n\t\t%{{{right}}}\r\n")
    assert [(each.depth, each.mask) for each in listed] == [(1, 0), (2, 0x30)]


strings = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["-", "", "%%7685", "%%1539", "0x20", "0xffffffff", "DS", "Microsoft Exchange", f"%{{{OBJECT}}}", "{", "%%", "---"]
)


@given(st.tuples(strings, strings, strings, strings, strings))
def test_any_strings_amount_to_something(values):
    meaning = decoded(*values)
    assert meaning.kind
    assert meaning.action


@given(st.lists(strings, max_size=40), st.sampled_from([560, 565, 566, 567, 642, 612, 528]))
def test_any_record_is_an_event_or_a_problem(values, code):
    (found,) = read(old(code, *values))
    if not isinstance(found, Event):
        assert (found.code, found.records) == ("unknown_layout", 1)
