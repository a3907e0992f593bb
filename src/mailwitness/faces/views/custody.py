"""What came into the trail: each piece of evidence, by whom, with which counts and which problems."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import orjson

from mailwitness.engine.query import load_query
from mailwitness.faces.views.picture import SQL, Picture
from mailwitness.trail.projection import parse_instant, resolve_blobs


class ProblemSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the evidence that was not understood."""

    code: str
    where: str
    expected: str
    found: str
    records: int


class Import(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act of custody. Counts are in records."""

    leaf: int
    at: datetime
    act: str
    name: str = ""
    sha256: str = ""
    bytes_: int = 0
    kept: bool = False
    format: str = ""
    person: str = ""
    host: str = ""
    origin: str = ""
    computers: tuple[str, ...] = ()
    seen: int = 0
    recorded: int = 0
    duplicates: int = 0
    filtered: int = 0
    unread: int = 0
    problems: int = 0
    listed: tuple[ProblemSeen, ...] = ()
    more: tuple[tuple[str, str], ...] = ()


_KNOWN = frozenset(
    {"act", "evidence", "counts", "problems", "problems_by_code", "format", "person", "host", "computers", "continuity"}
)


def imports_of(picture: Picture) -> tuple[Import, ...]:
    """Return every act of custody, the latest first; the same for all who ask of one picture.

    Those that the picture before told are taken from it: only the leaves that came since are read.
    """
    known = picture.kept.get("imports")
    if known is None:
        since, told = picture.imports_before
        with picture.engine() as engine:
            rows = engine.rows(load_query(SQL, "custody_entries"), since=since)
            read = (_import(row["seq"], resolve_blobs(orjson.loads(row["entry"]), engine.long_value)) for row in rows)
            known = (*reversed(tuple(read)), *told)
        picture.kept["imports"] = known
        picture.kept["imports_by_sha256"] = {each.sha256: each for each in reversed(known) if each.sha256}
    return tuple(known)


def import_of(picture: Picture, sha256: str | None) -> Import | None:
    """Return how a piece of evidence came in, None where no leaf says."""
    imports_of(picture)
    found = picture.kept["imports_by_sha256"].get(sha256)
    return found if isinstance(found, Import) else None


def _import(leaf: int, entry: dict[str, Any]) -> Import:
    said = entry.get("statement") or {}
    evidence = (said.get("evidence") or [{}])[0]
    counts = said.get("counts") or {}
    listed = tuple(_problem(each) for each in said.get("problems") or () if isinstance(each, dict))
    return Import(
        leaf=leaf,
        at=parse_instant(entry["written_at"]),
        act=str(said.get("act", "")),
        name=str(evidence.get("name", "")),
        sha256=str(evidence.get("sha256", "")),
        bytes_=_number(evidence.get("size")),
        kept=bool(evidence.get("kept")),
        format=str(said.get("format", "")),
        person=str(said.get("person") or said.get("who") or ""),
        host=str(said.get("host", "")),
        origin=str(said.get("observed_origin") or said.get("origin") or ""),
        computers=tuple(map(str, said.get("computers") or ())),
        **{name: _number(counts.get(name)) for name in ("seen", "recorded", "duplicates", "filtered", "unread")},
        problems=_number(counts.get("problems"))
        or sum(_number(n) for n in (said.get("problems_by_code") or {}).values()),
        listed=listed,
        more=tuple((name, _text(value)) for name, value in sorted(said.items()) if name not in _KNOWN),
    )


def _problem(said: dict[str, Any]) -> ProblemSeen:
    place = said.get("where")
    if isinstance(place, dict):
        place = ", ".join(f"{name} {value}" for name, value in place.items() if value not in (None, ""))
    return ProblemSeen(
        code=str(said.get("code", "")),
        where=str(place or said.get("place") or ""),
        expected=str(said.get("expected", "")),
        found=str(said.get("found", "")),
        records=_number(said.get("records")),
    )


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()[:500]
