"""A real domain controller is followed: rights, links, names and switches as they change."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import pytest
from ldap.controls import LDAPControl
from tests.directory.lab import BASE, GROUPS, MAILBOXES

from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.sddl import parse_sddl, write_sddl
from mailwitness.directory import dirsync
from mailwitness.directory.dirsync import Follower
from mailwitness.directory.store import load_observations
from mailwitness.errors import TrailLocked
from mailwitness.trail.create import create_trail
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer

DACL_ONLY = LDAPControl("1.2.840.113556.1.4.801", criticality=True, encodedControlValue=b"0\x03\x02\x01\x04")
AUDITOR = f"CN=auditor,CN=Users,{BASE}"
TABLES = ("principals", "members", "descriptors", "settings")


class Following:
    """A trail with a follower of the module's domain controller."""

    def __init__(self, controller, folder) -> None:
        made = create_trail(folder / "trail", key_dir=folder / "keys")
        self.path, self.key_path = made.trail.path, made.key_path
        self.controller = controller
        self.follower = Follower(self.path, self.key_path, controller.server())
        self.first = self.follower.look()

    def look(self):
        """Look again and return what was observed, by table; None where nothing changed."""
        taken = self.follower.look()
        if taken is None:
            return None
        observations = load_observations(self.path)
        mine = taken.recorded.evidence_sha256
        assert not taken.snapshot.complete
        return {t: [row for row in getattr(observations, t) if row.evidence_sha256 == mine] for t in TABLES}

    def descriptor(self, sha256):
        """Return a descriptor the trail holds."""
        return parse_binary(load_observations(self.path).descriptor(sha256))


@pytest.fixture(scope="module", params=["plain", "strong"])
def controller(controllers, request):
    """Return a domain controller, and one that requires strong authentication."""
    return controllers.start(DC_STRONG="1" if request.param == "strong" else "")


@pytest.fixture(scope="module")
def client(controller):
    """Return a connection to change things with."""
    return controller.client()


@pytest.fixture(scope="module")
def shared(controller, tmp_path_factory):
    """Return one follower for the tests of this module."""
    return Following(controller, tmp_path_factory.mktemp("following"))


@pytest.fixture
def following(shared):
    """Return the follower with everything looked at that was changed so far."""
    shared.follower.look()
    return shared


def sid_of(following, account):
    principals = load_observations(following.path).principals
    return next(p.sid for p in principals if p.account == f"EXAMPLE\\{account}")


def test_the_first_look_is_a_complete_snapshot(shared):
    assert shared.first.snapshot.complete
    configuration = f"CN=Configuration,{BASE}"
    exchange = f"CN=Microsoft Exchange,CN=Services,{configuration}"
    assert shared.first.snapshot.bases == (BASE, f"CN=Sites,{configuration}", exchange)
    first = shared.first.recorded.evidence_sha256
    principals = [p for p in load_observations(shared.path).principals if p.evidence_sha256 == first]
    assert sum(1 for p in principals if p.mailbox_guid) == 100


def test_where_nothing_changed_nothing_is_written(following):
    before = len(load_observations(following.path).snapshots)
    assert following.look() is None
    assert len(load_observations(following.path).snapshots) == before


def test_full_access_granted_over_ldap_is_seen(following, client):
    trustee = sid_of(following, "helpdesk")
    data = write_binary(parse_sddl(f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{trustee})"))
    dn = f"CN=mbx00001,{MAILBOXES}"
    client.modify_s(dn, [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [data])])
    seen = following.look()
    [mine] = [d for d in seen["descriptors"] if d.attribute == "msExchMailboxSecurityDescriptor"]
    assert mine.dn == dn
    assert f"(A;CI;CC;;;{trustee})" in write_sddl(following.descriptor(mine.sha256))
    assert [p.dn for p in seen["principals"]] == [dn]


def test_send_as_granted_over_ldap_is_seen(following, client):
    trustee, dn = sid_of(following, "helpdesk"), f"CN=mbx00002,{MAILBOXES}"
    found = client.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"], serverctrls=[DACL_ONLY])
    text = write_sddl(parse_binary(found[0][1]["nTSecurityDescriptor"][0]))
    entry = f"(OA;;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;{trustee})"
    data = write_binary(parse_sddl(text.replace("(", entry + "(", 1)))
    client.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [data])], serverctrls=[DACL_ONLY])
    seen = following.look()
    [mine] = [d for d in seen["descriptors"] if d.attribute == "nTSecurityDescriptor"]
    assert mine.dn == dn
    assert entry in write_sddl(following.descriptor(mine.sha256))


@pytest.mark.parametrize(
    ("dn", "attribute"), [(f"CN=grp0001,{GROUPS}", "member"), (f"CN=mbx00003,{MAILBOXES}", "publicDelegates")]
)
def test_links_come_and_go_one_by_one(following, client, dn, attribute):
    for change, present in ((ldap.MOD_ADD, True), (ldap.MOD_DELETE, False)):
        client.modify_s(dn, [(change, attribute, [AUDITOR.encode()])])
        seen = following.look()
        [link] = seen["members"]
        assert (link.attribute, link.group_dn, link.member_dn, link.present) == (attribute, dn, AUDITOR, present)
        assert link.member_sid == sid_of(following, "auditor")
        assert link.group_guid == seen["principals"][0].object_guid


def test_a_setting_that_is_switched_and_one_that_is_removed(following, client):
    dn = f"CN=mbx00004,{MAILBOXES}"
    client.modify_s(dn, [(ldap.MOD_REPLACE, "msExchMailboxAuditEnable", [b"FALSE"])])
    [one] = following.look()["settings"]
    assert (one.dn, one.attribute, one.value) == (dn, "msExchMailboxAuditEnable", "FALSE")
    client.modify_s(dn, [(ldap.MOD_DELETE, "msExchMailboxAuditEnable", None)])
    [one] = following.look()["settings"]
    assert (one.dn, one.attribute, one.value) == (dn, "msExchMailboxAuditEnable", None)


def test_a_rename_and_a_move_keep_the_guid(following, client):
    before = next(p for p in load_observations(following.path).principals if p.dn == f"CN=mbx00005,{MAILBOXES}")
    client.rename_s(before.dn, "CN=Renamed", None)
    [renamed] = following.look()["principals"]
    client.rename_s(renamed.dn, "CN=Renamed", GROUPS)
    [moved] = following.look()["principals"]
    assert (renamed.object_guid, renamed.dn) == (before.object_guid, f"CN=Renamed,{MAILBOXES}")
    assert (moved.object_guid, moved.dn, moved.parent_dn) == (before.object_guid, f"CN=Renamed,{GROUPS}", GROUPS)
    assert moved.sid == before.sid
    assert renamed.account == moved.account == before.account == "EXAMPLE\\mbx00005"


def test_what_stands_below_a_renamed_container_is_told_too(following, client):
    client.add_s(f"OU=Old,{BASE}", [("objectClass", [b"organizationalUnit"])])
    client.add_s(f"CN=inside,OU=Old,{BASE}", [("objectClass", [b"user"]), ("sAMAccountName", [b"inside"])])
    added = {p.dn: p for p in following.look()["principals"]}
    assert set(added) == {f"OU=Old,{BASE}", f"CN=inside,OU=Old,{BASE}"}
    client.rename_s(f"OU=Old,{BASE}", "OU=New")
    seen = {p.dn: p for p in following.look()["principals"]}
    assert set(seen) == {f"OU=New,{BASE}", f"CN=inside,OU=New,{BASE}"}
    assert seen[f"CN=inside,OU=New,{BASE}"].object_guid == added[f"CN=inside,OU=Old,{BASE}"].object_guid


def test_a_deletion_is_told_under_the_name_the_object_had(following, client):
    before = next(p for p in load_observations(following.path).principals if p.dn == f"CN=mbx00006,{MAILBOXES}")
    client.delete_s(before.dn)
    [gone] = following.look()["principals"]
    assert gone.deleted
    assert (gone.dn, gone.object_guid, gone.sid) == (before.dn, before.object_guid, before.sid)
    assert following.look() is None


def test_rights_on_a_database_are_seen(following, client):
    dn = next(p.dn for p in load_observations(following.path).principals if p.kind == "database")
    found = client.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"], serverctrls=[DACL_ONLY])
    text = write_sddl(parse_binary(found[0][1]["nTSecurityDescriptor"][0]))
    entry = f"(OA;CI;CR;ab721a56-1e2f-11d0-9819-00aa0040529b;;{sid_of(following, 'helpdesk')})"
    data = write_binary(parse_sddl(text.replace("(", entry + "(", 1)))
    client.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [data])], serverctrls=[DACL_ONLY])
    [mine] = following.look()["descriptors"]
    assert (mine.dn, mine.attribute) == (dn, "nTSecurityDescriptor")
    assert entry in write_sddl(following.descriptor(mine.sha256))


def test_what_could_not_be_written_is_told_by_the_next_look(following, client):
    dn = f"CN=mbx00008,{MAILBOXES}"
    client.modify_s(dn, [(ldap.MOD_ADD, "publicDelegates", [AUDITOR.encode()])])
    with Writer.open(following.path, following.key_path), pytest.raises(TrailLocked):
        following.follower.look()
    seen = following.look()
    assert [(m.group_dn, m.present) for m in seen["members"]] == [(dn, True)]


def test_a_new_follower_goes_on_where_the_last_one_ended(following, client):
    dn = f"CN=mbx00009,{MAILBOXES}"
    client.modify_s(dn, [(ldap.MOD_REPLACE, "displayName", [b"Nine"])])
    following.follower = Follower(following.path, following.key_path, following.controller.server())
    seen = following.look()
    assert [(p.dn, p.display_name) for p in seen["principals"]] == [(dn, "Nine")]


def test_a_cookie_that_is_refused_has_everything_read_anew(following, monkeypatch):
    monkeypatch.setattr(dirsync.Cookies, "load", lambda _self, _context: b"no cookie of this server")
    taken = following.follower.look()
    assert taken.snapshot.complete


def test_the_trail_of_a_follower_verifies(following):
    assert verify(following.path, deep=True).findings == []
