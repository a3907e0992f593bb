"""The page of unmasking: the form, what is shown to this session, and who saw whose name, why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.collect.interface import Act, NotAcknowledged, NotTaken
from mailwitness.errors import UsageError
from mailwitness.faces.pseudonyms.unmasking import LASTS, LEAST, MOST, Unmasked, reason_of, subject_of
from mailwitness.faces.pseudonyms.veil import Veil
from mailwitness.faces.views.picture import Pictures
from mailwitness.faces.views.unmaskings import unmaskings_of
from mailwitness.faces.web.page import Refused, Shown, reader_of, record_read, render
from mailwitness.faces.web.reader import Reader, Recorder
from mailwitness.faces.web.rendering import address
from mailwitness.faces.web.veiled import Pseudonyms, session_of, veil_of

_FIELDS = 5
_PAGES = ("mailbox", "account", "group", "application", "object")


async def unmask(request: Request) -> Response:
    """Show the form and the list."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    pictures: Pictures = request.app.state.pictures
    listed = await anyio.to_thread.run_sync(lambda: unmaskings_of(pictures.current))
    await record_read(request, reader, "unmaskings")
    pseudonyms: Pseudonyms | None = request.app.state.pseudonyms
    veil = veil_of(request)
    view: dict[str, Any] = {
        "listed": listed,
        "waiting": pseudonyms.unmaskings.of(session_of(request, reader)) if pseudonyms and veil else (),
        "asked": request.query_params.get("subject", "")[:100],
        "can": request.app.state.recorder is not None,
        "minutes": int(LASTS.total_seconds() // 60),
        "least": LEAST,
        "most": MOST,
    }
    return render(request, reader, Shown("unmask.html", view))


async def unmask_do(request: Request) -> Response:
    """Have it recorded who sees whose name, and why; then show it to this session. Or hide it again."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    async with request.form(max_files=0, max_fields=_FIELDS) as form:
        said = {name: str(form.get(name, ""))[:MOST] for name in ("subject", "reason", "end")}
    pseudonyms: Pseudonyms | None = request.app.state.pseudonyms
    veil = veil_of(request)
    if pseudonyms is None or veil is None:
        raise Refused(409, "Names are not hidden from you.", "There is nothing to unmask.")
    if said["end"]:
        pseudonyms.unmaskings.end(session_of(request, reader), said["end"])
        return RedirectResponse("/unmask", 303)
    try:
        made = await anyio.to_thread.run_sync(unmasked, request, reader, veil, said["subject"], said["reason"])
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    return RedirectResponse(_page_of(veil, made), 303)


def unmasked(request: Request, reader: Reader, veil: Veil, subject: str, reason: str) -> Unmasked:
    """Have an unmasking recorded, then let it count for this session.

    Raises UsageError for a subject or reason that is none, Refused (503) where it is not recorded: nothing is shown
    then, also by a console without a writer.
    """
    pseudonyms: Pseudonyms = request.app.state.pseudonyms
    recorder: Recorder | None = request.app.state.recorder
    meant, why = subject_of(veil.codes, subject), reason_of(reason)
    if recorder is None:
        raise Refused(
            503, "Nothing is shown: this console has no writer.", "Who sees a name is recorded; begin it with its key."
        )
    minutes = str(int(LASTS.total_seconds() // 60))
    act = Act(
        who=reader.name,
        role=reader.role,
        verb="unmask",
        subject=meant.recorded,
        reason=why,
        at=datetime.now(UTC),
        detail={"pseudonym": meant.called, "minutes": minutes},
    )
    try:
        recorder.act(act)
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(
            503, "Nothing is shown: it could not be recorded.", f"The writer did not acknowledge: {cause.what}."
        ) from cause
    return pseudonyms.unmaskings.allow(session_of(request, reader), meant)


def _page_of(veil: Veil, made: Unmasked) -> str:
    """Return the page of what is shown now."""
    kind, _, rest = made.subject.shown.partition(" ")
    if rest:
        return f"/{kind}/{rest}"
    named = veil.codes.named(made.subject.shown)
    if named is None or named.page not in _PAGES:
        return "/unmask"
    return address(f"/{named.page}", {"name": made.subject.called})
