"""windows and unwitnessed as a user runs them, over a trail of two looks at a directory and a mailbox audit export."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from tests.faces.test_cli import run

from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory.model import DescriptorOf, Member, Principal, Snapshot
from mailwitness.directory.store import write_observations
from mailwitness.intake.importing import import_paths
from mailwitness.trail.create import create_trail

FIRST, SECOND = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 8, 8, tzinfo=UTC)
SID = "S-1-5-21-7-8-9-{}"
STATED = {"observed_at": FIRST, "evidence_sha256": ""}
PEOPLE = {"box": 1101, "helper": 1102, "grp": 1103, "lurker": 1104}
AUDIT = (
    "Operation,OperationResult,LogonType,MailboxGuid,MailboxOwnerUPN,MailboxOwnerSid,LogonUserSid,"
    "LogonUserDisplayName,ClientIPAddress,FolderPathName,LastAccessed\n"
    "FolderBind,Succeeded,Delegate,{box},box@fab.example,{owner},{helper},helper,192.0.2.7,\\Inbox,"
    "2026-05-20T09:00:00Z\n"
)


def guid(name):
    return f"00000000-0000-0000-0000-{PEOPLE[name]:012d}"


def people():
    for name, rid in PEOPLE.items():
        kind = "group" if name == "grp" else "user"
        said = {"group_type": 0x80000002} if kind == "group" else {"upn": f"{name}@fab.example"}
        box = {"mailbox_guid": guid(name), "mail": "box@fab.example"} if name == "box" else {}
        yield Principal(
            **STATED,
            kind=kind,
            object_class=kind,
            object_guid=guid(name),
            sid=SID.format(rid),
            dn=f"CN={name},DC=fab,DC=example",
            account=f"FAB\\{name}",
            **said,
            **box,
        )


def look(made, at, entries, members):
    data = write_binary(parse_sddl("O:PSG:PSD:" + "".join(f"(A;CI;CC;;;{SID.format(PEOPLE[n])})" for n in entries)))
    sha256 = hashlib.sha256(data).hexdigest()
    box = {"dn": "CN=box,DC=fab,DC=example", "object_guid": guid("box")}
    rows = [*people(), DescriptorOf(**STATED, attribute="msExchMailboxSecurityDescriptor", sha256=sha256, **box)]
    for name in members:
        grp, member = {"group_dn": "CN=grp,DC=fab,DC=example"}, {"member_dn": f"CN={name},DC=fab,DC=example"}
        ids = {"group_guid": guid("grp"), "member_guid": guid(name)}
        rows.append(Member(**STATED, attribute="member", **grp, **member, **ids))
    seen = Snapshot(observed_at=at, evidence_sha256="", complete=True, origin="ldap", name="dc1")
    write_observations(made.trail.path, made.key_path, rows, {sha256: data}, seen)


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    """Return a trail: between two looks a right came and a membership went, and nothing tells who did it."""
    folder = tmp_path_factory.mktemp("windows")
    made = create_trail(folder / "trail", key_dir=folder / "keys")
    look(made, FIRST, ["lurker"], ["helper"])
    look(made, SECOND, ["lurker", "helper"], [])
    (folder / "audit.csv").write_text(
        AUDIT.format(box=guid("box"), owner=SID.format(1101), helper=SID.format(1102)), encoding="utf-8"
    )
    report = import_paths(made.trail.path, [folder / "audit.csv"], key_path=made.key_path)
    assert (report.totals.recorded, report.totals.unread) == (1, 0)
    return made.trail.path


def ask(trail, *arguments):
    ran = run(*arguments, "--trail", trail, "--format", "json", "--accept", "3")
    assert ran.returncode == 0, ran.stderr
    return orjson.loads(ran.stdout)


def test_what_changed_between_two_looks_without_a_record(trail):
    answer = ask(trail, "unwitnessed")
    found = {(i["kind"], i["action"], i["target"], i["account"], i["right"]) for i in answer["items"]}
    assert found == {
        ("permission", "granted", "FAB\\box", "FAB\\helper", "FullAccess"),
        ("membership", "removed", "FAB\\grp", "FAB\\helper", "member"),
    }
    for item in answer["items"]:
        assert (item["after_at"], item["before_at"]) == ("2026-03-01T08:00:00.000000Z", "2026-03-08T08:00:00.000000Z")
        assert len(item["evidence_sha256"]) == 2
    assert answer["looks"] == 2


@pytest.mark.parametrize(
    ("subject", "count"),
    [("box@fab.example", 1), (SID.format(1103), 1), ("FAB\\helper", 2), ("lurker", 0)],
)
def test_unwitnessed_of_one_thing_by_any_name(trail, subject, count):
    assert ask(trail, "unwitnessed", subject)["count"] == count


def test_unwitnessed_within_a_time(trail):
    assert ask(trail, "unwitnessed", "--until", "2026-03-01")["count"] == 0
    assert ask(trail, "unwitnessed", "--since", (SECOND + timedelta(days=1)).isoformat())["count"] == 0
    assert ask(trail, "unwitnessed", "--since", "2026-03-05", "--until", "2026-03-06")["count"] == 2


def test_a_name_nobody_has(trail):
    ran = run("unwitnessed", "nobody@x.example", "--trail", trail)
    assert ran.returncode == 2
    assert b"nothing in this trail is called nobody@x.example" in ran.stderr


def test_the_windows_of_a_mailbox(trail):
    answer = ask(trail, "windows", "FAB\\box")
    kinds = {item["kind"]: item for item in answer["items"]}
    assert set(kinds) == {"late_first_access", "never_used"}
    late, unused = kinds["late_first_access"], kinds["never_used"]
    assert (late["right"], late["uses"], late["where"]) == ("FullAccess", 1, "192.0.2.7")
    assert late["since"] == "2026-03-08T08:00:00.000000Z"
    assert (unused["account"], unused["since"], unused["uses"]) == ("FAB\\lurker", "before the trail began", 0)


def test_windows_of_one_kind_and_with_another_measure(trail):
    assert [i["kind"] for i in ask(trail, "windows", "--kind", "never_used")["items"]] == ["never_used"]
    assert ask(trail, "windows", "--kind", "late_first_access", "--late-days", "80")["items"] == []
    assert ask(trail, "windows", "--within-hours", "48", "--kind", "hit_and_run")["items"] == []
    ran = run("windows", "--trail", trail, "--kind", "often")
    assert ran.returncode == 2
    assert b"hit_and_run" in ran.stderr


def test_tables_say_what_never_used_means(trail):
    ran = run("windows", "--trail", trail, "--accept", "3")
    assert b"no access on record used it" in ran.stdout
