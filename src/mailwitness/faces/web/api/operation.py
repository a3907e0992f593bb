"""What an operation of the API is: one entry of the table from which routes, roles and the description are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mailwitness.faces.pseudonyms.veil import Veil
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.faces.web.reader import Reader, Role

Scope = Literal["read", "decide", "verify", "upload", "administer"]
"""What a token may be used for, beside what its role allows."""
Method = Literal["GET", "POST", "DELETE"]
VERSION = "/api/v1"


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to an operation, its parameters checked."""

    request: Request
    reader: Reader
    picture: Picture
    path: Any
    query: Any
    body: Any = None
    veil: Veil | None = None
    """Hides names from whoever does not see them; None for everybody else."""

    @property
    def as_of(self) -> AsOf:
        """Return what the answer is made at."""
        return as_of(self.picture)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation gives: a struct or a whole response, and what of the trail it shows.

    A `subject` is recorded as read before the answer leaves.
    """

    value: msgspec.Struct | Response
    subject: str = ""
    status: int = 200
    is_covered: bool = False
    """Whether a whole response was made of what may be shown to those who do not see names."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `path` stands below /api/v1; `roles` may use it, with tokens whose scopes hold `scope`.

    `work` runs in a thread. It raises Problem, Refused, or any MailwitnessError. `errors` are the statuses it can
    answer with beside those of every operation. `of_trail` tells that the answer follows from the trail alone: it then
    has an ETag of the checkpoint. `body` is the type of a JSON body, `bytes` for one that is taken as it is.
    """

    method: Method
    path: str
    name: str
    summary: str
    work: Callable[[Call], Answered]
    answer: type[msgspec.Struct] | dict[str, str]
    """The type of the answer; or media types with their description, where it is a file."""
    roles: tuple[Role, ...] = ("auditor",)
    scope: Scope = "read"
    tag: str = "trail"
    query: type[msgspec.Struct] = Nothing
    parameters: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct | bytes] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    of_trail: bool = True
