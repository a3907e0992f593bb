"""The operations of saved views: those of the person or the token that asks, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mailwitness.errors import UsageError
from mailwitness.faces.views.saved import ADDRESS_LENGTH, NAME_LENGTH, SavedView, remove_view, save_view, saved_views
from mailwitness.faces.web.api.operation import Answered, Call, Operation
from mailwitness.faces.web.api.problems import Problem


class ViewsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The saved views of whoever asks, by name."""

    items: tuple[SavedView, ...]


class ViewToSave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of the console, and the name it is kept under; the one of that name is replaced."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH, pattern=r"[!-~]")]
    address: Annotated[str, Meta(pattern=r"^/(?:[!-.0-\[\]-~][!-~]*)?$", max_length=ADDRESS_LENGTH)]


class ViewPath(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view in the address."""

    number: Annotated[int, Meta(ge=1, le=10**12)]


def views(call: Call) -> Answered:
    """Return the saved views."""
    return _views(call)


def save(call: Call) -> Answered:
    """Keep a view. Raises Problem (409) where there are too many."""
    said: ViewToSave = call.body
    try:
        save_view(call.picture.reader.trail.path, call.reader.name, said.name, said.address, datetime.now(UTC))
    except UsageError as cause:
        raise Problem(409, cause.what, cause.remedy) from cause
    return _views(call, 201)


def remove(call: Call) -> Answered:
    """Forget a view. Raises Problem (404) where it is none of the asker's."""
    trail, who = call.picture.reader.trail.path, call.reader.name
    if call.path.number not in {each.number for each in saved_views(trail, who)}:
        raise Problem(404, "There is no such view of yours.", "Choose one from the list.")
    remove_view(trail, who, call.path.number)
    return _views(call)


def _views(call: Call, status: int = 200) -> Answered:
    found = saved_views(call.picture.reader.trail.path, call.reader.name)
    return Answered(value=ViewsAnswer(items=found), status=status)


VIEWS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/views",
        name="views",
        summary="The saved views of whoever asks.",
        work=views,
        answer=ViewsAnswer,
        of_trail=False,
        tag="views",
    ),
    Operation(
        method="POST",
        path="/views",
        name="view_save",
        summary="Keep a page of the console under a name.",
        work=save,
        body=ViewToSave,
        answer=ViewsAnswer,
        status=201,
        errors=(409,),
        of_trail=False,
        tag="views",
    ),
    Operation(
        method="DELETE",
        path="/views/{number}",
        name="view_remove",
        summary="Forget a saved view of one's own.",
        work=remove,
        parameters=ViewPath,
        answer=ViewsAnswer,
        errors=(404,),
        of_trail=False,
        tag="views",
    ),
)
