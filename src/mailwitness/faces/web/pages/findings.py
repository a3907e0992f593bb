"""The pages of findings: the cases, and what is decided about one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.alerts.cases import Move, State
from mailwitness.collect.interface import NotAcknowledged, NotTaken
from mailwitness.errors import UsageError
from mailwitness.faces.views.findings import decide, finding_view, findings_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Refused, Shown, reader_of
from mailwitness.faces.web.reader import Reader, Recorder


def findings(picture: Picture, request: Request) -> Shown:
    """Show the cases, open ones unless asked otherwise."""
    text = request.query_params.get("state", "open")
    state = next((each for each in get_args(State) if each == text), None)
    return Shown("findings.html", {"view": findings_view(picture, state), "states": get_args(State)})


def finding(picture: Picture, request: Request) -> Shown:
    """Show one case: what was found, its evidence, and what was decided."""
    try:
        view = finding_view(picture, str(request.path_params["case"])[:64])
    except UsageError as cause:
        raise Refused(404, cause.what, "Choose one from the list of findings.") from cause
    return Shown("finding.html", {"view": view}, subject=f"finding {view.case.case_id}")


async def move(request: Request) -> Response:
    """Acknowledge, close, reopen or comment a case."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    async with request.form(max_files=0, max_fields=5) as form:
        wanted, why = str(form.get("move", "")), str(form.get("why", ""))[:4_000]
    case = str(request.path_params["case"])[:64]
    await anyio.to_thread.run_sync(_move, request, reader, case, wanted, why)
    return RedirectResponse(f"/finding/{case}", 303)


def _move(request: Request, reader: Reader, case: str, wanted: str, why: str) -> None:
    known: Move | None = next((each for each in get_args(Move) if each == wanted), None)
    if known is None:
        raise Refused(400, "This is nothing that can be decided.", f"Choose one of {', '.join(get_args(Move))}.")
    recorder: Recorder | None = request.app.state.recorder
    tell = recorder.act if recorder else None
    try:
        decide(request.app.state.trail.path, case, known, reader.name, reader.role, why, datetime.now(UTC), tell)
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(503, "Nothing was changed: it could not be recorded.", cause.what) from cause
