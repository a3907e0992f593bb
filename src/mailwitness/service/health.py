"""What a monitor asks a service: is it alive, is it ready, and its figures for Prometheus."""

from __future__ import annotations

import http.client
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Self

from mailwitness.collect.http_settings import address_of
from mailwitness.service.settings import ConsoleSettings

TEXT = "text/plain; charset=utf-8"
REQUEST_SECONDS = 5.0
ASKED = "/static/mark.svg"
"""What is asked of the console: it serves nothing before it has read the trail."""


class Monitor:
    """Serves /health/live, /health/ready and /metrics on an address of the machine. Use it as a context manager.

    `ready` returns what is not ready, by part; empty means ready. `metrics` returns the exposition and its type.
    """

    def __init__(
        self, listen: str, ready: Callable[[], Mapping[str, str]], metrics: Callable[[], tuple[bytes, str]]
    ) -> None:
        """Bind the address. Raises OSError where it is taken."""
        handler = type("Handler", (_Handler,), {"ready": staticmethod(ready), "metrics": staticmethod(metrics)})
        self._server = http.server.ThreadingHTTPServer(address_of(listen), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="monitor", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS
    server_version = "mailwitness"
    sys_version = ""
    ready: Callable[[], Mapping[str, str]]
    metrics: Callable[[], tuple[bytes, str]]

    def do_GET(self) -> None:
        """Answer a GET."""
        if self.path == "/health/live":
            self._answer(200, b"alive\n", TEXT)
        elif self.path == "/health/ready":
            wrong = dict(self.ready())
            body = json.dumps({"ready": not wrong, "wrong": wrong}).encode() + b"\n"
            self._answer(503 if wrong else 200, body, "application/json")
        elif self.path == "/metrics":
            body, kind = self.metrics()
            self._answer(200, body, kind)
        else:
            self._answer(404, b"there are /health/live, /health/ready and /metrics\n", TEXT)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a monitor asks often."""


def console_not_ready(settings: ConsoleSettings, name: str, seconds: float) -> str | None:
    """Return why the console does not answer where it is served, None where it does.

    `name` is one that it answers to. Its certificate is not looked at: it is this machine's own, and what is asked is
    whether anybody serves.
    """
    try:
        address = ipaddress.ip_address(settings.bind)
        host = str(address) if not address.is_unspecified else "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004
    except ValueError:
        host = settings.bind
    if settings.certificate is None:
        connection = http.client.HTTPConnection(host, settings.port, timeout=seconds)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, settings.port, timeout=seconds, context=context)
    try:
        connection.request("GET", ASKED, headers={"Host": name})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"it does not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"it answers {status}"
