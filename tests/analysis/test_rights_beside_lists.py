"""Who can open or send by what stands in no descriptor: roles, applications, folders, delegates, words of cmdlets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.analysis.histories import History, State, guid, sid
from tests.analysis.made_directory import AT, LATER, OF, mailbox, opens, stated, told
from tests.analysis.rows import row, value

from mailwitness.analysis.explain import explain
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.reach import reach, ways_in
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.clock import micros
from mailwitness.directory.model import Member, RoleAssignment, Setting


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
