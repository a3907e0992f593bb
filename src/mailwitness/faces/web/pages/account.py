"""The pages of an account, a group and an application."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.account import account_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Shown, instant_asked, named_thing, with_query


def account(picture: Picture, request: Request) -> Shown:
    """Show what an account, group or application can open, what it opened, what it changed, and from where."""
    thing = named_thing(picture, request, "account")
    if isinstance(thing, Shown):
        return thing
    view = account_view(picture, thing, instant_asked(request, "at"))
    links = {"now": with_query(request, at=None)}
    asked = request.query_params.get("at", "")
    return Shown("account.html", {"view": view, "links": links, "at": asked}, subject=f"{view.kind} {view.name.key}")
