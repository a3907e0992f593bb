"""Silence is an event: a source that brings nothing for longer than it may, a collector that gives no sign of life."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mailwitness.alerts.cases import Cases
from mailwitness.collect.heartbeats import Heartbeat, Heartbeats
from mailwitness.event import canonical, instant
from mailwitness.rules.finding import Finding
from mailwitness.trail.projection import parse_instant

SILENT = "mailwitness-source-silent"
LATE = "mailwitness-collector-late"
FAILING = "mailwitness-collector-failing"
"""Each is followed by a slash and the source's name: a case, or a suppression, is of one source."""
FAILS_AFTER = timedelta(minutes=5)
_FIRST = "heard"


class Silence:
    """Watches the heartbeats of the collectors that are configured, over a connection of `open_state`."""

    def __init__(self, connection: sqlite3.Connection, longest: Mapping[str, timedelta | None]) -> None:
        """`longest` says for each source how long it may bring nothing; None: for ever."""
        self._heartbeats = Heartbeats(connection)
        self._cases = Cases(connection)
        self._longest = dict(longest)

    def findings(self, now: datetime) -> list[Finding]:
        """Return what is silent now. The same silence is the same finding, however often it is asked for."""
        heard = {beat.name: beat for beat in self._heartbeats.all()}
        found = []
        for name, longest in self._longest.items():
            beat = heard.get(name)
            since = self._last_data(name, beat, now)
            if longest is not None and now - since > longest:
                found.append(_silent(name, since, longest, now))
            if beat is not None and beat.is_late(now):
                found.append(_late(beat))
            elif beat is not None and _fails(beat, since, now):
                found.append(_failing(beat, since))
        return found

    def sentences(self, now: datetime) -> Iterable[str]:
        """Yield what the daily digest says of it."""
        for finding in self.findings(now):
            yield f"{finding.title}: {finding.summary['Source']}, since {finding.summary['Since']}"

    def _last_data(self, name: str, beat: Heartbeat | None, now: datetime) -> datetime:
        """When data last came; of a source that never brought any, when it was first waited for."""
        if beat is not None and beat.data_at is not None:
            return beat.data_at
        key = f"{_FIRST}:{name}"
        first = self._cases.reached(key)
        if first is None:
            self._cases.reach_now(key, instant(now))
            return now
        return parse_instant(first)


def _silent(name: str, since: datetime, longest: timedelta, now: datetime) -> Finding:
    return Finding(
        finding_id=_identity(SILENT, name, since),
        rule_id=f"{SILENT}/{name}",
        title="A source has fallen silent",
        level="high",
        occurred_at=now,
        event_ids=(),
        actor=None,
        summary={"Source": name, "Since": instant(since), "May be silent for": str(longest)},
        description=(
            f"{name} has brought nothing since {instant(since)}. No records is not the same as nothing happened: see"
            " whether the sender runs, whether auditing was switched off, and whether the network lets it through."
        ),
    )


def _late(beat: Heartbeat) -> Finding:
    return Finding(
        finding_id=_identity(LATE, beat.name, beat.at),
        rule_id=f"{LATE}/{beat.name}",
        title="A collector gives no sign of life",
        level="high",
        occurred_at=beat.at,
        event_ids=(),
        summary={
            "Source": beat.name,
            "Since": instant(beat.at),
            **({"Last error": beat.last_error} if beat.last_error else {}),
        },
        description="It neither collects nor says why. See the log of the service, and `mailwitness doctor`.",
    )


def _fails(beat: Heartbeat, since: datetime, now: datetime) -> bool:
    """Return whether the last that was heard of a collector is an error, and nothing has come for a while."""
    return beat.last_error_at is not None and since < beat.last_error_at and now - since > FAILS_AFTER


def _failing(beat: Heartbeat, since: datetime) -> Finding:
    return Finding(
        finding_id=_identity(FAILING, beat.name, since),
        rule_id=f"{FAILING}/{beat.name}",
        title="A collector fails",
        level="high",
        occurred_at=beat.last_error_at or beat.at,
        event_ids=(),
        summary={"Source": beat.name, "Since": instant(since), "Last error": beat.last_error or ""},
        description="It tries again by itself. What it could not collect meanwhile is told in its own coverage.",
    )


def _identity(rule_id: str, name: str, since: datetime) -> str:
    return hashlib.sha256(canonical(["silence", rule_id, name, instant(since)])).hexdigest()
