"""One record as it was sealed: every field, the raw record, its place in the log, and the evidence it came from."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from mailwitness.faces.views.custody import Import, import_of
from mailwitness.faces.views.lookup import Row, event_row
from mailwitness.faces.views.picture import AsOf, Picture, as_of

SHOWN_BYTES = 200_000
_APART = frozenset({"entry", "raw", "content_digest", "items", "rights", "log_id", "month", "leaf_kind", "noise"})


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A record. `raw` and `entry` are its lines; `leaf` its place in the log."""

    event_id: str
    leaf: int
    fields: tuple[tuple[str, str], ...]
    raw: tuple[str, ...]
    entry: tuple[str, ...]
    is_cut: bool
    evidence: Import | None
    change_id: str | None
    is_access: bool
    as_of: AsOf


def record_view(picture: Picture, event_id: str) -> RecordView | None:
    """Return the record of an event id (its first 16 digits will do), None where there is none."""
    row = event_row(picture, event_id)
    if row is None:
        return None
    entry = orjson.loads(row["entry"])
    raw = entry.pop("raw", {})
    lines, whole = _lines(raw), _lines(entry)
    change = picture.by_witness.get(row["event_id"])
    return RecordView(
        event_id=row["event_id"],
        leaf=row["seq"],
        fields=tuple(_fields(row)),
        raw=lines[0],
        entry=whole[0],
        is_cut=lines[1] or whole[1],
        evidence=import_of(picture, row.get("evidence_sha256")),
        change_id=change.change_id if change else None,
        is_access=row["kind"] == "access",
        as_of=as_of(picture),
    )


def _fields(row: Row) -> list[tuple[str, str]]:
    said = []
    for name, value in row.items():
        if name in _APART or value in (None, [], ""):
            continue
        said.append((name, value.isoformat() if hasattr(value, "isoformat") else str(value)))
    if row.get("rights"):
        said.append(("rights", ", ".join(row["rights"])))
    said += [("item", ", ".join(f"{k}: {v}" for k, v in item.items() if v)) for item in row.get("items") or ()]
    return said


def _lines(value: Any) -> tuple[tuple[str, ...], bool]:  # noqa: ANN401 - JSON
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return tuple(text[:SHOWN_BYTES].split("\n")), len(text) > SHOWN_BYTES
