"""A destination leads to the host of the configuration and nowhere else (R19)."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from tests.alerts.receivers import https_server, stream_server

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.guarded_https import is_public, post

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # where clouds answer with credentials
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


def resolving_to(monkeypatch, *answers):
    """Have each look-up give the next of `answers`, the last one for ever."""
    asked = []

    def look_up(host, port, *_args, **_more):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("mailwitness.alerts.guarded_https.socket.getaddrinfo", look_up)
    return asked


def connecting(monkeypatch):
    tried = []

    def connect(address, **_more):
        tried.append(address)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr("mailwitness.alerts.guarded_https.socket.create_connection", connect)
    return tried


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_a_host_inside_is_not_connected_to(monkeypatch, address):
    resolving_to(monkeypatch, [address])
    tried = connecting(monkeypatch)
    with pytest.raises(DeliveryFailed, match="allow_private"):
        post("https://hooks.example.test/", b"{}", {})
    assert tried == []


def test_a_name_that_also_points_inside_is_refused(monkeypatch):
    resolving_to(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    tried = connecting(monkeypatch)
    with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.1"):
        post("https://hooks.example.test/", b"{}", {})
    assert tried == []


def test_the_name_is_looked_up_once_and_that_address_connected_to(monkeypatch):
    asked = resolving_to(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    tried = connecting(monkeypatch)
    with pytest.raises(DeliveryFailed, match="refused"):
        post("https://hooks.example.test/", b"{}", {})
    assert asked == ["hooks.example.test"]
    assert tried == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.test/",
        "ftp://hooks.example.test/",
        "file:///etc/passwd",
        "https:///x",
        "https://user:pw@hooks.example.test/",
        "https://hooks.example.test:99999/",
        "https://hooks.example.test/a b",
        "https://hooks.example.test/\r\nX: y",
        "https://hooks.example.test/#f",
    ],
)
def test_an_address_that_could_mislead_is_refused(monkeypatch, url):
    tried = connecting(monkeypatch)
    with pytest.raises(DeliveryFailed, match="address"):
        post(url, b"{}", {})
    assert tried == []


def test_a_long_answer_is_refused(certificate):
    with https_server(certificate) as (hooks, port):
        hooks.answer = b"x" * (65_537)
        with pytest.raises(DeliveryFailed, match="64 KiB"):
            post(f"https://localhost:{port}/", b"{}", {}, allow_private=True, ca_file=certificate.file)
        hooks.answer = b"x" * 65_536
        answer = post(f"https://localhost:{port}/", b"{}", {}, allow_private=True, ca_file=certificate.file)
    assert len(answer.body) == 65_536


def test_a_certificate_for_another_name_is_refused(certificate, monkeypatch):
    with https_server(certificate) as (hooks, port):
        resolving_to(monkeypatch, ["127.0.0.1"])
        with pytest.raises(DeliveryFailed, match="Hostname mismatch"):
            post(f"https://other.example.test:{port}/", b"{}", {}, allow_private=True, ca_file=certificate.file)
        assert hooks.posted == []


@pytest.mark.parametrize("part", ["handshake", "header", "body"])
def test_a_host_that_drips_is_cut_off(certificate, part):
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        while part != "handshake" and (data := connection.recv(4096)):
            if b"{}" in data:
                break
        if part == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not ended.wait(0.02):
            connection.sendall(b"\x16" if part == "handshake" else b"H")

    with stream_server(drip, None if part == "handshake" else certificate) as port:
        began = time.monotonic()
        try:
            with pytest.raises(DeliveryFailed):
                post(f"https://localhost:{port}/", b"{}", {}, allow_private=True, ca_file=certificate.file, seconds=0.4)
        finally:
            ended.set()
        assert time.monotonic() - began < 20  # it would have dripped for ever


def test_a_header_cannot_hold_a_line_break(certificate):
    with https_server(certificate) as (hooks, port):
        with pytest.raises(DeliveryFailed, match="line break"):
            post(f"https://localhost:{port}/", b"{}", {"X": "a\r\nb: c"}, allow_private=True, ca_file=certificate.file)
        assert hooks.posted == []
