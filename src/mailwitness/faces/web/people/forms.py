"""What the forms about people have in common: who posts, the token of the form, and the act that is recorded first."""

from __future__ import annotations

import hmac

import anyio.to_thread
from starlette.requests import Request

from mailwitness.collect.interface import Act, NotAcknowledged, NotTaken
from mailwitness.faces.web.page import Refused
from mailwitness.faces.web.people.accounts import People
from mailwitness.faces.web.reader import Reader, Recorder

_FIELDS = 12
_LENGTH = 1_000


def people_of(request: Request) -> People:
    """Return the console's accounts. Raises Refused (404) where it runs for one local auditor."""
    people = request.app.state.readers
    if not isinstance(people, People):
        raise Refused(404, "This console has no accounts.", "It runs for one auditor on this machine; see `serve`.")
    return people


async def fields_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, each once and of bounded length."""
    async with request.form(max_files=0, max_fields=_FIELDS) as form:
        return {name: value[:_LENGTH] for name, value in form.items() if isinstance(value, str)}


async def posted(request: Request) -> dict[str, str]:
    """Return the fields of a form of this session. Raises Refused (403) where its token is not the session's."""
    people = people_of(request)
    fields = await fields_of(request)
    if not hmac.compare_digest(fields.get("form_token", "").encode(), people.form_token(request).encode()):
        raise Refused(403, "This form is not of your session.", "Open the page anew and try again.")
    return fields


async def record_people(
    request: Request, reader: Reader, subject: str, *, reason: str | None = None, **detail: str
) -> None:
    """Have an act about people recorded before it has its effect. Raises Refused (503) where that fails."""
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        return
    act = Act(
        who=reader.name,
        role=reader.role,
        verb="people",
        subject=subject,
        reason=reason,
        at=people_of(request).now(),
        detail=detail,
    )
    try:
        await anyio.to_thread.run_sync(recorder.act, act)
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(
            503,
            "Nothing was done, because it could not be recorded.",
            f"The writer did not acknowledge: {cause.what}. Try again; if it stays so, look at the writer.",
        ) from cause
