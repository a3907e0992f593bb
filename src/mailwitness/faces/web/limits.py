"""How much of a request is read: what is larger is refused as it comes in, not after it has filled a disk.

Source: OWASP ASVS 5.0 item 5.2.1 (files of a size that cannot harm).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailwitness.collect.interface import BATCH_BYTES
from mailwitness.faces.web.page import Refused

FORM_BYTES = 1 << 20
"""Bytes of a form without files."""
UPLOAD_BYTES = 4 * BATCH_BYTES + (1 << 20)
"""Bytes of all files of one upload together, and what is between them."""
UPLOADS = "/import"
_API = "/api/"
TOO_LARGE = 413


class BodyLimit:
    """ASGI middleware: refuses bodies that are too large (413). The API sees to its own, by operation."""

    def __init__(self, app: ASGIApp) -> None:
        """Pass on to `app` what is small enough."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body cut off where it becomes too large."""
        if scope["type"] != "http" or scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        limit = UPLOAD_BYTES if scope["path"] == UPLOADS else FORM_BYTES
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isdecimal() or int(said[:20]) > limit:
            await PlainTextResponse(_words(limit), status_code=TOO_LARGE)(scope, receive, send)
            return
        taken = 0

        async def receive_at_most() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise Refused(TOO_LARGE, _words(limit), _REMEDY)
            return message

        await self._app(scope, receive_at_most, send)


_REMEDY = "Send less at once, or use `mailwitness import` on the server."


def _words(limit: int) -> str:
    return f"The request is larger than {limit >> 20} MiB. {_REMEDY}"
