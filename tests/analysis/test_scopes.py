"""Rights that cover some mailboxes: management scopes, units, exclusive scopes, policies of applications."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.analysis.histories import guid, sid
from tests.analysis.made_directory import AT, LATER, OF, opens, told
from tests.analysis.rows import row

from mailwitness.analysis.explain import explain
from mailwitness.analysis.explained_in_bulk import unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import reach
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.clock import micros
from mailwitness.directory.model import Member, RoleAssignment, Setting

APP = "dc890d15-0000-0000-0000-000000000001"
ROLE = {"source": "exchange_cmdlets", "kind": "role", "action": "assigned", "scope": "organization"}
ROLE |= {"object_class": "ManagementRoleAssignment", "rights": ["Mailbox Search"], "trustee_name": "FAB\\acc0"}
SCOPE = {"source": "exchange_cmdlets", "kind": "permission", "action": "changed", "scope": "organization"}
SCOPE |= {"object_class": "ManagementScope", "object_dn": "Few", "event_code": "1"}


def assigned(seconds, *parameters, **more):
    text = ", ".join(("Name=search", "Role=Mailbox Search", "User=FAB\\acc0", *parameters))
    return row(seconds, **(ROLE | {"object_dn": "search", "after": text} | more))


def scope(seconds, *parameters, name="Few"):
    return row(seconds, **SCOPE | {"object_dn": name, "after": ", ".join((f"Name={name}", *parameters))})


def exported(seen, name, **settings):
    of = {"observed_at": AT, "evidence_sha256": seen.snapshots[0].evidence_sha256, "dn": name}
    seen.settings += [Setting(**of, attribute=attribute, value=value) for attribute, value in settings.items()]


def searches(standing, owner, at=LATER):
    """Return whether acc0 can search a mailbox, and what is not certain of it."""
    line = told(standing, owner, at).get(("acc0", "open", "Mailbox Search"))
    return None if line is None else line.way.doubt or "certain"


def both(standing, at=LATER):
    return [searches(standing, owner, at) for owner in ("own0", "own1")]


@pytest.mark.parametrize(
    ("asked", "own0"),
    [
        ("SamAccountName -eq 'OWN0'", "certain"),
        ("((SamAccountName -like 'own*') -and -not(SamAccountName -eq 'own1'))", "certain"),
        ("{DistinguishedName -like 'CN=Own0,*' -or SamAccountName -eq 'nobody'}", "certain"),
        ("SamAccountName -ne 'own1' -or Department -eq 'Sales'", "certain"),
        ("SamAccountName -notlike '*0'", None),
    ],
)
def test_a_filter_that_names_answer(engine, seen, asked, own0):
    rows = [scope(0, f"RecipientRestrictionFilter={asked}"), assigned(9, "CustomRecipientWriteScope=Few")]
    found = both(rights_over_time(engine.hold(rows), seen))
    assert found[0] == own0
    if own0 and "Department" not in asked:
        assert found[1] is None


@pytest.mark.parametrize(
    "asked",
    ["Department -eq 'Sales'", "Title -like 'x' -and SamAccountName -like 'own*'", "$true", "broken -eq", "(" * 5000],
)
def test_a_filter_nobody_can_evaluate_is_possible_and_told(engine, seen, asked):
    rows = [scope(0, f"RecipientRestrictionFilter={asked}"), assigned(9, "CustomRecipientWriteScope=Few")]
    standing = rights_over_time(engine.hold(rows), seen)
    assert both(standing) == [f"limited to: Few ({asked})"] * 2
    (line,) = reach(standing, standing.identities.resolve(sid("acc0")).one, LATER)
    assert (line.mailboxes, line.among) == (2, ("FAB\\own0", "FAB\\own1"))
    assert line.way.doubt == f"limited to: Few ({asked})"


def test_a_scope_nobody_saw_is_possible(engine, seen):
    standing = rights_over_time(engine.hold([assigned(9, "CustomRecipientWriteScope=Few")]), seen)
    assert "what it was at that time nothing tells" in searches(standing, "own0")


def test_a_value_that_reads_as_a_second_scope_is_no_wider_one(engine, seen):
    smuggled = "CustomRecipientWriteScope=Few, RecipientOrganizationalUnitScope=fab.example"
    standing = rights_over_time(engine.hold([assigned(0, "CustomRecipientWriteScope=a", smuggled)]), seen)
    assert searches(standing, "own0").startswith("limited to: a or Few")


def test_units_and_the_holder_alone(engine, seen):
    unit = assigned(0, "RecipientOrganizationalUnitScope=fab.example/Staff")
    assert both(rights_over_time(engine.hold([unit]), seen)) == ["certain", "certain"]
    other = assigned(0, "RecipientOrganizationalUnitScope=OU=Elsewhere,DC=fab,DC=example")
    assert both(rights_over_time(engine.hold([other]), seen)) == [None, None]
    alone = assigned(0, "RecipientRelativeWriteScope=Self")
    assert both(rights_over_time(engine.hold([alone]), seen)) == [None, None]


def test_an_assignment_with_no_scope_covers_all_and_one_not_told_says_so(engine, seen):
    standing = rights_over_time(engine.hold([assigned(0)]), seen)
    assert told(standing)["acc0", "open", "Mailbox Search"].way.remarks == ()
    standing = rights_over_time(engine.hold([assigned(0, after=None)]), seen)
    remarks = told(standing)["acc0", "open", "Mailbox Search"].way.remarks
    assert remarks == ("the record does not tell the scope of the assignment",)


def test_scopes_change_and_assignments_get_others(engine, seen):
    changed = {"source": "exchange_cmdlets", "kind": "permission", "action": "changed", "scope": "organization"}
    changed |= {"object_class": "ManagementRoleAssignment", "object_dn": "search"}
    rows = [
        scope(0, "RecipientRestrictionFilter=SamAccountName -eq 'own0'"),
        assigned(10, "CustomRecipientWriteScope=Few"),
        row(20, **SCOPE, after="Identity=Few, RecipientRestrictionFilter=SamAccountName -eq 'own1'"),
        row(30, **changed, after="Identity=search, RecipientOrganizationalUnitScope=fab.example/Staff"),
        row(40, **changed, after="Identity=search, CustomRecipientWriteScope=Few"),
        row(50, **SCOPE, after="Identity=Few, Confirm=False"),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    start = micros(rows[0]["occurred_at"])
    found = [both(standing, start + second * 1_000_000) for second in (5, 15, 25, 35, 45, 55)]
    assert found == [
        [None, None],
        ["certain", None],
        [None, "certain"],
        ["certain", "certain"],
        [None, "certain"],
        [None, None],
    ]


def test_a_member_of_a_group_directly_or_not(engine, seen):
    member = {"attribute": "member", "group_dn": "", "member_dn": ""}
    seen.members += [
        Member(**OF, **member, group_guid=guid("grp0"), member_guid=guid("own0")),
        Member(**OF, **member, group_guid=guid("grp1"), member_guid=guid("own1")),
        Member(**OF, **member, group_guid=guid("grp0"), member_guid=guid("grp1")),
    ]
    asked = f"MemberOfGroup -eq '{guid('grp0')}'"
    rows = [scope(0, f"RecipientRestrictionFilter={asked}"), assigned(9, "CustomRecipientWriteScope=Few")]
    direct, nested = both(rights_over_time(engine.hold(rows), seen))
    assert (direct, nested) == ("certain", f"limited to: Few ({asked})")


def test_an_export_without_scopes_does_not_undo_what_the_act_told(engine, seen):
    """It shows the same assignment: since the act, and limited as the act said."""
    stands = {"role": "Mailbox Search", "assignee": "FAB\\acc0", "assignee_form": "account", "name": "search"}
    of = {"observed_at": AT + timedelta(days=90), "evidence_sha256": "d" * 64}
    seen.role_assignments.append(RoleAssignment(**of, **stands))
    rows = [
        scope(0, "RecipientRestrictionFilter=SamAccountName -eq 'own0'"),
        assigned(9, "CustomRecipientWriteScope=Few"),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    assert both(standing) == ["certain", None]
    [step] = told(standing)["acc0", "open", "Mailbox Search"].way.steps
    assert step.since.how == "event"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("told_at", [0, 1])
def test_exports_with_and_without_scopes_show_one_assignment(engine, seen, whole, told_at):
    """Neither tells of a change that nobody witnessed, whichever came first."""
    exported(seen, "Few", RecipientFilter="SamAccountName -eq 'own0'", Exclusive="False")
    stands = {"role": "Mailbox Search", "assignee": "FAB\\acc0", "assignee_form": "account", "name": "search"}
    for number, sha256 in enumerate(("c" * 64, "d" * 64)):
        of = {"observed_at": AT + timedelta(days=number), "evidence_sha256": sha256, "whole": whole}
        limit = {"recipient_scope": "CustomRecipientScope", "custom_scope": "few"} if number == told_at else {}
        seen.role_assignments.append(RoleAssignment(**of, **stands, **limit))
    standing = rights_over_time(engine.hold([]), seen)
    assert both(standing) == ["certain", None]
    assert standing.facts.unwitnessed == []


def test_an_exported_scope_and_a_later_one_that_differs(engine, seen):
    exported(seen, "Few", RecipientFilter="SamAccountName -eq 'own0'", Exclusive="False")
    seen.role_assignments.append(
        RoleAssignment(
            **OF,
            role="Mailbox Search",
            assignee="FAB\\acc0",
            assignee_form="account",
            recipient_scope="CustomRecipientScope",
            custom_scope="few",
        )
    )
    standing = rights_over_time(engine.hold([]), seen)
    assert both(standing) == ["certain", None]
    later = AT + timedelta(days=9)
    of = {"observed_at": later, "evidence_sha256": "d" * 64, "dn": "Few"}
    seen.settings.append(Setting(**of, attribute="RecipientFilter", value="SamAccountName -like 'own*'"))
    standing = rights_over_time(engine.hold([]), seen)
    between = micros(AT + timedelta(days=3))
    assert searches(standing, "own0", between) == "certain"
    assert searches(standing, "own1", between).startswith("limited to: few")
    assert both(standing) == ["certain", "certain"]


def test_an_exclusive_scope_makes_others_doubtful(engine, seen):
    rows = [
        assigned(0),
        assigned(0, "ExclusiveRecipientWriteScope=Chiefs", object_dn="other", trustee_name="FAB\\acc1"),
        scope(1, "RecipientRestrictionFilter=SamAccountName -eq 'own0'", "Exclusive=True", name="Chiefs"),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    assert both(standing) == ["the exclusive scope chiefs may keep it from this mailbox", "certain"]
    chief = told(standing)["acc1", "open", "Mailbox Search"]
    assert chief.way.doubt is None
    assert ("acc1", "open", "Mailbox Search") not in told(standing, "own1")


def policy(seconds, right, group, **more):
    of = {"source": "unified_audit", "kind": "permission", "action": "changed", "scope": "organization"}
    of |= {"object_class": "ApplicationAccessPolicy", "event_code": "New-ApplicationAccessPolicy", "trustee_name": APP}
    text = f"AppId={APP}, PolicyScopeGroupId={group}, AccessRight={right}"
    return row(seconds, **(of | {"app_id": APP, "rights": [right], "after": text} | more))


def consented(permission="full_access_as_app"):
    of = {"source": "unified_audit", "kind": "role", "action": "assigned", "scope": "organization"}
    return row(0, **of, app_id=APP, trustee_name="CRM connector", rights=[permission])


def in_group(seen, name, group="grp0"):
    member = {"attribute": "member", "group_dn": "", "member_dn": ""}
    seen.members.append(Member(**OF, **member, group_guid=guid(group), member_guid=guid(name)))


def read(seconds, owner):
    of = {"source": "unified_audit", "kind": "access", "action": "item_read", "scope": "mailbox"}
    of |= {"actor_kind": "application", "actor_name": "CRM connector", "app_id": APP, "logon_type": "owner"}
    return row(seconds, **of, mailbox_ref=f"FAB\\{owner}", mailbox_ref_form="account")


def test_policies_of_an_application_keep_it_to_a_group_or_from_one(engine, seen):
    in_group(seen, "own0")
    rows = [consented(), policy(10, "RestrictAccess", sid("grp0"))]
    removed = {"event_code": "Remove-ApplicationAccessPolicy", "after": None, "trustee_name": None, "app_id": None}
    rows += [
        policy(20, "", "", **removed, object_dn=f"aa000000-0000-4000-8000-000000000001\\{APP}:{sid('grp0')};1"),
        policy(30, "DenyAccess", sid("grp0")),
    ]
    accesses = [read(second, owner) for second in (5, 15, 25, 35) for owner in ("own0", "own1")]
    engine.hold(rows + accesses)
    standing = rights_over_time(engine, seen)
    found, _hidden = explain(engine, standing, Filters())
    explained = [each.status for each in sorted(found, key=lambda e: accesses.index(_of(e, accesses)))]
    assert explained == [
        *("explained", "explained"),
        *("explained", "unexplained"),
        *("explained", "explained"),
        *("unexplained", "explained"),
    ]
    left = {each.access["event_id"] for each in found if each.status != "explained"}
    assert set(unexplained(engine, standing, Filters()).unexplained) == left
    app = standing.identities.resolve(APP).one
    (line,) = reach(standing, app, LATER)
    assert (line.among, line.excepted, line.mailboxes) == (("FAB\\own1",), ("FAB\\own0",), 1)
    assert "application access policies: denyaccess of" in line.way.remarks[0]


def _of(explanation, accesses):
    return next(row for row in accesses if row["event_id"] == explanation.access["event_id"])


def test_a_policy_of_an_unknown_group_and_a_permission_no_policy_narrows(engine, seen):
    rows = [consented(), policy(10, "RestrictAccess", "leaders@fab.example"), read(20, "own0")]
    standing = rights_over_time(engine.hold(rows), seen)
    (explanation,), _ = explain(engine, standing, Filters())
    assert (explanation.status, explanation.ways[0].doubt[:26]) == ("possible", "application access policie")
    rows[0] = consented("IMAP.AccessAsApp")
    standing = rights_over_time(engine.hold(rows), seen)
    (explanation,), _ = explain(engine, standing, Filters())
    assert (explanation.status, explanation.ways[0].remarks) == ("explained", ())


def test_an_exported_policy(engine, seen):
    in_group(seen, "own0")
    exported(seen, f"aa\\{APP}:x;1", AppId=APP, AccessRight="RestrictAccess", ScopeIdentityRaw=sid("grp0"))
    standing = rights_over_time(engine.hold([consented()]), seen)
    assert opens(standing, "own0") == {"CRM connector"}
    assert opens(standing, "own1") == set()


def test_roles_of_applications_are_limited_by_their_resource_scope(engine, seen):
    in_group(seen, "own1")
    asked = f"MemberOfGroup -eq '{guid('grp0')}'"
    assignment = {**ROLE, "rights": ["Application Mail.Read"], "source": "unified_audit", "trustee_name": APP}
    text = f"Name=r, Role=Application Mail.Read, App={APP}, CustomResourceScope=Few"
    rows = [
        scope(0, f"RecipientRestrictionFilter={asked}"),
        row(5, **assignment, object_dn="r", after=text),
        read(10, "own0"),
        read(11, "own1"),
    ]
    standing = rights_over_time(engine.hold(rows), seen)
    found, _hidden = explain(engine, standing, Filters())
    assert {e.access["mailbox_ref"]: e.status for e in found} == {
        "FAB\\own0": "unexplained",
        "FAB\\own1": "explained",
    }
    (way,) = next(e.ways for e in found if e.status == "explained")
    assert way.remarks == (f"limited to: Few ({asked})",)
