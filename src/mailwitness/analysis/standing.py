"""Every right there ever was, ready to be asked: who is who, who belongs where, what stands on what, from when on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from mailwitness.analysis.presence import End, Run, Unwitnessed
from mailwitness.analysis.right_entry import Entry, Kind
from mailwitness.analysis.scopes import Policy, Scopes, Stated
from mailwitness.descriptors.sid import ALIASES
from mailwitness.directory.clock import BEGINNING, STILL
from mailwitness.directory.closure import Link, Memberships
from mailwitness.directory.identity import Identities
from mailwitness.directory.name_spans import Span
from mailwitness.directory.spelling import parent_of

EVERYONE, AUTHENTICATED = ALIASES["WD"], ALIASES["AU"]
_CONFIGURATION = ",cn=configuration"


class Unexplained(msgspec.Struct, frozen=True):
    """A change that nobody witnessed: on what, whose, which right or membership, between which two looks."""

    what: str
    target: int
    trustee: int
    right: str
    change: Unwitnessed


class Held(msgspec.Struct, frozen=True):
    """A value something had for a time: a mailbox its database, an account its state."""

    value: int
    run: Run


class Written(msgspec.Struct, frozen=True):
    """A list of rights was written at a time, and nothing tells what stood in it from then until `until`."""

    at: int
    until: int
    kind: Kind
    end: End


class Facts(msgspec.Struct):
    """What was found out, before it is indexed. Times are microseconds (directory.clock).

    `protection`: from when until when a list took nothing in from above; `powerless`: a group was of distribution
    only; `disabled`: an account was. `looked_at`: the snapshots read. `written`: acts that wrote a thing's list of
    rights with values that neither a record nor a later look tells. `scopes`: management scopes by name; `policies`:
    those that narrow what applications may.
    """

    entries: list[Entry] = []
    links: list[Link[Run]] = []
    homes: dict[int, list[Held]] = {}
    protection: dict[int, list[tuple[int, int]]] = {}
    powerless: dict[int, tuple[tuple[int, int], ...]] = {}
    former_sids: dict[int, tuple[int, ...]] = {}
    disabled: dict[int, tuple[tuple[int, int], ...]] = {}
    mailboxes: dict[int, None] = {}
    unwitnessed: list[Unexplained] = []
    written: dict[int, list[Written]] = {}
    looked_at: list[datetime] = []
    scopes: dict[str, list[Stated]] = {}
    policies: list[Policy] = []


class Standing:
    """What `rights_over_time` found, indexed by where it stands and by whose it is."""

    def __init__(self, identities: Identities, facts: Facts) -> None:
        """Index the entries."""
        self.identities = identities
        self.facts = facts
        self.on: dict[int, list[Entry]] = {}
        self.of: dict[int, list[Entry]] = {}
        self.everywhere: list[Entry] = []
        for entry in facts.entries:
            self.of.setdefault(entry.trustee, []).append(entry)
            if entry.is_everywhere:
                self.everywhere.append(entry)
            else:
                self.on.setdefault(entry.target, []).append(entry)
        self.memberships = Memberships(facts.links, facts.powerless)
        self.scopes = Scopes(identities, self.memberships, facts.scopes, facts.policies)
        self._begin()
        self.moves = sorted(self._moving())
        self._moved = [n for n in self.on if n not in facts.mailboxes and len(self._spans(n)) > 1]
        self.databases = list(self._things("database"))

    def _begin(self) -> None:
        """Begin with nothing asked yet."""
        self._narrowed = any(map(self.scopes.narrows, self.everywhere))
        self.everybody = tuple(self.identities.ensure(sid, "sid") for sid in (EVERYONE, AUTHENTICATED))
        self._moments: dict[int, set[int]] = {}
        self._above: dict[tuple[str, int], tuple[int, ...]] = {}
        self._above_thing: dict[tuple[int, int], tuple[int, ...]] = {}
        self._configured: dict[int, bool] = {}
        self._places: tuple[int, dict[tuple[int | None, tuple[int, ...]], list[int]]] | None = None

    def _things(self, kind: str) -> Iterator[int]:
        return (n for n in range(len(self.identities)) if self.identities.thing(n).kind == kind)

    def _spans(self, thing: int) -> tuple[Span, ...]:
        return self.identities.thing(thing).spans.get("dn", ())

    def _moving(self) -> set[int]:
        """Return the times at which anything is moved, renamed, or put into another database."""
        moments = {
            at for helds in self.facts.homes.values() for held in helds for at in (held.run.since, held.run.until)
        }
        for number in range(len(self.identities)):
            spans = self._spans(number)
            if len(spans) > 1:
                moments |= {at for span in spans for at in (*span.ends(), span.first, span.last + 1)}
        return moments - {BEGINNING, STILL}

    def token(self, principal: int, at: int) -> dict[int, tuple[Link[Run], ...]]:
        """Return everything `principal` is at a time - itself, its groups, its former SIDs, everybody - and by what."""
        token: dict[int, tuple[Link[Run], ...]] = {principal: ()}
        reached = self.memberships.groups_of(principal, at)
        for group, found in reached.items():
            token[group] = (*token[found.link.member], found.link)
        for former in self.facts.former_sids.get(principal, ()):
            token.setdefault(former, ())
        for everyone in self.everybody:
            token.setdefault(everyone, ())
        return token

    def moments_of(self, principal: int) -> list[int]:
        """Return the times at which what `principal` is can change."""
        return self.memberships.moments_of(principal)

    def moments_around(self, mailbox: int) -> set[int]:
        """Return the times at which what stands on a mailbox or above it can change."""
        known = self._moments.get(mailbox)
        if known is None:
            moments = moments_of_entries(self.on.get(mailbox, ()))
            moments |= self.moves_of(mailbox)
            chain = {thing for at in (STILL - 1, *moments) for thing in self.chain(mailbox, at)}
            for thing in chain:
                moments |= moments_of_entries(self.on.get(thing, ()))
            if self._narrowed:
                moments |= self.scopes.moments_of(mailbox)
            known = self._moments[mailbox] = moments - {BEGINNING, STILL}
        return known

    def moves_of(self, mailbox: int) -> set[int]:
        """Return the times at which what is above a mailbox can change: a move, a rename, another database."""
        moves = {at for held in self.facts.homes.get(mailbox, ()) for at in (held.run.since, held.run.until)}
        for thing in (mailbox, *self._moved):
            spans = self._spans(thing)
            if len(spans) > 1:
                moves |= {at for span in spans for at in (*span.ends(), span.first, span.last + 1)}
        for spans_of_protection in self._protections(mailbox):
            moves |= {at for span in spans_of_protection for at in span}
        return moves - {BEGINNING, STILL}

    def _protections(self, mailbox: int) -> Iterator[list[tuple[int, int]]]:
        """Yield when each list that can be above a mailbox was cut off; few ever are."""
        for thing, spans in self.facts.protection.items():
            if thing == mailbox or thing not in self.facts.mailboxes:
                yield spans

    def chain(self, mailbox: int, at: int) -> list[int]:
        """Return everything that passes rights on to a mailbox at a time: units, database, server, organization."""
        units = () if self.is_protected(mailbox, at) else self._until_protected(self.above(mailbox, at), at)
        home, _known = self.home(mailbox, at)
        return [*units, *self._until_protected((home, *self.above(home, at)), at)] if home is not None else [*units]

    def _until_protected(self, things: Iterable[int], at: int) -> Iterator[int]:
        for thing in things:
            yield thing
            if self.is_protected(thing, at):
                return

    def home(self, mailbox: int, at: int) -> tuple[int | None, bool]:
        """Return the database of a mailbox at a time, and whether that is known, not just the only one there is."""
        for held in self.facts.homes.get(mailbox, ()):
            if held.run.since <= at < held.run.until:
                return held.value, True
        if len(self.databases) == 1 and mailbox not in self.facts.homes:
            return self.databases[0], False
        return None, False

    def above(self, thing: int, at: int) -> tuple[int, ...]:
        """Return what stands above a thing in the directory at a time, nearest first, as far as rights are known."""
        key = (thing, self.epoch(at))
        known = self._above_thing.get(key)
        if known is None:
            names = self.identities.thing(thing).names("dn", at) or self.identities.thing(thing).names("dn")
            known = self._above_thing[key] = self._from(parent_of(names[0]), at) if names else ()
        return known

    def _from(self, dn: str | None, at: int) -> tuple[int, ...]:
        """Return the things with rights from a DN upward."""
        if dn is None:
            return ()
        key = (dn, self.epoch(at))
        known = self._above.get(key)
        if known is None:
            number = self.identities.resolve(dn, "dn", at).one
            rest = self._from(parent_of(dn), at)
            known = self._above[key] = (number, *rest) if number is not None and number in self.on else rest
        return known

    def epoch(self, at: int) -> int:
        """Return a number that is the same for times between which nothing was moved, renamed or rehoused."""
        return bisect_right(self.moves, at)

    def places(self, at: int) -> dict[tuple[int | None, tuple[int, ...]], list[int]]:
        """Return the mailboxes at a time by where they stand: their database, and the units above them."""
        epoch = self.epoch(at)
        if self._places is None or self._places[0] != epoch:
            places: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
            for mailbox in self.facts.mailboxes:
                home, _known = self.home(mailbox, at)
                places.setdefault((home, self.above(mailbox, at)), []).append(mailbox)
            self._places = (epoch, places)
        return self._places[1]

    def is_protected(self, thing: int, at: int) -> bool:
        """Return whether a thing takes in nothing from above at a time."""
        return any(since <= at < until for since, until in self.facts.protection.get(thing, ()))

    def is_disabled(self, principal: int, at: int) -> bool:
        """Return whether an account was known to be disabled at a time."""
        return any(since <= at < until for since, until in self.facts.disabled.get(principal, ()))

    def on_configuration(self, thing: int) -> bool:
        """Return whether a thing stands in the configuration: a database, a server, the organization."""
        known = self._configured.get(thing)
        if known is None:
            names = self.identities.thing(thing).names("dn")
            known = self._configured[thing] = any(_CONFIGURATION in name.casefold() for name in names)
        return known

    def is_group(self, thing: int) -> bool:
        """Return whether a thing is a group, as told or by its having members."""
        return self.identities.thing(thing).kind == "group" or bool(self.memberships.links_to(thing))

    def is_mailbox(self, thing: int) -> bool:
        """Return whether a thing has a mailbox, as far as that is known."""
        return thing in self.facts.mailboxes


def moments_of_entries(entries: Iterable[Entry]) -> set[int]:
    """Return the times at which any of `entries` begins or ends."""
    moments = {at for e in entries for at in (e.run.since, e.run.until, e.run.earliest, e.run.latest)}
    return moments - {BEGINNING, STILL}
