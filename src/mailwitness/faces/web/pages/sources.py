"""The page of sources: logs, live parts, and every piece of evidence with its problems."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.custody import imports_of
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.sources import sources_view
from mailwitness.faces.web.page import Refused, Shown, flag


def sources(picture: Picture, request: Request) -> Shown:
    """Show what brings evidence in."""
    only = flag(request, "problems")
    return Shown("sources.html", {"view": sources_view(picture, with_problems=only), "only": only})


def evidence(picture: Picture, request: Request) -> Shown:
    """Show one act of custody, by its leaf."""
    leaf = int(request.path_params["leaf"])
    found = next((each for each in imports_of(picture) if each.leaf == leaf), None)
    if found is None:
        raise Refused(404, f"Leaf {leaf} is no act of custody.", "Choose one from the list of sources.")
    return Shown("evidence.html", {"view": found})
