"""Changes, accesses and findings one by one, each as a flat record with the same names in all three."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.change import Change
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.rules.finding import Finding

Row = dict[str, Any]
AT_A_TIME = 50_000
"""Accesses in memory at a time, but for a day that has more."""
_DAY = timedelta(days=1)


class Told(msgspec.Struct, frozen=True):
    """One record: of which table (change, access, finding), and its fields by the names the mappings use."""

    of: str
    fields: Row

    @property
    def kind(self) -> str:
        """Return the kind of event, empty for findings."""
        return self.fields.get("kind") or ""


def told_accesses(engine: Engine, filters: Filters) -> Iterator[Told]:
    """Yield the accesses in order of time, some days in memory at a time."""
    for since, until in _slices(engine, filters):
        rows, _ = accesses(engine, msgspec.structs.replace(filters, since=since, until=until))
        for row in rows:
            who, mailbox = row.get("actor_name") or row.get("actor_sid") or "?", row.get("mailbox_ref") or "?"
            said = f"{who}: {row['action']} of {mailbox} ({row.get('strength') or 'unknown'}, {row['outcome']})"
            yield _told("access", row, row["event_id"], said, target=mailbox, event_ids=row.get("witnesses"))


def told_changes(engine: Engine, filters: Filters) -> Iterator[Told]:
    """Yield the changes in order of time; they are merged over the whole time asked for, so all are in memory."""
    found, _ = changes(engine, filters)
    for change in found:
        row = {name: getattr(change, name) for name in Change.__struct_fields__ if name not in _OURS}
        first = change.witnesses[0]
        row |= {name: getattr(first, name) for name in ("source", "computer", "provider", "event_code")}
        for_whom = change.trustee_name or change.trustee_sid
        said = (
            f"{change.actor_name or change.actor_sid or '?'}: {change.kind} {change.action} on {change.target or '?'}"
        )
        said += f" for {for_whom}" if for_whom else ""
        said += f" ({', '.join(change.rights)})" if change.rights else ""
        ids = [witness.event_id for witness in change.witnesses]
        yield _told("change", row, change.change_id, said, target=change.target, event_ids=ids)


_OURS = frozenset({"change_id", "differences", "witnesses", "missing", "remarks"})


def told_findings(found: list[Finding]) -> Iterator[Told]:
    """Yield findings as records; the records that prove them stand in event_ids."""
    for each in found:
        row: Row = {**each.summary, "occurred_at": each.occurred_at, "level": each.level, "title": each.title}
        row |= {"rule_id": each.rule_id, "tags": each.tags, "description": each.description}
        row |= {"mailbox_ref": each.mailbox_ref, "actor_name": each.actor}
        row["kind"], row["action"] = "finding", each.rule_id
        yield _told("finding", row, each.finding_id, each.title, target=each.mailbox_ref, event_ids=each.event_ids)


def _told(of: str, row: Row, number: str, said: str, **more: object) -> Told:
    rights = row.get("rights") or ()
    fields = {
        **row,
        **more,
        "id": number,
        "message": said,
        "action_name": f"{row['kind']}-{row['action']}",
        "rights_text": rights if isinstance(rights, str) else ", ".join(rights),
    }
    return Told(of, {name: value for name, value in fields.items() if value not in (None, "", (), [])})


def _slices(engine: Engine, filters: Filters) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time asked for in stretches of whole days with about AT_A_TIME accesses."""
    first = filters.since or datetime.min.replace(tzinfo=UTC)
    last = filters.until or datetime.max.replace(tzinfo=UTC)
    start: datetime | None = None
    end, count = first, 0
    for day in engine.rows(load_query("mailwitness.rules.sql", "access_days"), since=first, until=last):
        start, count = start or day["day_at"], count + day["accesses"]
        end = day["day_at"] + _DAY
        if count >= AT_A_TIME:
            yield max(start, first), min(end, last)
            start, count = None, 0
    if start is not None:
        yield max(start, first), min(end, last)
