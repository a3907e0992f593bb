"""Search, its exports, and saved views."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailwitness.errors import UsageError
from mailwitness.faces.views.picture import Picture, Pictures
from mailwitness.faces.views.saved import remove_view, save_view, saved_views
from mailwitness.faces.views.search import EXPORTED, SearchAsked, SearchView, search_view
from mailwitness.faces.web.exports import EXPORTS, export_of
from mailwitness.faces.web.page import (
    Refused,
    Shown,
    flag,
    instant_asked,
    reader_of,
    record_read,
    render,
    with_query,
)
from mailwitness.faces.web.veiled import veil_of

LENGTH = 200
LAST_PAGE = 2_000
OUTCOMES = ("success", "failure", "unknown")


def search(picture: Picture, request: Request) -> Shown:
    """Show what holds the words and passes the filters."""
    asked = asked_of(request)
    view = search_view(picture, asked)
    links = {form: with_query(request, page=None).replace("/search", f"/search.{form}", 1) for form in EXPORTS}
    turn = {
        "before": with_query(request, page=str(asked.page - 1)) if asked.page > 1 else "",
        "next": with_query(request, page=str(asked.page + 1)) if asked.page < min(view.pages, LAST_PAGE) else "",
    }
    fields = {name: request.query_params.get(name, "") for name in ("since", "until")}
    return Shown(
        "search.html",
        {"view": view, "links": links, "turn": turn, "fields": fields, "kinds": _KIND_WORDS, "outcomes": OUTCOMES},
        subject=_subject(asked),
    )


def _subject(asked: SearchAsked) -> str:
    said = (asked.q, asked.kind, asked.mailbox, asked.actor, asked.right)
    return f"search {' '.join(word for word in said if word)}" if any(said) else "search"


def asked_of(request: Request) -> SearchAsked:
    """Return what the address asks for. Raises Refused (400) for a time or page that is none."""
    fields = request.query_params
    text = {name: fields.get(name, "").strip()[:LENGTH] for name in _TEXTS}
    page = fields.get("page", "1") or "1"
    if not (page.isascii() and page.isdecimal()) or not 1 <= int(page[:9]) <= LAST_PAGE:
        raise Refused(400, f"page is not between 1 and {LAST_PAGE}", "Narrow the search instead of paging on.")
    if text["outcome"] not in ("", *OUTCOMES):
        raise Refused(400, "outcome is not understood", f"Give {', '.join(OUTCOMES)}.")
    return SearchAsked(
        **text,
        since=instant_asked(request, "since"),
        until=instant_asked(request, "until"),
        non_owner=flag(request, "non_owner"),
        risky=flag(request, "risky"),
        noise=flag(request, "noise"),
        page=int(page),
    )


_KIND_WORDS = {
    "": "changes and accesses",
    "change": "changes",
    "access": "accesses",
    "logon": "logons",
    "all": "everything",
}
_TEXTS = ("q", "kind", "mailbox", "actor", "right", "outcome", "source")


async def export(request: Request) -> Response:
    """Give what the search shows, all pages of it, as a file."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    form = str(request.path_params["form"])
    pictures: Pictures = request.app.state.pictures

    def work() -> tuple[SearchView, SearchAsked]:
        asked = msgspec.structs.replace(asked_of(request), page=1)
        return search_view(pictures.current, asked, at_most=EXPORTED), asked

    if form not in EXPORTS:
        raise Refused(404, "There is no such export.", f"There are {', '.join(EXPORTS)}.")
    view, asked = await anyio.to_thread.run_sync(work)
    await record_read(request, reader, f"export of {_subject(asked)}")
    veil = veil_of(request)
    return await anyio.to_thread.run_sync(export_of, form, view if veil is None else veil.covered(view))


async def views(request: Request) -> Response:
    """Show the saved views, or save one."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    trail = request.app.state.trail.path
    if request.method != "POST":
        listed = await anyio.to_thread.run_sync(saved_views, trail, reader.name)
        return render(request, reader, Shown("views.html", {"views": listed}))
    async with request.form(max_files=0, max_fields=5) as form:
        said = {name: str(form.get(name, "")) for name in ("name", "address", "remove")}
    try:
        if said["remove"].isdecimal():
            await anyio.to_thread.run_sync(remove_view, trail, reader.name, int(said["remove"][:9]))
        else:
            now = datetime.now(UTC)
            await anyio.to_thread.run_sync(save_view, trail, reader.name, said["name"], said["address"], now)
    except UsageError as cause:
        raise Refused(400, cause.what, cause.remedy) from cause
    return RedirectResponse("/views", 303)
