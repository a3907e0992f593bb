"""Real receivers of alerts: a mail server, an HTTPS server, syslog servers; and the certificates they show."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """A certificate that signs itself, for localhost and 127.0.0.1."""

    file: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def make_certificate(folder: Path, days: int = 3650) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made_file, key_file = folder / "server.pem", folder / "server.key"
    made_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return Certificate(made_file, key_file)


class Mails:
    """What the mail server took; `wait` returns when there are so many."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.secured: list[bool] = []
        self._news = threading.Condition()

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - the library's name
        with self._news:
            self.taken.append((envelope.rcpt_tos, envelope.content))
            self.secured.append(session.ssl is not None)
            self._news.notify_all()
        return "250 OK"

    def wait(self, count: int, seconds: float = 60.0) -> list[tuple[list[str], bytes]]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.taken) >= count, seconds), f"{len(self.taken)} of {count} came"
            return list(self.taken)


class _Requiring(Controller):
    """A mail server with STARTTLS and accounts, on a port of its own."""

    def __init__(self, handler, certificate: Certificate, *, tls: bool, password: bytes | None) -> None:
        self._certificate, self._tls, self._password = certificate, tls, password
        super().__init__(handler, hostname="127.0.0.1", port=0, ready_timeout=60)

    def factory(self):
        wanted: dict[str, object] = {}
        if self._tls:
            wanted |= {"tls_context": self._certificate.server_context(), "require_starttls": True}
        if self._password is not None:
            wanted |= {"authenticator": self._authenticate, "auth_required": True}
        return SMTP(self.handler, hostname="localhost", **wanted)

    def _authenticate(self, _server, _session, _envelope, _mechanism, data):
        good = isinstance(data, LoginPassword) and data.password == self._password
        return AuthResult(success=good, handled=good)

    def _trigger_server(self) -> None:
        """Connect once, to the port that was given: the base class would go to the port it asked for, 0."""
        with socket.create_connection(self.server.sockets[0].getsockname(), 60) as connection:
            connection.recv(1024)


@contextlib.contextmanager
def mail_server(certificate: Certificate, *, tls: bool = True, password: bytes | None = None) -> Iterator[tuple]:
    """Yield the mails and the port."""
    mails = Mails()
    server = _Requiring(mails, certificate, tls=tls, password=password)
    server.start()
    try:
        yield mails, server.server.sockets[0].getsockname()[1]
    finally:
        server.stop()


class Posted(NamedTuple):
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """What the HTTPS server was sent, and what it answers."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.status = 200
        self.answer = b"ok"
        self.headers: dict[str, str] = {}


@contextlib.contextmanager
def https_server(certificate: Certificate) -> Iterator[tuple[Hooks, int]]:
    """Yield what was posted, and the port."""
    hooks = Hooks()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.posted.append(Posted(self.path, dict(self.headers), body))
            self.send_response(hooks.status)
            for name, text in hooks.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(hooks.answer)))
            self.end_headers()
            self.wfile.write(hooks.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hooks, server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def stream_server(handle, certificate: Certificate | None = None) -> Iterator[int]:
    """Serve one connection after another with `handle(connection)`, and yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            with contextlib.suppress(OSError), connection:
                connection.settimeout(60)
                if certificate is None:
                    handle(connection)
                else:
                    with certificate.server_context().wrap_socket(connection, server_side=True) as secured:
                        handle(secured)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        done.set()
        thread.join()
        listening.close()


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65536):
        data += part
    return data
