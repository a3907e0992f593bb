r"""One thing each, whatever it is called: mailboxes, accounts, groups, databases by all their names, over time.

`Sighting` is what one observation or one record gives together: names that belong to one thing, and when. GUIDs and
SIDs tell things apart for ever; all other names belong to a thing for a time, because things are renamed and moved
and their old names are given to others. `resolve` answers as of a time, and keeps several candidates where the name
cannot decide between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from mailwitness.descriptors.sid import DOMAIN_ALIASES, ROOT_ALIASES
from mailwitness.directory.clock import BEGINNING, STILL, micros
from mailwitness.directory.name_spans import Seen, Span, spans_of
from mailwitness.directory.spelling import NameForm, called, canonical_of, folded, form_of, identity_of
from mailwitness.knowledge.well_known_sids import well_known_name

How = Literal["name", "short_name", "former_name", "unknown"]
"""How a reference was understood: by a name that is the thing's own, by the leading part of one (two things can share
it), by a name it had at another time, or not at all."""

_FOR_EVER: tuple[NameForm, ...] = ("guid", "sid")
_DECIDING: tuple[NameForm, ...] = ("dn", "legacy_dn", "canonical", "app_id", "mailbox_guid", "smtp", "upn", "account")
_BARE: tuple[NameForm, ...] = ("alias", "account", "display_name", "typed", "app_id")
_SHOWN: tuple[NameForm, ...] = (
    *(
        "account",
        "upn",
        "smtp",
        "display_name",
        "dn",
        "canonical",
        "legacy_dn",
        "typed",
        "alias",
        "app_id",
        "sid",
        "guid",
    ),
)


BARE, SHORT = "name without its domain", "leading name"
"""What indexes of names are called that several forms share."""
Key = TypeVar("Key", bound=Hashable)
_RELATIVE = {
    str(rid): name
    for aliases in (DOMAIN_ALIASES, ROOT_ALIASES)
    for alias, rid in aliases.items()
    if (name := well_known_name(alias))
}


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Names that one observation or record gives one thing, from `first` to `last`.

    `former` are names it had until `first` (a rename, a move); `names` are then its names from `first` on, exactly.
    `whole` says of which forms with several values all are given, so that a missing one is gone.
    """

    first: datetime
    last: datetime
    names: tuple[tuple[NameForm, str], ...]
    former: tuple[tuple[NameForm, str], ...] = ()
    whole: frozenset[NameForm] = frozenset()
    kind: str | None = None


class Resolution(msgspec.Struct, frozen=True):
    """What a reference can mean: the numbers of things, best first; one only where it is certain."""

    things: tuple[int, ...]
    how: How

    @property
    def one(self) -> int | None:
        """Return the thing, if there is exactly one candidate."""
        return self.things[0] if len(self.things) == 1 else None

    @property
    def is_ambiguous(self) -> bool:
        """Return whether several things can be meant."""
        return len(self.things) > 1


NOBODY = Resolution((), "unknown")


class Thing(msgspec.Struct):
    """One thing: its kind and every name it had. `seen` are the raw sightings, `spans` what follows from them."""

    number: int
    kind: str | None = None
    seen: dict[NameForm, list[Seen]] = {}
    spans: dict[NameForm, tuple[Span, ...]] = {}

    def names(self, form: NameForm, at: int | None = None) -> tuple[str, ...]:
        """Return its names of a form at a time (None: all it ever had, the latest first)."""
        spans = self.spans.get(form, ())
        if len(spans) == 1:
            return (spans[0].value,) if at is None or spans[0].fit(at) else ()
        if at is None:
            return tuple(span.value for span in reversed(spans))
        fitting = sorted((span for span in spans if span.fit(at)), key=lambda span: -span.fit(at))
        return tuple(span.value for span in fitting)


class Identities:
    """All things known, and every name that can mean one of them."""

    def __init__(self, sightings: Iterable[Sighting]) -> None:
        """Tell things apart by GUID and SID first, then give each other sighting to the thing its names mean."""
        self._things: list[Thing] = []
        self._by_name: dict[tuple[NameForm, str], tuple[int, ...]] = {}
        self._by_bare: dict[str, tuple[int, ...]] = {}
        self._by_short: dict[str, tuple[int, ...]] = {}
        self._stale: set[int] = set()
        lasting, passing = _apart(sightings)
        for number, sighting in _by_identity(lasting):
            while number >= len(self._things):
                self._things.append(Thing(len(self._things)))
            self._note(self._things[number], sighting)
        for sighting in sorted(passing, key=lambda s: (-_weight(s), s.first)):
            self._note(self._owner(sighting), sighting)
        self._settle()
        for thing in self._things:
            thing.seen = {}  # the spans say it all, in a fraction of the memory

    def __len__(self) -> int:
        """Return how many things there are."""
        return len(self._things)

    def things(self) -> Iterator[Thing]:
        """Yield every thing, by number."""
        return iter(self._things)

    def indexes(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Return which things each name can mean: by form, and those that several forms share (BARE, SHORT)."""
        found: dict[str, dict[str, tuple[int, ...]]] = {BARE: self._by_bare, SHORT: self._by_short}
        for (form, name), things in self._by_name.items():
            found.setdefault(form, {})[name] = things
        return found

    def thing(self, number: int) -> Thing:
        """Return the thing of that number."""
        return self._things[number]

    def resolve(self, reference: str, form: NameForm | None = None, at: datetime | int | None = None) -> Resolution:
        """Return what `reference` can mean at a time (None: at any, the latest first).

        Where the form says `smtp` it may as well be a UPN, and the other way round: records write either.
        """
        moment = micros(at) if isinstance(at, datetime) else at
        found, is_short = self._candidates(reference, form or form_of(reference), moment)
        best = _best(found) if found else NOBODY
        return Resolution(best.things, "short_name") if is_short and best.things else best

    def ever(self, reference: str, form: NameForm | None = None) -> tuple[int, ...]:
        """Return everything that `reference` meant at any time: one thing alone needs no time to be told by it."""
        return tuple(self._candidates(reference, form or form_of(reference), None)[0])

    def _candidates(self, reference: str, form: NameForm, moment: int | None) -> tuple[dict[int, int], bool]:
        """Return what a reference can mean, with how well each fits, and whether by the leading part of a name."""
        found: dict[int, int] = {}
        for other in _forms_like(form):
            self._gather(found, self._by_name.get((other, folded(other, reference)), ()), other, reference, moment)
        bare = reference.strip().casefold()
        if not found and form in ("display_name", "account", "alias", "typed"):
            self._gather_bare(found, bare.rsplit("\\", 1)[-1] if form == "account" else bare, moment)
        if found or form in _FOR_EVER:
            return found, False
        return self._by_leading_name(called(reference).casefold(), moment), True

    def meant(self, reference: str, form: NameForm | None = None, at: datetime | int | None = None) -> Resolution:
        """Return what `reference` can mean; where nothing is known of it, a thing of that one name, made now."""
        found = self.resolve(reference, form, at)
        return found if found.things else Resolution((self.ensure(reference, form),), "name")

    def ensure(self, reference: str, form: NameForm | None = None) -> int:
        """Return the thing that `reference`, a SID or GUID, always means; made now if nothing was seen of it."""
        if form is None and reference.startswith("S-1-"):
            form = "sid"
        form = form or form_of(reference)
        known = self._by_name.get((form, folded(form, reference)))
        if known:
            return next(iter(known))
        thing = Thing(len(self._things))
        self._things.append(thing)
        thing.seen[form] = [Seen(reference, BEGINNING, STILL)]
        self._index(thing, form, reference)
        self._settle()
        return thing.number

    def label(self, number: int, at: int | None = None) -> str:
        """Return what people would call a thing at a time."""
        thing = self._things[number]
        for form in _SHOWN:
            spans = thing.spans.get(form)
            if not spans:
                continue
            if len(spans) == 1:
                return _everywhere(spans[0].value) if form == "sid" else spans[0].value
            if (names := thing.names(form, at)) or (names := thing.names(form)):
                return _everywhere(names[0]) if form == "sid" else names[0]
        return f"thing {number}"

    def _gather(
        self, found: dict[int, int], numbers: Iterable[int], form: NameForm, reference: str, at: int | None
    ) -> None:
        wanted = identity_of(form, reference)
        for number in numbers:
            fit = max(
                (
                    _rank(span, at)
                    for span in self._things[number].spans.get(form, ())
                    if identity_of(form, span.value) == wanted
                ),
                default=0,
            )
            found[number] = max(fit, found.get(number, 0))

    def _gather_bare(self, found: dict[int, int], bare: str, at: int | None) -> None:
        for number in self._by_bare.get(bare, ()):
            fits = [
                _rank(span, at)
                for form in _BARE
                for span in self._things[number].spans.get(form, ())
                if folded(form, span.value).rsplit("\\", 1)[-1] == bare
            ]
            found[number] = max(fits, default=0)

    def _by_leading_name(self, short: str, at: int | None) -> dict[int, int]:
        found: dict[int, int] = {}
        for number in self._by_short.get(short, ()):
            found[number] = max(
                _rank(span, at)
                for spans in self._things[number].spans.values()
                for span in spans
                if called(span.value).casefold() == short
            )
        return found

    def _owner(self, sighting: Sighting) -> Thing:
        """Return the thing that a sighting without GUID and SID is of: an old one by its best name, or a new one."""
        self._settle()
        for form in _DECIDING:
            for name_form, value in (*sighting.names, *sighting.former):
                if name_form != form:
                    continue
                found: dict[int, int] = {}
                at = micros(sighting.first)
                for other in _forms_like(form):
                    self._gather(found, self._by_name.get((other, folded(other, value)), ()), other, value, at)
                best = _best(found).one if found else None
                if best is not None:
                    return self._things[best]
        thing = Thing(len(self._things))
        self._things.append(thing)
        return thing

    def _note(self, thing: Thing, sighting: Sighting) -> None:
        thing.kind = thing.kind or sighting.kind
        first, last = micros(sighting.first), micros(sighting.last)
        exact = bool(sighting.former)
        for form, value in sighting.former:
            self._add(thing, form, value, Seen(value, BEGINNING, first - 1, ends_exactly=True))
        for form, value in sighting.names:
            whole = form in sighting.whole
            self._add(thing, form, value, Seen(value, first, last, begins_exactly=exact, whole=whole))

    def _add(self, thing: Thing, form: NameForm, value: str, seen: Seen) -> None:
        thing.seen.setdefault(form, []).append(seen)
        self._index(thing, form, value)
        if form == "dn" and (canonical := canonical_of(value)):
            thing.seen.setdefault("canonical", []).append(msgspec.structs.replace(seen, value=canonical))
            self._index(thing, "canonical", canonical)

    def _index(self, thing: Thing, form: NameForm, value: str) -> None:
        _put(self._by_name, (form, folded(form, value)), thing.number)
        if form in _BARE:
            _put(self._by_bare, folded(form, value).rsplit("\\", 1)[-1], thing.number)
        if form not in _FOR_EVER and form != "mailbox_guid":
            _put(self._by_short, called(value).casefold(), thing.number)
        self._stale.add(thing.number)

    def _settle(self) -> None:
        for number in self._stale:
            thing = self._things[number]
            thing.spans = {form: spans_of(form, seen) for form, seen in thing.seen.items()}
        self._stale.clear()


def _put(index: dict[Key, tuple[int, ...]], key: Key, number: int) -> None:
    known = index.get(key, ())
    if number not in known:
        index[key] = (*known, number)


def _everywhere(sid: str) -> str:
    """Return a SID with what it is called in every domain, where its last part tells that."""
    rid = sid.rpartition("-")[2]
    name = _RELATIVE.get(rid) if sid.startswith("S-1-5-21-") else None
    return f"{name} ({sid})" if name else sid


def _rank(span: Span, at: int | None) -> int:
    """Return how well a span fits: 0 where it is of another time only; without a time, the later the better."""
    return span.fit(at) if at is not None else 2 if span.until == STILL else 1


def _best(found: dict[int, int]) -> Resolution:
    top = max(found.values())
    things = tuple(number for number, fit in found.items() if fit == top)
    return Resolution(things, "name" if top else "former_name")


def _forms_like(form: NameForm) -> tuple[NameForm, ...]:
    if form in ("smtp", "upn"):
        return ("smtp", "upn")
    return ("guid", "mailbox_guid", "app_id") if form in ("guid", "mailbox_guid", "app_id") else (form,)


def _weight(sighting: Sighting) -> int:
    return len(sighting.names) + len(sighting.former)


def _apart(sightings: Iterable[Sighting]) -> tuple[list[Sighting], list[Sighting]]:
    """Return the sightings with a name that tells for ever, and those without."""
    lasting: list[Sighting] = []
    passing: list[Sighting] = []
    for sighting in sightings:
        (lasting if any(form in _FOR_EVER for form, _ in sighting.names) else passing).append(sighting)
    return lasting, passing


def _by_identity(sightings: list[Sighting]) -> Iterable[tuple[int, Sighting]]:
    """Yield each sighting with the number of its thing: a GUID is one thing, a SID is the thing of its one GUID.

    A SID that was seen with several GUIDs (a forged record, a SID given anew) is a name of each and joins none.
    """
    owners: dict[str, dict[str, None]] = {}
    for sighting in sightings:
        guid, sid = _lasting(sighting)
        if guid and sid:
            owners.setdefault(sid, {})[guid] = None
    _pair_by_name(sightings, owners)
    numbers: dict[str, int] = {}
    for sighting in sightings:
        guid, sid = _lasting(sighting)
        if guid is None and sid is not None:
            known = owners.get(sid, {})
            keys = list(known) or [sid]
        else:
            keys = [guid or ""]
        for key in keys:
            yield numbers.setdefault(key, len(numbers)), sighting


def _pair_by_name(sightings: list[Sighting], owners: dict[str, dict[str, None]]) -> None:
    """Find the GUID of SIDs seen with none: exports give a GUID and addresses, records a SID and an address.

    Only where a deciding name is that of one SID without a GUID and of one GUID without a SID: then they are one thing.
    """
    with_sid = {guid for guids in owners.values() for guid in guids}
    sids: dict[tuple[NameForm, str], set[str]] = {}
    guids: dict[tuple[NameForm, str], set[str]] = {}
    for sighting in sightings:
        guid, sid = _lasting(sighting)
        for form, value in sighting.names if (guid is None) != (sid is None) else ():
            if form in _DECIDING:
                key: tuple[NameForm, str] = ("smtp" if form == "upn" else form, folded(form, value))
                if guid is not None and guid not in with_sid:
                    guids.setdefault(key, set()).add(guid)
                elif sid is not None and sid not in owners:
                    sids.setdefault(key, set()).add(sid)
    pairs: dict[str, set[str]] = {}
    for name, mine in sids.items():
        theirs = guids.get(name, set())
        if len(mine) == 1 and len(theirs) == 1:
            pairs.setdefault(next(iter(mine)), set()).update(theirs)
    for sid, found in pairs.items():
        if len(found) == 1:
            owners[sid] = dict.fromkeys(found)


def _lasting(sighting: Sighting) -> tuple[str | None, str | None]:
    names = {form: folded(form, value) for form, value in reversed(sighting.names)}
    return names.get("guid"), names.get("sid")
