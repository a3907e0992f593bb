"""How an alert reaches each kind of destination. A sender returns when the receiver has taken it, or raises."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import smtplib
import socket
import ssl
import sys
import termios
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import msgspec

from mailwitness.alerts.alert import Alert
from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.forms.adaptive_card import adaptive_card_of
from mailwitness.alerts.forms.cef import syslog_line
from mailwitness.alerts.forms.mail import mail_of
from mailwitness.alerts.forms.slack import slack_of
from mailwitness.alerts.guarded_https import post
from mailwitness.alerts.settings import (
    Destination,
    FileSettings,
    HttpsSettings,
    SlackSettings,
    SmtpSettings,
    SyslogSettings,
    TeamsSettings,
    WebhookSettings,
)
from mailwitness.event import canonical

SECONDS = 10.0
"""A receiver that takes longer has failed; HTTPS has less (guarded_https.SECONDS)."""
FAREWELL = 2.0
"""Seconds for a syslog receiver to close the connection after us."""
SIGNATURE = "Mailwitness-Signature"
_SECRET_LIMIT = 10_000
_UNPROCESSED = 400


def send(to: Destination, alert: Alert) -> None:
    """Deliver an alert. Raises DeliveryFailed where the receiver did not take it."""
    sender: Callable[[], None]
    match to:
        case SmtpSettings():
            sender = lambda: _mail(to, mail_of(alert, to.sender, to.to))  # noqa: E731 - one expression a kind
        case WebhookSettings():
            sender = lambda: _webhook(to, alert)  # noqa: E731
        case SlackSettings():
            sender = lambda: _post(to, msgspec.json.encode(slack_of(alert)), {})  # noqa: E731
        case TeamsSettings():
            sender = lambda: _post(to, msgspec.json.encode(adaptive_card_of(alert)), {})  # noqa: E731
        case SyslogSettings():
            sender = lambda: _syslog(to, alert)  # noqa: E731
        case FileSettings():
            sender = lambda: _append(to, alert)  # noqa: E731
    try:
        sender()
    except DeliveryFailed:
        raise
    except (OSError, smtplib.SMTPException, ValueError) as cause:
        raise DeliveryFailed(f"{type(cause).__name__}: {cause}") from cause


def json_of(alert: Alert) -> bytes:
    """Return an alert as one JSON object with sorted keys, without a line break."""
    return canonical(msgspec.to_builtins(alert))


def signature_of(secret: bytes, at: int, body: bytes) -> str:
    """Return what the signature header says: the time in seconds, and HMAC-SHA-256 over `TIME.BODY`."""
    return f"t={at},v1={hmac.new(secret, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def send_mail(to: SmtpSettings, message: EmailMessage) -> None:
    """Send a mail that is no alert through a destination's server. Raises DeliveryFailed where it was not taken."""
    try:
        _mail(to, message)
    except (OSError, smtplib.SMTPException, ValueError) as cause:
        raise DeliveryFailed(f"{type(cause).__name__}: {cause}") from cause


def _mail(to: SmtpSettings, message: EmailMessage) -> None:
    context = ssl.create_default_context(cafile=str(to.ca_file) if to.ca_file else None)
    with _server(to, context) as server:
        if to.security == "starttls":
            server.starttls(context=context)  # raises where the server offers none: it is never left out
        if to.user is not None and to.password_file is not None:
            server.login(to.user, secret_of(to.password_file).decode())
        refused = server.send_message(message)
    if refused:
        raise DeliveryFailed(f"the mail server took it, but not for {', '.join(sorted(refused))}")


def _server(to: SmtpSettings, context: ssl.SSLContext) -> smtplib.SMTP:
    if to.security == "tls":
        return smtplib.SMTP_SSL(to.host, to.port, timeout=SECONDS, context=context)
    return smtplib.SMTP(to.host, to.port, timeout=SECONDS)


def _webhook(to: WebhookSettings, alert: Alert) -> None:
    body = json_of(alert)
    signature = signature_of(secret_of(to.secret_file), int(time.time()), body)
    _post(to, body, {SIGNATURE: signature, "Idempotency-Key": alert.key})


def _post(to: HttpsSettings, body: bytes, headers: dict[str, str]) -> None:
    url = to.url if to.url_file is None else secret_of(to.url_file).decode()
    headers = {"Content-Type": "application/json", **headers}
    answer = post(url or "", body, headers, allow_private=to.allow_private, ca_file=to.ca_file)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110: taken; a redirect is not followed
        said = answer.body[:200].decode("utf-8", "replace") if answer.status >= _UNPROCESSED else "not followed"
        raise DeliveryFailed(f"the host answered {answer.status}: {said}")


def _syslog(to: SyslogSettings, alert: Alert) -> None:
    line = syslog_line(alert)
    if to.transport == "udp":
        address = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(address[0], socket.SOCK_DGRAM) as sink:
            sink.sendto(line, address[4])
        return
    framed = str(len(line)).encode() + b" " + line  # RFC 6587, 3.4.1: octet counting
    with socket.create_connection((to.host, to.port), timeout=SECONDS) as plain:
        if to.transport == "tcp":
            _hand_over(plain, framed)
        else:
            context = ssl.create_default_context(cafile=str(to.ca_file) if to.ca_file else None)
            with context.wrap_socket(plain, server_hostname=to.host) as secured:
                _hand_over(secured, framed)


def _hand_over(connection: socket.socket, data: bytes) -> None:
    """Send, and wait until the receiver's machine has it all: syslog itself acknowledges nothing."""
    connection.sendall(data)
    if isinstance(connection, ssl.SSLSocket):
        with contextlib.suppress(ssl.SSLError):  # a receiver may close without the farewell of TLS
            connection = connection.unwrap()
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(FAREWELL)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:  # it keeps the connection open: has its machine acknowledged every byte?
        unsent = int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        if unsent:
            raise


def _append(to: FileSettings, alert: Alert) -> None:
    handle = os.open(to.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        data = json_of(alert) + b"\n"
        if os.write(handle, data) != len(data):
            raise OSError("the line was written in part only")
        os.fsync(handle)
    finally:
        os.close(handle)


def secret_of(path: Path) -> bytes:
    """Return what a secret's file holds, without the line break at its end."""
    with path.open("rb") as file:
        data = file.read(_SECRET_LIMIT + 1).rstrip(b"\r\n")
    if not data or len(data) > _SECRET_LIMIT:
        raise DeliveryFailed("the file of the secret is empty or too long", where=str(path))
    return data
