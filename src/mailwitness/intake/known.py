"""Which evidence the trail has in custody already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.intake.custody import ACT
from mailwitness.trail.custody import Summary, summarised
from mailwitness.trail.reader import open_reader


class EvidenceTaken(Summary):
    """The SHA-256 of each evidence that was imported, and the number of the version that took it in last."""

    name = "evidence-taken"
    marks = (f'"act":"{ACT}"'.encode(),)

    versions: list[str] = msgspec.field(default_factory=list)
    taken: dict[str, int] = msgspec.field(default_factory=dict)

    def take(self, said: Mapping[str, Any]) -> None:
        """Note the evidence of an import."""
        if said.get("act") == ACT:
            if said["version"] not in self.versions:
                self.versions.append(said["version"])
            number = self.versions.index(said["version"])
            self.taken.update((evidence["sha256"], number) for evidence in said["evidence"])


def in_custody(path: Path) -> dict[str, str]:
    """Return the evidence an import took into custody: its SHA-256, and the version that took it in last."""
    known = summarised(open_reader(path), EvidenceTaken)
    return {sha256: known.versions[number] for sha256, number in known.taken.items()}
