"""The page of a mailbox, and that of one access to it."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.event import instant
from mailwitness.faces.views.access import access_view
from mailwitness.faces.views.lookup import access_row
from mailwitness.faces.views.mailbox import MailboxAsked, mailbox_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Refused, Shown, event_asked, flag, instant_asked, named_thing, with_query


def mailbox(picture: Picture, request: Request) -> Shown:
    """Show who can open a mailbox, and its changes and accesses on one axis."""
    thing = named_thing(picture, request, "mailbox")
    if isinstance(thing, Shown):
        return thing
    asked = MailboxAsked(
        at=instant_asked(request, "at"),
        since=instant_asked(request, "since"),
        until=instant_asked(request, "until"),
        owner=flag(request, "owner"),
        noise=flag(request, "noise"),
    )
    view = mailbox_view(picture, thing, asked)
    fields = {name: request.query_params.get(name, "") for name in ("at", "since", "until")}
    links = {
        "owner": with_query(request, owner="" if asked.owner else "1"),
        "noise": with_query(request, noise="" if asked.noise else "1"),
        "now": with_query(request, at=None),
    }
    slide = {"since": int(view.begins_at.timestamp()), "until": int(picture.made_at.timestamp())}
    moments = [(at, with_query(request, at=instant(at))) for at in view.moments]
    return Shown(
        "mailbox.html",
        {"view": view, "asked": asked, "fields": fields, "links": links, "moments": moments, "slide": slide},
        subject=f"mailbox {view.name.key}",
    )


def access(picture: Picture, request: Request) -> Shown:
    """Show one access and what let it happen."""
    event_id = event_asked(request)
    row = access_row(picture, event_id)
    if row is None:
        raise Refused(
            404, f"No access in this trail has the id {event_id}.", "It may be another kind of event: search."
        )
    view = access_view(picture, row)
    changes = [picture.by_change[c] for c in view.item.change_ids if c in picture.by_change]
    return Shown("access.html", {"view": view, "changes": changes}, subject=f"access {row['event_id']}")
