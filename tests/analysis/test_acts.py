"""One act, one change; two equal acts stay two; nothing is lost and nothing stands twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.rows import access, notice, row, value

from mailwitness.analysis.acts import SAME_HOST, SAME_OBJECT, assemble
from mailwitness.analysis.descriptor_change import describe


def nothing(_act) -> None:
    """Leave the differences alone."""


def shape(acts):
    return [sorted([act.role, *(role for role, _ in act.joined)]) for act in acts]


def test_descriptor_change_has_four_witnesses():
    events = [
        access(0.78),
        notice(0.79),
        value(1.25, "{a}", before="O:SYG:SYD:"),
        value(1.26, "{a}", after="O:BAG:SYD:"),
    ]
    (act,) = assemble(events, nothing)
    assert (act.before, act.after) == ("O:SYG:SYD:", "O:BAG:SYD:")
    assert shape([act]) == [["bare_change", "directory_value", "directory_value", "object_access"]]


def test_two_equal_acts_within_the_window_stay_two():
    events = []
    for start, operation in ((0.0, "{a}"), (0.5, "{b}")):
        events += [
            access(start),
            notice(start + 0.01),
            value(start + 0.02, operation, before="O:SYG:SYD:"),
            value(start + 0.03, operation, after="O:BAG:SYD:"),
        ]
    acts = assemble(events, nothing)
    assert len(acts) == 2
    assert all(len(act.joined) == 3 for act in acts)


def test_the_order_of_the_pair_does_not_matter():
    events = [value(0, "{a}", after="O:BAG:SYD:"), value(0.001, "{a}", before="O:SYG:SYD:")]
    (act,) = assemble(events, nothing)
    assert (act.before, act.after, act.main["after"]) == ("O:SYG:SYD:", "O:BAG:SYD:", "O:BAG:SYD:")


def test_another_logon_is_another_act():
    events = [access(0, logon_id="0x1"), value(0.1, "{a}", after="O:BAG:SYD:", logon_id="0x2")]
    assert len(assemble(events, nothing)) == 2


def test_a_refused_access_is_no_witness_of_a_done_act():
    events = [access(0, outcome="failure"), value(0.1, "{a}", after="O:BAG:SYD:")]
    assert len(assemble(events, nothing)) == 2


def test_membership_joins_the_value_and_the_notice_of_the_group():
    member = "CN=Eve,OU=Staff,DC=fabrik,DC=example"
    group = {"group_name": "FABRIK\\Organization Management", "group_sid": "S-1-5-21-1-2-3-1104"}
    events = [
        value(
            0,
            "{a}",
            kind="membership",
            action="added",
            attribute="member",
            after=member,
            trustee_name=member,
            object_dn="CN=Organization Management,OU=Groups,DC=fabrik,DC=example",
            object_class="group",
        ),
        row(
            0.1,
            kind="membership",
            action="added",
            event_code="4756",
            trustee_name=member,
            trustee_sid="S-1-5-21-9",
            **group,
        ),
        row(0.2, kind="account", action="changed", event_code="4755", **group),
    ]
    (act,) = assemble(events, nothing)
    assert shape([act]) == [["bare_change", "directory_value", "membership"]]
    assert act.main["object_dn"].startswith("CN=Organization Management")


def test_a_cmdlet_joins_what_the_server_wrote_for_it():
    events = [
        row(
            -1,
            kind="permission",
            action="granted",
            source="exchange_cmdlets",
            computer="ex1.fabrik.example",
            logon_id=None,
            through_server="dc1.fabrik.example",
            mailbox_ref="Anna Berg",
            rights=["FullAccess"],
            actor_name="fabrik.example/Users/Eve",
        ),
        value(1, "{a}", before="O:PSG:PSD:", after=None, attribute="msExchMailboxSecurityDescriptor"),
        value(1, "{a}", after="O:PSG:PSD:(A;CI;CC;;;S-1-5-21-9)", attribute="msExchMailboxSecurityDescriptor"),
    ]
    (act,) = assemble(events, nothing)
    assert "cmdlet" in act.roles()


def test_a_cmdlet_through_another_domain_controller_stands_alone():
    cmdlet = row(
        0,
        kind="permission",
        action="granted",
        source="exchange_cmdlets",
        computer="ex1.fabrik.example",
        through_server="dc2.fabrik.example",
        mailbox_ref="Anna Berg",
        rights=["FullAccess"],
    )
    assert len(assemble([cmdlet, value(1, "{a}", after="O:PSG:PSD:")], nothing)) == 2


def test_a_cmdlet_that_names_the_mailbox_otherwise_joins_only_where_one_write_can_be_meant():
    def cmdlet(seconds, alias):
        return row(
            seconds,
            kind="permission",
            action="granted",
            source="exchange_cmdlets",
            computer="ex1.fabrik.example",
            through_server="dc1.fabrik.example",
            mailbox_ref=alias,
            rights=["FullAccess"],
            actor_name="fabrik.example/Users/Eve",
        )

    def write(seconds, operation, guid):
        return value(
            seconds,
            operation,
            after="O:PSG:PSD:(A;CI;CC;;;S-1-5-21-9)",
            attribute="msExchMailboxSecurityDescriptor",
            object_guid=guid,
            actor_kind="computer",
            actor_name="FABRIK\\EX1$",
        )

    (act,) = assemble([cmdlet(0, "aberg"), write(1, "{a}", "1")], nothing)
    assert act.remarks
    two = assemble([cmdlet(0, "aberg"), write(1, "{a}", "1"), write(2, "{b}", "2")], nothing)
    assert len(two) == 3


def test_the_trustee_s_sid_tells_two_writes_of_one_moment_apart():
    def cmdlet(alias, trustee):
        return row(
            0,
            kind="permission",
            action="granted",
            source="exchange_cmdlets",
            computer="ex1.fabrik.example",
            through_server="dc1.fabrik.example",
            mailbox_ref=alias,
            rights=["FullAccess"],
            actor_name="fabrik.example/Users/Eve",
            trustee_name=trustee,
        )

    def write(operation, guid, sid):
        return value(
            0.5,
            operation,
            after=f"O:PSG:PSD:(A;CI;CC;;;{sid})",
            attribute="msExchMailboxSecurityDescriptor",
            object_guid=guid,
            actor_kind="computer",
            actor_name="FABRIK\\EX1$",
        )

    taught = row(-900, kind="account", action="enabled", trustee_name="FABRIK\\kim", trustee_sid="S-1-5-21-1-2-3-9")
    events = [
        taught,
        cmdlet("aberg", "FABRIK\\kim"),
        write("{a}", "1", "S-1-5-21-1-2-3-9"),
        write("{b}", "2", "S-1-5-21-1-2-3-8"),
    ]
    joined = [act for act in assemble(events, describe) if act.remarks]
    assert [act.main["object_guid"] for act in joined] == ["1"]


def test_a_command_of_the_cloud_is_none_of_a_server_on_premises():
    def command(source, computer, alias, trustee, **more):
        said = {"mailbox_ref": alias, "trustee_name": trustee, "actor_name": "fabrik.example/Users/Eve"} | more
        kind = {"kind": "permission", "action": "granted", "rights": ["FullAccess"], "logon_id": None}
        return row(0, source=source, computer=computer, **kind, **said)

    events = [
        command("exchange_cmdlets", "ex1.fabrik.example", "aberg", "FABRIK\\kim", through_server="dc1.fabrik.example"),
        command("unified_audit", "AM0PR04MB5043", "cdorn@fabrik.example", "lee@fabrik.example", actor_name="eve@x"),
        value(
            0.5,
            "{a}",
            after="O:PSG:PSD:(A;CI;CC;;;S-1-5-21-9)",
            attribute="msExchMailboxSecurityDescriptor",
            actor_kind="computer",
            actor_name="FABRIK\\EX1$",
        ),
    ]
    assert sorted(shape(assemble(events, describe))) == [["cmdlet", "directory_value"], ["unified_audit"]]


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([access, notice, value]),
        st.integers(0, 40),
        st.sampled_from(["0x1", "0x2"]),
        st.sampled_from(["{a}", "{b}"]),
        st.sampled_from(["before", "after"]),
    ),
    max_size=24,
)


@given(_EVENTS)
@settings(max_examples=300, deadline=None)
def test_every_event_witnesses_exactly_one_act(plan):
    events = []
    for make, tenths, logon, operation, half in plan:
        if make is value:
            events.append(value(tenths / 10, operation, logon_id=logon, **{half: "O:SYG:SYD:"}))
        else:
            events.append(make(tenths / 10, logon_id=logon))
    events.sort(key=lambda e: (e["occurred_at"], e["record_id"]))
    told = [w["event_id"] for act in assemble(events, nothing) for w in (act.main, *(r for _, r in act.joined))]
    assert sorted(told) == sorted(event["event_id"] for event in events)


@given(_EVENTS, st.randoms())
@settings(max_examples=100, deadline=None)
def test_windows_bound_every_act(plan, random):
    del random
    events = [
        make(tenths / 10, operation, logon_id=logon, **{half: "x"})
        if make is value
        else make(tenths / 10, logon_id=logon)
        for make, tenths, logon, operation, half in plan
    ]
    events.sort(key=lambda e: (e["occurred_at"], e["record_id"]))
    for act in assemble(events, nothing):
        for role, joined in act.joined:
            if role != "directory_value":
                bound = SAME_OBJECT if role == "object_access" else SAME_HOST
                assert abs(joined["occurred_at"] - act.main["occurred_at"]) <= bound


def test_one_member_into_two_groups_at_once_keeps_each_group_with_its_own_value():
    def added(seconds, group):
        return row(seconds, kind="membership", action="added", event_code="4756", group_name=group, trustee_name=ANNA)

    def member(seconds, group):
        dn = f"CN={group},DC=fabrik,DC=example"
        of_the_group = {"kind": "membership", "action": "added", "attribute": "member", "trustee_name": ANNA}
        return value(seconds, f"{{{group}}}", **of_the_group, object_dn=dn, object_guid=f"guid-{group}")

    def write(seconds, group):
        return access(seconds, rights=["WriteProperty"], attribute="member", object_guid=f"guid-{group}")

    events = [
        write(0, "Sales"),
        member(0.001, "Sales"),
        added(0.010, "Sales"),
        member(0.012, "Staff"),
        write(0.013, "Staff"),
        added(0.030, "Staff"),
    ]
    acts = assemble(events, nothing)
    assert [(act.main["group_name"], act.main["object_guid"]) for act in acts] == [
        ("Sales", "guid-Sales"),
        ("Staff", "guid-Staff"),
    ]
    assert all({told["object_guid"] for _, told in act.joined} == {act.main["object_guid"]} for act in acts)


ANNA = "CN=Anna Berg,OU=Staff,DC=fabrik,DC=example"


def test_a_refused_notice_is_no_witness_of_a_done_act():
    events = [notice(0, outcome="failure"), value(0.1, "{a}", after="O:BAG:SYD:")]
    assert sorted(act.main["outcome"] for act in assemble(events, nothing)) == ["failure", "success"]
    sid = "S-1-5-21-1-2-3-1107"
    reset = row(0, kind="account", action="password_reset", trustee_sid=sid, event_code="4724")
    refused = row(
        0.1, kind="account", action="changed", trustee_sid=sid, attribute="PasswordLastSet", outcome="failure"
    )
    assert len(assemble([reset, refused], nothing)) == 2


def test_an_operation_without_an_identifier_of_its_own_pairs_only_what_is_near():
    zero = "{00000000-0000-0000-0000-000000000000}"
    events = [value(0, zero, before="O:SYG:SYD:"), value(3600, zero, after="O:BAG:SYD:")]
    assert len(assemble(events, nothing)) == 2


def test_an_access_recorded_twice_by_one_log_is_two_accesses():
    events = [access(0, object_guid="other", event_code=code) for code in ("4662", "4663", "4663")]
    assert shape(assemble(events, nothing)) == [["object_access", "object_access"], ["object_access"]]
