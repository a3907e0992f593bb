"""What happened, known from the model and not read back from any evidence.

A row is one change, access, explanation, gap or finding. Its evidence are drafts of records, which get their place
(file, record number) when they are written; `as_fields` is the line of truth.jsonl. The names are those of the event
schema, with `what` for kind and action ("permission.granted"). `shown` tells where the evidence proves less than what
happened: Windows 2003 says that a descriptor was written, not what stands in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from mailwitness.event import instant
from mailwitness.simulate.organisation import Account
from mailwitness.simulate.windows_record import WindowsRecord

TruthKind = Literal["change", "access", "explanation", "gap", "finding"]


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One record of an Exchange audit log, or one row of an export: names and values in the order they are written.

    `row_id` is the record's own id where it has one; truth.jsonl names it by that.
    """

    occurred_at: datetime
    fields: dict[str, Any]
    row_id: str = ""


class Draft(msgspec.Struct):
    """A record on its way into a log; `placed` is set when it is written (never, if nobody kept that log).

    `lost` numbers were given out before it and are in nobody's hands; `fresh_file` begins the next file of its log;
    `restart` numbers anew from 1. `after_at` is set with `placed`: the time of the record before it in its log.
    """

    log: str
    record: WindowsRecord | AuditRow
    lost: int = 0
    fresh_file: bool = False
    restart: bool = False
    placed: dict[str, Any] | None = None
    after_at: datetime | None = None


class TruthRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of truth.jsonl."""

    kind: TruthKind
    at: datetime
    what: str
    id: str = ""
    outcome: Literal["success", "failure"] = "success"
    organization: str = ""
    mailbox: str | None = None
    mailbox_sid: str | None = None
    actor: str | None = None
    actor_sid: str | None = None
    trustee: str | None = None
    trustee_sid: str | None = None
    group: str | None = None
    group_sid: str | None = None
    rights: tuple[str, ...] = ()
    scope: str | None = None
    database: str | None = None
    attribute: str | None = None
    folder: str | None = None
    after: str | None = None
    strength: Literal["attempted", "opened", "read", "acted"] | None = None
    logon_type: str | None = None  # as the record writes it
    actor_role: Literal["owner", "delegate", "admin", "application", "system"] | None = None  # what the actor truly was
    client_ip: str | None = None
    app_id: str | None = None
    role: str | None = None
    through: str | None = None
    until: datetime | None = None
    host: str | None = None
    rule: str | None = None  # the word of a finding's pattern
    channel: str | None = None
    first: int | None = None
    last: int | None = None
    access: str | None = None  # the id of the access an explanation explains
    by: tuple[str, ...] = ()  # the ids of the changes that let it happen
    path: tuple[str, ...] = ()  # right, group, role or application in between
    noise: bool = False
    shown: dict[str, Any] | None = None
    says: str | None = None
    evidence: list[Draft] = []

    def as_fields(self) -> dict[str, Any]:
        """Return the row as JSON takes it, with the places of its evidence."""
        fields: dict[str, Any] = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None or value in ((), "", [], False):
                continue
            if isinstance(value, datetime):
                value = instant(value)
            elif isinstance(value, tuple):
                value = list(value)
            elif name == "evidence":
                fields |= _hole(self, self.evidence[0])
                value = [dict(draft.placed) for draft in value if draft.placed is not None]
            fields[name] = value
        return fields


def _hole(row: TruthRow, draft: Draft) -> dict[str, Any]:
    """Return what a gap before `draft` lost: from the record before it on, and the numbers where they count on."""
    if row.kind != "gap" or draft.placed is None or not (draft.lost or draft.restart):
        return {}
    lost: dict[str, Any] = {"until": instant(row.at)}
    if draft.after_at is not None:
        lost["at"] = instant(draft.after_at)
    if not draft.restart:
        number: int = draft.placed["record_id"]
        lost |= {"first": number - draft.lost, "last": number - 1}
    return lost


def whose(mailbox: Account) -> dict[str, Any]:
    """Return the fields that name a mailbox."""
    return {"mailbox": mailbox.smtp, "mailbox_sid": mailbox.sid}


def who(actor: Account) -> dict[str, Any]:
    """Return the fields that name an actor."""
    return {"actor": actor.account, "actor_sid": actor.sid}


def to_whom(trustee: Account) -> dict[str, Any]:
    """Return the fields that name a trustee."""
    return {"trustee": trustee.account, "trustee_sid": trustee.sid}


def which_group(group: Account) -> dict[str, Any]:
    """Return the fields that name a group."""
    return {"group": group.account, "group_sid": group.sid}
