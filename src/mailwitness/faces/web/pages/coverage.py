"""The pages of coverage and of the set-up kit."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.coverage import CoverageAsked, coverage_view, kit_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import NAME_LIMIT, Refused, Shown, instant_asked
from mailwitness.knowledge.audit_settings import GENERATIONS, QUESTIONS


def coverage(picture: Picture, request: Request) -> Shown:
    """Show every check, the worst first, with what is lost and how to mend it."""
    fields = {name: request.query_params.get(name, "") for name in ("since", "until", "host", "question", "mailbox")}
    text = fields["question"]
    question = next((each for each in QUESTIONS if each == text), None)
    name = fields["mailbox"].strip()
    thing = _mailbox(picture, name) if name else None
    asked = CoverageAsked(
        since=instant_asked(request, "since"),
        until=instant_asked(request, "until"),
        question=question,
        host=fields["host"].strip()[:255],
        mailbox=thing,
    )
    view = coverage_view(picture, asked)
    subject = f"coverage of mailbox {view.mailbox.key}" if view.mailbox is not None else ""
    return Shown("coverage.html", {"view": view, "fields": fields}, subject=subject)


def _mailbox(picture: Picture, name: str) -> int:
    """Return the thing that a mailbox's name means. Raises Refused where there is none, or several."""
    with picture.lock:
        found = picture.people.find(name[:NAME_LIMIT])
        if not found.things:
            raise Refused(404, f"Nothing in this trail is called {name}.", "Give another of its names.")
        if found.one is None:
            keys = ", ".join(picture.people.key(thing) for thing in found.things[:10])
            raise Refused(400, f"{name} can mean several.", f"Give one of {keys}.")
        return found.one


def kit(picture: Picture, request: Request) -> Shown:  # noqa: ARG001 - every page takes it
    """Show what the set-up kit of a generation would write."""
    text = str(request.path_params["generation"])
    generation = next((each for each in GENERATIONS if each == text), None)
    if generation is None:
        raise Refused(404, "There is no such generation.", f"There are {', '.join(GENERATIONS)}.")
    return Shown("kit.html", {"view": kit_view(generation)})
