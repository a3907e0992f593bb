"""Who saw whose name though names are hidden, and why: as the leaves of the trail tell it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import orjson

from mailwitness.engine.query import load_query
from mailwitness.faces.views.picture import SQL, Picture
from mailwitness.trail.projection import parse_instant

LISTED = 500
_MARK = b'"verb":"unmask"'
_KEPT = "unmaskings"


class Unmasking(msgspec.Struct, frozen=True, kw_only=True):
    """One unmasking. `called` is what the subject is called where names are hidden, `subject` its own name."""

    leaf: int
    at: datetime
    who: str
    role: str
    called: str
    subject: str
    reason: str


def unmaskings_of(picture: Picture) -> tuple[Unmasking, ...]:
    """Return the latest unmaskings on record, the latest first."""
    known = picture.kept.get(_KEPT)
    if known is None:
        with picture.engine() as engine:
            rows = engine.rows(load_query(SQL, "acts_since"), size=0)
        told = (each for row in rows if _MARK in row["entry"] and (each := _unmasking(row["seq"], row["entry"])))
        known = picture.kept[_KEPT] = tuple(told)[-LISTED:][::-1]
    return tuple(known)


def _unmasking(leaf: int, entry: bytes) -> Unmasking | None:
    said = orjson.loads(entry).get("statement") or {}
    if said.get("verb") != "unmask":
        return None
    detail = said.get("detail") or {}
    return Unmasking(
        leaf=leaf,
        at=parse_instant(said["at"]),
        who=str(said.get("who", "")),
        role=str(said.get("role", "")),
        called=str(detail.get("pseudonym", "")),
        subject=str(said.get("subject", "")),
        reason=str(said.get("reason") or ""),
    )
