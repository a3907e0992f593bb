"""Question 1: who changed the permissions on this mailbox, when, through which server, what before, what after?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from mailwitness.analysis.acts import ACROSS_HOSTS, assemble
from mailwitness.analysis.change import Act, Change, Witness
from mailwitness.analysis.change_rows import change_rows
from mailwitness.analysis.descriptor_change import describe, is_descriptor, is_mailbox_descriptor
from mailwitness.analysis.filters import Filters, Wanted, wanted_of
from mailwitness.analysis.restated_policy import restated_policies
from mailwitness.analysis.roles import BARE_CHANGE, DIRECTORY_VALUE, OBJECT_ACCESS, role_of
from mailwitness.engine.interface import Engine
from mailwitness.knowledge.experimental import is_experimental
from mailwitness.knowledge.noise import noise_of

Row = dict[str, Any]
_PEOPLE = ("cmdlet", "admin_audit", "unified_audit")
_COPIED = (
    "kind action outcome scope folder mailbox_ref mailbox_ref_form object_dn object_guid object_class attribute "
    "trustee_sid trustee_name group_sid group_name actor_sid actor_name actor_kind through_server client_ip"
).split()


def changes(
    engine: Engine, filters: Filters, across_hosts: timedelta = ACROSS_HOSTS
) -> tuple[list[Change], dict[str, int]]:
    """Return the changes in order of time, and how many acts were hidden, by reason.

    Hidden: `noise` (marked by knowledge/noise.yaml), `server_objects` (rights and auditing of a server's own files,
    keys and tokens) and `unchanged` (a descriptor written again whose entries are the same: order or inheritance
    only; an audit policy that is as it was). Records up to `across_hosts` around the window are read, so that an act
    at its edge keeps its witnesses.
    """
    rows = change_rows(engine, _away(filters.since, -across_hosts), _away(filters.until, across_hosts))
    wanted = wanted_of(engine, filters)
    seen = Seen.in_rows(rows)
    restated = restated_policies(engine, filters)
    shown: list[Change] = []
    hidden: dict[str, int] = {}
    acts = deque(assemble(rows, describe, across_hosts))
    named = _named_by_guid(acts)
    del rows
    while acts:  # what was told is let go: the rows of a large trail and its changes together are twice as much
        act = acts.popleft()
        change = change_of(act, seen)
        if change.mailbox_ref_form in (None, "guid") and change.object_guid in named:
            change.mailbox_ref, change.mailbox_ref_form = named[change.object_guid]
        if not _asked_for(change, filters, wanted):
            continue
        reason = "unchanged" if change.change_id in restated else _hidden(change, act)
        if reason is None or (reason != "unchanged" and filters.noise):
            shown.append(change)
        else:
            hidden[reason] = hidden.get(reason, 0) + 1
    shown.sort(key=lambda change: (change.occurred_at, change.change_id))
    return shown, hidden


def _away(at: datetime | None, span: timedelta) -> datetime | None:
    """Return the time that lies `span` away, or no bound where the calendar ends before."""
    try:
        return at + span if at else None
    except OverflowError:
        return None


def _named_by_guid(acts: Iterable[Act]) -> dict[str | None, tuple[str, str]]:
    """Return what the trail itself calls the objects it elsewhere names by GUID alone."""
    named: dict[str | None, tuple[str, str]] = {}
    for act in acts:
        told = [act.main, *(row for _, row in act.joined)]
        guid = next((row["object_guid"] for row in told if row["object_guid"]), None)
        for row in told:
            if row["object_dn"]:
                named[guid] = (row["object_dn"], "dn")
            elif row["mailbox_ref"] and row["mailbox_ref_form"] != "guid":
                named.setdefault(guid, (row["mailbox_ref"], row["mailbox_ref_form"]))
    named.pop(None, None)
    return named


def change_of(act: Act, seen: Seen) -> Change:
    """Return the change that `act` is: its main event's fields, told by its differences and its strongest actor."""
    main = act.main
    fields: dict[str, Any] = {name: main[name] for name in _COPIED}
    fields["rights"] = tuple(main["rights"] or ())
    if act.differences:
        first = act.differences[0]
        fields["action"] = first.action
        fields["rights"] = tuple(dict.fromkeys(right for d in act.differences for right in d.rights))
        fields["trustee_sid"] = main["trustee_sid"] or first.trustee_sid
        fields["trustee_name"] = main["trustee_name"] or first.trustee_name
    if fields["action"] == "owner_changed" and not fields["trustee_sid"] and (main["after"] or "").startswith("S-1-"):
        fields["trustee_sid"] = main["after"]
    fields["through_server"] = main["through_server"] or main["computer"]
    _complete(fields, act)
    witnesses = tuple(_witness(role, row) for role, row in _in_time([(act.role, main), *act.joined]))
    change = Change(
        change_id=main["event_id"],
        occurred_at=min(w.occurred_at for w in witnesses),
        before=act.before,
        after=act.after,
        differences=act.differences,
        witnesses=witnesses,
        missing=_missing(act, seen),
        remarks=act.remarks,
        weak=_weak(act),
        partial=act.partial,
        experimental=any(w.experimental for w in witnesses),
        **fields,
    )
    if act.before is None and act.after is None:
        change.before, change.after = main["before"], main["after"]
    change.noise = noise_of({**main, **fields})
    return change


def _complete(fields: dict[str, Any], act: Act) -> None:
    """Fill what the main event lacks from its witnesses; a cmdlet names the person behind an Exchange server."""
    for role, row in act.joined:
        if fields["outcome"] == "unknown":
            fields["outcome"] = row["outcome"]
        for name in _OBJECT if role in (BARE_CHANGE, OBJECT_ACCESS) else _OBJECT + _TRUSTEE:
            if not fields[name] and row[name]:
                fields[name] = row[name]
        if row["mailbox_ref"] and (not fields["mailbox_ref"] or fields["mailbox_ref_form"] == "guid"):
            fields["mailbox_ref"], fields["mailbox_ref_form"] = row["mailbox_ref"], row["mailbox_ref_form"]
        if role in _PEOPLE and not act.differences and row["kind"] == fields["kind"]:
            fields["action"] = row["action"]  # the command says what was meant by the value written
        if role in _PEOPLE and row["actor_name"] and fields["actor_name"] != row["actor_name"]:
            fields["performed_by"] = fields["actor_name"]
            fields["actor_name"], fields["actor_sid"] = row["actor_name"], row["actor_sid"]
            fields["actor_kind"] = row["actor_kind"]
            fields["client_ip"] = fields["client_ip"] or row["client_ip"]


_OBJECT = ("object_dn", "object_guid")
_TRUSTEE = ("trustee_sid", "trustee_name", "group_name", "group_sid")


def _in_time(pairs: list[tuple[str, Row]]) -> list[tuple[str, Row]]:
    return sorted(pairs, key=lambda pair: (pair[1]["occurred_at"], pair[1]["record_id"] or 0, pair[1]["event_id"]))


def _witness(role: str, row: Row) -> Witness:
    return Witness(
        event_id=row["event_id"],
        role=role,
        source=row["source"],
        occurred_at=row["occurred_at"],
        computer=row["computer"],
        channel=row["channel"],
        provider=row["provider"],
        event_code=row["event_code"],
        record_id=row["record_id"],
        actor_name=row["actor_name"],
        evidence_sha256=row["evidence_sha256"],
        experimental=is_experimental(row["source"], row["provider"], row["event_code"]),
    )


class Seen(msgspec.Struct, frozen=True):
    """Which kinds of witness this trail holds at all: only such a one can be said to be missing."""

    value_hosts: frozenset[str]  # domain controllers that recorded values
    cmdlet_hosts: frozenset[str]  # domain controllers that cmdlets on record went through, without their domain

    @classmethod
    def in_rows(cls, rows: list[Row]) -> Seen:
        """Return what `rows` hold."""
        roles = [(role_of(row), row) for row in rows]
        return cls(
            frozenset(row["computer"] or "" for role, row in roles if role == DIRECTORY_VALUE),
            frozenset(_short(row["through_server"]) for role, row in roles if role in _PEOPLE),
        )


def _missing(act: Act, seen: Seen) -> tuple[str, ...]:
    """Name the witnesses that should stand beside this act and do not."""
    missing = []
    roles = act.roles()
    if is_descriptor(act.main) and act.role == DIRECTORY_VALUE and act.before is not None and act.after is None:
        missing.append("the added value: its record is not in this trail")
    refused = act.main["outcome"] == "failure"
    if act.role == OBJECT_ACCESS and not refused and (act.main["computer"] or "") in seen.value_hosts:
        missing.append("the directory's values: this domain controller records them, but not for this act")
    by_cmdlets = _short(act.main["computer"]) in seen.cmdlet_hosts
    if act.role == DIRECTORY_VALUE and is_mailbox_descriptor(act.main) and by_cmdlets and not roles & set(_PEOPLE):
        missing.append("a cmdlet: changed outside Exchange's own tools, or its log is not in this trail")
    return tuple(missing)


def _short(host: str | None) -> str:
    return (host or "").casefold().split(".", 1)[0]


def _weak(act: Act) -> str | None:
    """Say why an act is known only weakly, or None."""
    if act.role == OBJECT_ACCESS:
        if act.main["strength"] == "attempted":
            return "the record tells which access was requested, not that it was used"
        return "the record tells which right was used, not what was written"
    if act.role == BARE_CHANGE:
        return "the record tells that something changed, not what: perhaps the security descriptor"
    return None


def _hidden(change: Change, act: Act) -> str | None:
    if _unchanged(act):
        return "unchanged"
    if change.scope == "server" and (change.kind == "permission" or change.action == "sacl_changed"):
        return "server_objects"
    return "noise" if change.noise else None


def _unchanged(act: Act) -> bool:
    return act.partial is None and is_descriptor(act.main) and act.role == DIRECTORY_VALUE and not act.differences


def _asked_for(change: Change, filters: Filters, wanted: Wanted | None) -> bool:
    in_window = (not filters.since or change.occurred_at >= filters.since) and (
        not filters.until or change.occurred_at < filters.until
    )
    return (
        in_window
        and filters.outcome in (None, change.outcome)
        and filters.actor_matches(change.actor_name, change.actor_sid, change.performed_by)
        and filters.right_matches(change.rights)
        and (wanted is None or wanted.is_meant(change.mailbox_ref, change.object_dn, change.object_guid))
    )
