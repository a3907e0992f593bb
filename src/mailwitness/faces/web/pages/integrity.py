"""The pages of integrity: the checkpoint, anchors, verifications, and beginning one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from mailwitness.faces.views.integrity import Verifier, integrity_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Shown, reader_of


def integrity(picture: Picture, request: Request) -> Shown:
    """Show what vouches for the trail."""
    state = request.app.state
    view = integrity_view(picture, state.config.anchors_folder, state.config.verifier_key)
    verifier: Verifier = state.verifier
    return Shown("integrity.html", {"view": view, "verifier": verifier})


async def verify_now(request: Request) -> Response:
    """Begin a verification, unless one is under way."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    async with request.form(max_files=0, max_fields=3) as form:
        deep = form.get("deep") == "1"
    verifier: Verifier = request.app.state.verifier
    verifier.start(reader.name, deep=deep)
    return RedirectResponse("/integrity", 303)


async def progress(request: Request) -> Response:
    """Return how far the verification is, for the script of the page."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    verifier: Verifier = request.app.state.verifier
    return JSONResponse({"running": verifier.is_running, "done": verifier.done, "total": verifier.total})
