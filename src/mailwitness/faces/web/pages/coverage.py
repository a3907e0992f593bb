"""The pages of coverage and of the set-up kit."""

from __future__ import annotations

from starlette.requests import Request

from mailwitness.faces.views.coverage import CoverageAsked, coverage_view, kit_view
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Refused, Shown, instant_asked
from mailwitness.knowledge.audit_settings import GENERATIONS, QUESTIONS


def coverage(picture: Picture, request: Request) -> Shown:
    """Show every check, the worst first, with what is lost and how to mend it."""
    text = request.query_params.get("question", "")
    question = next((each for each in QUESTIONS if each == text), None)
    asked = CoverageAsked(
        since=instant_asked(request, "since"),
        until=instant_asked(request, "until"),
        question=question,
        host=request.query_params.get("host", "").strip()[:255],
    )
    fields = {name: request.query_params.get(name, "") for name in ("since", "until", "host", "question")}
    return Shown("coverage.html", {"view": coverage_view(picture, asked), "fields": fields})


def kit(picture: Picture, request: Request) -> Shown:  # noqa: ARG001 - every page takes it
    """Show what the set-up kit of a generation would write."""
    text = str(request.path_params["generation"])
    generation = next((each for each in GENERATIONS if each == text), None)
    if generation is None:
        raise Refused(404, "There is no such generation.", f"There are {', '.join(GENERATIONS)}.")
    return Shown("kit.html", {"view": kit_view(generation)})
