"""Where an answer ends and the next one begins: a key, and the size the first one was made at.

A cursor names the place after the last item, not a number of items: what comes in meanwhile moves nothing. It holds
the size of the trail at the first answer, so that the answers after it show nothing newer; and what was asked, so that
it is not taken for another question's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from mailwitness.faces.web.api.problems import Problem

_OTHER = {"limit", "cursor"}


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The size of the trail at the first answer, the sort key of the last item, and the mark of the question."""

    size: int
    at: int
    """Microseconds since 1970 where items are in order of time, else 0."""
    key: str
    asked: str
    count: int
    """Of all items at the first answer."""


def written(place: Place) -> str:
    """Return a place as the text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def place_of(text: str | None, asked: str) -> Place | None:
    """Return the place that a cursor names, None without one. Raises Problem (409) where it is not of this question."""
    if text is None:
        return None
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Place)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        place = None
    if place is None or place.asked != asked:
        raise Problem(
            409,
            "The cursor is not of this question.",
            "Give `next` of the answer before, with the same filters; or begin without a cursor.",
            where="cursor",
        )
    return place


def mark_of(operation: str, query: msgspec.Struct) -> str:
    """Return what tells one question from another: the operation and its filters."""
    said: dict[str, Any] = {n: v for n, v in msgspec.structs.asdict(query).items() if n not in _OTHER}
    return hashlib.sha256(msgspec.json.encode([operation, sorted(said.items())])).hexdigest()[:16]
