"""From cases to alerts: what is told at once, to whom, and what the daily digest says."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from mailwitness.alerts.alert import Alert, Kind, rank
from mailwitness.alerts.cases import Case, Cases, Taken
from mailwitness.alerts.outbox import Outbox, Waiting
from mailwitness.alerts.settings import AlertSettings
from mailwitness.alerts.span import span_of
from mailwitness.event import canonical, instant
from mailwitness.rules.finding import LEVELS, Level

EVENTS_SHOWN = 10
LISTED = 50
"""Cases a digest names; the rest is counted."""
DAY = timedelta(days=1)


class Teller:
    """Writes the alerts of one service into its outbox."""

    def __init__(self, cases: Cases, outbox: Outbox, settings: AlertSettings, organization: str) -> None:
        self._cases = cases
        self._outbox = outbox
        self._settings = settings
        self._organization = organization
        self._oldest = span_of(settings.oldest)

    def tell(self, taken: Taken, now: datetime) -> int:
        """Put the alerts of new and raised cases into the outbox, within the caller's transaction; return how many."""
        told = 0
        for kind, cases in (("case", taken.opened), ("raised", taken.raised)):
            for case in cases:
                if case.suppressed_by is None and now - case.last_at <= self._oldest:
                    told += self._put(self.alert_of(case, "raised" if kind == "raised" else "case", now))
        return told

    def _put(self, alert: Alert) -> int:
        told = 0
        for name, destination in self._settings.destinations().items():
            if rank(alert.level) >= rank(destination.minimum_level):
                self._outbox.put(name, alert)
                told += 1
        return told

    def alert_of(self, case: Case, kind: Kind, now: datetime) -> Alert:
        """Return the alert of a case as it is now."""
        evidence = self._cases.evidence(case.case_id, EVENTS_SHOWN)
        event_ids = [event_id for one in evidence for event_id in one.event_ids]
        facts = dict(evidence[-1].summary) if evidence else {}
        others = [rule for rule in case.rules if rule != case.rule_id]
        if others:
            facts["Also found by"] = ", ".join(others)
        if case.watched:
            facts["Watchlists"] = ", ".join(case.watched)
        return Alert(
            key=_key(kind, case.case_id, case.level),
            kind=kind,
            title=case.title,
            level=case.level,
            at=now,
            organization=self._organization,
            case_id=case.case_id,
            rule_id=case.rule_id,
            mailbox=case.mailbox_ref,
            actor=case.actor,
            first_at=case.first_at,
            last_at=case.last_at,
            findings=case.findings,
            facts=facts,
            description=case.description,
            event_ids=tuple(dict.fromkeys(event_ids))[:EVENTS_SHOWN],
            tags=case.tags,
            link=self._link(f"/findings/{case.case_id}"),
        )

    def _link(self, path: str) -> str | None:
        base = self._settings.console_url
        return None if base is None else base.rstrip("/") + path

    def digest_due(self, now: datetime) -> datetime | None:
        """Return the time of the digest that is due and was not made yet, None where there is none."""
        hour, minute = map(int, self._settings.digest_at.split(":"))
        due = datetime.combine(now.date(), time(hour, minute), UTC)
        due = due if due <= now else due - DAY
        last = self._cases.reached("digest")
        if last is None:  # the first one comes at the end of the first day, not at once
            self._note_digest(due)
            return None
        return due if instant(due) > last else None

    def _note_digest(self, due: datetime) -> None:
        self._cases.reach_now("digest", instant(due))

    def tell_digest(self, due: datetime, now: datetime, health: Sequence[str] = ()) -> None:
        """Put the digest of the day before `due` into the outbox of every destination that takes one."""
        alert = self._digest(due, now, health)
        for name, destination in self._settings.destinations().items():
            if destination.digest:
                self._outbox.put(name, alert)
        self._note_digest(due)

    def _digest(self, due: datetime, now: datetime, health: Sequence[str]) -> Alert:
        since = due - DAY
        cases = self._cases.between(since, due)
        opened = [case for case in cases if case.opened_at >= since]
        suppressed = [case for case in opened if case.suppressed_by is not None]
        shown = sorted(
            (case for case in cases if case.suppressed_by is None),
            key=lambda case: (-rank(case.level), case.opened_at, case.case_id),
        )
        by_level = Counter(case.level for case in opened)
        standing = self._cases.counts()
        facts = {
            "Day": f"{instant(since)} to {instant(due)}",
            "New cases": ", ".join(f"{by_level[level]} {level}" for level in reversed(LEVELS) if by_level[level])
            or "none",
            "Open": str(sum(many for (state, _level), many in standing.items() if state == "open")),
            "Suppressed": str(len(suppressed)),
        }
        lines = [_line(case) for case in shown[:LISTED]]
        if len(shown) > LISTED:
            lines.append(f"... and {len(shown) - LISTED} more")
        return Alert(
            key=_key("digest", instant(due), self._organization),
            kind="digest",
            title=f"{len(opened)} new cases on the day to {due:%Y-%m-%d %H:%M} UTC",
            level="informational",
            at=now,
            organization=self._organization,
            findings=len(opened),
            facts=facts,
            description="\n".join([*lines, *(["Health:", *health] if health else [])]),
            link=self._link("/findings"),
        )


def held_back(waiting: Sequence[Waiting], now: datetime) -> Alert:
    """Return the one alert that stands for several which a destination's rate limit kept back."""
    alerts = [delivery.alert for delivery in waiting]
    level: Level = LEVELS[max(rank(alert.level) for alert in alerts)]
    titles = Counter(f"[{alert.level}] {alert.title}" for alert in alerts)
    lines = [f"{many} x {title}" for title, many in titles.most_common(LISTED)]
    if len(titles) > LISTED:
        lines.append(f"... and {len(titles) - LISTED} more kinds")
    return Alert(
        key=_key("held_back", waiting[0].alert.key, str(len(waiting))),
        kind="held_back",
        title=f"{len(alerts)} alerts were held back by the rate limit",
        level=level,
        at=now,
        organization=alerts[0].organization,
        findings=len(alerts),
        first_at=min((alert.at for alert in alerts), default=None),
        last_at=max((alert.at for alert in alerts), default=None),
        facts={"Cases": ", ".join(alert.case_id for alert in alerts[:EVENTS_SHOWN] if alert.case_id)},
        description="\n".join(lines),
    )


def trial(who: str, destination: str, now: datetime, organization: str) -> Alert:
    """Return the alert that `mailwitness alerts test` sends."""
    return Alert(
        key=_key("test", destination, instant(now)),
        kind="test",
        title="A test of Mailwitness alerts",
        level="informational",
        at=now,
        organization=organization,
        facts={"Asked for by": who, "Destination": destination},
        description="If you read this, alerts reach you. Nothing has happened.",
    )


def _line(case: Case) -> str:
    at = case.first_at.strftime("%m-%d %H:%M")
    names = " ".join(part for part in (case.mailbox_ref or "", f"by {case.actor}" if case.actor else "") if part)
    return f"{at}  [{case.level}] {case.title}: {names} ({case.state}, {case.findings} findings, {case.case_id})"


def _key(*parts: str) -> str:
    return hashlib.sha256(canonical(list(parts))).hexdigest()[:32]
