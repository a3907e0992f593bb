"""Which case a finding belongs to: one act often fulfils several rules, and a person wants to see it once.

Findings that share a sealed event tell of one act. The same rule about another mailbox or another account is another
case all the same: the switch that turned auditing off stands in what is found of every mailbox that was opened then,
and a pattern over many mailboxes has the events of each. Mailboxes and accounts of different rules are not compared:
one record names a mailbox by its DN, the next by its address.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta

from mailwitness.event import instant
from mailwitness.rules.finding import Finding

_SHARING = """
    SELECT c.* FROM findings_cases AS c
    WHERE c.case_id IN (
        SELECT e.case_id FROM findings_events AS e WHERE e.event_id IN (SELECT value FROM json_each(:events))
    )
    AND c.state <> 'closed' AND (c.suppressed_by IS NOT NULL) = :suppressed
    AND NOT EXISTS (
        SELECT 1 FROM findings_evidence AS f WHERE f.case_id = c.case_id AND f.rule_id = :rule
        AND (f.mailbox_ref IS NOT :mailbox OR f.actor IS NOT :actor)
    )
    ORDER BY c.state = 'open', c.opened_at, c.first_at, c.case_id
"""
_NEAR = """
    SELECT c.* FROM findings_cases AS c
    JOIN findings_evidence AS f ON f.case_id = c.case_id
    WHERE f.rule_id = :rule AND f.mailbox_ref IS :mailbox AND f.actor IS :actor AND c.state <> 'closed'
    AND f.occurred_at >= :since AND f.occurred_at <= :until
    ORDER BY f.occurred_at DESC, c.case_id LIMIT 1
"""
_DIFFERENT = """
    SELECT 1 FROM findings_evidence AS a JOIN findings_evidence AS b ON a.rule_id = b.rule_id
    WHERE a.case_id = ? AND b.case_id = ? AND (a.mailbox_ref IS NOT b.mailbox_ref OR a.actor IS NOT b.actor) LIMIT 1
"""
LEADING = ("rule_id", "title", "level", "mailbox_ref", "actor", "description")
"""What a case shows of its gravest finding."""


def cases_of(
    connection: sqlite3.Connection, finding: Finding, within: timedelta, *, suppressed: bool
) -> list[sqlite3.Row]:
    """Return the cases not closed that the finding belongs to, the one to take it first.

    Those are the case of the same rule, mailbox and actor that has a finding `within` that time of it, and the cases
    that share an event with it. Of the latter only such as are told as the finding would be: nothing a suppression
    does not cover may disappear in a case that one holds back.
    """
    about = {"rule": finding.rule_id, "mailbox": finding.mailbox_ref, "actor": finding.actor}
    times = {"since": _moved(finding.occurred_at, -within), "until": _moved(finding.occurred_at, within)}
    near = connection.execute(_NEAR, about | times).fetchall()
    shared = {"events": json.dumps(finding.event_ids), "suppressed": suppressed}
    sharing = connection.execute(_SHARING, about | shared).fetchall()
    told_alike = [row for row in near if (row["suppressed_by"] is not None) == suppressed]
    several = sorted(
        {row["case_id"]: row for row in [*told_alike, *sharing]}.values(),
        key=lambda row: (row["state"] == "open", row["opened_at"], row["first_at"], row["case_id"]),
    )
    return several or near


def can_be_one(connection: sqlite3.Connection, case_id: str, other: sqlite3.Row) -> bool:
    """Return whether `other` may go into a case: nobody took it up, and no rule tells there of somebody else."""
    return other["state"] == "open" and connection.execute(_DIFFERENT, (case_id, other["case_id"])).fetchone() is None


def move_into(connection: sqlite3.Connection, case_id: str, other: sqlite3.Row, now: datetime, *, leads: bool) -> None:
    """Give a case everything of `other`, which is left closed and empty: an alert may have named it.

    Where `other` `leads`, the case shows from now on what that one showed.
    """
    names = {"into": case_id, "other": other["case_id"], "at": instant(now)}
    for statement in (
        "UPDATE findings_evidence SET case_id = :into WHERE case_id = :other",
        "INSERT OR IGNORE INTO findings_events SELECT event_id, :into FROM findings_events WHERE case_id = :other",
        "DELETE FROM findings_events WHERE case_id = :other",
        """UPDATE findings_cases SET changed_at = :at, (first_at, last_at, findings) = (
            SELECT min(occurred_at), max(occurred_at), count(*) FROM findings_evidence WHERE case_id = :into
        ) WHERE case_id = :into""",
        "UPDATE findings_cases SET state = 'closed', findings = 0, changed_at = :at WHERE case_id = :other",
    ):
        connection.execute(statement, names)
    if leads:
        lead(connection, case_id, {name: other[name] for name in LEADING})


def lead(connection: sqlite3.Connection, case_id: str, shown: dict[str, str | None]) -> None:
    """Let a case show what a graver finding says: values of LEADING."""
    connection.execute(
        "UPDATE findings_cases SET rule_id = :rule_id, title = :title, level = :level, mailbox_ref = :mailbox_ref,"
        " actor = :actor, description = :description WHERE case_id = :case_id",
        shown | {"case_id": case_id},
    )


def note_events(connection: sqlite3.Connection, case_id: str, event_ids: tuple[str, ...]) -> None:
    """Note that a case has these events."""
    connection.executemany(
        "INSERT OR IGNORE INTO findings_events VALUES (?, ?)", [(event_id, case_id) for event_id in event_ids]
    )


def _moved(at: datetime, by: timedelta) -> str:
    try:
        return instant(at + by)
    except OverflowError:
        return instant(at)
