"""One list of rights over time: the descriptors it was seen with, and the acts that altered it, become intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec

from mailwitness.analysis.descriptor_entries import Atom, ListState
from mailwitness.analysis.presence import End, Point, Run, Unwitnessed, runs_of
from mailwitness.analysis.right_entry import Entry, Kind, bit_of
from mailwitness.directory.clock import BEGINNING, STILL

Meant = Callable[[str, int], tuple[int, ...]]
"""Whom a trustee (SID, SDDL alias or name) can mean at a time: things, the best first."""


class Look(msgspec.Struct, frozen=True):
    """The whole list as it was at one time; with `before`, an act at that time made it so."""

    at: int
    state: ListState
    end: End
    before: ListState | None = None
    is_act: bool = False


class Touch(msgspec.Struct, frozen=True):
    """An act on one right of a list, whose whole is not told."""

    at: int
    atom: Atom
    given: bool
    end: End


class Sight(msgspec.Struct, frozen=True):
    """Entries of a list that an export shows at one time, by names; a `whole` one shows that there were no others."""

    at: int
    atoms: tuple[Atom, ...]
    whole: bool
    end: End


class ListHistory(msgspec.Struct):
    """What is known of one list: looks, sights, touches, acts that wrote it untold, and acts that emptied it."""

    target: int
    kind: Kind
    looks: list[Look] = []
    touches: list[Touch] = []
    sights: list[Sight] = []
    blind: list[tuple[int, End]] = []
    resets: list[tuple[int, End]] = []

    def entries(self, meant: Meant) -> tuple[list[Entry], list[tuple[Atom, Unwitnessed]]]:
        """Return the list's entries with their intervals, and the changes of it that nobody witnessed."""
        looks = sorted(self.looks, key=lambda look: (look.at, look.is_act))
        ranks = _ranks(looks)
        entries: list[Entry] = []
        lost: list[tuple[Atom, Unwitnessed]] = []
        points = self._points(looks, ranks)
        blind = sorted(self.blind, key=lambda act: act[0])
        canonical = all(look.state.is_canonical for look in looks)
        for atom, atom_points in points.items():
            runs, unwitnessed = runs_of(atom_points, blind)
            lost += [(atom, each) for each in unwitnessed]
            phase, place, text = ranks.get(atom, (1 if atom.allows else 0, 0, ""))
            for run in runs:
                if canonical:
                    entries += self._made(atom, run, (phase, place), text, meant)
                else:
                    for part, rank in _cut(run, atom, looks):
                        entries += self._made(atom, part, rank, text, meant)
        entries += self._owners(looks, meant, lost)
        return entries, lost

    def protection(self) -> list[tuple[int, int]]:
        """Return from when until when the list took nothing in from above."""
        looks = sorted(self.looks, key=lambda look: look.at)
        spans: list[tuple[int, int]] = []
        for place, look in enumerate(looks):
            if look.state.is_protected:
                since = look.at if place else BEGINNING
                until = looks[place + 1].at if place + 1 < len(looks) else STILL
                spans.append((since, until))
        return spans

    def untold(self) -> list[tuple[int, int, End]]:
        """Return the acts that wrote the list without telling what, each with when the list was next seen."""
        seen = sorted(look.at for look in self.looks)
        return [(at, next((look for look in seen if look >= at), STILL), end) for at, end in self.blind]

    def _points(self, looks: list[Look], ranks: dict[Atom, tuple[int, int, str]]) -> dict[Atom, list[Point]]:
        touched = [(self._known(touch.atom, ranks), touch) for touch in sorted(self.touches, key=lambda t: t.at)]
        seen = [({self._known(atom, ranks) for atom in sight.atoms}, sight) for sight in self.sights]
        atoms = dict.fromkeys([*ranks, *(atom for atom, _ in touched), *(atom for known, _ in seen for atom in known)])
        points: dict[Atom, list[Point]] = {atom: [] for atom in atoms}
        for look in looks:
            for atom in atoms:
                points[atom].extend(_points_of(look, atom))
        for atom, touch in touched:
            points[atom].append(Point(touch.at, touch.given, is_act=True, end=touch.end))
        for known, sight in seen:
            for atom in atoms:
                if atom in known or (sight.whole and not atom.inherited):
                    points[atom].append(Point(sight.at, atom in known, is_act=False, end=sight.end))
        for at, end in self.resets:
            for atom, of_atom in points.items():
                if atom.allows and not atom.inherited:
                    of_atom.append(Point(at, stands=False, is_act=True, end=end))
        return points

    def _known(self, mine: Atom, ranks: dict[Atom, tuple[int, int, str]]) -> Atom:
        """Return the entry of the looks that a cmdlet's words are about: they and the entry are one right."""
        same = [
            atom
            for atom in ranks
            if (atom.trustee, atom.allows) == (mine.trustee, mine.allows)
            and atom.bits & mine.bits == mine.bits
            and atom.inherited == mine.inherited
        ]
        return min(same, key=lambda atom: atom.bits.bit_count(), default=mine)

    def _made(self, atom: Atom, run: Run, rank: tuple[int, int], text: str, meant: Meant) -> Iterator[Entry]:
        things = meant(atom.trustee, run.since)
        for thing in things:
            yield Entry(
                target=self.target,
                kind=self.kind,
                trustee=thing,
                allows=atom.allows,
                bits=atom.bits,
                right=atom.right,
                run=run,
                phase=rank[0],
                place=rank[1],
                is_own=atom.is_own,
                is_passed_on=atom.is_passed_on,
                inherited=atom.inherited,
                text=text or None,
                condition=atom.condition,
                candidates=things if len(things) > 1 else (),
            )

    def _owners(self, looks: list[Look], meant: Meant, lost: list[tuple[Atom, Unwitnessed]]) -> Iterator[Entry]:
        """Yield the right to change the list that its owner has by owning it; add to `lost` as `entries` does."""
        bits = bit_of("ChangePermission" if self.kind == "mailbox" else "WriteDacl")
        owners: dict[str, list[Point]] = {look.state.owner: [] for look in looks if look.state.owner}
        for look in looks:
            for owner, points in owners.items():
                stands = look.state.owner == owner
                if look.before is not None and (look.before.owner == owner) != stands:
                    points.append(Point(look.at - 1, not stands, is_act=False, end=look.end))
                    points.append(Point(look.at, stands, is_act=True, end=look.end))
                else:
                    points.append(Point(look.at, stands, is_act=False, end=look.end))
        for owner, points in owners.items():
            runs, unwitnessed = runs_of(points, self.blind)
            whole = Atom(owner, allows=True, bits=bits, right="owner", is_own=True, is_passed_on=False, inherited=False)
            lost += [(whole, each) for each in unwitnessed]
            for run in runs:
                for thing in meant(owner, run.since):
                    yield Entry(self.target, "object_owner", thing, allows=True, bits=bits, right="owner", run=run)


def _points_of(look: Look, atom: Atom) -> Iterator[Point]:
    """Yield what a look says of one entry. What a cut list does not show may be there: of that it says nothing."""
    stands = atom in look.state.atoms
    before = look.before
    told = stands or not look.state.partial
    if before is None:
        if told:
            yield Point(look.at, stands, is_act=look.is_act, end=look.end)
        return
    stood = atom in before.atoms
    if stood or not before.partial:
        yield Point(look.at - 1, stood, is_act=False, end=look.end)
        if told:
            yield Point(look.at, stands, is_act=stood != stands, end=look.end)


def _ranks(looks: list[Look]) -> dict[Atom, tuple[int, int, str]]:
    ranks: dict[Atom, tuple[int, int, str]] = {}
    for look in looks:
        for state in (look.before, look.state):
            if state is not None:
                for atom, rank in state.atoms.items():
                    ranks.setdefault(atom, rank)
    return ranks


def _cut(run: Run, atom: Atom, looks: list[Look]) -> Iterator[tuple[Run, tuple[int, int]]]:
    """Yield the parts of a run within which the entry's place in its list is one."""
    cuts = [look.at for look in looks if run.since < look.at < run.until]
    bounds = [run.since, *dict.fromkeys(cuts), run.until]
    for since, until in pairwise(bounds):
        rank = _rank_at(atom, looks, since)
        part = msgspec.structs.replace(
            run,
            since=since,
            until=until,
            earliest=run.earliest if since == run.since else since,
            latest=run.latest if until == run.until else until,
        )
        yield part, rank


def _rank_at(atom: Atom, looks: list[Look], at: int) -> tuple[int, int]:
    found = (1 if atom.allows else 0, 0)
    for look in looks:
        state = look.state if look.at <= at else look.before or look.state
        if atom in state.atoms:
            phase, place, _text = state.atoms[atom]
            found = (phase, place)
            if look.at > at:
                return found
        if look.at > at:
            break
    return found
