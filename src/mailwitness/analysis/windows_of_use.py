"""Windows in which rights were used: given, used and taken away; used in the dark; used late, or never.

Each function returns rows with the evidence of every end. They draw on explanations (analysis.explain) and on what
stood when (analysis.standing); rules make findings of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from mailwitness.analysis.explain import Explainer, Explanation, explain
from mailwitness.analysis.filters import Filters, matches
from mailwitness.analysis.owner_after_reset import owner_after_reset
from mailwitness.analysis.presence import End
from mailwitness.analysis.right_entry import Entry, bits_for
from mailwitness.analysis.standing import Standing
from mailwitness.directory.clock import STILL, micros
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query

Row = dict[str, Any]
HIT_AND_RUN = timedelta(days=1)
"""A right that lasted less long than this, and was used, was given for that use."""
LATE = timedelta(days=30)
"""A right first used so long after it was given was perhaps given for another purpose, or forgotten."""
AFTER_RESET = timedelta(days=2)
"""How long after somebody set his password a logon of the "owner" may be that somebody's."""
KNOWN_CLIENTS = timedelta(days=30)
"""How far back the owner's usual clients are looked for."""


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One window: what kind, whose mailbox, who, from when until when, and the accesses in it by their event_ids."""

    kind: str
    mailbox: str
    account: str
    began: End
    ended: End | None = None
    right: str | None = None
    first_access_at: datetime | None = None
    accesses: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


def hit_and_run(explanations: Iterable[Explanation], *, within: timedelta = HIT_AND_RUN) -> list[Window]:
    """Return rights and memberships that were given, used and taken away again `within` a short time."""
    found: dict[tuple[Any, ...], list[Explanation]] = {}
    steps: dict[tuple[Any, ...], tuple[str, End, End]] = {}
    for each in explanations:
        for way in each.ways[:1]:
            for step in way.steps:
                began, ended = step.since.at, step.until.at if step.until else None
                if began is not None and ended is not None and ended - began <= within and step.until:
                    key = (step.what, step.since.change_id, began, each.mailbox, each.actor)
                    found.setdefault(key, []).append(each)
                    steps[key] = (step.what, step.since, step.until)
    return [
        _window("hit_and_run", accesses, steps[key][1], steps[key][2], steps[key][0]) for key, accesses in found.items()
    ]


def late_first_access(explanations: Iterable[Explanation], *, after: timedelta = LATE) -> list[Window]:
    """Return rights that were first used long after they were given."""
    first: dict[tuple[Any, ...], tuple[Explanation, End, str]] = {}
    for each in sorted(explanations, key=lambda e: e.access["occurred_at"]):
        for way in each.ways[:1]:
            since = max((step.since for step in way.steps), key=lambda end: end.at or _NEVER)
            if since.at is not None:
                first.setdefault((each.actor, each.mailbox, since.change_id, since.at), (each, since, way.right))
    return [
        _window("late_first_access", [each], since, None, right)
        for each, since, right in first.values()
        if since.at is not None and each.access["occurred_at"] - since.at >= after
    ]


def audit_off(engine: Engine, explanations: Iterable[Explanation], explainer: Explainer) -> list[Window]:
    """Return accesses to a mailbox while its auditing was off, or by an account that auditing passed by."""
    spans = list(_unaudited(engine, explainer))
    found = []
    for each in explanations:
        at = each.access["occurred_at"]
        for thing, is_account, began, ended in spans:
            about = each.actor if is_account else each.mailbox
            inside = began.at is not None and began.at <= at and (ended is None or ended.at is None or at < ended.at)
            if inside and (thing is None or thing == about):
                found.append(_window("audit_off", [each], began, ended, None))
    return found


def _unaudited(engine: Engine, explainer: Explainer) -> Iterator[tuple[int | None, bool, End, End | None]]:
    """Yield when auditing was off: of which thing (None: all), whether that is an account, from when until when."""
    rows = engine.rows(load_query("mailwitness.analysis.sql", "audit_switches"))
    open_spans: dict[tuple[int | None, bool, str], End] = {}
    for row in rows:
        thing = explainer.mailbox_of(row).one if row["mailbox_ref"] else None
        is_account = row["action"] == "bypass_set" or (row["attribute"] or "").casefold() in _BYPASS
        if is_account and row["trustee_name"]:
            thing = explainer.actor_of({**row, "actor_name": row["trustee_name"], "actor_sid": row["trustee_sid"]}).one
        key = (thing, is_account, _switch(row))
        end = End(
            at=row["occurred_at"],
            how="event",
            by=row["actor_name"],
            by_sid=row["actor_sid"],
            event_ids=(row["event_id"],),
            evidence_sha256=(row["evidence_sha256"],),
        )
        turned_off = _turned_off(row)
        if turned_off:
            open_spans.setdefault(key, end)
        elif turned_off is False and key in open_spans:
            yield thing, is_account, open_spans.pop(key), end
    for (thing, is_account, _name), began in open_spans.items():
        yield thing, is_account, began, None


_BYPASS = frozenset({"msexchbypassaudit", "auditbypassenabled"})
_SWITCHES = frozenset(
    {"msexchmailboxauditenable", "auditenabled", "auditdisabled", "unifiedauditlogingestionenabled", *_BYPASS}
)
_SAME = {"msexchmailboxauditenable": "auditenabled"}
"""One switch of two names: the directory's attribute, and the parameter of the cmdlet that writes it."""
_WHEN_TRUE = frozenset({"auditdisabled", *_BYPASS})


def _switch(row: Row) -> str:
    name = (row["attribute"] or "").casefold()
    return "bypass" if row["action"] == "bypass_set" or name in _BYPASS else _SAME.get(name, name)


def _turned_off(row: Row) -> bool | None:
    """Return whether a change of an audit setting turned auditing off (True), on (False), or neither (None)."""
    name = (row["attribute"] or "").casefold()
    value = (row["after"] or "").strip().strip("$").casefold()
    if row["action"] == "bypass_set":
        return value != "false"
    if name not in _SWITCHES or value not in ("true", "false"):
        return None
    return (value == "true") == (name in _WHEN_TRUE)


def reset_then_owner(
    engine: Engine, explainer: Explainer, *, within: timedelta = AFTER_RESET, known: timedelta = KNOWN_CLIENTS
) -> list[Window]:
    """Return logons of an owner, soon after somebody else set the password, from a client never seen of him before."""
    return [
        Window(
            kind="reset_then_owner",
            mailbox=each.accesses[0]["mailbox_ref"],
            account=each.reset["actor_name"] or each.reset["actor_sid"] or "",
            began=End(
                at=each.reset["occurred_at"],
                how="event",
                by=each.reset["actor_name"],
                by_sid=each.reset["actor_sid"],
                event_ids=(each.reset["event_id"],),
                evidence_sha256=(each.reset["evidence_sha256"],),
            ),
            first_access_at=each.accesses[0]["occurred_at"],
            accesses=tuple(row["event_id"] for row in each.accesses),
            clients=(each.client,),
        )
        for each in owner_after_reset(engine, explainer, within=within, known=known)
    ]


def never_used(standing: Standing, explanations: Iterable[Explanation], at: datetime) -> list[Entry]:
    """Return the rights on mailboxes that stand at a time and that no access on record ever used."""
    moment, direct = micros(at), bits_for("open", "send")
    used: set[tuple[int | None, str | None, str]] = set()
    for each in explanations:
        for way in each.ways:
            last = way.steps[-1]
            used.add((each.mailbox, last.entry, last.what))
    return [
        entry
        for entry in standing.facts.entries
        if entry.allows
        and entry.bits & direct
        and entry.holds(moment)
        and entry.run.until == STILL
        and entry.kind in ("mailbox", "delegate", "folder")
        and entry.trustee not in standing.everybody
        and (entry.target, entry.text, entry.right) not in used
    ]


KINDS = ("hit_and_run", "audit_off", "reset_then_owner", "late_first_access", "never_used")


def windows(
    engine: Engine,
    standing: Standing,
    filters: Filters,
    at: datetime,
    *,
    within: timedelta = HIT_AND_RUN,
    late: timedelta = LATE,
) -> list[Window]:
    """Return every window of use that `filters` narrow to, in order of its beginning.

    Rights never used are those that stand at `at`; their `first_access_at` and `accesses` are empty. `within` and
    `late` as in `hit_and_run` and `late_first_access`.
    """
    explanations, _hidden = explain(engine, standing, filters)
    explainer = Explainer(standing)
    found = [*hit_and_run(explanations, within=within), *late_first_access(explanations, after=late)]
    found += audit_off(engine, explanations, explainer)
    found += [each for each in reset_then_owner(engine, explainer) if _is_asked(each, filters)]
    if not filters.actor:
        unused = never_used(standing, explanations, at)
        found += [each for entry in unused if _is_asked(each := _of_entry(standing, entry, at), filters)]
    return sorted(found, key=lambda each: (each.began.at or _NEVER, each.kind, each.mailbox, each.account))


def _is_asked(window: Window, filters: Filters) -> bool:
    first = window.first_access_at
    if first is not None and ((filters.since and first < filters.since) or (filters.until and first >= filters.until)):
        return False
    return filters.mailbox is None or matches(filters.mailbox, window.mailbox, filters.known_mailbox)


def _of_entry(standing: Standing, entry: Entry, at: datetime) -> Window:
    moment = micros(at)
    return Window(
        kind="never_used",
        mailbox=standing.identities.label(entry.target, moment),
        account=standing.identities.label(entry.trustee, moment),
        began=entry.run.began,
        ended=entry.run.ended,
        right=entry.right,
    )


_NEVER = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _window(kind: str, accesses: list[Explanation], began: End, ended: End | None, right: str | None) -> Window:
    rows = sorted((each.access for each in accesses), key=lambda row: row["occurred_at"])
    first = rows[0]
    clients = {client for row in rows if (client := row.get("client_host") or row.get("client_ip"))}
    return Window(
        kind=kind,
        mailbox=first.get("mailbox_ref") or "",
        account=first.get("actor_name") or first.get("actor_sid") or "",
        began=began,
        ended=ended,
        right=right,
        first_access_at=first["occurred_at"],
        accesses=tuple(row["event_id"] for row in rows),
        clients=tuple(sorted(clients)),
    )
