"""Asking a provider of sign-ins: whatever it answers, and however slowly, costs a bounded time and size."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec

from mailwitness.faces.web.page import Refused

SECONDS = 10
LIMIT = 1 << 20
_ASK = "Try again; if it stays so, ask who runs it."


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: the status, and a JSON object."""

    status: int
    body: dict[str, Any]


class Fetcher:
    """Gets and posts to a provider. No redirect is followed: its addresses are told by its own description."""

    def __init__(self, place: str, ca_file: Path | None = None, *, seconds: float = SECONDS) -> None:
        """Ask the provider that people know as `place`; `seconds` is how long each answer may take."""
        self._place = place
        self._ca_file = ca_file
        self._seconds = seconds

    async def get(self, url: str) -> Answer:
        """Return what stands at an address. Raises Refused (502) where nothing does that can be read."""
        return await self._ask("GET", url, {}, None, None)

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> Answer:
        """Return the answer to a form. Raises Refused (502) where there is none that can be read."""
        return await self._ask("POST", url, {"Accept": "application/json"}, form, auth)

    async def _ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        form: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
    ) -> Answer:
        try:
            with anyio.fail_after(self._seconds):
                context = await anyio.to_thread.run_sync(self._trusted)
                async with (
                    httpx.AsyncClient(verify=context, timeout=self._seconds, follow_redirects=False) as client,
                    client.stream(method, url, headers=headers, data=form, auth=auth) as answer,
                ):
                    data = await self._limited(answer)
                    status = answer.status_code
        except TimeoutError as cause:
            raise self._refused(f"did not answer within {self._seconds:g} seconds") from cause
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as cause:
            raise self._refused(f"cannot be reached ({type(cause).__name__})") from cause
        try:
            body = msgspec.json.decode(data, type=dict[str, Any])
        except (ValueError, RecursionError) as cause:
            raise self._refused(f"answered with status {status} and something that is no JSON object") from cause
        return Answer(status=status, body=body)

    async def _limited(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > LIMIT:
                raise self._refused("answered with more than 1 MiB")
        return bytes(data)

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca_file)

    def _refused(self, what: str) -> Refused:
        return Refused(502, f"{self._place} {what}.", _ASK)
