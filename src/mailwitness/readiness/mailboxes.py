"""What is known of each mailbox alone: its audit entries, its own audit log, events of it, the service it lives in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from mailwitness.analysis.filters import Known, references_of
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.knowledge.audit_settings import ActionList, audit_settings
from mailwitness.readiness.people import People
from mailwitness.readiness.proof import SQL, OfObject, Proof, Seen, seen_objects
from mailwitness.readiness.sacl_readings import OUTCOMES, SaclReadings
from mailwitness.readiness.spans import Point
from mailwitness.readiness.switches import BEGINNING, Turn, of_things, standing

_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_ANY = 1 << 62  # behind every number of audit entries
_History = tuple[tuple[datetime, int], ...]
_AGE = re.compile(r"(?P<days>\d{1,5})\.(?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d)")


class Mailboxes:
    """All mailboxes of a trail. Everything is read once, when the first of it is asked for."""

    def __init__(
        self,
        engine: Engine,
        observations: Observations | None,
        proof: Proof,
        people: People,
        *,
        alone: bool = False,
    ) -> None:
        """Use what `proof_of` found in the same trail.

        `alone`: only what names the mailbox itself is looked at, not what is known of others with equal audit entries.
        """
        self._references: tuple[str, ...] | None = () if alone else None
        self._engine = engine
        self._observations = observations
        self._proof = proof
        self._people = people
        self._sacls = SaclReadings(observations)

    def everyone(self) -> dict[int, OfObject]:
        """Return every mailbox the directory holds, or, where none is at hand, every one that records name."""
        return {thing: self.of(thing) for thing in self._things}

    def one(self, asked: str, known: Known | None = None) -> OfObject:
        """Return the mailbox a person means by any of its names, also where nothing is known of it."""
        meant = tuple(self._meant(asked, known))
        if self._references is not None:
            self._references = meant
        things = {thing for each in meant if (thing := self._people.one(each)) is not None}
        found = [self.of(thing) for thing in sorted(things)]
        if len(found) == 1:
            return msgspec.structs.replace(found[0], label=asked)
        return OfObject(label=asked, seen=tuple(seen for each in found for seen in each.seen))

    def _meant(self, asked: str, known: Known | None) -> Iterable[str]:
        return dict.fromkeys((asked, *references_of(self._engine, asked, known).references))

    def gather(self) -> None:
        """Read everything now that is read once: the engine is not used again but for `one`."""
        _ = self._things, self._keys, self._seen, self._equals, self._turns, self._limits

    def of(self, thing: int) -> OfObject:
        """Return what is known of a thing that is or may be a mailbox."""
        key = self._keys.get(thing, "")
        changes = self._sacl_changes(thing)
        entries = {}
        if self._sacls.of_objects or changes:
            entries = {name: tuple(self._sacls.points(key, name, changes, BEGINNING)) for name in OUTCOMES}
        return OfObject(
            label=self._people.label(thing),
            seen=(*self._seen.get(thing, ()), *self._seen_of_equals(thing, key)),
            entries=entries,
            switch=tuple(standing(self._turns.get(thing, ()), BEGINNING)),
            limits=self._limits.get(thing, ()),
            blind=tuple(blind for blind in self._proof.blind if blind.mailbox and self._is(blind.mailbox, thing)),
            services=self._people.services.get(thing, frozenset()),
        )

    def _is(self, reference: str, thing: int) -> bool:
        return self._people.one(reference) == thing

    @cached_property
    def _things(self) -> list[int]:
        found: dict[int, None] = {}
        for each in self._observations.principals if self._observations is not None else ():
            if (each.mailbox_guid or each.home_mdb) and each.kind == "user" and not each.deleted:
                thing = self._people.one(each.object_guid or each.dn or "")
                found.update({thing: None} if thing is not None else {})
        if found:
            return list(found)
        for row in self._engine.rows(load_query(SQL, "services_of_mailboxes")):
            thing = self._people.one(row["mailbox_ref"], row["mailbox_ref_form"])
            found.update({thing: None} if thing is not None else {})
        return list(found)

    @cached_property
    def _keys(self) -> dict[int, str]:
        """The key of each object in the readings of SACLs."""
        found: dict[int, str] = {}
        for key in self._sacls.of_objects:
            thing = self._people.one(key)
            if thing is not None:
                found[thing] = key
        return found

    @cached_property
    def _seen(self) -> dict[int, list[Seen]]:
        """The events of each object, the first of their kind since auditing last changed."""
        found: dict[int, dict[tuple[Any, ...], Seen]] = {}
        for seen, row in seen_objects(self._engine, self._proof.hosts, self._references):
            thing = self._thing_of(row)
            if thing is not None:
                kind = (seen.computer, seen.provider, seen.code, seen.source, row["number"])
                found.setdefault(thing, {}).setdefault(kind, seen)
        return {thing: list(kinds.values()) for thing, kinds in found.items()}

    def _thing_of(self, row: dict[str, Any]) -> int | None:
        for name, form in ((row["object_guid"], "guid"), (row["object_dn"], "dn")):
            if name:
                return self._people.one(name, form)
        return self._people.one(row["mailbox_ref"], row["mailbox_ref_form"]) if row["mailbox_ref"] else None

    @cached_property
    def _equals(self) -> dict[_History, list[tuple[int, Seen]]]:
        """The first events of each kind of objects with the same audit entries, by the history of these."""
        found: dict[_History, dict[tuple[Any, ...], tuple[int, Seen]]] = {}
        for thing, events in self._seen.items():
            history = self._sacls.history(self._keys[thing]) if thing in self._keys else ()
            until = self._first_sacl_change(thing)
            for seen in events if history else ():
                kind = (seen.computer, seen.provider, seen.code, bisect_right(history, (seen.at, _ANY)))
                before = found.setdefault(history, {}).get(kind)
                if seen.at < until and seen.source not in _by_own_log() and (before is None or seen.at < before[1].at):
                    found[history][kind] = (thing, seen)
        return {history: list(kinds.values()) for history, kinds in found.items()}

    def _seen_of_equals(self, thing: int, key: str) -> list[Seen]:
        history = self._sacls.history(key) if key else ()
        until = self._first_sacl_change(thing)
        return [
            msgspec.structs.replace(seen, of=f"{self._people.label(other)}, whose audit entries are the same,")
            for other, seen in (self._equals.get(history, ()) if history else ())
            if other != thing and seen.at < until
        ]

    def _first_sacl_change(self, thing: int) -> datetime:
        """Return from when on nothing tells any more that an object's audit entries are those that were read."""
        return min(self._sacl_changes(thing), default=_NEVER)

    def _sacl_changes(self, thing: int) -> list[datetime]:
        """Return when records say that the audit entries of an object, or of what hands its own down, were changed."""
        changed = self._proof.changed_entries
        if not changed:
            return []
        names = [dn.casefold() for dn in self._people.identities.thing(thing).names("dn")]
        return [at for dn, at in changed if any(name == dn or name.endswith(f",{dn}") for name in names)]

    @cached_property
    def _turns(self) -> dict[int, list[Turn]]:
        by_thing = of_things(self._proof.of_mailboxes, self._people)
        return {thing: turns for (_of, _check, thing), turns in by_thing.items()}

    @cached_property
    def _limits(self) -> dict[int, tuple[tuple[Point, ...], ...]]:
        """What each mailbox's own log leaves out: actions that are not on its lists, records that were too old."""
        ages = {name.casefold() for name in audit_settings().age_limit}
        found: dict[int, dict[str, list[tuple[datetime, str]]]] = {}
        for setting in self._observations.settings if self._observations is not None else ():
            attribute = setting.attribute.casefold()
            if attribute in ages or attribute in _action_lists():
                thing = self._people.one(setting.object_guid or setting.dn)
                if thing is not None:
                    seen = (setting.observed_at, setting.value or "")
                    found.setdefault(thing, {}).setdefault(attribute, []).append(seen)
        lines = {
            thing: [
                self._expired(*min(seen)) if attribute in ages else _lacking(attribute, sorted(seen))
                for attribute, seen in by_attribute.items()
            ]
            for thing, by_attribute in found.items()
        }
        return {thing: tuple(line for line in own if line) for thing, own in lines.items()}

    def _expired(self, at: datetime, value: str) -> tuple[Point, ...]:
        """Return what the age limit had deleted before anybody collected: before it, if no older record is at hand."""
        age = _AGE.fullmatch(value)
        if age is None:
            return ()
        gone = at - timedelta(**{unit: int(count) for unit, count in age.groupdict().items()})
        own = [reach.first_at for reach in self._proof.reaches if reach.source in _by_own_log()]
        if not own or min(own) < gone:
            return ()
        why = f"older records than the age limit ({value}) were deleted before the first collection"
        return (Point(BEGINNING, "absent", "expired", why), Point(gone, "proven", "event", ""))


def _by_own_log() -> frozenset[str]:
    """Return the sources whose records a mailbox's own audit log makes: they prove nothing of another mailbox."""
    return frozenset(c.source_of_records for c in audit_settings().checks if c.per_object and c.source_of_records)


def _action_lists() -> dict[str, ActionList]:
    return {name.casefold(): each for each in audit_settings().audited_actions for name in each.names}


def _lacking(attribute: str, seen: list[tuple[datetime, str]]) -> tuple[Point, ...]:
    """Return when a list of audited actions lacked some that matter; what was seen first holds since ever."""
    points = []
    for number, (at, value) in enumerate(seen):
        has = {action.strip().casefold() for action in value.split(",")}
        lacks = [action for action in _action_lists()[attribute].actions if action.casefold() not in has]
        why = f"an export shows that {attribute} lacks {', '.join(lacks)}"
        since = at if number else BEGINNING
        points.append(
            Point(since, "absent", "actions_not_audited", why) if lacks else Point(since, "proven", "event", "")
        )
    return tuple(points) if any(point.word == "absent" for point in points) else ()
