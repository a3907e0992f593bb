"""The same against a domain controller that requires strong authentication, as real ones do."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import pytest
from tests.directory.lab import MAILBOXES, ticket

from mailwitness.directory.dirsync import Follower
from mailwitness.directory.ldap_connection import Connection, DirectoryError
from mailwitness.directory.ldap_snapshot import take_snapshot
from mailwitness.directory.store import load_observations


@pytest.fixture(scope="module")
def strict(controllers):
    """Return a domain controller that takes no password and no unsealed Kerberos in the clear."""
    return controllers.start(DC_STRONG="1")


def test_it_is_strict(strict):
    plain = ldap.initialize(f"ldap://{strict.ip}")
    with pytest.raises(ldap.STRONG_AUTH_REQUIRED):
        plain.simple_bind_s("EXAMPLE\\auditor", "Aud1tor!Pass")


@pytest.mark.parametrize("url", ["ldaps://{ip}", "ldap://{ip}"])
def test_a_snapshot_over_tls(strict, trail, url):
    taken = take_snapshot(trail.trail.path, trail.key_path, strict.server("auditor", url=url.format(ip=strict.ip)))
    assert taken.snapshot.complete
    assert sum(1 for p in load_observations(trail.trail.path).principals if p.mailbox_guid) == 100


def test_a_snapshot_with_sealed_kerberos(strict, trail, tmp_path, monkeypatch):
    for name, value in ticket(strict, tmp_path).items():
        monkeypatch.setenv(name, value)
    server = strict.server(url=f"ldap://{strict.ip}", gssapi=True)
    taken = take_snapshot(trail.trail.path, trail.key_path, server)
    assert taken.snapshot.complete
    assert sum(1 for p in load_observations(trail.trail.path).principals if p.mailbox_guid) == 100


def test_kerberos_inside_tls_is_refused_by_samba_and_said(strict, tmp_path, monkeypatch):
    for name, value in ticket(strict, tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DirectoryError, match="protected connection"):
        Connection(strict.server(gssapi=True))


def test_following(strict, trail):
    follower = Follower(trail.trail.path, trail.key_path, strict.server())
    assert follower.look().snapshot.complete
    strict.client().modify_s(f"CN=mbx00042,{MAILBOXES}", [(ldap.MOD_REPLACE, "displayName", [b"Forty-two"])])
    taken = follower.look()
    assert taken.snapshot.origin == "dirsync"
    assert load_observations(trail.trail.path).principals[-1].display_name == "Forty-two"
