"""What every answer carries and every request has to pass: headers, hosts, and where a form may come from.

Sources: OWASP ASVS 5.0 items 3.4.1 to 3.4.8 (headers), 3.5.1 to 3.5.3 (requests from other origins), 14.3.2 (caches).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailwitness.faces.web.api.problems import Problem, problem_response

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000; includeSubDomains"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HOST_COOKIE = "__Host-mailwitness"
"""The session's cookie over https."""
LOCAL_COOKIE = "mailwitness_here"
"""The session's cookie over http, which is served to this machine alone."""
LOCAL = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """ASGI middleware: refuses foreign hosts and forms of other origins; adds the headers to every answer."""

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...] = LOCAL) -> None:
        """Let in requests to `hosts` (names without port; `*` lets in all) and forms from the same origin."""
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = HSTS
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _turned_away(scope, refusal)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if "*" not in self._hosts and _name(host) not in self._hosts:
            return f"This console does not answer to the name {host!r}. Name it in the console's setting `hosts`."
        if scope["method"] in SAFE:
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return None if site in ("same-origin", "none") else _FOREIGN
        if origin is not None:
            return None if urlsplit(origin).netloc == host else _FOREIGN
        if any(name in headers.get("cookie", "") for name in (HOST_COOKIE, LOCAL_COOKIE)):
            return "Your browser does not say which site the form is of; use one that was made since 2020."
        return None  # a program, without a session


def _turned_away(scope: Scope, refusal: str) -> Response:
    if scope["path"].startswith("/api/"):
        return problem_response(Problem(403, refusal, "Ask at its own address, and from no other site's page."))
    return PlainTextResponse(refusal, status_code=403)


_FOREIGN = "The form comes from another site and was refused."


def _name(host: str) -> str:
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or "]:" in host else host
    return name.lower()
