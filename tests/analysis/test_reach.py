"""Who can open, send, take: each rule of Exchange and Active Directory by a case made by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.histories import ACCOUNTS, HOUR, History, Observations, Rule, State, Step, evidence_of, guid, sid
from tests.analysis.rows import row, value

from mailwitness.analysis.explain import explain
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import reach, ways_in, who_can_open
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory.clock import micros
from mailwitness.directory.model import DescriptorOf, Member, Principal, RoleAssignment, Setting, StatedRight

LATER = micros(datetime(2027, 1, 1, tzinfo=UTC))
AT = datetime(2026, 1, 1, tzinfo=UTC)
OF = {"observed_at": AT, "evidence_sha256": hashlib.sha256(str(AT).encode()).hexdigest()}


@pytest.fixture(scope="module")
def engine():
    return EngineOfRows()


@pytest.fixture
def seen():
    """A directory in which nobody has any right yet."""
    observations = Observations()
    observations.look(State.of(History()), AT)
    observations.descriptors = []
    return observations


def describe(seen, name, text, attribute="nTSecurityDescriptor", place=0):
    data = write_binary(parse_sddl(text))
    sha256 = f"{len(seen._bytes):064x}"
    seen._bytes[sha256] = data
    of = {"observed_at": AT, "evidence_sha256": seen.snapshots[place].evidence_sha256}
    seen.descriptors.append(DescriptorOf(**of, attribute=attribute, dn="", object_guid=guid(name), sha256=sha256))


def mailbox(seen, name, text):
    describe(seen, name, text, "msExchMailboxSecurityDescriptor")


def told(standing, owner="own0", at=LATER):
    thing = standing.identities.resolve(sid(owner)).one
    return {(line.account.split("\\")[-1], line.of, line.right): line for line in who_can_open(standing, thing, at)}


def opens(standing, owner="own0", at=LATER):
    lines = told(standing, owner, at).values()
    return {line.account.split("\\")[-1] for line in lines if line.of == "open" and line.right != "owner"} - {"SYSTEM"}


def test_the_owner_and_self(engine, seen):
    mailbox(seen, "own0", "O:PSG:PSD:(A;CI;CCRC;;;PS)")
    standing = rights_over_time(engine.hold([]), seen)
    assert opens(standing) == set()
    assert [key for key in told(standing) if key[0] == "own0"] == [("own0", "open", "owner")]


def test_a_refusal_of_a_group_beats_the_allowance_of_an_account_on_one_level(engine, seen):
    seen.members.append(
        Member(**OF, attribute="member", group_dn="", group_guid=guid("grp0"), member_dn="", member_guid=guid("acc0"))
    )
    mailbox(seen, "own0", f"O:PSG:PSD:(D;CI;CC;;;{sid('grp0')})(A;CI;CC;;;{sid('acc0')})")
    assert opens(rights_over_time(engine.hold([]), seen)) == set()


def test_a_list_out_of_order_is_read_in_its_order(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('acc0')})(D;CI;CC;;;{sid('acc0')})")
    assert opens(rights_over_time(engine.hold([]), seen)) == {"acc0"}


def test_an_allowance_on_the_mailbox_beats_a_refusal_from_the_organization(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('acc0')})")
    receive = "ab721a56-1e2f-11d0-9819-00aa0040529b"
    describe(seen, "organization", f"O:SYG:SYD:(OD;CI;CR;{receive};;{sid('acc0')})(OA;CI;CR;{receive};;{sid('acc1')})")
    standing = rights_over_time(engine.hold([]), seen)
    assert opens(standing) == {"acc0", "acc1"}
    assert opens(standing, "own1") == {"acc1"}
    way = told(standing)["acc1", "open", "ReceiveAs"].way
    assert way.path == ("ReceiveAs on every mailbox",)


def test_a_list_that_takes_nothing_from_above(engine, seen):
    receive = "ab721a56-1e2f-11d0-9819-00aa0040529b"
    describe(seen, "organization", f"O:SYG:SYD:(OA;CI;CR;{receive};;{sid('acc0')})")
    describe(seen, "database", "O:SYG:SYD:P(A;;RC;;;SY)")
    assert opens(rights_over_time(engine.hold([]), seen)) == set()


def test_an_entry_for_the_next_level_only_goes_no_further(engine, seen):
    send = "ab721a54-1e2f-11d0-9819-00aa0040529b"
    describe(seen, "staff", f"O:SYG:SYD:(OA;CINP;CR;{send};;{sid('acc0')})(OA;CI;CR;{send};;{sid('acc1')})")
    found = told(rights_over_time(engine.hold([]), seen))
    assert {name for name, of, _right in found if of == "send"} - {"SYSTEM", "own0"} == {"acc1"}


def test_full_control_of_the_account_takes_the_mailbox_but_does_not_open_it(engine, seen):
    describe(seen, "own0", f"O:SYG:SYD:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;{sid('acc0')})")
    lines = told(rights_over_time(engine.hold([]), seen))
    assert ("acc0", "send", "SendAs") in lines
    taking = (
        lines["acc0", "become", "GenericAll"]
        if ("acc0", "become", "GenericAll") in lines
        else lines["acc0", "grant", "GenericAll"]
    )
    assert {"WriteDacl", "WriteOwner", "User-Force-Change-Password"} <= set(taking.way.gives)
    assert not any(key[0] == "acc0" and key[1] == "open" for key in lines)


def test_who_owns_the_object_can_change_its_rights(engine, seen):
    describe(seen, "own0", f"O:{sid('acc2')}G:SYD:(A;;RC;;;SY)")
    assert ("acc2", "grant", "owner") in told(rights_over_time(engine.hold([]), seen))


def test_who_writes_the_members_of_a_group_on_the_way_can_take_it(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('grp0')})")
    seen.members.append(
        Member(**OF, attribute="member", group_dn="", group_guid=guid("grp0"), member_dn="", member_guid=guid("grp1"))
    )
    describe(seen, "grp1", f"O:SYG:SYD:(OA;;WP;bf9679c0-0de6-11d0-a285-00aa003049e2;;{sid('acc0')})")
    lines = told(rights_over_time(engine.hold([]), seen))
    way = lines["acc0", "grant", "WriteProperty(member) on grp1"].way
    assert way.path == ("WriteProperty(member) on grp1", "member of grp0", "FullAccess")


def test_primary_group_and_circles(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('grp2')})")
    link = {"attribute": "member", "group_dn": "", "member_dn": ""}
    seen.members += [
        Member(**OF, **link, group_guid=guid("grp1"), member_guid=guid("grp0")),
        Member(**OF, **link, group_guid=guid("grp0"), member_guid=guid("grp1")),
        Member(**OF, **link, group_guid=guid("grp2"), member_guid=guid("grp1")),
    ]
    person = next(p for p in seen.principals if p.object_guid == guid("acc1"))
    seen.principals.append(
        Principal(**OF, kind="user", object_class="user", object_guid=person.object_guid, primary_group_sid=sid("grp0"))
    )
    standing = rights_over_time(engine.hold([]), seen)
    assert opens(standing) == {"acc1"}
    assert len(standing.memberships.circles()) == 1


def test_a_linked_mailbox_is_opened_by_its_master_account(engine, seen):
    foreign = "S-1-5-21-77-88-99-1500"
    seen.principals.append(
        Principal(**OF, kind="user", object_class="user", object_guid=guid("own0"), master_account_sid=foreign)
    )
    standing = rights_over_time(engine.hold([]), seen)
    assert (foreign, "open", "linked mailbox (master account)") in told(standing)
    account = standing.identities.resolve(foreign).one
    assert [line.mailbox for line in reach(standing, account, LATER)] == ["FAB\\own0"]


def test_former_sids_count(engine, seen):
    former = "S-1-5-21-77-88-99-1501"
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{former})")
    seen.principals.append(
        Principal(**OF, kind="user", object_class="user", object_guid=guid("acc0"), sid_history=(former,))
    )
    standing = rights_over_time(engine.hold([]), seen)
    acc0, own0 = (standing.identities.resolve(sid(name)).one for name in ("acc0", "own0"))
    assert [way.right for way in ways_in(standing, acc0, own0, LATER)] == ["FullAccess"]
    assert "acc0" in opens(standing)


def test_roles_and_their_end(engine, seen):
    common = {
        "source": "exchange_cmdlets",
        "kind": "role",
        "scope": "organization",
        "object_class": "ManagementRoleAssignment",
    }
    rows = [
        row(
            0,
            **common,
            action="assigned",
            object_dn="imp-acc0",
            rights=["ApplicationImpersonation"],
            trustee_name="FAB\\acc0",
        ),
        row(99, **common, action="removed", object_dn="imp-acc0", before="imp-acc0"),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    during = micros(rows[0]["occurred_at"]) + 1
    assert opens(standing, at=during) == {"acc0"}
    assert opens(standing, at=LATER) == set()
    way = told(standing, at=during)["acc0", "open", "ApplicationImpersonation"].way
    assert "refuses this role since 2025-02-28" in way.remarks[0]
    lines = reach(standing, standing.identities.resolve(sid("acc0")).one, during)
    assert [(line.scope, line.mailboxes) for line in lines] == [("organization", 2)]


def test_roles_of_a_snapshot(engine, seen):
    of = {"observed_at": AT, "evidence_sha256": seen.snapshots[0].evidence_sha256, "dn": "CN=imp,CN=Role Assignments"}
    seen.settings += [
        Setting(**of, attribute="msExchRoleLink", value="CN=ApplicationImpersonation,CN=Roles"),
        Setting(**of, attribute="msExchUserLink", value="CN=Acc1,OU=Staff,DC=fab,DC=example"),
    ]
    assert opens(rights_over_time(engine.hold([]), seen)) == {"acc1"}


def test_permission_of_an_application(engine, seen):
    rows = [
        row(
            0,
            kind="role",
            action="assigned",
            source="unified_audit",
            scope="organization",
            app_id="dc890d15-0000-0000-0000-000000000001",
            trustee_name="CRM connector",
            rights=["full_access_as_app"],
        ),
        row(
            60,
            kind="access",
            action="item_read",
            source="unified_audit",
            scope="mailbox",
            app_id="dc890d15-0000-0000-0000-000000000001",
            actor_kind="application",
            actor_name="CRM connector",
            logon_type="owner",
            mailbox_ref="FAB\\own0",
            mailbox_ref_form="account",
        ),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    (explanation,), _hidden = explain(engine, standing, Filters())
    assert (explanation.status, explanation.ways[0].path) == ("explained", ("full_access_as_app on every mailbox",))
    assert explanation.by == (rows[0]["event_id"],)


@pytest.mark.parametrize(("who", "word"), [("Default", "Default"), ("FAB\\acc0", None)])
def test_folder_rights_and_their_replacement(engine, seen, who, word):
    common = {"source": "exchange_cmdlets", "kind": "permission", "scope": "folder", "folder": "\\Inbox"}
    common |= {"mailbox_ref": "FAB\\own0", "mailbox_ref_form": "account", "trustee_name": who}
    rows = [
        row(0, **common, action="granted", rights=["Reviewer"]),
        row(3600, **common, action="changed", rights=["Editor"]),
        row(7200, **common, action="revoked", rights=[]),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    acc0, own0 = (standing.identities.resolve(sid(name)).one for name in ("acc0", "own0"))
    paths = [
        [way.path for way in ways_in(standing, acc0, own0, micros(rows[0]["occurred_at"]) + seconds * 1_000_000)]
        for seconds in (1800, 5400, 9000)
    ]
    before = (word,) if word else ()
    assert paths == [[(*before, "Reviewer")], [(*before, "Editor")], []]


def test_a_folder_right_explains_only_its_folder(engine, seen):
    common = {"source": "mailbox_audit", "mailbox_ref": "FAB\\own0", "mailbox_ref_form": "account"}
    rows = [
        row(
            0,
            **common,
            kind="permission",
            action="granted",
            scope="folder",
            folder="\\Inbox",
            rights=["Reviewer"],
            trustee_name="FAB\\acc0",
        ),
        *(
            row(
                60 + n,
                **common,
                kind="access",
                action="folder_open",
                scope="folder",
                folder=folder,
                actor_name="FAB\\acc0",
                logon_type="delegate",
            )
            for n, folder in enumerate(("\\Inbox", "\\Sent Items"))
        ),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    assert [e.status for e in explain(engine, standing, Filters())[0]] == ["explained", "unexplained"]


def test_send_on_behalf(engine, seen):
    rows = [
        value(
            0,
            "{a}",
            action="granted",
            attribute="publicDelegates",
            object_guid=guid("own0"),
            object_dn=None,
            trustee_name="CN=Acc0,OU=Staff,DC=fab,DC=example",
            rights=["SendOnBehalf"],
        )
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    assert ("acc0", "send", "SendOnBehalf") in told(standing)


def test_the_default_rights_of_set_up_give_way_to_the_organizations_own(engine, seen):
    group = Principal(
        **OF,
        kind="group",
        object_class="group",
        object_guid=guid("grp3"),
        sid=sid("grp3"),
        account="FAB\\Exchange Domain Servers",
    )
    seen.principals = [p for p in seen.principals if p.object_guid != guid("grp3")] + [group]
    store = row(
        0,
        kind="access",
        action="logon",
        source="exchange_store",
        scope="mailbox",
        actor_name="FAB\\x",
        mailbox_ref="FAB\\own0",
    )
    assert "Exchange Domain Servers" in opens(rights_over_time(engine.hold([store]), seen))
    describe(seen, "organization", "O:SYG:SYD:(A;;RC;;;SY)")
    assert opens(rights_over_time(engine.hold([store]), seen)) == set()


def test_a_change_without_a_witness_is_told_and_explains_only_perhaps(engine):
    history = History(steps=[Step("access", "acc0", "own0")], snapshots=frozenset({0}))
    rows, seen = evidence_of(history)
    state = State.of(history)
    state.rules["own0.mailbox"].add(Rule("acc0", allows=True, what="open"))
    seen.look(state, history.at(0) + HOUR)
    standing = rights_over_time(engine.hold(rows), seen)
    (lost,) = standing.facts.unwitnessed
    assert (standing.identities.label(lost.trustee), lost.right, lost.change.came) == ("FAB\\acc0", "FullAccess", True)
    (explanation,), _hidden = explain(engine, standing, Filters())
    assert explanation.status == "possible"
    assert explanation.ways[0].doubt == "when it began or ended nobody witnessed"


def test_an_owner_that_changed_without_a_witness(engine):
    history = History(steps=[Step("access", "acc0", "own0")] * 2, snapshots=frozenset({0, 2}))
    rows, seen = evidence_of(history)
    seen.descriptors = []
    for place, owner in enumerate(("acc1", "acc2")):
        describe(seen, "own0", f"O:{sid(owner)}G:SYD:(A;;RC;;;SY)", place=place)
    standing = rights_over_time(engine.hold(rows), seen)
    labels = standing.identities.label
    told = {(each.what, labels(each.trustee), each.right, each.change.came) for each in standing.facts.unwitnessed}
    assert told == {("right", "FAB\\acc1", "owner", False), ("right", "FAB\\acc2", "owner", True)}


def test_revoked_before_the_access_and_given_again(engine):
    rule = Rule("acc0", allows=True, what="open")
    steps = [
        Step("set", "own0.mailbox", rule=rule),
        Step("access", "acc0", "own0"),
        Step("clear", "own0.mailbox", rule=rule),
        Step("access", "acc0", "own0"),
        Step("set", "own0.mailbox", rule=rule),
        Step("access", "acc0", "own0"),
    ]
    rows, seen = evidence_of(History(steps=steps, snapshots=frozenset({0})))
    standing = rights_over_time(engine.hold(rows), seen)
    found, _hidden = explain(engine, standing, Filters())
    assert [each.status for each in found] == ["explained", "unexplained", "explained"]
    assert found[0].by != found[2].by
    assert found[0].ways[0].steps[0].until is not None
    assert "the mailbox's own rights: 0 entries in force" in found[1].looked_at


def test_names_that_mean_several_explain_only_perhaps(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('acc0')})")
    for name in ("acc0", "acc1"):
        seen.principals.append(
            Principal(**OF, kind="user", object_class="user", object_guid=guid(name), display_name="Kim Lee")
        )
    rows = [
        row(
            0,
            kind="access",
            action="item_read",
            source="mailbox_audit",
            scope="mailbox",
            actor_name="Kim Lee",
            mailbox_ref="FAB\\own0",
            mailbox_ref_form="account",
            logon_type="delegate",
        )
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    (explanation,), _hidden = explain(engine, standing, Filters())
    assert (explanation.status, explanation.ways[0].doubt) == ("possible", "the account's name can mean several")


def test_every_account_may_be_asked(engine, seen):
    standing = rights_over_time(engine.hold([]), seen)
    for name in ACCOUNTS:
        assert reach(standing, standing.identities.resolve(sid(name)).one, LATER) == []


def stated(name, trustee, *words, **more):
    of = {"observed_at": AT, "evidence_sha256": "e" * 64, "source": "Get-MailboxPermission", "scope": "mailbox"}
    of |= {"mailbox_ref": f"fab.example/Staff/{name.title()}", "mailbox_ref_form": "canonical"}
    return StatedRight(**(of | {"trustee": trustee, "rights": words} | more))


def test_rights_that_a_cmdlet_showed(engine, seen):
    seen.stated_rights += [
        stated("own0", "NT AUTHORITY\\SELF", "FullAccess", "ReadPermission"),
        stated("own0", "FAB\\acc0", "FullAccess", "ReadPermission"),
        stated("own0", "FAB\\acc1", "ReadPermission"),
        stated("own0", "FAB\\acc2", "FullAccess", deny=True),
        stated("own0", "FAB\\grp0", "FullAccess"),
        stated("own1", "acc1", "SendAs", source="Get-RecipientPermission"),
        stated("own1", "acc2", "SendOnBehalf", source="Get-Mailbox"),
        stated("own1", "Default", "Reviewer", source="Get-MailboxFolderPermission", scope="folder", folder="\\Inbox"),
    ]
    member = {"attribute": "member", "group_dn": "", "member_dn": "", "group_guid": guid("grp0")}
    seen.members.append(Member(**OF, **member, member_guid=guid("acc2")))
    standing = rights_over_time(engine.hold([]), seen)
    assert opens(standing) == {"acc0"}
    assert {key for key in told(standing, "own1") if key[0] != "SYSTEM"} == {
        ("own1", "open", "owner"),
        ("acc1", "send", "SendAs"),
        ("acc2", "send", "SendOnBehalf"),
        ("Everyone", "open", "Reviewer"),
    }


def test_a_cmdlets_right_and_the_entry_of_a_descriptor_are_one(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CCRC;;;{sid('acc0')})")
    seen.stated_rights.append(stated("own0", "FAB\\acc0", "FullAccess", whole=True))
    standing = rights_over_time(engine.hold([]), seen)
    assert len([entry for entry in standing.facts.entries if entry.kind == "mailbox"]) == 1
    assert standing.facts.unwitnessed == []


def test_a_whole_list_shows_that_a_right_is_gone(engine, seen):
    mailbox(seen, "own0", f"O:PSG:PSD:(A;CI;CC;;;{sid('acc0')})")
    later = AT + timedelta(days=9)
    seen.stated_rights.append(stated("own0", None, whole=True, observed_at=later))
    standing = rights_over_time(engine.hold([]), seen)
    (lost,) = standing.facts.unwitnessed
    assert (lost.change.came, lost.change.before.at) == (False, later)
    assert opens(standing) == set()


def test_a_list_in_the_cloud_is_another_one_than_that_on_premises(engine, seen):
    mailbox(seen, "own0", "O:PSG:PSD:(A;CI;CCRC;;;PS)")
    grant = row(
        0,
        kind="permission",
        action="granted",
        source="unified_audit",
        scope="mailbox",
        rights=["FullAccess"],
        mailbox_ref="FAB\\own0",
        mailbox_ref_form="account",
        trustee_name="FAB\\acc0",
    )
    after = grant["occurred_at"] + timedelta(days=1)
    seen.look(State.of(History()), after)
    mailbox(seen, "own0", "O:PSG:PSD:(A;CI;CCRC;;;PS)")
    standing = rights_over_time(engine.hold([grant]), seen)
    assert opens(standing) == {"acc0"}
    assert standing.facts.unwitnessed == []


def test_roles_that_a_cmdlet_showed(engine, seen):
    of = {"observed_at": AT, "evidence_sha256": "e" * 64, "assignee_form": "account"}
    seen.role_assignments += [
        RoleAssignment(**of, role="ApplicationImpersonation", assignee="FAB\\acc0"),
        RoleAssignment(**of, role="ApplicationImpersonation", assignee="FAB\\acc1", product="exchange_online"),
        RoleAssignment(**of, role="Mailbox Search", assignee="FAB\\acc2", enabled=False),
        RoleAssignment(**of, role="Mailbox Import Export", assignee="FAB\\grp0", effective_user="FAB\\acc2"),
        RoleAssignment(**of, role="View-Only Recipients", assignee="FAB\\acc1"),
    ]
    standing = rights_over_time(engine.hold([]), seen)
    assert opens(standing) == {"acc0", "acc2"}
    before = micros(datetime(2025, 1, 1, tzinfo=UTC))
    assert opens(standing, at=before) == {"acc0", "acc1", "acc2"}
    assert told(standing, at=before)["acc1", "open", "ApplicationImpersonation"].way.steps[0].until.how == "retired"
