"""Which rights an account has on a mailbox at a time, and by which entries: the access check, over the whole chain.

The order is that of Exchange and Active Directory: what stands on the mailbox itself before what comes from above, the
nearer before the farther; within one level refusals before allowances (or the list's own order, where somebody put it
out of order); the first entry that speaks of a right decides it. So an explicit allow nearer the mailbox beats an
inherited refusal. Roles, application permissions, folder rights, delegates and the owner stand beside that list: a
refusal in it does not touch them. Sources: MS-DTYP 2.5.3.2, KB821897, domain reference B.3 (docs/reach.md).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec

from mailwitness.analysis.right_entry import Entry
from mailwitness.analysis.standing import Standing

_ORDERED = frozenset({"mailbox", "directory"})
_INHERITED_LEVEL = 1 << 16
_FARTHEST = 1 << 20
"""Where rights stand that set-up gives on the whole organization."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An entry as it meets one mailbox: at which level of the chain (0: on the mailbox itself)."""

    level: int
    entry: Entry

    @property
    def order(self) -> tuple[int, int, int]:
        """Return where it comes in the check."""
        return self.level, self.entry.phase, self.entry.place


class Given(msgspec.Struct, frozen=True, gc=False):
    """An entry that gives rights: which bits of it count."""

    placed: Placed
    bits: int
    is_certain: bool = True


def entries_for(standing: Standing, mailbox: int, at: int) -> list[Placed]:
    """Return every entry that can matter for `mailbox` at a time, in the order of the check. Not yet by whom.

    A list says of entries from above what it was told; where the list above is known itself, that one counts.
    """
    above = entries_from_above(standing, mailbox, at)
    explicit = {_key(p.entry) for p in above if not p.entry.inherited}
    own = [
        Placed(_level(entry), entry)
        for entry in standing.on.get(mailbox, ())
        if entry.is_own and not (entry.inherited and _key(entry) in explicit)
    ]
    everywhere = [
        Placed(_FARTHEST if entry.kind in _ORDERED else 0, entry)
        for each in standing.everywhere
        if (entry := standing.scopes.on(each, mailbox, at)) is not None
    ]
    return sorted([*own, *above, *everywhere], key=lambda p: p.order)


def entries_from_above(standing: Standing, mailbox: int, at: int) -> list[Placed]:
    """Return, in order, what `mailbox` has from the organizational units and from its database up to the top."""
    found: list[Placed] = []
    if not standing.is_protected(mailbox, at):
        found += _passed_on(standing, standing.above(mailbox, at), at)
    database, _known = standing.home(mailbox, at)
    if database is not None:
        found += _passed_on(standing, [database, *standing.above(database, at)], at)
    explicit = {_key(p.entry) for p in found if not p.entry.inherited}
    kept = [p for p in found if not (p.entry.inherited and _key(p.entry) in explicit)]
    return sorted(kept, key=lambda p: p.order)


def _passed_on(standing: Standing, chain: Sequence[int], at: int) -> Iterator[Placed]:
    """Yield what each of `chain`, nearest first, passes on, until one takes in nothing from above.

    On a database itself also counts what it does not pass on: it is the database that is asked for its mailboxes.
    """
    for distance, thing in enumerate(chain):
        nearest = not distance and standing.on_configuration(thing)
        for entry in standing.on.get(thing, ()):
            if entry.kind == "directory" and (entry.is_passed_on or (nearest and entry.is_own)):
                yield Placed(1 + distance + _level(entry), entry)
        if standing.is_protected(thing, at):
            return


def _level(entry: Entry) -> int:
    return _INHERITED_LEVEL if entry.inherited else 0


def _key(entry: Entry) -> tuple[int, bool, int]:
    return entry.trustee, entry.allows, entry.bits


def decide(placed: Iterable[Placed], token: Container[int], at: int) -> list[Given]:
    """Return what of `placed` (in order) gives a holder of `token` rights at a time, in the order of the check.

    Certain first. Then what may have stood (its beginning or end was not witnessed, its trustee is ambiguous, or a
    condition decides), for the rights that nothing certain gives.
    """
    given: list[Given] = []
    doubtful: list[tuple[Placed, int]] = []
    refused = allowed = 0
    for each in placed:
        entry = each.entry
        if entry.trustee not in token:
            continue
        against = refused if entry.kind in _ORDERED else 0
        if entry.holds(at):
            if not entry.allows:
                refused |= entry.bits
            elif bits := entry.bits & ~against:
                given.append(Given(each, bits))
                allowed |= bits
        elif entry.allows and entry.may_hold(at):
            doubtful.append((each, against))
    for each, against in doubtful:
        if bits := each.entry.bits & ~allowed & ~against:
            given.append(Given(each, bits, is_certain=False))
    return given
