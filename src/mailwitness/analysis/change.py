"""A change: one act upon a right, a membership, a role, a route, an audit setting or an account, with its witnesses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an act altered: what was done, to whose favour, which rights, and the entry (ACE) it stands in."""

    action: str  # granted | revoked | denied | deny_removed | owner_changed | sacl_changed | ...
    rights: tuple[str, ...] = ()
    trustee_sid: str | None = None
    trustee_name: str | None = None
    before: str | None = None
    after: str | None = None


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """One record that tells of the act: which, where it stands, and what it is worth."""

    event_id: str
    role: str
    source: str
    occurred_at: datetime
    computer: str | None = None
    channel: str | None = None
    provider: str | None = None
    event_code: str | None = None
    record_id: int | None = None
    actor_name: str | None = None
    evidence_sha256: str | None = None
    experimental: bool = False


class Change(msgspec.Struct, kw_only=True):
    """One act. Field names are the event schema's; `differences` tell it apart, `witnesses` prove it.

    `strength` is weak where only a requested access or a bare notice tells of the act; `missing` names witnesses
    that should stand beside it and do not. `performed_by` is the account that wrote where another is the person.
    """

    change_id: str
    occurred_at: datetime
    kind: str
    action: str
    outcome: str
    rights: tuple[str, ...] = ()
    scope: str | None = None
    folder: str | None = None
    mailbox_ref: str | None = None
    mailbox_ref_form: str | None = None
    object_dn: str | None = None
    object_guid: str | None = None
    object_class: str | None = None
    attribute: str | None = None
    trustee_sid: str | None = None
    trustee_name: str | None = None
    group_sid: str | None = None
    group_name: str | None = None
    actor_sid: str | None = None
    actor_name: str | None = None
    actor_kind: str = "unknown"
    performed_by: str | None = None
    through_server: str | None = None
    client_ip: str | None = None
    before: str | None = None
    after: str | None = None
    differences: tuple[Difference, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    weak: str | None = None
    partial: str | None = None
    experimental: bool = False
    noise: str | None = None

    @property
    def target(self) -> str:
        """Return what was changed, as one name for people."""
        return self.mailbox_ref or self.object_dn or self.group_name or self.object_guid or self.trustee_name or ""


class Act(msgspec.Struct):
    """An act under assembly: its main event, what it differs by, and the events that join it."""

    main: dict[str, Any]
    role: str
    differences: tuple[Difference, ...] = ()
    before: str | None = None
    after: str | None = None
    partial: str | None = None
    remarks: tuple[str, ...] = ()
    joined: list[tuple[str, dict[str, Any]]] = msgspec.field(default_factory=list)

    def roles(self) -> set[str]:
        """Return the kinds of witness it has so far."""
        return {self.role, *(role for role, _ in self.joined)}
