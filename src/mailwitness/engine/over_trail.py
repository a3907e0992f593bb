"""What every engine has from the trail's own folder, whatever runs its questions: long values and custody."""

from __future__ import annotations

import hashlib

from mailwitness.engine.interface import S
from mailwitness.errors import EvidenceError
from mailwitness.trail.custody import summarised
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.reader import RESTORE, TrailReader


class OverTrail:
    """The part of an engine that reads the evidence store and the custody leaves."""

    def __init__(self, reader: TrailReader) -> None:
        """Read beside the tables of `reader`'s trail."""
        self._reader = reader
        self._evidence = EvidenceStore(reader.trail)

    def long_value(self, sha256: str) -> bytes:
        """Return a value that was too long for its entry. Raises EvidenceError where it is gone or was changed."""
        with self._evidence.open(sha256) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise EvidenceError("a value kept beside its entry was changed", where=sha256, remedy=RESTORE)
        return data

    def custody(self, kind: type[S]) -> S:
        """Return what all custody leaves come to; only those are read that came since it was last asked for."""
        return summarised(self._reader, kind)
