"""Write truth.jsonl: one row a line, in the order of time, a gap where it ends."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import orjson

from mailwitness.simulate.truth import TruthRow
from mailwitness.simulate.writers.record_writer import RecordWriter


class TruthWriter(RecordWriter[TruthRow]):
    """Write rows of truth; `below` is put before the names of evidence files."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.below = ""
        self.kinds: dict[str, int] = {}
        self._file: BinaryIO = path.open("wb")

    def write(self, record: TruthRow) -> None:
        """Append a row."""
        fields = record.as_fields()
        if self.below:
            for place in fields.get("evidence", ()):
                place["file"] = f"{self.below}/{place['file']}"
        self._file.write(orjson.dumps(fields) + b"\n")
        self.kinds[record.kind] = self.kinds.get(record.kind, 0) + 1
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()
