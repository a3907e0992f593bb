"""The whole way: a grant over LDAP in a real domain, its audit record followed, sealed, found, told by mail."""

from __future__ import annotations

import email
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from email import policy

from tests.alerts.receivers import mail_server
from tests.directory.lab import BASE, MAILBOXES
from tests.directory.python_ldap import ldap

from mailwitness.alerts.cases import Cases
from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.descriptors.sid import sid_text
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail
from mailwitness.trail.verify import verify

CONFIG = """
[service]
trail = "trail"
monitor = "127.0.0.1:{monitor}"
[console]
enabled = false
[intake.folder.dc1]
path = "{folder}"
poll_seconds = 0.1
include = ["dsdb.json", "group.json", "auth.json"]
[alerts]
watchlists = ["vip.csv"]
[alerts.smtp.team]
host = "localhost"
port = {port}
sender = "mailwitness@example.test"
to = ["security@example.test"]
ca_file = "{ca}"
"""
WITHIN = 5.0
"""Seconds from the change to the mail."""


@contextmanager
def service(folder, text):
    """Run `mailwitness serve` until the end of the block; it has to end well within 10 seconds."""
    (folder / "service.toml").write_text(text)
    command = [sys.executable, "-m", "mailwitness.faces.cli", "serve", "--config", str(folder / "service.toml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            try:
                code = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            took = time.monotonic() - began
    assert code == 0, (folder / "log").read_text()
    assert took < 10


def entries(folder):
    lines = (folder / "log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def await_event(folder, *names, seconds=60.0):
    """Wait until the log has an entry of each name."""
    ends_at = time.monotonic() + seconds
    while not set(names) <= {entry["event"] for entry in entries(folder)}:
        assert time.monotonic() < ends_at, (folder / "log").read_text()
        time.sleep(0.05)


def ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=60) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def sid_of(client, account):
    found = client.search_s(BASE, ldap.SCOPE_SUBTREE, f"(sAMAccountName={account})", ["objectSid"])
    return next(sid_text(attributes["objectSid"][0]) for dn, attributes in found if dn)


def test_a_grant_over_ldap_reaches_a_mailbox_within_five_seconds(controller, tmp_path, certificate, free_port):
    create_trail(tmp_path / "trail", organization="example.test", key_dir=tmp_path / "keys")
    vip = "".join(f"mailbox,mbx{number:05},+2,board\n" for number in (21, 22, 23))
    (tmp_path / "vip.csv").write_text(f"kind,name,level,comment\n{vip}")
    client = controller.client()
    trustee = sid_of(client, "helpdesk")
    with mail_server(certificate) as (mails, port):
        values = {"monitor": free_port, "folder": controller.folder / "log", "port": port, "ca": certificate.file}
        with service(tmp_path, CONFIG.format(**values)):
            await_event(tmp_path, "writer_ready", "detector_ready", "collector_started")
            while not ready(free_port):
                time.sleep(0.05)
            tooks = []
            for number in (21, 22, 23):
                descriptor = write_binary(parse_sddl(f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{trustee})"))
                change = [(ldap.MOD_REPLACE, "msExchMailboxSecurityDescriptor", [descriptor])]
                began = time.monotonic()
                client.modify_s(f"CN=mbx{number:05},{MAILBOXES}", change)
                mails.wait(number - 20, 30)
                tooks.append(time.monotonic() - began)
    assert max(tooks) < WITHIN, tooks
    message = email.message_from_bytes(mails.taken[0][1], policy=policy.default)
    assert message["X-Mailwitness-Level"] == "medium"
    assert "mbx00021" in message.get_content()
    with closing(open_state(tmp_path / "trail")) as state:
        cases = Cases(state).all()
    assert {case.mailbox_ref for case in cases} >= {f"CN=mbx{n:05},{MAILBOXES}" for n in (21, 22, 23)}
    assert verify(tmp_path / "trail", deep=True).findings == []
