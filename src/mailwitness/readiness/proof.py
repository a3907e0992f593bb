"""What the trail itself shows of auditing: kinds of events seen, changes of the policy, losses, how far logs reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.analysis.filters import references_of
from mailwitness.analysis.gaps import gaps
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness.hosts import Hosts, hosts_of
from mailwitness.readiness.people import People
from mailwitness.readiness.spans import Cause, Point
from mailwitness.readiness.switches import Off, Turn, offs, turns_of
from mailwitness.trail.custody import Summary

SQL = "mailwitness.readiness.sql"
BREAKS = frozenset({"log_cleared", "discarded", "gap"})
"""Records after which nothing that was proven of their host is so any more."""
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a kind, the first since auditing last changed on its log."""

    computer: str  # lower case; empty where the record names none
    provider: str
    code: int
    source: str
    at: datetime
    channel: str = ""
    of: str = ""  # the object, where it is another one with the same audit entries


class AuditChange(msgspec.Struct, frozen=True, kw_only=True):
    """A record that says auditing changed or records were lost."""

    computer: str
    source: str
    action: str
    at: datetime
    until: datetime | None = None
    attribute: str = ""
    after: str = ""
    channel: str = ""
    mailbox: str = ""
    object_dn: str = ""
    record_id: int | None = None

    @property
    def log(self) -> str:
        """Return the log it is about: a clear that another log tells of names the cleared one."""
        return self.attribute.lower() if self.action == "log_cleared" and self.attribute else self.channel


class Blind(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a log without its records."""

    computer: str
    channel: str = ""  # lower case; empty: every channel
    source: str = ""
    since: datetime | None
    until: datetime | None
    why: str
    cause: Cause = "records_missing"
    mailbox: str = ""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when a provider's log, or a source's records, are at hand; `pause` is its longest silence."""

    computer: str
    channel: str
    provider: str
    source: str
    first_at: datetime
    last_at: datetime
    pause: timedelta = timedelta(0)


class OfObject(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one mailbox alone.

    `seen` are events of it (or of objects with equal audit entries); `entries` what its audit entries record, by
    outcome; `switch` whether its own mailbox audit log was on, `limits` what that log leaves out; `services` where it
    lives, empty where that is not known.
    """

    label: str
    seen: tuple[Seen, ...] = ()
    entries: dict[str, tuple[Point, ...]] = {}
    switch: tuple[Point, ...] = ()
    limits: tuple[tuple[Point, ...], ...] = ()
    blind: tuple[Blind, ...] = ()
    services: frozenset[str] = frozenset()


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `of_mailbox` holds what was seen of the mailbox asked for, None where none was."""

    seen: tuple[Seen, ...]
    of_mailbox: tuple[Seen, ...] | None
    changes: tuple[AuditChange, ...]
    blind: tuple[Blind, ...]
    reaches: tuple[Reach, ...]
    hosts: Hosts = Hosts()
    turns: tuple[Turn, ...] = ()  # of the organization's switches
    of_mailboxes: tuple[Turn, ...] = ()  # of each mailbox's own
    offs: tuple[Off, ...] = ()
    sealed_until: dict[str, datetime] = {}
    changed_entries: tuple[tuple[str, datetime], ...] = ()  # objects whose audit entries records say were changed


def proof_of(
    engine: Engine, mailbox: str | None = None, observations: Observations | None = None, people: People | None = None
) -> Proof:
    """Return what the trail shows; `mailbox` (by any of its names) narrows what is proof for one object.

    `observations` tell which domain controllers there are and how Exchange's switches stand.
    """
    people = people or People(engine, observations)
    settings = audit_settings()
    reaches = _reaches(engine)
    hosts = hosts_of(engine, observations, reaches)
    changes = _changes(engine, hosts)
    turns = turns_of(engine, observations)
    blind = (*_holes(engine, hosts), *_after_clears(engine, changes, hosts), *_throttled(changes))
    changed_entries = _changed_entries(engine)
    register_times(engine, changes, turns, reaches, (at for _dn, at in changed_entries))
    reaches = tuple(msgspec.structs.replace(r, computer=hosts.canonical(r.computer)) for r in reaches)
    of_mailbox = None
    if mailbox is not None:
        references = references_of(engine, mailbox).references
        of_mailbox = tuple(seen for seen, _row in seen_objects(engine, hosts, references)) if references else ()
    return Proof(
        seen=tuple(_seen(row, hosts) for row in _rows(engine, "seen_kinds")),
        of_mailbox=of_mailbox,
        changes=changes,
        blind=blind,
        reaches=reaches,
        hosts=hosts,
        turns=tuple(turn for turn in turns if turn.of == "organization"),
        of_mailboxes=tuple(turn for turn in turns if turn.of == "mailbox"),
        offs=offs(turns, people),
        changed_entries=changed_entries,
        sealed_until=_sealed(engine, tuple(settings.lateness)),
    )


def organization_sources() -> list[str]:
    """Return the sources whose records are of the organization as a whole, whichever server wrote them."""
    return sorted({check.source_of_records for check in audit_settings().checks if check.source_of_records})


def _rows(engine: Engine, name: str, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - SQL values
    return engine.rows(load_query(SQL, name), organization_sources=organization_sources(), **parameters)


def seen_objects(
    engine: Engine, hosts: Hosts, references: Iterable[str] | None = None
) -> Iterable[tuple[Seen, dict[str, Any]]]:
    """Yield the events that prove something of one object alone, each with the row that names the object."""
    checks = [check for check in audit_settings().checks if check.per_object]
    codes = sorted({str(code) for check in checks for each in check.proof.values() for code in each})
    sources = sorted({check.source_of_records for check in checks if check.source_of_records})
    asked = None if references is None else list(references)
    for row in _rows(engine, "seen_objects", codes=codes, per_object_sources=sources, references=asked):
        yield _seen(row, hosts), row


def _seen(row: dict[str, Any], hosts: Hosts) -> Seen:
    return Seen(
        computer=hosts.canonical(row["computer"]),
        provider=row["provider"],
        code=_code(row["event_code"]),
        source=row["source"],
        at=row["seen_at"],
        channel=row["channel"],
    )


def _code(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def _changed_entries(engine: Engine) -> tuple[tuple[str, datetime], ...]:
    rows = engine.rows(load_query(SQL, "sacl_changes"))
    return tuple((row["object_dn"].casefold(), row["changed_at"]) for row in rows)


def register_times(
    engine: Engine,
    changes: Iterable[AuditChange],
    turns: Iterable[Turn],
    reaches: Iterable[Reach],
    changed_entries: Iterable[datetime],
) -> None:
    """Make the times between changes of auditing known to the questions, for each log under the name it writes.

    Changed audit entries count on every log, the last ones of each hour.
    """
    ends: dict[str, set[datetime]] = {}
    organization = organization_sources()
    for reach in reaches:
        ends.setdefault(f"@{reach.source}" if reach.source in organization else reach.computer, set())
    for change in changes:
        if change.action in BREAKS or change.action == "policy_changed":
            for name in {change.computer, change.computer.split(".")[0]} & ends.keys():
                ends[name].add(change.at)
    last_of_hour = {at.replace(minute=0, second=0, microsecond=0): at for at in sorted(changed_entries)}
    for times in ends.values():
        times.update(last_of_hour.values())
    for turn in turns:
        for check in turn.checks:
            source = f"@{audit_settings().check(check).source_of_records}"
            if source in ends:
                ends[source].add(turn.at)
    rows = [
        (log, number, since, until)
        for log, times in ends.items()
        for number, (since, until) in enumerate(zip([_FIRST, *sorted(times)], [*sorted(times), _LAST], strict=True))
    ]
    names = ("log", "number", "since", "until")
    shape = pa.schema(
        [("log", pa.string()), ("number", pa.int64()), *((n, pa.timestamp("us", "UTC")) for n in names[2:])]
    )
    engine.register("times_between", pa.table([[row[i] for row in rows] for i in range(len(names))], schema=shape))


def _changes(engine: Engine, hosts: Hosts) -> tuple[AuditChange, ...]:
    return tuple(
        AuditChange(
            computer=hosts.canonical(row["computer"]),
            source=row["source"],
            action=row["action"],
            at=row["occurred_at"],
            until=row["occurred_until_at"],
            attribute=row["attribute"] or "",
            after=row["after"] or "",
            channel=row["channel"],
            mailbox=row["mailbox_ref"] or "",
            object_dn=row["object_dn"] or "",
            record_id=row["record_id"],
        )
        for row in engine.rows(load_query(SQL, "audit_changes"))
    )


def _holes(engine: Engine, hosts: Hosts) -> list[Blind]:
    return [
        Blind(
            computer=hosts.canonical(gap.computer.lower()),
            channel=gap.channel.lower(),
            since=gap.after_at,
            until=gap.before_at,
            why=gap.sentence(),
        )
        for gap in gaps(engine)
    ]


def _after_clears(engine: Engine, changes: Iterable[AuditChange], hosts: Hosts) -> list[Blind]:
    """Return the time before each clear that began the numbers anew: what was written since the last record is gone.

    From Windows 2008 on the numbers go on, so that a clear that lost records shows as a hole.
    """
    clears = [c for c in changes if c.action == "log_cleared" and c.record_id == 1]
    if not clears:
        return []
    names = {"computer": [c.computer for c in clears], "channel": [c.channel for c in clears]}
    times = pa.array([c.at for c in clears], pa.timestamp("us", "UTC"))
    engine.register("clears", pa.table({**names, "cleared_at": times}))
    return [
        Blind(
            computer=hosts.canonical(row["computer"]),
            channel=row["channel"],
            since=row["after_at"],
            until=row["cleared_at"],
            why=f"{row['computer']}, {row['channel']}: the log was cleared, and what was written in it after the last "
            "record at hand is gone; its numbers began anew",
            cause="log_cleared",
        )
        for row in engine.rows(load_query(SQL, "before_clears"))
    ]


def _throttled(changes: Iterable[AuditChange]) -> list[Blind]:
    return [
        Blind(
            computer=change.computer,
            source=change.source,
            since=change.at,
            until=change.until or change.at,
            why="the service stopped recording accesses: take everything as read",
            cause="throttled",
            mailbox=change.mailbox,
        )
        for change in changes
        if change.action == "throttled"
    ]


def _reaches(engine: Engine) -> tuple[Reach, ...]:
    return tuple(
        Reach(
            computer=row["computer"],
            channel=row["channel"],
            provider=row["provider"],
            source=row["source"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            pause=row["pause"] or timedelta(0),
        )
        for row in _rows(engine, "reaches")
    )


class Collections(Summary):
    """When each evidence was collected, as the last leaf about it says; its SHA-256 and the time as it stands there."""

    name = "collections"
    marks = (b'"collected_at"', b'"modified_at"')

    collected: dict[str, str] = msgspec.field(default_factory=dict)

    def take(self, said: Mapping[str, Any]) -> None:
        """Note the evidence of one leaf."""
        at = said.get("collected_at") or said.get("modified_at")
        if isinstance(at, str):
            self.collected.update((evidence["sha256"], at) for evidence in said.get("evidence", ()))


def _sealed(engine: Engine, sources: tuple[str, ...]) -> dict[str, datetime]:
    """Return until when the records of late sources are complete: their last collection less how late they may be.

    The time of a collection is that of its file where nobody said another one.
    """
    collected = engine.custody(Collections).collected
    latest: dict[str, datetime] = {}
    for row in engine.rows(load_query(SQL, "collected"), sources=list(sources)):
        said = collected.get(row["evidence_sha256"])
        if said is not None:
            at = datetime.fromisoformat(said)
            latest[row["source"]] = max(at, latest.get(row["source"], at))
    hours = audit_settings().lateness
    return {source: at - timedelta(hours=hours[source].hours) for source, at in latest.items()}
