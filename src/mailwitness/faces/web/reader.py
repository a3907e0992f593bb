"""Who is looking: the person behind a request, and the record of what he read.

`Readers` is the seam for accounts and roles. Until a console is given others, it runs as one local auditor: whoever
can reach its address, which is this machine's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mailwitness.collect.interface import Act, Batch, Receipt

Role = Literal["collector", "auditor", "administrator", "witness"]


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind a request."""

    name: str
    role: Role
    is_signed_in: bool = False
    """Whether he can sign out."""
    scopes: frozenset[str] | None = None
    """What a program's token may be used for; None for people, who may what their role allows."""


class Readers(Protocol):
    """Tells who is behind a request."""

    async def of(self, request: Request) -> Reader | Response:
        """Return the person, or the answer that turns the request away (a log-in page, 403)."""
        ...


class LocalReader:
    """One local auditor."""

    def __init__(self, name: str = "local auditor") -> None:
        """Call him `name`."""
        self._reader = Reader(name=name, role="auditor")

    async def of(self, request: Request) -> Reader | Response:  # noqa: ARG002 - the protocol's
        """Return the one there is."""
        return self._reader


class Recorder(Protocol):
    """Who makes leaves of acts and answers when they are durable: a WriterClient at the socket of acts."""

    def act(self, act: Act) -> Receipt:
        """Record the act. Raises NotAcknowledged or NotTaken where it is not recorded."""
        ...


class Uploads(Protocol):
    """Who takes evidence in and answers when it is durable: a WriterClient at the writer's socket."""

    def submit(self, batch: Batch, /) -> Receipt:
        """Take evidence in. Raises NotAcknowledged or NotTaken where it is not taken."""
        ...


def read_act(reader: Reader, subject: str, **detail: str) -> Act:
    """Return the act of reading `subject` (a page and what it is of)."""
    return Act(who=reader.name, role=reader.role, verb="read", subject=subject, at=datetime.now(UTC), detail=detail)
