"""Findings become cases: those of one act, and of one kind within a window, together; who decided what and why."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from mailwitness.alerts.alert import level_of, rank
from mailwitness.alerts.one_act import can_be_one, cases_of, lead, move_into, note_events
from mailwitness.alerts.suppressions import Suppression, Suppressions
from mailwitness.alerts.tables import make_tables
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.collect.interface import Act
from mailwitness.errors import UsageError
from mailwitness.event import canonical, instant
from mailwitness.rules.finding import Finding, Level
from mailwitness.state.database import transaction
from mailwitness.trail.projection import parse_instant

State = Literal["open", "acknowledged", "closed"]
Move = Literal["acknowledge", "close", "reopen", "comment"]
_MOVES: dict[Move, tuple[frozenset[State], State | None]] = {
    "acknowledge": (frozenset({"open"}), "acknowledged"),
    "close": (frozenset({"open", "acknowledged"}), "closed"),
    "reopen": (frozenset({"acknowledged", "closed"}), "open"),
    "comment": (frozenset({"open", "acknowledged", "closed"}), None),
}
SERVICE = "mailwitness"
"""Who opened a case, in its history, or put two into one: nobody but a person decides that one is done with."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a case."""

    finding_id: str
    rule_id: str
    mailbox_ref: str | None
    actor: str | None
    occurred_at: datetime
    taken_at: datetime
    level: str
    title: str
    event_ids: tuple[str, ...]
    summary: dict[str, str]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a case's history."""

    at: datetime
    who: str
    did: str
    why: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs together: findings of one act, and of one rule, mailbox and actor within the window.

    `rule_id`, `title`, `level`, `mailbox_ref`, `actor` and `description` are those of the gravest, of the first of
    equally grave ones.
    """

    case_id: str
    rule_id: str
    title: str
    level: Level
    mailbox_ref: str | None
    actor: str | None
    description: str
    tags: tuple[str, ...]
    watched: tuple[str, ...]
    """The watchlists that weighed it."""
    rules: tuple[str, ...]
    """Every rule that found something of it."""
    state: State
    suppressed_by: int | None
    first_at: datetime
    last_at: datetime
    opened_at: datetime
    changed_at: datetime
    findings: int


class Taken(msgspec.Struct, frozen=True):
    """What new findings did: cases that are new, cases whose level rose, cases that only grew."""

    opened: list[Case]
    raised: list[Case]
    grown: list[Case]


class Cases:
    """The cases of one trail, over a connection of `open_state` that the caller keeps."""

    def __init__(self, connection: sqlite3.Connection, within: timedelta = timedelta(hours=1)) -> None:
        """Use `within` as the longest time between two findings of one case."""
        self._connection = connection
        self._within = within
        make_tables(connection)
        self._suppressions = Suppressions(connection)

    def take(
        self,
        findings: Iterable[Finding],
        watchlists: Watchlists,
        now: datetime,
        then: Callable[[Taken], None] | None = None,
    ) -> Taken:
        """Take findings in and return what they did; a finding that is known already does nothing.

        `then` runs in the same transaction: what it stores (deliveries, how far detection came) and the cases are
        there together or not at all.
        """
        opened: dict[str, None] = {}
        raised: dict[str, None] = {}
        grown: dict[str, None] = {}
        with transaction(self._connection):
            suppressions = self._suppressions.in_force(now)
            for finding in sorted(findings, key=lambda one: (one.occurred_at, one.finding_id)):
                if self._connection.execute(
                    "SELECT 1 FROM findings_evidence WHERE finding_id = ?", (finding.finding_id,)
                ).fetchone():
                    continue
                case_id, did, gone = self._place(finding, watchlists, suppressions, now)
                {"opened": opened, "raised": raised, "grown": grown}[did][case_id] = None
                for other, is_graver in gone:  # what was not told of it yet is told of the case it went into
                    untold = other in opened or other in raised
                    for kind in (opened, raised, grown):
                        kind.pop(other, None)
                    (raised if untold and is_graver else grown)[case_id] = None
            taken = Taken(
                [self.case(case_id) for case_id in opened],
                [self.case(case_id) for case_id in raised if case_id not in opened],
                [self.case(case_id) for case_id in grown if case_id not in opened and case_id not in raised],
            )
            if then:
                then(taken)
        return taken

    def _place(
        self, finding: Finding, watchlists: Watchlists, suppressions: list[Suppression], now: datetime
    ) -> tuple[str, str, list[tuple[str, bool]]]:
        """Put a finding into its case; return that, what it did to it, and the cases that went into it (`_one_of`)."""
        level, lines = watchlists.weigh(level_of(finding.level), finding.mailbox_ref, finding.actor)
        about = (finding.rule_id, finding.mailbox_ref, finding.actor)
        covering = next((one.number for one in suppressions if one.covers(*about)), None)
        near = cases_of(self._connection, finding, self._within, suppressed=covering is not None)
        gone: list[tuple[str, bool]] = []
        if not near:
            case_id = _case_id(finding)
            self._open(case_id, finding, level, sorted({line.watchlist for line in lines}), covering, now)
            did = "opened"
        else:
            case_id, gone = self._one_of(near, now)
            did = self._grow(case_id, finding, level, now)
        self._connection.execute(
            "INSERT INTO findings_evidence (finding_id, case_id, occurred_at, taken_at, level, title, event_ids,"
            " summary, rule_id, mailbox_ref, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                finding.finding_id,
                case_id,
                instant(finding.occurred_at),
                instant(now),
                level,
                finding.title,
                _json(list(finding.event_ids)),
                _json(dict(finding.summary)),
                *about,
            ),
        )
        note_events(self._connection, case_id, finding.event_ids)
        return case_id, did, gone

    def _one_of(self, near: list[sqlite3.Row], now: datetime) -> tuple[str, list[tuple[str, bool]]]:
        """Make one case of those a finding belongs to, where they can be one.

        Returns it, and those that went into it: each with whether it was graver.
        """
        case_id: str = near[0]["case_id"]
        gone: list[tuple[str, bool]] = []
        for other in near[1:]:
            if can_be_one(self._connection, case_id, other):
                is_graver = rank(other["level"]) > rank(self.case(case_id).level)
                move_into(self._connection, case_id, other, now, leads=is_graver)
                self._note(case_id, now, SERVICE, "joined", f"case {other['case_id']} is of the same act")
                self._note(other["case_id"], now, SERVICE, "joined", f"of the same act as case {case_id}")
                gone.append((other["case_id"], is_graver))
        return case_id, gone

    def _open(
        self, case_id: str, finding: Finding, level: Level, watched: list[str], covering: int | None, now: datetime
    ) -> None:
        self._connection.execute(
            "INSERT INTO findings_cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, 1)",
            (
                case_id,
                finding.rule_id,
                finding.title,
                level,
                finding.mailbox_ref,
                finding.actor,
                finding.description,
                _json(list(finding.tags)),
                _json(watched),
                covering,
                *[instant(finding.occurred_at)] * 2,
                *[instant(now)] * 2,
            ),
        )
        why = "" if covering is None else f"suppression {covering}"
        self._note(case_id, now, SERVICE, "opened", why)

    def _grow(self, case_id: str, finding: Finding, level: Level, now: datetime) -> str:
        """Let a case have a finding more; return whether that only made it grow, or raised it."""
        at, before = instant(finding.occurred_at), self.case(case_id)
        self._connection.execute(
            "UPDATE findings_cases SET first_at = min(first_at, ?), last_at = max(last_at, ?), tags = ?,"
            " changed_at = ?, findings = findings + 1 WHERE case_id = ?",
            (at, at, _json(list(dict.fromkeys((*before.tags, *finding.tags)))), instant(now), case_id),
        )
        if rank(level) <= rank(before.level):
            return "grown"
        shown = {name: getattr(finding, name) for name in ("rule_id", "title", "mailbox_ref", "actor", "description")}
        lead(self._connection, case_id, shown | {"level": level})
        self._note(case_id, now, SERVICE, "raised", f"{before.level} to {level}")
        return "raised"

    def _note(self, case_id: str, at: datetime, who: str, did: str, why: str) -> None:
        self._connection.execute(
            "INSERT INTO findings_history (case_id, at, who, did, why) VALUES (?, ?, ?, ?, ?)",
            (case_id, instant(at), who, did, why),
        )

    def move(
        self,
        case_id: str,
        move: Move,
        *,
        who: str,
        role: str,
        why: str,
        at: datetime,
        tell: Callable[[Act], object] | None = None,
    ) -> Case:
        """Acknowledge, close, reopen or comment a case, saying who and why.

        `tell` hands the act to the writer and raises where it is not acknowledged: then nothing is changed. Raises
        UsageError where there is no such case, where it is in no state for that, or without a reason.
        """
        if not why.strip():
            raise UsageError("a decision about a case needs a reason")
        case = self.case(case_id)
        _check(case, move)
        if tell is not None:
            detail = {"move": move, "rule_id": case.rule_id}
            tell(Act(who=who, role=role, verb="finding", subject=case_id, at=at, reason=why, detail=detail))
        with transaction(self._connection):
            _check(self.case(case_id), move)  # another person may have been faster
            state = _MOVES[move][1] or case.state
            self._connection.execute(
                "UPDATE findings_cases SET state = ?, changed_at = ? WHERE case_id = ?", (state, instant(at), case_id)
            )
            self._note(case_id, at, who, move, why)
        return self.case(case_id)

    def case(self, case_id: str) -> Case:
        """Return a case. Raises UsageError where there is none."""
        row = self._connection.execute("SELECT * FROM findings_whole WHERE case_id = ?", (case_id,)).fetchone()
        if row is None:
            raise UsageError(f"there is no case {case_id[:80]!r}")
        return _case(row)

    def all(
        self, *, state: State | None = None, mailbox_ref: str | None = None, limit: int = 1000, offset: int = 0
    ) -> list[Case]:
        """Return cases, the newest first; those of one state or one mailbox where asked."""
        rows = self._connection.execute(
            "SELECT * FROM findings_whole WHERE findings > 0 AND state = coalesce(:state, state)"
            " AND (:mailbox IS NULL OR case_id IN (SELECT case_id FROM findings_evidence WHERE mailbox_ref = :mailbox))"
            " ORDER BY last_at DESC, case_id LIMIT :limit OFFSET :from",
            {"state": state, "mailbox": mailbox_ref, "limit": limit, "from": offset},
        ).fetchall()
        return [_case(row) for row in rows]

    def between(self, since: datetime, until: datetime) -> list[Case]:
        """Return the cases that were opened, or changed, from `since` to before `until`, the oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM findings_whole WHERE findings > 0 AND changed_at >= ? AND opened_at < ?"
            " ORDER BY opened_at, case_id",
            (instant(since), instant(until)),
        ).fetchall()
        return [_case(row) for row in rows]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many cases there are, by state and level."""
        rows = self._connection.execute(
            "SELECT state, level, count(*) AS cases FROM findings_cases WHERE findings > 0 GROUP BY state, level"
        ).fetchall()
        return {(row["state"], row["level"]): row["cases"] for row in rows}

    def evidence(self, case_id: str, limit: int = 1000) -> list[Evidence]:
        """Return a case's findings in order of time."""
        rows = self._connection.execute(
            "SELECT * FROM findings_evidence WHERE case_id = ? ORDER BY occurred_at, finding_id LIMIT ?",
            (case_id, limit),
        ).fetchall()
        return [
            Evidence(
                finding_id=row["finding_id"],
                rule_id=row["rule_id"],
                mailbox_ref=row["mailbox_ref"],
                actor=row["actor"],
                occurred_at=parse_instant(row["occurred_at"]),
                taken_at=parse_instant(row["taken_at"]),
                level=row["level"],
                title=row["title"],
                event_ids=tuple(_read(row["event_ids"])),
                summary=_read(row["summary"]),
            )
            for row in rows
        ]

    def history(self, case_id: str) -> list[Entry]:
        """Return what was done with a case, in order."""
        rows = self._connection.execute(
            "SELECT at, who, did, why FROM findings_history WHERE case_id = ? ORDER BY number", (case_id,)
        ).fetchall()
        return [Entry(at=parse_instant(row["at"]), who=row["who"], did=row["did"], why=row["why"]) for row in rows]

    def reached(self, name: str) -> str | None:
        """Return how far something came (`detection`: the next leaf), None where it did not begin."""
        row = self._connection.execute("SELECT value FROM findings_progress WHERE name = ?", (name,)).fetchone()
        return None if row is None else row["value"]

    def reach_now(self, name: str, value: str) -> None:
        """Note how far something came, in a transaction of its own."""
        with self._connection:
            self.reach(name, value)

    def reach(self, name: str, value: str) -> None:
        """Note how far something came; within `take` it is part of that transaction."""
        self._connection.execute("INSERT OR REPLACE INTO findings_progress VALUES (?, ?)", (name, value))


def _check(case: Case, move: Move) -> None:
    if case.state not in _MOVES[move][0]:
        raise UsageError(f"the case is {case.state}: it cannot be moved by {move}", where=case.case_id)


def _case_id(finding: Finding) -> str:
    """The first finding names the case: taken in again on another machine it gets the same name."""
    return hashlib.sha256(canonical(["case", finding.finding_id])).hexdigest()[:16]


def _case(row: sqlite3.Row) -> Case:
    values: dict[str, Any] = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates its values
    for name in ("first_at", "last_at", "opened_at", "changed_at"):
        values[name] = parse_instant(values[name])
    for name in ("tags", "watched", "rules"):
        values[name] = tuple(_read(values[name]))
    return Case(**values)


def _json(value: object) -> str:
    return canonical(value).decode()


def _read(text: str) -> Any:  # noqa: ANN401 - lists and dicts of texts
    return msgspec.json.decode(text)
