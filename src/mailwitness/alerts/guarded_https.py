"""POST over HTTPS to a host of the configuration, and to nothing else it could be led to (R19, ASVS 1.3.6, 15.3.2).

The name is resolved once and the connection goes to that very address; addresses that are not global are refused
unless the destination allows them; no redirect is followed, no proxy is asked; the whole takes 5 seconds and the
answer 64 KiB at most.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.settings import checked_url

SECONDS = 5.0
ANSWER_LIMIT = 64 << 10


class Answer(msgspec.Struct, frozen=True):
    """What the host answered."""

    status: int
    body: bytes


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    ca_file: Path | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """Send `body` and return the answer, whatever its status. Raises DeliveryFailed where there is none to be had."""
    ends_at = time.monotonic() + seconds
    try:
        parts = urlsplit(checked_url(url))
    except ValueError as cause:
        raise DeliveryFailed(f"the address cannot be used: {cause}") from cause
    host, port = parts.hostname or "", parts.port or 443
    address = resolve(host, port, allow_private=allow_private)
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with (
            socket.create_connection((address, port), timeout=_left(ends_at)) as plain,
            _ended_at(plain, ends_at),
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            answer = _exchange(secured, parts.netloc, target, body, headers)
            _left(ends_at)  # an answer that was cut off looks like one that ended
            return answer
    except (OSError, http.client.HTTPException, ValueError) as cause:
        raise DeliveryFailed(f"{host} ({address}): {type(cause).__name__}: {cause}") from cause


def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Return the one address to connect to. Raises DeliveryFailed where the host has none that is allowed.

    All addresses of a name have to be allowed: a name that also points inside is not to be trusted with either.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as cause:
        raise DeliveryFailed(f"the host {host} cannot be resolved: {cause}") from cause
    addresses = [str(item[4][0]) for item in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            raise DeliveryFailed(
                f"the host {host} is at {address}, which is no public address: set allow_private if that is meant"
            )
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an address is one of the internet's: not private, loopback, link-local, shared or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if isinstance(ip, ipaddress.IPv6Address) and ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (inner is None or is_public(str(inner)))


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _exchange(secured: ssl.SSLSocket, netloc: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    lines = {"Host": netloc, "Content-Length": str(len(body)), "Connection": "close", "User-Agent": "mailwitness"}
    lines.update(headers)
    if any(c in text for line in lines.items() for text in line for c in "\r\n\0"):
        raise ValueError("a header holds a line break")
    head = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in lines.items()) + "\r\n"
    secured.sendall(head.encode("ascii") + body)
    response = http.client.HTTPResponse(secured, method="POST")
    try:
        response.begin()
        answer = response.read(ANSWER_LIMIT + 1)
    finally:
        response.close()
    if len(answer) > ANSWER_LIMIT:
        raise ValueError("the answer is longer than 64 KiB")
    return Answer(response.status, answer)


@contextlib.contextmanager
def _ended_at(plain: socket.socket, ends_at: float) -> Iterator[None]:
    """Cut the connection when the time is up: a host that sends a byte now and then must not keep its reader."""
    plain.settimeout(_left(ends_at))
    handle = socket.socket(fileno=os.dup(plain.fileno()))  # TLS takes the first one over
    timer = threading.Timer(_left(ends_at), _cut, [handle])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
