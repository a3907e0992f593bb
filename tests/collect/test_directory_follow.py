"""A real domain controller is followed through the writer: changes arrive, an absence is said, nothing is lost."""

from __future__ import annotations

from tests.directory.python_ldap import ldap

# isort: split

import contextlib
import selectors
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.collect.serving import running, serving_writer, statements
from tests.collect.test_syslog_intake import until
from tests.directory.conftest import controller, controllers, golden  # noqa: F401 - fixtures
from tests.directory.lab import GROUPS, MAILBOXES, PASSWORDS

from mailwitness.collect import spool
from mailwitness.collect.directory_follow import DirectorySettings, make
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.interface import NotTaken, Observation
from mailwitness.directory.model import Snapshot
from mailwitness.directory.store import load_observations
from mailwitness.errors import UsageError
from mailwitness.state.database import open_state


class Forwarder:
    """Passes TCP on to a server, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = socket.create_server((host, 0))
        self.port = self._listening.getsockname()[1]
        self.is_cut = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.is_cut = True
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self):
        while True:
            try:
                near = self._listening.accept()[0]
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near, far):
        with near, far, selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _mask in selector.select():
                    try:
                        data = key.fileobj.recv(1 << 16)
                        key.data.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return


@pytest.fixture
def forwarder(controller):  # noqa: F811 - the fixture
    forwarder = Forwarder(controller.ip, 636)
    yield forwarder
    forwarder.close()


@pytest.fixture
def given(controller, forwarder, tmp_path):  # noqa: F811 - the fixture
    """Return the settings of a follower by way of the forwarder."""
    password = tmp_path / "password"
    password.write_text(PASSWORDS["Administrator"] + "\n")
    return DirectorySettings(
        server=f"ldaps://{controller.ip}:{forwarder.port}",
        bind="EXAMPLE\\Administrator",
        password_file=password,
        ca=controller.ca,
        interval_seconds=0.5,
    )


def beat(trail):
    with closing(open_state(trail)) as connection:
        return next((one for one in Heartbeats(connection).all() if one.name == "directory"), None)


def members(trail, group):
    observed = load_observations(trail).members
    return {(each.member_dn, each.present) for each in observed if each.group_dn == group}


def told(trail):
    return [said for said in statements(trail) if said.get("act") == "collection"]


def test_a_directory_is_followed_through_absences(controller, forwarder, given, tmp_path):  # noqa: F811
    group, member = f"CN=grp0002,{GROUPS}", f"CN=mbx00009,{MAILBOXES}"
    client = controller.client()
    with serving_writer(tmp_path) as serving:
        with running(make(given, serving.client, serving.trail)):
            until(lambda: load_observations(serving.trail).snapshots, 60)
            first = load_observations(serving.trail)
            assert first.snapshots[0].complete
            assert sum(1 for one in first.principals if one.mailbox_guid) == 100
            client.modify_s(group, [(ldap.MOD_ADD, "member", [member.encode()])])
            until(lambda: (member, True) in members(serving.trail, group), 30)
            forwarder.cut()
            until(lambda: any(said["what"] == "silent" for said in told(serving.trail)), 30)
            client.modify_s(group, [(ldap.MOD_DELETE, "member", [member.encode()])])
            assert (member, False) not in members(serving.trail, group)
            assert given.server in beat(serving.trail).last_error
            forwarder.is_cut = False
            until(lambda: (member, False) in members(serving.trail, group), 60)
        assert [said["what"] for said in told(serving.trail)] == ["began", "silent", "resumed", "ended"]
        resumed = told(serving.trail)[2]
        assert resumed["since_at"] < told(serving.trail)[1]["at"] < resumed["until_at"]
        assert beat(serving.trail).counts["observations"] > 100
        before = len(load_observations(serving.trail).snapshots)
        with running(make(given, serving.client, serving.trail)):  # the cookie tells: nothing is read anew
            until(lambda: beat(serving.trail).counts.get("looks", 0) >= 2, 30)
        assert len(load_observations(serving.trail).snapshots) == before


def test_what_is_too_large_for_a_request_is_handed_over_in_a_folder(given, tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "IN_A_REQUEST", 1000)
    with serving_writer(tmp_path) as serving:
        left = serving.trail / "run" / "observations" / "directory-0123456789abcdef"
        left.mkdir()
        with running(make(given, serving.client, serving.trail)):
            until(lambda: load_observations(serving.trail).snapshots, 60)
            until(lambda: beat(serving.trail).counts.get("looks"), 30)
        assert sum(1 for one in load_observations(serving.trail).principals if one.mailbox_guid) == 100
        assert list((serving.trail / "run" / "observations").iterdir()) == []


@pytest.mark.parametrize("name", ["../evidence", "directory-0123456789abcdef", "", "x" * 200])
def test_a_folder_that_is_none_is_not_taken(tmp_path, name):
    with serving_writer(tmp_path) as serving, pytest.raises(NotTaken):
        serving.client.submit(
            Observation(
                collector="directory",
                name="x",
                data=b"",
                received_at=datetime.now(UTC),
                tables=(),
                snapshot=Snapshot(
                    observed_at=datetime.now(UTC),
                    evidence_sha256="0" * 64,
                    complete=False,
                    origin="dirsync",
                    name="x",
                    bases=(),
                ),
                spool=name,
            )
        )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"server": "dc1"}, "no LDAP server"),
        ({"gssapi": True}, "either bind"),
        ({"bind": None}, "either bind"),
        ({"password_env": None}, "needs a password"),
        ({"interval_seconds": 0}, "interval_seconds"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed, said):
    given = {"server": "ldaps://dc1", "bind": "EXAMPLE\\auditor", "password_env": "X"}
    with pytest.raises(ValueError, match=said):
        DirectorySettings(**(given | changed))


def test_a_password_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("MAILWITNESS_NOT_SET", raising=False)
    given = {"server": "ldaps://dc1", "bind": "EXAMPLE\\auditor"}
    with pytest.raises(UsageError, match="no password"):
        DirectorySettings(**given, password_env="MAILWITNESS_NOT_SET").target()
    with pytest.raises(UsageError, match="cannot be read"):
        DirectorySettings(**given, password_file=tmp_path / "nowhere").target()
