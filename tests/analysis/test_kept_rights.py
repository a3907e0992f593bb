"""What was worked out of rights and kept beside the trail: the same answers, and never of another trail."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from tests.analysis.engine_of_rows import EngineOfRows
from tests.analysis.histories import ACCOUNTS, GROUPS, HOUR, OWNERS, evidence_of, guid, histories, sid
from tests.analysis.made_directory import LATER, OF, nobody_has_rights
from tests.analysis.rows import row

from mailwitness.analysis import kept_rights
from mailwitness.analysis.kept_rights import keep, standing_of
from mailwitness.analysis.kept_standing import KeptStanding
from mailwitness.analysis.reach import reach, who_can_open
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.directory.clock import micros
from mailwitness.directory.model import Member, Principal, RoleAssignment
from mailwitness.trail.layout import Trail

ENGINE = EngineOfRows()


def reader_of(folder, size=7, root=b"\x01" * 32):
    """Return as much of a reader as tells which trail it is."""
    trail = Trail(folder)
    trail.checkpoint("log").parent.mkdir(parents=True, exist_ok=True)
    trail.checkpoint("log").touch()
    about = SimpleNamespace(log_id="log")
    return SimpleNamespace(trail=trail, settings=about, origin="fab.example/log", size=size, root=root)


@pytest.fixture(autouse=True)
def _all_is_worth_keeping(monkeypatch):
    monkeypatch.setattr(kept_rights, "WORTH_KEEPING", 0.0)


def same_answers(one, other, at):
    for name in OWNERS:
        assert who_can_open(other, other.identities.resolve(sid(name)).one, at) == who_can_open(
            one, one.identities.resolve(sid(name)).one, at
        )
    for name in (*ACCOUNTS, *GROUPS, *OWNERS):
        asked = one.identities.resolve(sid(name), at=at)
        assert other.identities.resolve(sid(name), at=at) == asked
        for thing in asked.things:
            assert reach(other, thing, at) == reach(one, thing, at)
            assert other.identities.label(thing, at) == one.identities.label(thing, at)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_what_was_kept_answers_as_what_was_worked_out(tmp_path_factory, history):
    rows, observations = evidence_of(history)
    ENGINE.hold(rows)
    reader = reader_of(tmp_path_factory.mktemp("trail"))
    worked_out = standing_of(reader, ENGINE, observations)
    kept = standing_of(reader, None, None)
    assert isinstance(kept, KeptStanding)
    for step in range(0, len(history.steps) + 1, 4):
        same_answers(worked_out, kept, micros(history.at(step) + HOUR / 2))
    same_answers(worked_out, kept, LATER)


def with_limits(engine):
    """Return a standing with a role in a scope, an application's policy, former SIDs and a linked mailbox."""
    seen = nobody_has_rights()
    of = {**OF, "kind": "user", "object_class": "user"}
    seen.principals += [
        Principal(
            **of, object_guid=guid("own0"), sid=sid("own0"), master_account_sid=sid("acc2"), mailbox_guid=guid("grp3")
        ),
        Principal(**of, object_guid=guid("acc1"), sid=sid("acc1"), sid_history=("S-1-5-21-9-9-9-1",), enabled=False),
    ]
    seen.members.append(
        Member(**OF, attribute="member", group_dn="", member_dn="", group_guid=guid("grp0"), member_guid=guid("own0"))
    )
    scoped = {"recipient_scope": "CustomRecipientScope", "custom_scope": "Few"}
    seen.role_assignments.append(
        RoleAssignment(**OF, role="Mailbox Search", assignee="FAB\\acc0", assignee_form="account", **scoped)
    )
    scope = {"kind": "permission", "action": "changed", "scope": "organization", "object_class": "ManagementScope"}
    asked = f"Name=Few, RecipientRestrictionFilter=MemberOfGroup -eq '{guid('grp0')}'"
    return rights_over_time(engine.hold([row(0, **scope, object_dn="Few", after=asked)]), seen)


def test_limits_former_sids_and_names_are_kept(engine, tmp_path):
    standing, reader = with_limits(engine), reader_of(tmp_path)
    keep(reader, path_of(reader), standing)
    kept = standing_of(reader, None, None)
    same_answers(standing, kept, LATER)
    assert any(line.right == "Mailbox Search" for line in reach(kept, kept.identities.resolve(sid("acc0")).one, LATER))
    for name in ("FAB\\acc0", "acc0", "Acc0", "nobody", "\udc80", "S-1-5-21-9-9-9-1"):
        assert kept.identities.resolve(name) == standing.identities.resolve(name)
    assert kept.identities.ensure("S-1-5-21-5-5-5-5") == standing.identities.ensure("S-1-5-21-5-5-5-5")


def path_of(reader):
    return reader.trail.derived / "rights" / "log.sqlite"


@pytest.mark.parametrize("broken", ["size", "root", "byte", "gone", "beside", "writable", "version", "folder"])
def test_what_does_not_fit_is_left_aside(engine, tmp_path, monkeypatch, broken):
    reader = reader_of(tmp_path)
    path = path_of(reader)
    seen = nobody_has_rights()
    engine.hold([])
    standing_of(reader, engine, seen)
    assert isinstance(standing_of(reader, None, None), KeptStanding)
    if broken in ("size", "root"):
        reader = reader_of(tmp_path, **({"size": 8} if broken == "size" else {"root": b"\x02" * 32}))
    elif broken == "byte":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif broken == "gone":
        path.unlink()
    elif broken == "beside":
        path.with_suffix(".json").write_bytes(b"[]")
    elif broken == "writable":
        path.chmod(0o666)
    elif broken == "version":
        monkeypatch.setattr(kept_rights, "FORMAT", kept_rights.FORMAT + 1)
    else:
        path.unlink()
        path.mkdir()
    assert not isinstance(standing_of(reader, engine, seen), KeptStanding)


def test_a_trail_that_may_not_be_written_is_answered_all_the_same(engine, tmp_path):
    reader = reader_of(tmp_path)
    reader.trail.derived.write_bytes(b"no folder")
    standing = standing_of(reader, engine.hold([]), nobody_has_rights())
    assert standing.facts.mailboxes
    assert reader.trail.derived.read_bytes() == b"no folder"


def test_what_is_quickly_worked_out_is_not_kept(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_rights, "WORTH_KEEPING", 1e9)
    reader = reader_of(tmp_path)
    standing_of(reader, engine.hold([]), nobody_has_rights())
    assert not path_of(reader).exists()
