"""Which writes to each mailbox's object are recorded: its SACL, as the directory in the trail last showed it.

The audit policy decides whether a host records at all; the SACL of the object decides what of it. A record of a write
(4662, 5136; 565 and 566 before 2008) comes only where both say so. What is judged is the SACL that the object itself
had, inherited entries among it: protected accounts, objects that inherit nothing and inetOrgPerson need no rule here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec

from mailwitness.directory.model import DescriptorOf, Principal
from mailwitness.directory.spelling import parent_of
from mailwitness.directory.store import Observations
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.readiness.sacl_readings import (
    OBJECT_DESCRIPTOR,
    OUTCOMES,
    Lacking,
    Reading,
    SaclReadings,
)

_SEARCH_FLAGS = "searchFlags"
_PROTECTED_ACCOUNT = "adminCount"
Word = Literal["recorded", "not recorded", "unknown"]
Outcome = Literal["success", "failure"]
_NAMED, _EXAMPLES = 3, 10


class SaclState(msgspec.Struct, frozen=True, kw_only=True):
    """What the SACL of one mailbox's object records.

    `lacking` None: no SACL was read (an account without the right is given none), so nothing is known.
    `sacl_sha256` is equal for equal SACLs: what a record proves for one object holds for all that share it.
    `above` are the containers (and the domain) that hand rights down to it and do not record changes of their own
    descriptor. `never_audited` are attributes whose values the schema keeps out of 5136 for every object.
    `because` says what explains it: SACL_PROTECTED, adminCount, inetOrgPerson.
    """

    dn: str
    object_guid: str | None
    sid: str | None
    object_class: str
    observed_at: datetime
    evidence_sha256: str
    lacking: Lacking | None
    sacl_sha256: str | None = None
    above: tuple[str, ...] = ()
    never_audited: tuple[str, ...] = ()
    because: tuple[str, ...] = ()

    def records(self, outcome: Outcome, right: str | None = None) -> Word:
        """Return whether writes of `outcome` are recorded: of `right` (WriteDacl, ...), or everything that is asked."""
        if self.lacking is None:
            return "unknown"
        lacking = self.lacking.of(outcome)
        if right is not None:
            return "not recorded" if right in lacking else "recorded"
        return "not recorded" if lacking or self.above or self.never_audited else "recorded"

    def why(self, outcome: Outcome) -> str:
        """Return the sentence that says what is not recorded, and why."""
        if self.lacking is None:
            return f"the SACL of {self.dn} was not read: use an account that may manage the security log"
        parts = []
        if lacking := self.lacking.of(outcome):
            parts.append(f"the SACL of {self.dn} has no entry for {outcome} of {', '.join(lacking)}")
        if self.above:
            parts.append(f"nor have those of {', '.join(self.above)}, which hand rights down to it")
        if self.never_audited:
            parts.append(f"searchFlags of the schema keep {', '.join(self.never_audited)} out of every event")
        explained = f" ({', '.join(self.because)})" if parts and self.because else ""
        return (
            "; ".join(parts) + explained if parts else f"the SACL of {self.dn} records {outcome} of all that is asked"
        )


def sacl_states(observations: Observations, at: datetime | None = None) -> list[SaclState]:
    """Return the state of every object with a mailbox, as last seen at or before `at` (None: as last seen)."""
    return list(_States(observations, at).states())


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Mailboxes whose objects lack the same, for the same reasons. `lacking` None: their SACLs were not read."""

    mailboxes: int
    examples: tuple[str, ...]
    lacking: Lacking | None
    above: tuple[str, ...]
    never_audited: tuple[str, ...]
    because: tuple[str, ...]

    def sentence(self) -> str:
        """Return what a person is told of them."""
        who = f"{self.mailboxes} mailboxes" if self.mailboxes > 1 else self.examples[0]
        if self.lacking is None:
            return f"{who}: audit entries were not read (use an account that may manage the security log)."
        said = [f"{name} of {_counted(found)}" for name in OUTCOMES if (found := self.lacking.of(name))]
        parts = [f"audit entries lack {' and '.join(said)}"] if said else []
        parts += [f"changes of {_counted(self.above)}, above, are not recorded"] if self.above else []
        parts += [f"the schema keeps {', '.join(self.never_audited)} out of events"] if self.never_audited else []
        explained = f" ({', '.join(self.because)})" if self.because else ""
        return f"{who}{explained}: {'; '.join(parts)}. Fix: mailwitness setup-kit --apply-sacl."


def _counted(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def groups_of(states: Iterable[SaclState]) -> list[Group]:
    """Return those that do not record everything that is asked, alike together, the most first."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    for state in states:
        if state.records("success") != "recorded" or state.records("failure") != "recorded":
            alike.setdefault((state.lacking, state.above, state.never_audited, state.because), []).append(state.dn)
    return sorted(
        (
            Group(
                mailboxes=len(names),
                examples=tuple(sorted(names)[:_EXAMPLES]),
                lacking=lacking,
                above=above,
                never_audited=never_audited,
                because=because,
            )
            for (lacking, above, never_audited, because), names in alike.items()
        ),
        key=lambda group: (-group.mailboxes, group.examples),
    )


class _States:
    """Judges objects by their SACLs, each distinct SACL once."""

    def __init__(self, observations: Observations, at: datetime | None) -> None:
        self._observations = observations
        self._at = at
        self._readings = SaclReadings(observations)
        self._descriptors: dict[str, DescriptorOf] = {}
        for each in self._seen(observations.descriptors):
            self._descriptors[each.dn.casefold()] = each
            if each.object_guid is not None:
                self._descriptors[each.object_guid] = each
        self._blind_above: dict[str, tuple[str, ...]] = {}
        self._never = tuple(sorted(self._never_audited()))
        self._admins = {
            (each.object_guid or each.dn.casefold()): each.value
            for each in observations.settings
            if each.attribute == _PROTECTED_ACCOUNT and self._is_before(each.observed_at)
        }

    def _is_before(self, observed_at: datetime) -> bool:
        return self._at is None or observed_at <= self._at

    def _seen(self, descriptors: Iterable[DescriptorOf]) -> Iterator[DescriptorOf]:
        """Yield the descriptors of objects in their order of time: the last one counts."""
        for each in descriptors:
            if each.attribute == OBJECT_DESCRIPTOR and self._is_before(each.observed_at):
                yield each

    def _never_audited(self) -> Iterator[str]:
        asked = {name.casefold() for name in (*self._readings.entries.attributes, OBJECT_DESCRIPTOR)}
        last = {
            each.dn: each.value
            for each in self._observations.settings
            if each.attribute == _SEARCH_FLAGS and self._is_before(each.observed_at)
        }
        for name, value in last.items():
            if name.casefold() in asked and int(value or 0) & audit_settings().sacl.never_audited:
                yield name

    def states(self) -> Iterator[SaclState]:
        last: dict[str, Principal] = {}
        for each in self._observations.principals:
            if each.dn is not None and self._is_before(each.observed_at):
                last[each.object_guid or each.dn.casefold()] = each
        for each in last.values():
            if not each.deleted and (each.mailbox_guid or each.home_mdb) and each.kind == "user":
                yield self._state(each)

    def _state(self, object_: Principal) -> SaclState:
        dn = object_.dn or ""
        found = self._descriptors.get(object_.object_guid or "") or self._descriptors.get(dn.casefold())
        read = self._read(found)
        because = [object_.object_class] if object_.object_class != audit_settings().sacl.classes[0] else []
        if read is not None and read.is_protected:
            because.append("SACL_PROTECTED")
        if self._admins.get(object_.object_guid or dn.casefold()) == "1":
            because.append(_PROTECTED_ACCOUNT)
        return SaclState(
            dn=dn,
            object_guid=object_.object_guid,
            sid=object_.sid,
            object_class=object_.object_class,
            observed_at=object_.observed_at if found is None else found.observed_at,
            evidence_sha256=object_.evidence_sha256 if found is None else found.evidence_sha256,
            lacking=None if read is None else read.writes,
            sacl_sha256=None if read is None else read.sacl_sha256,
            above=self._above(dn),
            never_audited=self._never,
            because=tuple(because),
        )

    def _above(self, dn: str) -> tuple[str, ...]:
        """Return the containers above whose own descriptor may change unrecorded; one not read says nothing."""
        above = parent_of(dn)
        if above is None:
            return ()
        if above not in self._blind_above:
            found = self._descriptors.get(above.casefold())
            read = self._read(found)
            is_blind = read is not None and any(name in read.writes.success for name in audit_settings().sacl.rights)
            self._blind_above[above] = (*((above,) if is_blind else ()), *self._above(above))
        return self._blind_above[above]

    def _read(self, found: DescriptorOf | None) -> Reading | None:
        """Return what the SACL of a descriptor records; None where nobody was shown it, or it does not read."""
        if found is None or found.sha256 is None or not self._readings.is_shown(found):
            return None
        return self._readings.reading(found.sha256)
