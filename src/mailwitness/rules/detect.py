"""Run the rules over what the trail has newly sealed, and return what they find.

The same stretch of the trail gives the same findings with the same ids, however often it is asked of and whatever came
in before it; a pattern that a late event completes is found when that event comes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.rules.beginnings import MATCHES, beginnings
from mailwitness.rules.derived import SQL, access_table, change_table, moved
from mailwitness.rules.finding import Finding, finding_id
from mailwitness.rules.matching import Asked, Matcher, Row, Stretch, columns_for, empty_tables, name_of, table_of
from mailwitness.rules.patterns import application_table, host_table, window_table
from mailwitness.rules.rule import Corpus, Correlation, Rule
from mailwitness.rules.summary import summary_of
from mailwitness.rules.tables import ANALYSES

CHANGE_KINDS = frozenset({"permission", "membership", "role", "routing", "audit", "account"})
EVENTS_SHOWN = 1_000
"""Events of one finding that are named; the others are counted."""
_SETTLED, _BEFORE = "_settled", "_before"  # for what a derived table was made
_LOOKED_BACK = frozenset({"changes", "accesses"})
SETTLING = timedelta(hours=6)
"""How long a rule may wait for the other witnesses of an act (`settled_minutes`) and still find it."""


def detect(
    engine: Engine,
    corpus: Corpus,
    since_seq: int,
    until_seq: int,
    *,
    observations: Observations | None = None,
    at: datetime | None = None,
    analyses: bool = True,
) -> list[Finding]:
    """Return what the rules find in the leaves from `since_seq` up to `until_seq` (not included), in order of time.

    Earlier leaves are looked at where a rule needs them. `observations` is what the directory said (without it, rules
    on unexplained accesses know of rights by the events alone). `at` is the time by which a log counts as silent or an
    act as settled: by default that of the trail's latest event. `analyses` off leaves out the rules on patterns of use,
    applications and silence, which cost more: a service asks for them less often, over all that came since.
    """
    if until_seq <= since_seq:
        return []
    if at is None:
        (row,) = engine.rows(load_query(SQL, "latest"), until_seq=until_seq)
        at = row["latest_at"] or datetime.now(UTC)
    rules = [rule for rule in corpus.rules if analyses or rule.table not in ANALYSES]
    run = _Run(engine, rules, Stretch(since_seq=since_seq, until_seq=until_seq), observations, at)
    found = {finding.finding_id: finding for finding in run.findings()}
    return sorted(found.values(), key=lambda finding: (finding.occurred_at, finding.finding_id))


class _Run:
    def __init__(
        self, engine: Engine, rules: list[Rule], stretch: Stretch, observations: Observations | None, at: datetime
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._stretch = stretch
        self._observations = observations
        self._at = at
        self._matcher = Matcher(engine)
        self._tables = {rule.table for rule in rules}
        rows = engine.rows(load_query(SQL, "newly_sealed"), since_seq=stretch.since_seq, until_seq=stretch.until_seq)
        self._new = {row["kind"]: (row["first_at"], row["last_at"]) for row in rows}

    def findings(self) -> Iterator[Finding]:
        """Yield what every rule finds."""
        empty_tables(self._engine)
        self._derive()
        plain = [rule for rule in self._rules if rule.condition is not None and rule.output]
        asked = [Asked(rule.condition, rule.noise) for rule in plain if rule.condition is not None]
        for number, row in self._matcher.rows(asked, self._stretch):
            yield _finding(plain[number], (), row)
        yield from self._settled(plain)
        for rule in self._rules:
            if rule.correlation is not None:
                yield from self._correlated(rule, rule.correlation)

    def _derive(self) -> None:
        """Make the derived tables known, as far as rules ask for them and new events bear on them."""
        changed = _span(span for kind, span in self._new.items() if kind in CHANGE_KINDS)
        opened = self._new.get("access")
        made = None
        if changed and self._tables & {"changes", "windows"}:
            made = change_table(self._engine, *changed, self._at)
            self._engine.register(name_of("changes"), made)
        if opened and "accesses" in self._tables:
            self._engine.register(name_of("accesses"), access_table(self._engine, *opened))
        used = _span(span for span in (changed, opened) if span)
        if used and "windows" in self._tables:
            self._engine.register(name_of("windows"), window_table(self._engine, self._observations, used, made))
        if opened and "applications" in self._tables:
            table = application_table(self._engine, self._stretch.since_seq, self._stretch.until_seq)
            self._engine.register(name_of("applications"), table)
        if "hosts" in self._tables:
            self._engine.register(name_of("hosts"), host_table(self._engine, self._stretch.until_seq, self._at))

    def _settled(self, plain: list[Rule]) -> Iterator[Finding]:
        """Yield what rules that wait find in acts sealed before, and of silence, which no new event tells of."""
        waiting = [rule for rule in plain if rule.condition is not None and "settled_minutes" in rule.condition.sql]
        if waiting:
            first_at = moved(self._at, -SETTLING)
            made = change_table(self._engine, first_at, self._at, self._at)
            self._engine.register(name_of("changes", _SETTLED), made)
            yield from self._among(waiting, _SETTLED)
            yield from self._among(waiting, "")  # an act of old that a record new in the trail puts in another light
        yield from self._among([rule for rule in plain if rule.table == "hosts"], "")

    def _among(self, rules: list[Rule], purpose: str) -> Iterator[Finding]:
        """Yield what rules find in whole tables made for `purpose`, new or not."""
        asked = [Asked(rule.condition, rule.noise) for rule in rules if rule.condition is not None]
        for number, row in self._matcher.rows(asked, Stretch(until_seq=self._stretch.until_seq), purpose):
            yield _finding(rules[number], (), row)

    def _correlated(self, rule: Rule, correlation: Correlation) -> Iterator[Finding]:
        """Yield the windows of a correlation that hold at least one new match."""
        new = list(self._matches(correlation, self._stretch))
        if not new:
            return
        span = timedelta(seconds=correlation.seconds)
        first, last = min(row["occurred_at"] for row in new), max(row["occurred_at"] for row in new)
        around = Stretch(until_seq=self._stretch.until_seq, first_at=moved(first, -2 * span), last_at=moved(last, span))
        purpose = self._look_back(rule.table, around)
        touched = {tuple(row["groups"]) for row in new}
        matches = [row for row in self._matches(correlation, around, purpose) if tuple(row["groups"]) in touched]
        self._engine.register("rule_matches", table_of(matches, MATCHES))
        by_group: dict[tuple[str, ...], list[Row]] = {}
        for match in sorted(matches, key=lambda match: (match["occurred_at"], match["seq"])):
            by_group.setdefault(tuple(match["groups"]), []).append(match)
        for begun in self._engine.rows(beginnings(correlation)):
            groups, end = tuple(begun["groups"]), begun["occurred_at"]
            window = [m for m in by_group[groups] if moved(end, -span) <= m["occurred_at"] <= end]
            if any(match["seq"] >= self._stretch.since_seq for match in window):
                yield _pattern(rule, correlation, groups, window)

    def _look_back(self, table: str, around: Stretch) -> str:
        """Make the rows of a derived table known as far back as a correlation needs them; return for what purpose."""
        if around.first_at is None or around.last_at is None or table not in _LOOKED_BACK:
            return ""
        if table == "changes":
            made = change_table(self._engine, around.first_at, around.last_at, self._at)
        else:
            made = access_table(self._engine, around.first_at, around.last_at)
        self._engine.register(name_of(table, _BEFORE), made)
        return _BEFORE

    def _matches(self, correlation: Correlation, stretch: Stretch, purpose: str = "") -> Iterator[Row]:
        """Yield what its rules match, each with its group; what lacks a value to group by belongs to none."""
        bases = correlation.bases
        asked = [Asked(base.condition, base.noise, columns_for(bases, n)) for n, base in enumerate(bases)]
        for number, row in self._matcher.rows(asked, stretch, purpose):
            groups = [row[f"group_{number}_{n}"] for n in range(len(bases[number].groups))]
            if all(group is not None for group in groups):
                yield {
                    "rule": number,
                    "seq": row["seq"],
                    "event_id": row.get("event_id") or row["first_event_id"],
                    "occurred_at": row["occurred_at"],
                    "groups": groups,
                    "value": row.get(f"value_{number}") if bases[number].value else None,
                    "row": row,
                }


def _span(spans: Iterable[tuple[datetime, datetime]]) -> tuple[datetime, datetime] | None:
    listed = list(spans)
    return (min(first for first, _ in listed), max(last for _, last in listed)) if listed else None


def _events(row: Row) -> list[str]:
    return list(row.get("event_ids") or (row["event_id"],))


def _finding(rule: Rule, groups: tuple[str, ...], row: Row) -> Finding:
    return Finding(
        finding_id=finding_id(rule.rule_id, groups, row.get("first_event_id") or row["event_id"]),
        rule_id=rule.rule_id,
        title=rule.title,
        level=rule.level,
        tags=rule.tags,
        description=rule.description,
        occurred_at=row["occurred_at"],
        event_ids=tuple(_events(row)[:EVENTS_SHOWN]),
        mailbox_ref=row.get("mailbox_ref") or row.get("object_dn"),
        actor=row.get("actor_name") or row.get("actor_sid"),
        summary=summary_of(rule, row),
    )


def _pattern(rule: Rule, correlation: Correlation, groups: tuple[str, ...], window: list[Row]) -> Finding:
    """Return the finding of a window: told by its last match, with the events of all."""
    last, first = window[-1]["row"], min(window, key=lambda match: match["seq"])
    events = list(dict.fromkeys(event for match in window for event in _events(match["row"])))
    whole = _finding(rule, groups, last)
    mailboxes = {match["row"].get("mailbox_ref") for match in window}
    actors = {match["row"].get("actor_name") or match["row"].get("actor_sid") for match in window}
    counted = {"matches": str(len(window)), "events": str(len(events))}
    values = {str(match["value"]).casefold() for match in window if match["value"] is not None}
    if values:
        counted["different"] = str(len(values))
    counted |= dict(zip(correlation.group_by, groups, strict=True))
    return msgspec.structs.replace(
        whole,
        finding_id=finding_id(rule.rule_id, groups, first["event_id"]),
        event_ids=tuple(events[:EVENTS_SHOWN]),
        mailbox_ref=whole.mailbox_ref if len(mailboxes) == 1 else None,
        actor=whole.actor if len(actors) == 1 else None,
        summary=counted | {name: v for name, v in whole.summary.items() if _is_common(name, window)},
    )


def _is_common(name: str, window: list[Row]) -> bool:
    values: set[Any] = {str(match["row"].get(name)) for match in window}
    return len(values) == 1
