"""Real senders deliver over TLS: rsyslog and syslog-ng, with what Samba, NXLog and Windows write."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.collect.certificates import Authority
from tests.collect.serving import serving_writer, statements
from tests.collect.test_syslog_intake import added, events, intake, member_added, until

from mailwitness.collect.interface import Batch
from mailwitness.simulate.writers.event_json import nxlog

SYSLOG_NG = Path(__file__).parents[2] / ".venv" / "syslog-ng"
RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="256k" defaultNetstreamDriverCAFile="{authority}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imfile" mode="inotify")
input(type="imfile" File="{log}" Tag="samba:" ruleset="forward" addMetadata="off" needParse="off")
ruleset(name="forward") {{
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
         template="RSYSLOG_SyslogProtocol23Format" StreamDriver="ossl" StreamDriverMode="1"
         StreamDriverAuthMode="x509/certvalid" action.resumeRetryCount="-1" action.resumeInterval="1"
         queue.type="linkedList")
}}
"""
SYSLOG_NG_CONF = """@version: 3.38
options {{ log-msg-size(262144); keep-hostname(yes); time-reopen(1); }};
source s_file {{ file("{log}" flags(no-parse) follow-freq(0.1)); }};
destination d_tls {{
  syslog("127.0.0.1" port({port}) transport("tls")
    tls(ca-file("{authority}") cert-file("{certificate}") key-file("{key}") peer-verify(required-trusted)));
}};
log {{ source(s_file); destination(d_tls); }};
"""


@contextlib.contextmanager
def rsyslog(folder, **given):
    """Run rsyslog with a file as its input."""
    if shutil.which("rsyslogd", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("rsyslogd is not here: apt-get install rsyslog rsyslog-openssl")
    configuration = folder / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(folder=folder, **given))
    command = ["/usr/sbin/rsyslogd", "-n", "-f", str(configuration), "-i", str(folder / "rsyslog.pid")]
    with process(command, folder / "rsyslog.log"):
        yield


@contextlib.contextmanager
def syslog_ng(folder, **given):
    """Run the unpacked syslog-ng with a file as its input."""
    program = SYSLOG_NG / "usr" / "sbin" / "syslog-ng"
    if not program.exists():
        pytest.skip("syslog-ng is not here: make system-packages, as root, unpacks the package syslog-ng-core")
    configuration = folder / "syslog-ng.conf"
    configuration.write_text(SYSLOG_NG_CONF.format(**given))
    libraries = {str(path.parent) for path in SYSLOG_NG.rglob("lib*.so.*")}
    [modules] = {path.parent for path in SYSLOG_NG.rglob("libafsocket.so")}
    command = [str(program), "-F", "--no-caps", "-f", str(configuration), f"--module-path={modules}"]
    command += [f"--persist-file={folder}/ng.persist", f"--pidfile={folder}/ng.pid", f"--control={folder}/ng.ctl"]
    with process(command, folder / "syslog-ng.log", LD_LIBRARY_PATH=":".join(sorted(libraries))):
        yield


@contextlib.contextmanager
def process(command, log, **environment):
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        yield
        assert running.poll() is None, log.read_text()
    finally:
        running.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(10)
        if running.poll() is None:
            running.kill()
            running.wait()


@pytest.fixture(params=[rsyslog, syslog_ng], ids=["rsyslog", "syslog-ng"])
def sender(request, tmp_path):
    """Return a function that runs one of the senders at a port."""
    authority = Authority(tmp_path)
    mine = authority.issue("dc1.example.com")
    log = tmp_path / "audit.json"
    log.touch()

    def run(port):
        given = {"authority": authority.path, "certificate": mine.certificate, "key": mine.key}
        return request.param(tmp_path, port=port, log=log, **given)

    server = authority.issue("server")
    run.log = log
    run.tls = {"certificate": server.certificate, "certificate_key": server.key, "client_ca": authority.path}
    return run


def append(log, lines):
    with log.open("a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def test_windows_events_as_xml_and_json(sender, tmp_path):
    (tmp_path / "here").mkdir()
    with serving_writer(tmp_path / "here") as serving:
        with intake(serving, **sender.tls) as (_host, port), sender(port):
            append(sender.log, [member_added(number) for number in range(30)])
            append(sender.log, [json.dumps(nxlog(added(number))) for number in range(30, 60)])
            until(lambda: len(events(serving.trail)) == 60)
        assert [event["record_id"] for event in events(serving.trail)] == list(range(1, 61))
        delivered = {said["delivered_by"] for said in statements(serving.trail) if "delivered_by" in said}
        assert delivered == {"certificate dc1.example.com"}


def test_what_samba_writes_is_the_same_as_imported(sender, samples, tmp_path):
    files = sorted((samples / "samba_audit").glob("*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    (tmp_path / "here").mkdir()
    with serving_writer(tmp_path / "here") as serving:
        with intake(serving, **sender.tls) as (_host, port), sender(port):
            append(sender.log, lines)
            seen = until(lambda: (found := taken(serving.trail))["seen"] >= len(lines) and found)
        assert (seen["seen"], seen["unread"]) == (len(lines), 0)
        assert seen["recorded"] > 10
        receipts = [serving.client.submit(batch_of(file)) for file in files]
        assert sum(receipt.recorded for receipt in receipts) == 0, [r.listed for r in receipts]
        assert sum(receipt.duplicates for receipt in receipts) == seen["recorded"] + seen["duplicates"]


def test_a_sender_goes_on_where_the_intake_was_away(sender, tmp_path):
    """What a sender had written into a connection that ended is lost, as syslog has no answers; it goes on after it."""
    (tmp_path / "here").mkdir()
    numbers = itertools.count(10)
    with serving_writer(tmp_path / "here") as serving, contextlib.ExitStack() as stack:
        with intake(serving, **sender.tls) as (_host, port):
            stack.enter_context(sender(port))
            append(sender.log, [member_added(number) for number in range(10)])
            until(lambda: len(events(serving.trail)) == 10)
        assert statements(serving.trail)[-1]["what"] == "ended"
        with intake(serving, listen=f"127.0.0.1:{port}", **sender.tls):

            def arrived():
                append(sender.log, [member_added(next(numbers))])
                return len(events(serving.trail)) > 12

            until(arrived, 60)


def batch_of(file):
    """Return a file of Samba's as it stands."""
    at = datetime.now(UTC)
    return Batch(name=file.name, data=file.read_bytes(), collector="test", received_at=at, format="json")


def taken(trail):
    """Return the sums of what the batches of the collector came to."""
    counts = [said["counts"] for said in statements(trail) if said.get("collector") == "syslog" and "counts" in said]
    return {name: sum(count[name] for count in counts) for name in ("seen", "recorded", "duplicates", "unread")}
