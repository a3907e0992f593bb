"""How Exchange's own switches stood over time: audit logs of mailboxes and organization, accounts passed by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.audit_settings import Switch, SwitchOf, audit_settings
from mailwitness.readiness.people import People
from mailwitness.readiness.spans import Cause, Point


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One moment at which a switch is known to stand one way: a record turned it, or an export showed it."""

    at: datetime
    of: SwitchOf
    name: str
    recording: bool
    is_record: bool
    is_before: bool = False  # how it stood until a record turned it
    checks: tuple[str, ...]
    mailbox: str = ""  # the mailbox or account, as named there
    mailbox_form: str | None = None
    sid: str | None = None
    value: str = ""

    @property
    def why(self) -> str:
        """Return it for people."""
        if self.is_before:
            return f"{self.name} = {self.value} until a record turned it"
        return f"{'a record sets' if self.is_record else 'an export shows'} {self.name} = {self.value}"


CAUSES: dict[SwitchOf, Cause] = {
    "mailbox": "mailbox_not_audited",
    "account": "bypassed",
    "organization": "service_not_recording",
}
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_TRUE_FALSE = {"true": True, "false": False}


def turns_of(engine: Engine, observations: Observations | None) -> tuple[Turn, ...]:
    """Return every turn of a switch in order of time, those of records before those of exports of one moment."""
    found = [*_of_records(engine), *_of_exports(observations)]
    return tuple(sorted(found, key=lambda turn: (turn.at, not turn.is_before, not turn.is_record)))


def _of_records(engine: Engine) -> Iterator[Turn]:
    cloud = {source for source, of in audit_settings().recorded_by.items() if of == "online"}
    for row in engine.rows(load_query("mailwitness.readiness.sql", "switch_records")):
        switch = audit_settings().switch_of(row["attribute"] or "")
        if switch is None:
            continue
        checks = tuple(name for name in switch.checks if _is_of_service(name, in_cloud=row["source"] in cloud))
        for side in ("before", "after"):
            value = _TRUE_FALSE.get((row[side] or "").strip().strip("$").casefold())
            if value is not None:
                yield _turn(row, switch, checks, value=value, is_before=side == "before")


def _turn(row: dict[str, Any], switch: Switch, checks: tuple[str, ...], *, value: bool, is_before: bool) -> Turn:
    of_trustee = switch.of != "organization" and bool(row["trustee_name"])
    return Turn(
        at=row["occurred_at"],
        of=switch.of,
        name=row["attribute"],
        recording=value == switch.recording_when,
        is_record=True,
        is_before=is_before,
        checks=checks,
        mailbox="" if switch.of == "organization" else (row["trustee_name"] or row["mailbox_ref"] or ""),
        mailbox_form=None if of_trustee else row["mailbox_ref_form"],
        sid=row["trustee_sid"] if of_trustee else None,
        value=str(value),
    )


def _is_of_service(check: str, *, in_cloud: bool) -> bool:
    return ("online" in audit_settings().check(check).generations) == in_cloud


def _of_exports(observations: Observations | None) -> Iterator[Turn]:
    if observations is None:
        return
    of_cmdlets = {each.evidence_sha256 for each in observations.snapshots if each.origin == "export"}
    for each in observations.settings:
        switch = audit_settings().switch_of(each.attribute)
        value = _TRUE_FALSE.get((each.value or "").casefold())
        if switch is None or value is None:
            continue
        yield Turn(
            at=each.observed_at,
            of=switch.of,
            name=each.attribute,
            recording=value == switch.recording_when,
            is_record=False,
            checks=tuple(
                name
                for name in switch.checks
                if each.evidence_sha256 in of_cmdlets or _is_of_service(name, in_cloud=False)
            ),
            mailbox="" if switch.of == "organization" else each.object_guid or each.dn,
            mailbox_form="guid" if each.object_guid else None,
            value=str(value),
        )


def standing(turns: Sequence[Turn], beginning: datetime) -> Iterator[Point]:
    """Yield how one switch stands over time, from `beginning` on; `turns` are its own, in order of time.

    What an export shows holds since a record last said something, and at first since ever; where two exports differ
    and no record tells when it was turned, it is unknown in between. A switch that records turned on and an export
    shows off was off from the export on.
    """
    before: Turn | None = None
    for turn in turns:
        cause: Cause = "settings" if turn.recording else CAUSES[turn.of]
        word: Any = "configured" if turn.recording else "absent"
        if turn.is_before and before is not None:
            continue  # said already, by a record whose clock is a little behind
        if before is None and (turn.is_before or not turn.is_record):
            yield Point(beginning, word, cause, turn.why)
        elif before is None or before.recording != turn.recording:
            if before is not None and not turn.is_record and before.recording:
                yield Point(before.at, "unknown", "nothing_known", f"{turn.why}; no record tells since when")
            yield Point(turn.at, word, cause, turn.why)
        before = turn


class Off(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when one mailbox or account alone was not recorded; an end is None where nothing shows it."""

    of: SwitchOf
    checks: tuple[str, ...]
    thing: int
    label: str
    since: datetime | None
    until: datetime | None
    why: str


def offs(turns: Iterable[Turn], people: People) -> tuple[Off, ...]:
    """Return when single mailboxes were not audited and single accounts passed by.

    An export does not say of which service it is: one that lists a mailbox is of the service the mailbox lives in.
    """
    single = [turn for turn in turns if turn.of != "organization"]
    if all(turn.recording for turn in single):
        return ()
    found: list[Off] = []
    for (of, check, thing), own in of_things(single, people).items():
        points = list(standing(own, BEGINNING))
        for point, following in zip(points, [*points[1:], None], strict=True):
            if point.word == "absent":
                since = None if point.at == BEGINNING else point.at
                until = None if following is None else following.at
                label = people.label(thing)
                off = Off(of=of, checks=(check,), thing=thing, label=label, since=since, until=until, why=point.why)
                found.append(off)
    return tuple(found)


def of_things(turns: Iterable[Turn], people: People) -> dict[tuple[SwitchOf, str, int], list[Turn]]:
    """Return the turns of each mailbox or account, by the check they decide."""
    found: dict[tuple[SwitchOf, str, int], list[Turn]] = {}
    for turn in turns:
        thing = people.one(turn.mailbox, turn.mailbox_form, turn.sid) if turn.of != "organization" else None
        services = people.services.get(thing, frozenset()) if thing is not None else frozenset()
        for check in turn.checks if thing is not None else ():
            if turn.is_record or not services or is_in(check, services):
                found.setdefault((turn.of, check, thing or 0), []).append(turn)
    return found


def is_in(check: str, services: frozenset[str]) -> bool:
    """Return whether a check is of one of these services (online, on_premises)."""
    return ("online" if _is_of_service(check, in_cloud=True) else "on_premises") in services


def by_switch(turns: Iterable[Turn]) -> dict[tuple[str, ...], list[Turn]]:
    """Return the turns of the organization's switches, each switch by itself."""
    found: dict[tuple[str, ...], list[Turn]] = {}
    for turn in turns:
        switch = audit_settings().switch_of(turn.name)
        if turn.of == "organization" and switch is not None:
            found.setdefault(switch.names, []).append(turn)
    return found
