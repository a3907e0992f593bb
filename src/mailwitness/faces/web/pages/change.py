"""The pages of a change and of a single record."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.change import change_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.record import record_view
from mailwitness.faces.views.uses import uses_of
from mailwitness.faces.web.page import Refused, Shown, event_asked


def change(picture: Picture, request: Request) -> Shown:
    """Show a change: before and after, its witnesses, and what it was used for."""
    change_id = event_asked(request)
    found = picture.by_change.get(change_id) or picture.by_witness.get(change_id)
    if found is None:
        found = next((c for key, c in picture.by_change.items() if key.startswith(change_id)), None)
    if found is None:
        raise Refused(404, f"No change in this trail has the id {change_id}.", "Search for what was changed.")
    used, whole = uses_of(picture, found)
    view = change_view(picture, found)
    return Shown("change.html", {"view": view, "used": used, "whole": whole}, subject=f"change {found.change_id}")


def event(picture: Picture, request: Request) -> Shown:
    """Show one record as it was sealed."""
    event_id = event_asked(request)
    view = record_view(picture, event_id)
    if view is None:
        raise Refused(404, f"No event in this trail has the id {event_id}.", "Search for it by another of its words.")
    return Shown("event.html", {"view": view}, subject=f"event {view.event_id}")
