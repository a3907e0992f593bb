"""The page behind a link of recertification: who is asked answers right by right, without an account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailwitness.collect.interface import Act, NotAcknowledged, NotTaken
from mailwitness.errors import UsageError
from mailwitness.faces.reports.recertification import ANSWERS, rights_asked
from mailwitness.faces.reports.recertification_lists import RecertificationList, lines_of
from mailwitness.faces.reports.recertifying import Recertifications
from mailwitness.faces.views.picture import Picture, Pictures
from mailwitness.faces.web.people.accounts import address_of
from mailwitness.faces.web.reader import Recorder

AT_ONCE = 200
"""Lines shown on one page; the next come when these are answered."""
REASON = 2_000
_FIELD = re.compile(r"(?P<what>answer|reason)-(?P<place>[1-9][0-9]{0,5})")
_GONE = "This link opens nothing: it was answered, it is overdue, or it was withdrawn. Ask whoever sent it."


async def question(request: Request) -> Response:
    """Show what is asked, once it is recorded that it is read."""
    found = await _opened(request)
    if isinstance(found, Response):
        return found
    return await _show(request, found)


async def answer(request: Request) -> Response:
    """Take the answers that were given; the others stay open."""
    found = await _opened(request)
    if isinstance(found, Response):
        return found
    async with request.form(max_files=0, max_fields=2 * AT_ONCE + 10) as form:
        said = {name: str(value)[:REASON].strip() for name, value in form.items() if _FIELD.fullmatch(name)}
    answers, wrong = answers_of(said)
    if wrong:
        return await _show(request, found, said=said, wrong=wrong, status=400)
    work: Recertifications = request.app.state.recertifications
    recorder: Recorder | None = request.app.state.recorder
    pictures: Pictures = request.app.state.pictures
    if recorder is None:
        return _door(request, "Your answers cannot be recorded at the moment. Try again later.", 503)

    def take() -> int:
        now = datetime.now(UTC)
        return len(work.answer(found, answers, standing_ids(pictures.current, found, now), now, recorder.act))

    try:
        taken = await anyio.to_thread.run_sync(take)
    except (NotAcknowledged, NotTaken):
        wrong = "Not every answer could be recorded, and only recorded ones count. Send the rest again."
        return await _show(request, found, said=said, wrong=wrong, status=503)
    return await _show(request, found, thanks=f"{taken} answers were recorded. Thank you.")


def answers_of(said: Mapping[str, str]) -> tuple[dict[int, tuple[str, str]], str]:
    """Return the answers of a form by place, and what is wrong with it (empty where nothing is)."""
    answers = {}
    for name, value in said.items():
        field = _FIELD.fullmatch(name)
        if field is None or field["what"] != "answer" or not value:
            continue
        reason = said.get(f"reason-{field['place']}", "")
        if value not in ANSWERS:
            return {}, "An answer is keep or remove."
        if not reason:
            return {}, f"Say why in line {field['place']}: an answer without a reason is not recorded."
        answers[int(field["place"])] = (value, reason)
    return answers, "" if answers else "Nothing was answered yet."


def standing_ids(picture: Picture, asked: RecertificationList, now: datetime) -> frozenset[str]:
    """Return the ids of the rights that stand now on the mailbox of a list."""
    with picture.lock:
        thing = picture.people.find(asked.mailbox_key).one
        lines = [] if thing is None else rights_asked(picture.standing, thing, now)
    return frozenset(each.line_id for each in lines)


async def _opened(request: Request) -> RecertificationList | Response:
    work: Recertifications = request.app.state.recertifications
    token = str(request.path_params["token"])[:200]
    now = datetime.now(UTC)
    try:
        found = await anyio.to_thread.run_sync(work.opened, token, address_of(request), now)
    except UsageError:
        return _door(request, "This was asked too often. Wait 15 minutes.", 429)
    if found is None:
        return _door(request, _GONE, 404)
    return found


async def _show(
    request: Request,
    found: RecertificationList,
    *,
    said: Mapping[str, str] | None = None,
    wrong: str = "",
    thanks: str = "",
    status: int = 200,
) -> Response:
    work: Recertifications = request.app.state.recertifications
    recorder: Recorder | None = request.app.state.recorder
    lines = await anyio.to_thread.run_sync(lines_of, work.trail, found.number)
    left = [line for line in lines if line.answer is None]
    if left and recorder is not None and not wrong and not thanks:
        subject = f"recertification of mailbox {found.mailbox_key}"
        act = Act(who=found.reviewer, role="owner", verb="read", subject=subject, at=datetime.now(UTC))
        try:
            await anyio.to_thread.run_sync(recorder.act, act)
        except (NotAcknowledged, NotTaken):
            return _door(request, "This is not shown, because it could not be recorded. Try again later.", 503)
    view = {
        "list": found,
        "lines": left[:AT_ONCE],
        "done": [line for line in lines if line.answer is not None],
        "more": max(len(left) - AT_ONCE, 0),
        "said": said or {},
        "wrong": wrong,
        "thanks": thanks,
    }
    return _page(request, view, status)


def _door(request: Request, wrong: str, status: int) -> Response:
    return _page(request, {"list": None, "wrong": wrong, "thanks": ""}, status)


def _page(request: Request, view: Mapping[str, object], status: int) -> Response:
    theme = request.cookies.get("theme")
    template = request.app.state.templates.get_template("answering.html")
    text = template.render(**view, theme=theme if theme in ("light", "dark") else "", path=request.url.path)
    return HTMLResponse(text, status_code=status)
