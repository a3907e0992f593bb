"""Errors of the API as application/problem+json (RFC 9457): what is wrong, where, and what to do about it."""

from __future__ import annotations

import json
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from mailwitness.faces.text import for_json
from mailwitness.faces.views.people import Named

MEDIA = "application/problem+json"


class Problem(Exception):
    """A request cannot be answered. `where` names the parameter or field; `choices` are what a name can mean."""

    def __init__(
        self, status: int, what: str, remedy: str = "", *, where: str = "", choices: tuple[Named, ...] = ()
    ) -> None:
        """Say `what` is wrong and what to do."""
        super().__init__(what)
        self.status, self.what, self.remedy, self.where, self.choices = status, what, remedy, where, choices


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not answered (RFC 9457). `detail` says what is wrong, `remedy` what to do.

    `where` names the parameter or field that is wrong; `choices` are the things a name can mean, each with the name
    that means it alone.
    """

    type: str
    title: str
    status: int
    detail: str
    remedy: str = ""
    where: str = ""
    choices: tuple[Named, ...] = ()


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return the answer that says a problem."""
    title = HTTPStatus(problem.status).phrase
    details = ProblemDetails(
        type=f"urn:mailwitness:problem:{title.lower().replace(' ', '-')}",
        title=title,
        status=problem.status,
        detail=problem.what,
        remedy=problem.remedy,
        where=problem.where,
        choices=problem.choices,
    )
    return Response(encoded(details), status_code=problem.status, media_type=MEDIA, headers=headers)


def encoded(value: object) -> bytes:
    r"""Return `value` as JSON; what is invisible, turns lines about or is half a character is a \u escape."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:  # records of Windows hold lone surrogates, and JSON can say them
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()
    return data if data.isascii() and b"\x7f" not in data else for_json(data.decode()).encode()
