"""Would we have seen it? What stands beside every answer: logs at hand, holes, clears, losses in the asked window."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mailwitness.analysis.filters import Filters
from mailwitness.analysis.gaps import gaps
from mailwitness.analysis.uncollected import Uncollected, uncollected
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

LISTED = 5  # blind stretches a person is told of one by one


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing known of the coverage: a log at hand (`proven`), a stretch without one (`absent`), or a share.

    `cause` and `fix` are those of the verb coverage; `questions` are set where the part is of these alone: with the
    verdict proven or unknown it then tells how much of the asked time is covered.
    """

    verdict: str  # proven | absent | unknown
    what: str
    computer: str | None = None
    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    first_record_id: int | None = None
    last_record_id: int | None = None
    cause: str | None = None
    questions: tuple[str, ...] = ()
    mailbox: str | None = None
    account: str | None = None
    fix: str | None = None


class Coverage(msgspec.Struct, frozen=True):
    """The coverage of one question. `uncovered` is set where part of the asked window is known to be blind."""

    parts: tuple[Part, ...]
    uncovered: bool

    def sentences(self, *, empty: bool) -> list[str]:
        """Return the coverage for a person; an empty answer is never called proof."""
        blind = [part for part in self.parts if part.verdict == "absent"]
        logs = [part for part in self.parts if part.verdict == "proven" and not part.questions]
        shares = [part for part in self.parts if part.verdict != "absent" and part.questions]
        said = []
        if empty:
            said.append("No record found. That is no proof that nothing happened: see the coverage.")
        if not logs:
            said.append("Coverage: absent. This trail holds no record of the asked time.")
        else:
            how = "whether everything was audited is unknown"
            if shares:
                how = "; ".join(part.what for part in shares) + " (mailwitness coverage tells more)"
            said.append(f"Coverage: records of {len(logs)} logs are at hand; {how}.")
        said += [f"  blind: {part.what}" for part in blind[:LISTED]]
        if len(blind) > LISTED:
            said.append(f"  blind: and {len(blind) - LISTED} more (--format json lists all)")
        return said


def coverage_of(engine: Engine, filters: Filters) -> Coverage:
    """Return what is known of the coverage of the window `filters` asks for."""
    parts = [
        Part(
            verdict="proven",
            what=f"{row['records']} records of {row['source']}",
            computer=row["computer"],
            channel=row["channel"],
            since=row["first_at"],
            until=row["last_at"],
        )
        for row in engine.rows(load_query("mailwitness.analysis.sql", "witnessed_hosts"))
        if _meets(filters, row["first_at"], row["last_at"])
    ]
    blind = [
        Part(
            verdict="absent",
            what=gap.sentence(),
            computer=gap.computer,
            channel=gap.channel,
            since=gap.after_at,
            until=gap.before_at,
            first_record_id=gap.first_record_id,
            last_record_id=gap.last_record_id,
        )
        for gap in gaps(engine)
        if _meets(filters, gap.after_at, gap.before_at)
    ]
    blind += [_loss(row) for row in _losses(engine, filters)]
    blind += [_lack(one) for one in uncollected(engine) if _meets(filters, one.since, one.until)]
    return Coverage((*parts, *blind), uncovered=bool(blind) or not parts)


def _losses(engine: Engine, filters: Filters) -> list[dict[str, Any]]:
    rows = engine.rows(load_query("mailwitness.analysis.sql", "audit_losses"), since=filters.since, until=filters.until)
    return [row for row in rows if row["action"] in _BLINDING]


_BLINDING = {
    "log_cleared": "the log was cleared",
    "discarded": "the system discarded audit records",
    "throttled": "the service stopped recording accesses",
}


def _loss(row: dict[str, Any]) -> Part:
    at, who = row["occurred_at"], f" by {row['actor_name']}" if row["actor_name"] else ""
    what = f"{row['computer'] or row['source']}: {_BLINDING[row['action']]} at {at:%Y-%m-%d %H:%M:%S}{who}"
    return Part(
        verdict="absent",
        what=what,
        computer=row["computer"],
        channel=row["channel"],
        since=at,
        until=row["occurred_until_at"] or at,
    )


def _lack(one: Uncollected) -> Part:
    return Part(verdict="absent", what=one.sentence(), since=one.since, until=one.until)


def _meets(filters: Filters, first: datetime | None, last: datetime | None) -> bool:
    """Return whether a stretch (open where None) reaches into the asked window."""
    if filters.since and last and last < filters.since:
        return False
    return not (filters.until and first and first >= filters.until)
