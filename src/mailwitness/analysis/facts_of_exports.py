"""What cmdlets showed of rights and roles at one time, as sights and looks: names, not SIDs and masks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from mailwitness.analysis.descriptor_entries import SELF, Atom, Where, atom_of_words
from mailwitness.analysis.facts_of_directory import role_rights
from mailwitness.analysis.gathering import Gathering, Single
from mailwitness.analysis.limits import UNSTATED, Limit, limit_of_export
from mailwitness.analysis.list_history import Sight
from mailwitness.analysis.presence import End
from mailwitness.analysis.right_entry import READ_FOLDER, SEND_ON_BEHALF, Kind, bit_of
from mailwitness.directory.clock import micros
from mailwitness.directory.identity import NOBODY, Resolution
from mailwitness.directory.model import RoleAssignment, StatedRight
from mailwitness.directory.store import Observations
from mailwitness.knowledge.rights import ContextName, rights

_NOT_HANDED_ON = frozenset({None, "", "none"})
_NOT_ITSELF = frozenset({"descendents", "descendants", "children"})


class _List(NamedTuple):
    """What makes entries of one list: the cmdlet that showed it, of what, when."""

    evidence: str
    source: str
    mailbox_ref: str
    folder: str | None
    at: datetime


class FactsOfExports:
    """Reads stated rights and role assignments into a gathering."""

    def __init__(self, gathering: Gathering, observations: Observations) -> None:
        """Use both; `gather` does the work."""
        self.gathering = gathering
        self.identities = gathering.identities
        self.observations = observations

    def gather(self) -> None:
        """Take in every list and every assignment."""
        lists: dict[_List, list[StatedRight]] = {}
        for row in self.observations.stated_rights:
            key = _List(row.evidence_sha256, row.source, row.mailbox_ref, row.folder, row.observed_at)
            lists.setdefault(key, []).append(row)
        for key, rows in sorted(lists.items(), key=lambda pair: pair[0].at):
            self._list(key, rows)
        self._roles()

    def _list(self, key: _List, rows: list[StatedRight]) -> None:
        first = rows[0]
        targets = self._meant(first.mailbox_ref, key.at)
        if targets.one is None:
            return  # whose list it is nobody can tell
        target, end = targets.one, End(at=key.at, how="snapshot", evidence_sha256=(key.evidence,))
        given = [row for row in rows if row.trustee is not None]
        whole = any(row.whole for row in rows)
        if first.scope in ("mailbox", "folder"):
            self.gathering.kept.mailboxes[target] = None
        else:
            thing = self.identities.thing(target)
            thing.kind = thing.kind or first.scope
        if first.scope == "folder":
            self._alone("folder", target, [self._folder(target, row) for row in given], key, end, whole=whole)
        elif any(SEND_ON_BEHALF in row.rights for row in given) or (not given and key.source == "Get-Mailbox"):
            self._alone("delegate", target, [self._delegate(target, row) for row in given], key, end, whole=whole)
        else:
            context: ContextName = "mailbox" if key.source == "Get-MailboxPermission" else "directory"
            where = self.gathering.where(target, context)
            atoms = tuple(atom for row in given if (atom := self._atom(where, row)) is not None)
            cloud = None if first.product is None else first.product == "exchange_online"
            self.gathering.sight(target, context, Sight(micros(key.at), atoms, whole, end), cloud=cloud)

    def _meant(self, name: str, at: datetime) -> Resolution:
        found = self.gathering.meant(name, micros(at)) if name else ()
        return Resolution(found, "name") if found else NOBODY

    def _trustee(self, row: StatedRight) -> Resolution:
        return self._meant(row.trustee or "", row.observed_at)

    def _atom(self, where: Where, row: StatedRight) -> Atom | None:
        """Return the entry that a row shows; None for SELF and for rights that do not matter for mailboxes."""
        meant = self._trustee(row)
        sids = self.identities.thing(meant.one).names("sid") if meant.one is not None else ()
        if SELF in sids:
            return None
        trustee = sids[0] if sids else row.trustee or ""
        atom = atom_of_words(where, row.rights, trustee, allows=not row.deny)
        if atom is None:
            return None
        how = (row.inheritance or "").casefold() if row.inheritance is not None else None
        passes = (
            where.context == "directory" and (how is None or how not in _NOT_HANDED_ON) and _reaches(row.applies_to)
        )
        return msgspec.structs.replace(
            atom, inherited=bool(row.inherited), is_own=how not in _NOT_ITSELF, is_passed_on=passes
        )

    def _folder(self, target: int, row: StatedRight) -> list[Single]:
        mask = 0
        for word in row.rights:
            mask |= rights().folder_rights.mask(word) or 0
        if not mask:
            return []
        bits = bit_of(READ_FOLDER) if rights().folder_rights.reads(mask) else 0
        words, meant = ", ".join(rights().folder_rights.names(mask)), self._trustee(row)
        several = meant.things if meant.is_ambiguous else ()
        return [Single("folder", target, thing, bits, words, row.folder, candidates=several) for thing in meant.things]

    def _delegate(self, target: int, row: StatedRight) -> list[Single]:
        meant = self._trustee(row)
        several = meant.things if meant.is_ambiguous else ()
        bit = bit_of(SEND_ON_BEHALF)
        return [Single("delegate", target, thing, bit, SEND_ON_BEHALF, candidates=several) for thing in meant.things]

    def _alone(
        self,
        kind: Kind,
        target: int,
        shown: Iterable[list[Single]],
        key: _List,
        end: End,
        *,
        whole: bool,
    ) -> None:
        """Note the rights a list shows, and where it is whole, that the others of its folder were not there."""
        seen = {self._noted(right) for each in shown for right in each}
        for right in seen:
            self.gathering.single(right, key.at, end, stands=True, is_act=False)
        for right in self.gathering.singles_on(kind, target) if whole else ():
            if right not in seen and (right.folder or "").casefold() == (key.folder or "").casefold():
                self.gathering.single(right, key.at, end, stands=False, is_act=False)

    def _noted(self, right: Single) -> Single:
        """Return the right as it was noted before, should its folder have been written in other capitals."""
        for known in self.gathering.singles_on(right.kind, right.target):
            same = (known.trustee, known.right) == (right.trustee, right.right)
            if same and (known.folder or "").casefold() == (right.folder or "").casefold():
                return known
        return right

    def _roles(self) -> None:
        shown: dict[tuple[str, datetime], list[RoleAssignment]] = {}
        for row in self.observations.role_assignments:
            shown.setdefault((row.evidence_sha256, row.observed_at), []).append(row)
        for (evidence, at), rows in shown.items():
            end = End(at=at, how="snapshot", evidence_sha256=(evidence,))
            seen: set[Single] = set()
            for row in rows:
                if row.enabled is False or row.delegating:
                    continue
                name = row.effective_user or row.assignee
                for thing in self.gathering.meant(name, micros(at))[:1]:
                    limit = limit_of_export(row.recipient_scope, row.custom_scope)
                    seen |= set(role_rights(self.gathering, row.role, thing, row.name, row.product, limit))
            self._not_shown(seen, at, end, whole=any(row.whole for row in rows))
            for right in seen:
                self.gathering.single(right, at, end, stands=True, is_act=False)

    def _not_shown(self, seen: set[Single], at: datetime, end: End, *, whole: bool) -> None:
        """Note the assignments that an export shows with another limit, or where it is whole, not at all.

        Where one of the two records does not tell the limit, they show the same assignment.
        """
        limits: dict[Single, set[Limit | None]] = {}
        for right in seen:
            limits.setdefault(right._replace(limit=UNSTATED), set()).add(right.limit)
        for right in self.gathering.singles_on("role", self.identities.ensure("the organization", "typed")):
            told = limits.get(right._replace(limit=UNSTATED))
            has_other = told is not None and right.limit not in told and UNSTATED not in (right.limit, *told)
            if has_other or (whole and told is None):
                self.gathering.single(right, at, end, stands=False, is_act=False)


def _reaches(applies_to: str | None) -> bool:
    classes = {name.casefold() for name in (*rights().mailbox_classes, "group")}
    return applies_to is None or applies_to.casefold() in classes
