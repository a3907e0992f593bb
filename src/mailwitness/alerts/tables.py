"""The tables of cases, suppressions and deliveries in state.db (`findings_*`). Nothing in them is evidence."""

from __future__ import annotations

import sqlite3

from mailwitness.state.database import migrate

STEPS = (
    """
    CREATE TABLE findings_cases (
        case_id TEXT PRIMARY KEY,
        rule_id TEXT NOT NULL,
        title TEXT NOT NULL,
        level TEXT NOT NULL,
        mailbox_ref TEXT,
        actor TEXT,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        watched TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'closed')),
        suppressed_by INTEGER,
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        opened_at TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        findings INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX findings_cases_group ON findings_cases (rule_id, mailbox_ref, actor, last_at);
    CREATE INDEX findings_cases_opened ON findings_cases (opened_at);
    CREATE TABLE findings_evidence (
        finding_id TEXT PRIMARY KEY,
        case_id TEXT NOT NULL REFERENCES findings_cases (case_id),
        occurred_at TEXT NOT NULL,
        taken_at TEXT NOT NULL,
        level TEXT NOT NULL,
        title TEXT NOT NULL,
        event_ids TEXT NOT NULL,
        summary TEXT NOT NULL
    ) STRICT;
    CREATE INDEX findings_evidence_case ON findings_evidence (case_id, occurred_at);
    CREATE TABLE findings_history (
        number INTEGER PRIMARY KEY,
        case_id TEXT NOT NULL REFERENCES findings_cases (case_id),
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        did TEXT NOT NULL,
        why TEXT NOT NULL
    ) STRICT;
    CREATE INDEX findings_history_case ON findings_history (case_id, number);
    CREATE TABLE findings_suppressions (
        number INTEGER PRIMARY KEY,
        rule_id TEXT,
        mailbox_ref TEXT,
        actor TEXT,
        comment TEXT NOT NULL CHECK (length(trim(comment)) > 0),
        who TEXT NOT NULL,
        made_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        ended_at TEXT,
        ended_by TEXT
    ) STRICT;
    CREATE TABLE findings_progress (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE findings_outbox (
        delivery_id INTEGER PRIMARY KEY,
        destination TEXT NOT NULL,
        key TEXT NOT NULL,
        alert BLOB NOT NULL,
        made_at TEXT NOT NULL,
        next_at TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up', 'held_back')),
        ended_at TEXT,
        last_error TEXT,
        UNIQUE (destination, key)
    ) STRICT;
    CREATE INDEX findings_outbox_waiting ON findings_outbox (destination, next_at) WHERE state = 'waiting';
    CREATE INDEX findings_outbox_ended ON findings_outbox (destination, ended_at);
    """,
    """
    ALTER TABLE findings_evidence ADD COLUMN rule_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE findings_evidence ADD COLUMN mailbox_ref TEXT;
    ALTER TABLE findings_evidence ADD COLUMN actor TEXT;
    UPDATE findings_evidence SET (rule_id, mailbox_ref, actor) = (
        SELECT rule_id, mailbox_ref, actor FROM findings_cases AS c WHERE c.case_id = findings_evidence.case_id
    );
    CREATE INDEX findings_evidence_about ON findings_evidence (rule_id, mailbox_ref, actor, occurred_at);
    CREATE INDEX findings_evidence_mailbox ON findings_evidence (mailbox_ref);
    DROP INDEX findings_cases_group;
    CREATE TABLE findings_events (
        event_id TEXT NOT NULL,
        case_id TEXT NOT NULL REFERENCES findings_cases (case_id),
        PRIMARY KEY (event_id, case_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX findings_events_case ON findings_events (case_id);
    INSERT OR IGNORE INTO findings_events
        SELECT json_each.value, case_id FROM findings_evidence, json_each(findings_evidence.event_ids);
    CREATE VIEW findings_whole AS
        SELECT c.*, (
            SELECT json_group_array(rule_id) FROM (
                SELECT DISTINCT f.rule_id FROM findings_evidence AS f WHERE f.case_id = c.case_id ORDER BY f.rule_id
            )
        ) AS rules
        FROM findings_cases AS c;
    """,
)


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    migrate(connection, "findings", STEPS)
