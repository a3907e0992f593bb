"""Who can open, send, take: each rule of lists of rights and of groups by a case made by hand."""

from __future__ import annotations

from tests.analysis.histories import ACCOUNTS, HOUR, History, Rule, State, Step, evidence_of, guid, sid
from tests.analysis.made_directory import LATER, OF, describe, mailbox, opens, told
from tests.analysis.rows import row

from mailwitness.analysis.explain import explain
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import reach, ways_in
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.model import Member, Principal


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
