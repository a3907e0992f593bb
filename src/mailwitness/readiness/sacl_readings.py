"""What the audit entries of objects record, as the directory was seen to hold them, over time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import msgspec

from mailwitness.descriptors.ace import FAILURE, SUCCESS, Ace
from mailwitness.descriptors.binary import read_binary
from mailwitness.descriptors.descriptor import SACL_PROTECTED, Descriptor
from mailwitness.descriptors.sddl import write_ace
from mailwitness.directory.model import DescriptorOf
from mailwitness.directory.store import Observations
from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.knowledge.guids import guids
from mailwitness.readiness.audit_entries import WRITE_PROPERTY, Entries, bit_of, recorded, sentence
from mailwitness.readiness.spans import Point, Word

OBJECT_DESCRIPTOR = "nTSecurityDescriptor"
OUTCOMES = {"success": SUCCESS, "failure": FAILURE}
_NAMED = 2  # entries a person is told of one by one


class Lacking(msgspec.Struct, frozen=True):
    """The writes that a SACL does not record, by outcome: WriteDacl, WriteOwner, WriteProperty(attribute)."""

    success: tuple[str, ...]
    failure: tuple[str, ...]

    def of(self, outcome: str) -> tuple[str, ...]:
        """Return those of one outcome."""
        return self.success if outcome == "success" else self.failure


class Reading(msgspec.Struct, frozen=True):
    """What one descriptor records: its audit entries (equal ones have one number), and what it lacks.

    `lacking` says it in words, by outcome, as audit entries would be written; `writes` names each single write.
    `sacl_sha256` is equal for equal SACLs; `is_protected`: it takes in no audit entries from above.
    """

    entries: int
    lacking: dict[str, str]
    writes: Lacking
    sacl_sha256: str
    is_protected: bool


class _Recorded(NamedTuple):
    """What one set of audit entries comes to, whichever descriptors have it."""

    number: int
    lacking: dict[str, str]
    writes: Lacking


class SaclReadings:
    """The audit entries of all objects whose SACL somebody was allowed to read."""

    def __init__(self, observations: Observations | None) -> None:
        """Take what the directory says; descriptors are read when they are asked for."""
        self._observations = observations
        self._recorded: dict[tuple[Ace, ...], _Recorded] = {}
        self._read: dict[str, Reading | None] = {}

    @cached_property
    def of_objects(self) -> dict[str, list[tuple[datetime, str]]]:
        """The descriptors of each object by its GUID (without one by its DN), in order of time."""
        found: dict[str, list[tuple[datetime, str]]] = {}
        for each in self._observations.descriptors if self._observations is not None else ():
            if each.sha256 is not None and self.is_shown(each):
                key = each.object_guid or each.dn.casefold()
                found.setdefault(key, []).append((each.observed_at, each.sha256))
        for readings in found.values():
            readings.sort()
        return found

    @cached_property
    def _readers(self) -> set[str]:
        descriptors = self._observations.descriptors if self._observations is not None else []
        return {each.evidence_sha256 for each in descriptors if each.has_sacl}

    def is_shown(self, each: DescriptorOf) -> bool:
        """Return whether the audit entries of an object can be judged by what was seen of its descriptor.

        One without a SACL counts where its reader was shown those of others: then it has none, and records nothing.
        """
        return each.attribute == OBJECT_DESCRIPTOR and (each.has_sacl or each.evidence_sha256 in self._readers)

    def reading(self, sha256: str) -> Reading | None:
        """Return what a descriptor records, None where it does not read."""
        if sha256 not in self._read:
            self._read[sha256] = self._reading(sha256)
        return self._read[sha256]

    def _reading(self, sha256: str) -> Reading | None:
        if self._observations is None:
            return None
        read = read_binary(self._observations.descriptor(sha256))
        if read.partial:  # what does not read in whole proves nothing of what stands in it
            return None
        descriptor = read.descriptor
        aces = tuple(descriptor.sacl.aces) if descriptor.sacl is not None else ()
        recorded_by = self._recorded.get(aces)
        if recorded_by is None:
            words = {name: self._in_words(aces, bit) for name, bit in OUTCOMES.items()}
            writes = Lacking(*(self._writes(aces, bit) for bit in OUTCOMES.values()))
            recorded_by = self._recorded[aces] = _Recorded(len(self._recorded), words, writes)
        is_protected = bool(descriptor.control & SACL_PROTECTED)
        return Reading(*recorded_by, sacl_sha256(descriptor), is_protected)

    @cached_property
    def entries(self) -> Entries:
        """What is asked to be recorded, in the words of this directory's schema."""
        seen = self._observations
        attributes = [row.name for row in seen.schema_guids if row.kind == "attribute"] if seen is not None else []
        return Entries(seen.guids if seen is not None else guids(), attributes or None)

    @cached_property
    def _wanted(self) -> list[tuple[str, Ace]]:
        """Each single write that is asked of a mailbox's object, by its name, as an entry would say it."""
        found = []
        for ace in self.entries.of_mailbox("").aces:
            if ace.object_type is not None:
                found.append((f"{WRITE_PROPERTY}({self.entries.guids.name(ace.object_type, 'attribute')})", ace))
                continue
            rights = audit_settings().sacl.rights
            found += [(right, msgspec.structs.replace(ace, mask=bit_of(right))) for right in rights]
        return found

    def _is_lacking(self, ace: Ace, aces: Sequence[Ace], outcome: int) -> bool:
        return bool(ace.mask & ~recorded(ace, aces, outcome, self.entries.sets))

    def _writes(self, aces: Sequence[Ace], outcome: int) -> tuple[str, ...]:
        return tuple(name for name, ace in self._wanted if self._is_lacking(ace, aces, outcome))

    def _in_words(self, aces: Sequence[Ace], outcome: int) -> str:
        """Return in words what these entries do not record with an outcome, empty where nothing is lacking."""
        lacking = [ace for ace in self.entries.of_mailbox("").aces if self._is_lacking(ace, aces, outcome)]
        said = [sentence(ace, self.entries.guids) for ace in lacking[:_NAMED]]
        return "; ".join(said) + (f"; and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else "")

    def history(self, key: str) -> tuple[tuple[datetime, int], ...]:
        """Return which audit entries an object had, by number, from when on: objects with one history are alike.

        It is empty where none were read.
        """
        found: list[tuple[datetime, int]] = []
        for at, sha256 in self.of_objects.get(key, ()):
            reading = self.reading(sha256)
            if reading is not None and (not found or found[-1][1] != reading.entries):
                found.append((at, reading.entries))
        return tuple(found)

    def points(self, key: str, outcome: str, changes: Iterable[datetime], beginning: datetime) -> Iterator[Point]:
        """Yield what an object's audit entries record over time.

        A reading holds back to the last change of the entries (`changes`, in order) and on to the next one. Where two
        readings differ with no change on record between them, it is unknown in between.
        """
        readings = [
            (at, reading.lacking[outcome])
            for at, sha256 in self.of_objects.get(key, ())
            if (reading := self.reading(sha256)) is not None
        ]
        starts = [beginning, *changes]
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            own = [(at, lacks) for at, lacks in readings if at >= start and (end is None or at < end)]
            if not own:
                yield Point(start, "unknown", "audit_entries_unknown", "its audit entries were not read since")
                continue
            yield _point(start, own[0][1], own[0][0])
            for (before, lacked), (at, lacks) in pairwise(own):
                if lacked != lacks:
                    why = "two readings of its audit entries differ, and no record tells when they were changed"
                    yield Point(before, "unknown", "audit_entries_unknown", why)
                    yield _point(at, lacks, at)


def _point(at: datetime, lacks: str, read_at: datetime) -> Point:
    word: Word = "absent" if lacks else "configured"
    when = f"read {read_at:%Y-%m-%d %H:%M} UTC"
    if lacks:
        return Point(at, word, "audit_entries_lacking", f"its audit entries ({when}) lack: {lacks}")
    return Point(at, word, "settings", f"its audit entries ({when}) record it")


def sacl_sha256(descriptor: Descriptor) -> str:
    """Return a hash of a SACL's entries, equal where two objects record the same (of a 5136's SDDL too, if whole)."""
    aces = descriptor.sacl.aces if descriptor.sacl is not None else ()
    return hashlib.sha256("".join(sorted(map(write_ace, aces))).encode()).hexdigest()
