"""What every page needs: the picture, the reader, the words of the address; and what a page gives back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailwitness.collect.interface import NotAcknowledged, NotTaken
from mailwitness.faces.pseudonyms.rules import OWN_PAGES
from mailwitness.faces.pseudonyms.veil import Veil
from mailwitness.faces.views.people import Named, Page
from mailwitness.faces.views.picture import Picture, Pictures, as_of
from mailwitness.faces.web.reader import Reader, Readers, Recorder, read_act
from mailwitness.faces.web.rendering import address

Handler = Callable[[Request], Awaitable[Response]]
_EVENT_ID = re.compile(r"[0-9a-f]{16,64}")
_BACK = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
NAME_LIMIT = 2_000


class Refused(Exception):
    """A request cannot be answered; `status` and words for a person."""

    def __init__(self, status: int, what: str, remedy: str = "") -> None:
        """Say `what` is wrong and what to do."""
        super().__init__(what)
        self.status = status
        self.what = what
        self.remedy = remedy


class Shown(msgspec.Struct, frozen=True):
    """A page: the template, what it is filled with, and what of the trail it shows (recorded before it is shown)."""

    template: str
    view: dict[str, Any]
    subject: str = ""
    status: int = 200


Page_ = Callable[[Picture, Request], Shown]


def page(make: Page_) -> Handler:
    """Return a handler that shows the page `make` makes; its work is done in a thread."""

    async def handler(request: Request) -> Response:
        reader = await reader_of(request)
        if isinstance(reader, Response):
            return reader
        pictures: Pictures = request.app.state.pictures

        def work() -> Shown:
            return make(pictures.current, request)

        shown = await anyio.to_thread.run_sync(work)
        if shown.subject:
            await record_read(request, reader, shown.subject)
        return render(request, reader, shown)

    return handler


async def reader_of(request: Request) -> Reader | Response:
    """Return the person behind a request, or the answer that turns it away."""
    known: Reader | None = getattr(request.state, "reader", None)
    if known is not None:
        return known
    readers: Readers = request.app.state.readers
    return await readers.of(request)


def record_read_now(request: Request, reader: Reader, subject: str) -> None:
    """Do what `record_read` does, from a thread."""
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        return
    try:
        recorder.act(read_act(reader, subject))
    except (NotAcknowledged, NotTaken) as cause:
        what = "Nothing was done, because it could not be recorded."
        raise Refused(503, what, f"{cause.what}. Try again.") from cause


async def record_read(request: Request, reader: Reader, subject: str) -> None:
    """Have it recorded that `subject` is read, before it is shown. Raises Refused where that is not acknowledged."""
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        return
    act = read_act(reader, subject)
    try:
        await anyio.to_thread.run_sync(recorder.act, act)
    except (NotAcknowledged, NotTaken) as cause:
        raise Refused(
            503,
            "This page is not shown, because it could not be recorded that you read it.",
            f"The writer did not acknowledge: {cause.what}. Try again; if it stays so, look at the writer.",
        ) from cause


def render(request: Request, reader: Reader, shown: Shown) -> Response:
    """Return a page as HTML."""
    state = request.app.state
    pictures: Pictures = state.pictures
    template = state.templates.get_template(shown.template)
    theme = request.cookies.get("theme")
    veil: Veil | None = getattr(request.state, "veil", None)
    is_open = veil is None or shown.template in OWN_PAGES
    text = template.render(
        **(shown.view if veil is None or is_open else veil.page(shown.view, shown.subject)),
        reader=reader,
        as_of=as_of(pictures.drawn),
        is_drawing=pictures.is_drawing,
        failure=pictures.failure if veil is None else None,
        is_veiled=veil is not None,
        subject=_subject(request, shown),
        is_recorded=state.recorder is not None,
        path=request.url.path,
        here=address(request.url.path, written(request)),
        theme=theme if theme in ("light", "dark") else "",
    )
    return HTMLResponse(text, status_code=shown.status)


def written(request: Request) -> dict[str, str]:
    """Return the fields of the address as they were written: by somebody who does not see names, with pseudonyms."""
    veil: Veil | None = getattr(request.state, "veil", None)
    return dict(request.query_params) if veil is None else dict(veil.written)


def _subject(request: Request, shown: Shown) -> str:
    """Return what of a page somebody who does not see names may ask to see."""
    if shown.subject.startswith(("access ", "change ", "event ", "finding ")):
        return shown.subject
    return written(request).get("name", "")


def named_thing(picture: Picture, request: Request, kind: Page) -> int | Shown:
    """Return the thing that the address names; a page of choices where the name can mean several.

    Raises Refused (404) where nothing is called so.
    """
    name = request.query_params.get("name", "").strip()
    if not name or len(name) > NAME_LIMIT:
        raise Refused(404, "No name was given.", "Search for the mailbox, account, group or application.")
    with picture.lock:
        found = picture.people.find(name)
        if not found.things:
            raise Refused(
                404,
                f"Nothing in this trail is called {name}.",
                "Give another of its names, or search for a part of it.",
            )
        if found.one is not None:
            return found.one
        choices: list[Named] = [picture.people.named(thing, page=kind) for thing in found.things[:50]]
    return Shown("choose.html", {"name": name, "choices": choices, "kind": kind}, status=300)


def instant_asked(request: Request, field: str) -> datetime | None:
    """Return the time that a field of the address gives (UTC where it names no offset; 30d: back from now)."""
    text = request.query_params.get(field, "").strip()
    if not text:
        return None
    try:
        if back := _BACK.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[back[2]]: int(back[1])})
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(400, f"{field} is no time: {text[:40]}", "Write 2026-11-24, 2026-11-24T13:00 or 30d.") from None


def flag(request: Request, field: str) -> bool:
    """Return whether a field of the address is switched on."""
    return request.query_params.get(field, "") in ("1", "on", "true")


def event_asked(request: Request) -> str:
    """Return the event id in the address. Raises Refused (404) where it is none."""
    text = str(request.path_params["event"]).lower()
    if not _EVENT_ID.fullmatch(text):
        raise Refused(404, "This is no id of an event.", "An id has 64 hexadecimal digits; 16 will do.")
    return text


def with_query(request: Request, **changed: str | None) -> str:
    """Return the address of this page with some of its fields changed."""
    query = written(request)
    query.update({name: value or "" for name, value in changed.items()})
    return address(request.url.path, query)
