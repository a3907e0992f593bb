"""What one evidence file said of how things stood, on its way into the tables: the importing process' part."""

from __future__ import annotations

import msgspec

from mailwitness.directory.model import Snapshot
from mailwitness.directory.rows import Rows, read_batch
from mailwitness.directory.store import Recorder
from mailwitness.event import Place, Problem, instant
from mailwitness.intake.messages import Observed
from mailwitness.trail.evidence import Taken


class FileStates:
    """What one file said of how things stood, on its way into the tables."""

    def __init__(self, name: str) -> None:
        """Gather for the evidence of this name."""
        self._name = name
        self._rows = Rows()
        self._said: list[Observed] = []

    def take(self, observed: Observed) -> None:
        """Take in what a delivery brought."""
        for name, message in observed.batches:
            self._rows.add_batch(name, read_batch(name, message))
        self._said.append(msgspec.structs.replace(observed, batches=()))

    @property
    def records(self) -> int:
        """How many records said how things stood."""
        return sum(said.records for said in self._said)

    def record(self, recorder: Recorder, taken: Taken, by: dict[str, str]) -> tuple[bool, list[Problem]]:
        """Write it into the trail durably, if it is new, and return whether it was."""
        snapshot, problems = self._snapshot(taken)
        if recorder.holds(taken.sha256, self._rows, snapshot.observed_at) and (
            instant(snapshot.observed_at) in recorder.times_of(taken.sha256)
        ):
            return False, problems
        return recorder.record(self._rows, snapshot, taken, said=by).is_new, problems

    def _snapshot(self, taken: Taken) -> tuple[Snapshot, list[Problem]]:
        times = sorted({said.observed_at for said in self._said if said.observed_at is not None})
        latest = max(said.latest_at for said in self._said if said.latest_at is not None) if not times else times[0]
        first = self._said[0]
        snapshot = Snapshot(
            observed_at=latest,
            evidence_sha256=taken.sha256,
            complete=all(said.complete for said in self._said),
            remark=first.remark,
            origin=first.origin,
            name=self._name,
        )
        problems = [
            Problem(
                code="ambiguous",
                where=Place(evidence=self._name),
                expected=f"objects that were collected at one time, {instant(times[0])} as the first ones",
                found=f"others of {instant(at)}",
            )
            for at in times[1:]
        ]
        return snapshot, problems
