"""Reads exports of states as an import does: a file by its format, or rows as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.directory.written_exports import Row

from mailwitness import formats, sources
from mailwitness.directory.state_exports import StateExportReader
from mailwitness.formats.interface import ExportRecord, Wanted
from mailwitness.sources.interface import Context

CONTEXT = Context(organization="fabrik", evidence_sha256="ab" * 32, evidence_name="export")
OBSERVED = datetime(2026, 11, 20, 8, tzinfo=UTC)


def read_file(path: Path, context: Context = CONTEXT) -> list[Any]:
    module = formats.recognise(path)
    assert module is not None
    reader = StateExportReader(context)
    found: list[Any] = []
    for span in module.spans(path):
        for reading in module.read(path, span, Wanted()):
            if not isinstance(reading, ExportRecord):
                found.append(reading)
                continue
            assert sources.read(reading, context) is None
            said = reader.read(reading)
            found += ["filtered"] if said is None else said
    return found


def read_rows(*rows: Row, context: Context = CONTEXT, day_first: tuple[tuple[str, bool], ...] = ()) -> list[Any]:
    reader = StateExportReader(context)
    found: list[Any] = []
    for line, row in enumerate(rows, 2):
        record = ExportRecord(
            format="csv", offset=line, container="csv", shape=tuple(row), fields=row, day_first=day_first
        )
        said = reader.read(record)
        found += ["filtered"] if said is None else said
    return found


def of(kind: type, found: list[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]
