"""What the audit entries of objects record, as the directory was seen to hold them, over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise

import msgspec

from mailwitness.descriptors.ace import FAILURE, SUCCESS, Ace
from mailwitness.descriptors.binary import read_binary
from mailwitness.directory.store import Observations
from mailwitness.readiness.audit_entries import Entries, recorded, sentence
from mailwitness.readiness.spans import Point, Word

OBJECT_DESCRIPTOR = "nTSecurityDescriptor"
OUTCOMES = {"success": SUCCESS, "failure": FAILURE}
_NAMED = 2  # entries a person is told of one by one


class Reading(msgspec.Struct, frozen=True):
    """What one descriptor records: its audit entries (equal ones have one number), and what it lacks by outcome."""

    entries: int
    lacking: dict[str, str]


class SaclReadings:
    """The audit entries of all objects whose SACL somebody was allowed to read."""

    def __init__(self, observations: Observations | None) -> None:
        """Take what the directory says; descriptors are read when they are asked for."""
        self._observations = observations
        self._numbers: dict[tuple[Ace, ...], int] = {}
        self._read: dict[str, Reading | None] = {}
        self._lacks: dict[int, dict[str, str]] = {}

    @cached_property
    def of_objects(self) -> dict[str, list[tuple[datetime, str]]]:
        """The descriptors of each object by its GUID (without one by its DN), in order of time.

        One without a SACL counts where its reader was shown those of others: then it has none, and records nothing.
        """
        found: dict[str, list[tuple[datetime, str]]] = {}
        descriptors = self._observations.descriptors if self._observations is not None else []
        readers = {each.evidence_sha256 for each in descriptors if each.has_sacl}
        for each in descriptors:
            is_shown = each.has_sacl or each.evidence_sha256 in readers
            if each.attribute == OBJECT_DESCRIPTOR and is_shown and each.sha256 is not None:
                key = each.object_guid or each.dn.casefold()
                found.setdefault(key, []).append((each.observed_at, each.sha256))
        for readings in found.values():
            readings.sort()
        return found

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
        number = self._numbers.setdefault(aces, len(self._numbers))
        if number not in self._lacks:
            self._lacks[number] = {name: self._lacking(aces, bit) for name, bit in OUTCOMES.items()}
        return Reading(number, self._lacks[number])

    @cached_property
    def _wanted(self) -> Entries | None:
        if self._observations is None:
            return None
        attributes = [row.name for row in self._observations.schema_guids if row.kind == "attribute"]
        return Entries(self._observations.guids, attributes or None)

    def _lacking(self, aces: Sequence[Ace], outcome: int) -> str:
        """Return in words what these entries do not record with an outcome, empty where nothing is lacking."""
        wanted, known = self._wanted, self._observations
        if wanted is None or known is None:
            return ""
        lacking = [ace for ace in wanted.of_mailbox("").aces if ace.mask & ~recorded(ace, aces, outcome, wanted.sets)]
        said = [sentence(ace, known.guids) for ace in lacking[:_NAMED]]
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
