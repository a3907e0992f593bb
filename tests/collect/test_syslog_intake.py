"""Syslog over TCP and TLS: what arrives is kept as it came, once, with claimed and observed origin apart."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from tests.collect.certificates import Authority
from tests.collect.serving import running, serving_writer, statements

from mailwitness.collect import syslog, syslog_sender
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.interface import WriterBusy
from mailwitness.collect.listening import listening
from mailwitness.collect.syslog import make
from mailwitness.collect.syslog_settings import SyslogSettings
from mailwitness.collect.writer_client import AsyncWriterClient
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.errors import UsageError
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_xml import event_xml
from mailwitness.state.database import open_state
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import open_reader

AT = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
PROVIDER = "Microsoft-Windows-Security-Auditing"
"""A group's member added, by number: what the tests send."""


def member_added(number, computer="dc1.example.com"):
    """Return event 4728, as XML."""
    return event_xml(added(number, computer))


def added(number, computer="dc1.example.com"):
    """Return event 4728."""
    values = {
        "MemberName": f"CN=user{number},DC=example,DC=com",
        "MemberSid": f"S-1-5-21-1-2-3-{1000 + number}",
        "TargetUserName": "Helpdesk",
        "TargetDomainName": "EXAMPLE",
        "TargetSid": "S-1-5-21-1-2-3-500",
        "SubjectUserSid": "S-1-5-21-1-2-3-600",
        "SubjectUserName": "admin",
        "SubjectDomainName": "EXAMPLE",
        "SubjectLogonId": "0x3e7",
        "PrivilegeList": "-",
    }
    return WindowsRecord(
        provider=PROVIDER,
        event_code=4728,
        computer=computer,
        channel="Security",
        record_id=1 + number,
        occurred_at=AT + timedelta(seconds=number),
        names=tuple(values),
        values=tuple(values.values()),
        audit="success",
    )


def message(number, host="dc1.example.com"):
    return f"<13>1 2026-03-01T08:00:00Z {host} nxlog 1 - - {member_added(number, host)}".encode()


def counted(messages):
    return b"".join(b"%d %b" % (len(one), one) for one in messages)


@pytest.fixture
def serving(tmp_path):
    with serving_writer(tmp_path) as serving:
        yield serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@contextlib.contextmanager
def intake(serving, **changed):
    """Run a collector; gives the address it listens at."""
    collector = make(
        SyslogSettings(**({"listen": "127.0.0.1:0", "batch_seconds": 0.1} | changed)), serving.client, serving.trail
    )
    address = collector.bind()
    with running(collector):
        yield address


def send(address, data, tls=None):
    """Send bytes and close in order, as a sender does that ends."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(address, 120))
        if tls is not None:
            connection = stack.enter_context(tls.wrap_socket(connection, server_hostname="127.0.0.1"))
        connection.sendall(data)
        if tls is not None:
            connection.unwrap()
        else:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""


def heartbeat(trail, name="syslog"):
    with closing(open_state(trail)) as connection:
        return next(beat for beat in Heartbeats(connection).all() if beat.name == name)


def events(trail):
    with Embedded(open_reader(trail)) as engine:
        sql = "SELECT record_id, computer, observed_origin, source FROM events ORDER BY record_id, computer"
        return engine.rows(Query("sent", "what was sent?", sql))


def batches(trail):
    return [said for said in statements(trail) if said.get("collector") == "syslog" and "evidence" in said]


def until(condition, seconds=60):
    """Wait for a condition; the last look's value is returned."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come about"
        threading.Event().wait(0.15)
    return value


def test_counted_messages_over_tcp_become_events_of_their_peer(serving):
    with intake(serving) as address:
        send(address, counted(message(number) for number in range(50)))
    assert events(serving.trail) == [
        {
            "record_id": n + 1,
            "computer": "dc1.example.com",
            "observed_origin": "127.0.0.1",
            "source": "windows_security",
        }
        for n in range(50)
    ]
    [said] = batches(serving.trail)
    assert (said["claimed_host"], said["observed_origin"], said["format"]) == ("dc1.example.com", "127.0.0.1", "syslog")
    kept = EvidenceStore(Trail(serving.trail)).open(said["evidence"][0]["sha256"])
    with kept as file:
        assert file.read() == counted(message(number) for number in range(50))


def test_lines_are_taken_too_and_the_same_twice_stands_once(serving):
    lines = b"".join(message(number) + b"\n" for number in range(20))
    with intake(serving) as address:
        send(address, lines)
        send(address, lines)
        send(address, counted(message(number) for number in range(20)))
    assert len(events(serving.trail)) == 20
    beat = heartbeat(serving.trail)
    assert (beat.counts["recorded"], beat.counts["duplicates"], beat.counts["messages"]) == (20, 40, 60)
    assert (beat.counts["connections"], beat.last_error) == (3, None)


def test_a_relay_names_every_host_it_speaks_for(serving):
    hosts = [f"dc{number}.example.com" for number in range(12)]
    with intake(serving) as address:
        send(address, counted(message(0, host) for host in hosts))
    [said] = batches(serving.trail)
    assert said["claimed_host"] == ", ".join(hosts[:8]) + ", ..."
    assert {event["computer"] for event in events(serving.trail)} == set(hosts)


def test_what_was_gathered_is_handed_over_when_it_has_waited_long_enough(serving):
    with intake(serving) as address, socket.create_connection(address, 120) as connection:
        connection.sendall(counted([message(0)]))
        until(lambda: events(serving.trail))
        connection.sendall(counted([message(1)]))
        until(lambda: len(events(serving.trail)) == 2)


def test_when_it_is_told_to_end_what_was_received_is_still_handed_over(serving, monkeypatch):
    kept = 0
    keep = syslog_sender.Sender._keep

    def counting(self, piece):
        nonlocal kept
        keep(self, piece)
        kept += 1

    monkeypatch.setattr(syslog_sender.Sender, "_keep", counting)
    with intake(serving, batch_seconds=60) as address:
        connection = socket.create_connection(address, 120)
        connection.sendall(counted(message(number) for number in range(5)))
        until(lambda: kept == 5)
    connection.close()
    assert len(events(serving.trail)) == 5
    told = [said["what"] for said in statements(serving.trail) if said.get("act") == "collection"]
    assert told == ["began", "ended"]


def test_what_is_torn_off_is_a_problem_and_what_is_too_long_is_said(serving):
    long = b"<13>1 - dc1 - - - - " + b"x" * 5000
    with intake(serving, message_bytes=4096) as address:
        send(address, counted([message(0), long, message(1)]) + counted([message(2)])[:200])
    assert [event["record_id"] for event in events(serving.trail)] == [1, 2]
    [refused] = [said for said in statements(serving.trail) if said.get("what") == "refused"]
    assert (refused["where"], refused["records"]) == ("127.0.0.1", 1)
    [said] = batches(serving.trail)
    assert said["problems_by_code"] == {"truncated": 1}


def test_over_tls_with_a_certificate_of_the_sender(serving, authority):
    server, sender = authority.issue("server"), authority.issue("dc1.example.com")
    tls = ssl.create_default_context(cafile=authority.path)
    tls.load_cert_chain(sender.certificate, sender.key)
    files = {"certificate": server.certificate, "certificate_key": server.key, "client_ca": authority.path}
    with intake(serving, **files) as address:
        send(address, counted(message(number) for number in range(3)), tls)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            send(address, counted([message(4)]), ssl.create_default_context(cafile=authority.path))
        with contextlib.suppress(ConnectionError):
            send(address, counted([message(5)]))
    assert len(events(serving.trail)) == 3
    [said] = batches(serving.trail)
    assert said["delivered_by"] == "certificate dc1.example.com"


def test_senders_that_are_not_expected_are_turned_away(serving):
    with intake(serving, senders=["192.0.2.0/24"]) as address:
        with contextlib.suppress(OSError):
            send(address, counted([message(0)]))
        with contextlib.suppress(OSError):
            send(address, counted([message(0)]))
    beat = heartbeat(serving.trail)
    assert beat.counts["turned_away"] == 2
    assert events(serving.trail) == []


def narrow(connection):
    """Keep the kernel from holding megabytes for a socket: how much it would take by itself differs by machine."""
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, buffer, 1 << 16)
    return connection


def narrow_listening(*where):
    """Listen as the intake does, with narrow buffers for whoever connects."""
    return narrow(listening(*where))


def test_a_sender_waits_while_the_trail_is_busy_and_nothing_is_lost(serving, monkeypatch):
    """With the writer away, TCP has the sender wait; what it got rid of comes in when the writer is back."""
    away = threading.Event()
    away.set()
    submit = AsyncWriterClient.submit

    async def refuse(self, batch):
        if away.is_set():
            error = WriterBusy("busy")
            error.retry_after = 0.05
            raise error
        return await submit(self, batch)

    monkeypatch.setattr(AsyncWriterClient, "submit", refuse)
    monkeypatch.setattr(syslog, "listening", narrow_listening)
    data = counted(message(number) for number in range(6000))
    settings = {"batch_bytes": 1 << 18, "message_bytes": 1 << 15}
    with intake(serving, **settings) as address, socket.socket() as connection:
        narrow(connection).connect(address)
        connection.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):  # when the buffers of both sides are full
            while sent < len(data):
                sent += connection.send(data[sent:])
        assert sent < len(data)
        away.clear()
        connection.settimeout(60)
        connection.sendall(data[sent:])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert len(events(serving.trail)) == 6000


def test_rubbish_hurts_nobody_else(serving):
    with intake(serving) as address:
        for data in (
            b"\0" * 100,
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff" * 10_000,
            b"99999999 <13>",
            b"\x16\x03\x01\x02\x00",
        ):
            send(address, data)
        send(address, counted([message(0)]))
    assert len(events(serving.trail)) == 1
    assert sum(said["counts"]["unread"] for said in batches(serving.trail)) == 3
    [refused] = [said for said in statements(serving.trail) if said.get("what") == "refused"]
    assert refused["records"] == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"listen": "0.0.0.0:6514"}, "need TLS"),
        ({"listen": "6514"}, "no address"),
        ({"certificate": "x.pem"}, "belong together"),
        ({"client_ca": "x.pem"}, "client_ca needs"),
        ({"senders": ["example.com"]}, "does not appear"),
        ({"batch_seconds": 0}, "batch_seconds"),
        ({"message_bytes": 1 << 21}, "message_bytes"),
        ({"batch_bytes": 1 << 10}, "batch_bytes"),
        ({"connections": 0}, "connections"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        SyslogSettings(**changed)


def test_a_certificate_that_cannot_be_used_is_named(tmp_path):
    path = tmp_path / "server.pem"
    path.write_text("no certificate")
    with pytest.raises(UsageError, match="cannot be used"):
        SyslogSettings(certificate=path, certificate_key=path).tls()
