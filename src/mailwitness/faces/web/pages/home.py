"""The first page."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.home import home_view, now_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Shown


def home(picture: Picture, request: Request) -> Shown:  # noqa: ARG001 - every page takes it
    """Show health and coverage first, then what should be looked at."""
    return Shown("home.html", {"view": home_view(picture), "now": now_view(picture)})
