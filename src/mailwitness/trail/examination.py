"""What the parts of a verification share: the trail, what is known of it so far, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mailwitness.trail.delta_log import DataFile, Version
from mailwitness.trail.layout import Trail
from mailwitness.trail.leaf_store import LeafStore
from mailwitness.trail.purged import PurgeLeaf
from mailwitness.trail.sealing import Seals
from mailwitness.trail.verdict import Checked, Finding

Progress = Callable[[int, int], None]
"""Is called with the bytes read so far and the bytes there are to read."""

_FINDINGS = 10_000
"""Findings at most: what is broken everywhere need not be told a million times."""


class Broken(msgspec.Struct, frozen=True):
    """A commit of the table that cannot be read, and the leaves it brought as far as its neighbours tell."""

    number: int
    path: Path
    what: str
    first: int
    last: int


class Examination:
    """One run of `verify`, passed from check to check."""

    def __init__(self, trail: Trail, log_id: str, *, deep: bool, progress: Progress | None) -> None:
        self.trail = trail
        self.log_id = log_id
        self.deep = deep
        self.findings: list[Finding] = []
        self.remarks: list[str] = []
        self.checked = Checked()
        self.size = 0
        self.store = LeafStore(0)
        self.seals = Seals()
        self.live: dict[str, DataFile] = {}
        self.commits: dict[int, Version] = {}
        """The commits that could be read."""
        self.broken: list[Broken] = []
        self.last_version = -1
        self.complete = False
        """Whether the commits that can be read bring every signed leaf."""
        self.torn: set[int] = set()
        """Commits that are torn and were never acknowledged."""
        self.unread: list[DataFile] = []
        """Files whose leaves are unknown because of a finding already made."""
        self.purges: list[PurgeLeaf] = []
        self.purged = np.zeros(0, dtype=bool)
        """For each leaf whether it was purged, as far as a purge leaf says so and its rows are gone."""
        self.going = np.zeros(0, dtype=bool)
        """For each leaf whether a purge leaf names it, done or interrupted."""
        self.created: dict[str, Any] = {}
        """What the first leaf states."""
        self.evidence: dict[str, tuple[int, int]] = {}
        """The leaves that refer to each evidence file or long value."""
        self.tables: dict[str, tuple[str, int, int]] = {}
        """Files of the directory's tables that a custody leaf names: SHA-256, size, and that leaf."""
        self.kept: dict[str, int] = {}
        """Evidence that a custody leaf says is kept, and that leaf."""
        self._progress = progress
        self._read = self._total = 0

    def find(self, path: Path | str, first: int | None, last: int | None, what: str) -> None:
        """Note a finding about a file."""
        if len(self.findings) < _FINDINGS:
            self.findings.append(Finding(self.name(path), self.log_id, first, last, what))

    def find_all(self, path: Path | str, what: str) -> None:
        """Note a finding that touches every leaf."""
        self.find(path, 0, max(self.size - 1, 0), what)

    def name(self, path: Path | str) -> str:
        """Return a path as findings show it: below the trail where it is there."""
        path = Path(path)
        return str(path.relative_to(self.trail.path) if path.is_relative_to(self.trail.path) else path)

    def expect(self, total: int) -> None:
        """Say how many more bytes there are to read."""
        self._total += total

    def read(self, count: int) -> None:
        """Say that so many bytes were read."""
        self._read += count
        if self._progress:
            self._progress(self._read, self._total)

    def sealed(self, name: str) -> bool:
        """Return whether a leaf holds the SHA-256 of a file, given its path below the trail."""
        return name in self.seals.sealed

    def keep(self, sha256: str, seq: int) -> None:
        """Note that a leaf says of evidence that it is kept."""
        self.kept[sha256] = max(seq, self.kept.get(sha256, seq))

    def accounted(self) -> npt.NDArray[np.bool_]:
        """Return for each leaf whether it came from a file or was purged."""
        return self.store.present | self.purged

    def refer(self, sha256: str, seq: int) -> None:
        """Note that a leaf refers to evidence."""
        first, last = self.evidence.get(sha256, (seq, seq))
        self.evidence[sha256] = (min(first, seq), max(last, seq))
