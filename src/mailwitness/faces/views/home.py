"""The first page: can the trail be relied on, would we have seen it, and what should be looked at."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from mailwitness.analysis.change import Change
from mailwitness.analysis.mailbox_accesses import Asked, mailbox_accesses
from mailwitness.faces.views.access import AccessItem, access_item
from mailwitness.faces.views.axis import Axis, Bars, Scale, axis, bars
from mailwitness.faces.views.blindness import question_bands
from mailwitness.faces.views.change import ChangeItem, change_item
from mailwitness.faces.views.coverage import CoverageAsked, MailboxShare, coverage_view
from mailwitness.faces.views.findings import CaseLine, open_findings
from mailwitness.faces.views.integrity import Verification, verifications
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.faces.views.sources import Part, Source, parts_of, sources_of
from mailwitness.readiness.verdict import Verdict

LISTED = 8
PERIODS = 60
LOOKED_AT = 2_000
"""Accesses without a certain way that are read for the home page at most."""
SERIES = (("access", "records of access by others"), ("owner", "by owners"), ("change", "records of change"))


class HomeView(msgspec.Struct, frozen=True, kw_only=True):
    """The first page."""

    as_of: AsOf
    sources: tuple[Source, ...]
    holes: tuple[str, ...]
    coverage_score: float | None
    worst: tuple[Verdict, ...]
    uncovered: int
    blind_mailboxes: tuple[MailboxShare, ...]
    """Those of which the least would have been seen, the least first; none where all are covered throughout."""
    blind_mailbox_count: int
    seen: Axis | None
    """What would have been seen over the time the trail reaches, a band for each question."""
    accesses: int
    unexplained: int
    """Accesses by others that had no way open for certain."""
    unusual: tuple[AccessItem, ...]
    risky: tuple[ChangeItem, ...]
    risky_count: int
    activity: Bars
    mailboxes: int
    changes: int
    events: int


class NowView(msgspec.Struct, frozen=True, kw_only=True):
    """What of the first page changes without the trail: findings, live parts, the last verification."""

    open_cases: tuple[CaseLine, ...]
    open_count: int
    parts: tuple[Part, ...]
    late: int
    last: Verification | None


def now_view(picture: Picture) -> NowView:
    """Return what state.db says now."""
    trail = picture.reader.trail
    cases, count = open_findings(trail.path, picture, LISTED)
    parts = parts_of(picture)
    done = verifications(trail.path) if trail.state.exists() else []
    return NowView(
        open_cases=cases,
        open_count=count,
        parts=parts,
        late=sum(part.state == "late" or part.error is not None for part in parts),
        last=done[0] if done else None,
    )


def home_view(picture: Picture) -> HomeView:
    """Return the first page; the same for all who ask of one picture."""
    kept = picture.worked_out.kept
    known = kept.get("home")
    if not isinstance(known, HomeView):
        known = kept["home"] = _home_view(picture)
    return msgspec.structs.replace(known, as_of=as_of(picture))


def _home_view(picture: Picture) -> HomeView:
    items = (change_item(picture.people, change) for change in reversed(_shown(picture)))
    risky = [item for item in items if item.risks]
    told = picture.covered.recent
    open_verdicts = [verdict for verdict in told.verdicts if not verdict.covered]
    coverage = coverage_view(picture, CoverageAsked())
    unusual = _unusual(picture)
    return HomeView(
        as_of=as_of(picture),
        sources=sources_of(picture),
        holes=tuple(part.what for part in picture.coverage.parts if part.verdict == "absent"),
        coverage_score=coverage.score,
        worst=tuple(_of_each_check(open_verdicts))[:LISTED],
        uncovered=len(open_verdicts),
        blind_mailboxes=tuple(share for share in coverage.mailboxes if share.score < 1)[:LISTED],
        blind_mailbox_count=sum(each.score < 1 for each in told.scores.mailboxes),
        seen=_seen(picture),
        accesses=picture.tally.accesses,
        unexplained=len(unusual),
        unusual=tuple(unusual[:LISTED]),
        risky=tuple(risky[:LISTED]),
        risky_count=len(risky),
        activity=activity(picture),
        mailboxes=len(picture.standing.facts.mailboxes),
        changes=len(_shown(picture)),
        events=sum(row["records"] for row in picture.hosts),
    )


def _seen(picture: Picture) -> Axis | None:
    if not picture.hosts:
        return None
    scale = Scale(picture.first_at, picture.last_at)
    return axis(scale, [], question_bands(scale, picture.covered.timelines(None)))


def _shown(picture: Picture) -> list[Change]:
    return [change for change in picture.changes if change.noise is None]


def _of_each_check(found: list[Verdict]) -> list[Verdict]:
    """Return the longest open stretch of each check and host."""
    seen: dict[tuple[str, str], Verdict] = {}
    for verdict in found:
        seen.setdefault((verdict.computer, verdict.check), verdict)
    return list(seen.values())


def _unusual(picture: Picture) -> list[AccessItem]:
    """Return the accesses nothing explains for certain: those no right explains first, then the latest."""
    ids = tuple(picture.tally.unexplained[:LOOKED_AT])
    if not ids:
        return []
    with picture.engine() as engine:
        rows = mailbox_accesses(engine, Asked(events=ids, at_most=LOOKED_AT))
    items = [access_item(picture, row) for row in rows]
    kept = [item for item in items if item.status in ("unexplained", "possible")]
    return sorted(kept, key=lambda item: item.status != "unexplained")


def activity(picture: Picture) -> Bars:
    """Return accesses and changes over time: days with records, or weeks or months where those are too many."""
    for unit in _UNITS:
        rows = picture.index.ask("activity", {"own_pairs": picture.own}, unit=unit)
        if len(rows) <= PERIODS:
            break
    form, length = _UNITS[unit]
    drawn: list[tuple[str, tuple[int, ...], bool]] = []
    before: datetime | None = None
    for at, others, owners, changed in rows[-PERIODS:]:
        drawn.append((at.strftime(form), (others, owners, changed), before is not None and at - before > length))
        before = at
    return bars(SERIES, drawn)


_UNITS = {
    "day": ("%Y-%m-%d", timedelta(days=1)),
    "week": ("week of %Y-%m-%d", timedelta(days=7)),
    "month": ("%Y-%m", timedelta(days=31)),
    "year": ("%Y", timedelta(days=366)),
}
"""Periods of the chart, the finest first: how each is written, and how far apart two in a row begin."""
