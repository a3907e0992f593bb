"""The page of reports: make one now, what was made, by whom and at which checkpoint; download and verify it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailwitness.errors import UsageError
from mailwitness.faces.reports.calendar import standings
from mailwitness.faces.reports.kept import ReportFile, data_of, path_of, register, report_numbered, reports_made
from mailwitness.faces.reports.kinds import KINDS
from mailwitness.faces.reports.maker import ReportAsked, ReportMaker
from mailwitness.faces.reports.making import names
from mailwitness.faces.reports.seal import check
from mailwitness.faces.reports.writing import FORMS
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.api.parameters import TIME, instant_of
from mailwitness.faces.web.page import Refused, Shown, page, reader_of, record_read
from mailwitness.knowledge.report_packs import packs

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}
_TIME = re.compile(TIME)
_NAME = 200


def report_routes() -> list[Route]:
    """Return the routes of the page of reports."""
    return [
        Route("/reports", page(reports), name="reports"),
        Route("/reports", report_make, methods=["POST"], name="report_make"),
        Route("/reports/{number:int}/verify", page(report_verify), name="report_verify"),
        Route("/reports/{number:int}.{form}", report_file, name="report_file"),
    ]


def titles() -> dict[str, str]:
    """Return what every report is called, the packs last."""
    return {name: kind.title for name, kind in KINDS.items()} | {name: pack.title for name, pack in packs().items()}


def reports(picture: Picture, request: Request) -> Shown:
    """Show what can be made and what was made."""
    trail = picture.reader.trail.path
    with register(trail) as connection:
        schedules = standings(connection)
    view = {
        "titles": titles(),
        "forms": FORMS,
        "made": reports_made(trail),
        "schedules": schedules,
        "maker": request.app.state.reports,
        "checked": None,
    }
    return Shown("reports.html", view)


async def report_make(request: Request) -> Response:
    """Begin a report, once it is recorded who reads what."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    async with request.form(max_files=0, max_fields=20) as form:
        said = {name: str(value)[:_NAME].strip() for name, value in form.items()}
        forms = tuple(name for name in FORMS if form.get(f"form_{name}"))
    asked = asked_of(said, forms)
    about = f" of mailbox {asked.mailbox}" if asked.mailbox else ""
    await record_read(request, reader, f"report {asked.report}{about}")
    maker: ReportMaker = request.app.state.reports
    if not maker.start(asked, reader.name):
        raise Refused(409, "A report is being made already.", "Wait until it is there.")
    return RedirectResponse("/reports", 303)


def asked_of(said: dict[str, str], forms: tuple[str, ...]) -> ReportAsked:
    """Return what a form asks for. Raises Refused (400) where it cannot be meant."""
    if said.get("report") not in names():
        raise Refused(400, "There is no such report.", f"Choose one of {', '.join(names())}.")
    since, until = (_time(said.get(field, ""), field) for field in ("since", "until"))
    until = until or datetime.now(UTC)
    if since is not None and since >= until:
        raise Refused(400, "The period is empty.", "Let it begin before it ends.")
    return ReportAsked(
        report=said["report"], since=since, until=until, mailbox=said.get("mailbox") or None, forms=forms or ("html",)
    )


def _time(text: str, field: str) -> datetime | None:
    if text and not _TIME.fullmatch(text):
        raise Refused(400, f"{field} is no time: {text[:40]}", "Write 2026-11-24, 2026-11-24T13:00 or 30d.")
    return instant_of(text or None)


def report_verify(picture: Picture, request: Request) -> Shown:
    """Hold a report's files to their hashes and to the trail."""
    shown, trail = reports(picture, request), picture.reader.trail.path
    number = request.path_params["number"]
    try:
        made = report_numbered(trail, number)
    except UsageError as cause:
        raise Refused(404, cause.what, cause.remedy) from cause
    found: list[tuple[ReportFile, bool | None, str]] = []
    for file in made.files:
        path, digest = path_of(trail, number, file.form)
        try:
            held = check(path, trail)
        except UsageError as cause:
            found.append((file, None, cause.what))
        else:
            found.append((file, held.holds and held.sha256 == digest, ""))
    shown.view["checked"] = (made, found)
    return shown


async def report_file(request: Request) -> Response:
    """Give a file of a report, once it is recorded who reads it."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    number, form = request.path_params["number"], request.path_params["form"]
    trail = request.app.state.trail.path
    try:
        path, data = await anyio.to_thread.run_sync(data_of, trail, number, form)
    except UsageError as cause:
        raise Refused(404, cause.what, cause.remedy) from cause
    await record_read(request, reader, f"report {number} as {form}")
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return Response(data, headers=headers, media_type=MEDIA[form])
