"""Which leaves, and which evidence, a purge of one month takes away. The writer does it (`Writer.purge`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError, UsageError
from mailwitness.trail.delta_log import DataFile
from mailwitness.trail.durable import sync_directories
from mailwitness.trail.evidence import EvidenceStore, is_sha256
from mailwitness.trail.holds import blocking
from mailwitness.trail.layout import Trail
from mailwitness.trail.leaf_store import ranges_of
from mailwitness.trail.projection import is_reference
from mailwitness.trail.reader import RESTORE
from mailwitness.trail.schema import FIRST_MONTH, LAST_MONTH

_ROWS = 20_000
_REFERENCE = b'":{"sha256":"'


class Going(msgspec.Struct, frozen=True):
    """What goes: leaves as first, last, first, last, ...; evidence and long values by SHA-256."""

    leaves: int
    ranges: list[int]
    evidence: list[str]


def check_month(month: str) -> str:
    """Return `month` if it is one of the table's. Raises UsageError otherwise."""
    year, _, number = month.partition("-")
    written = len(month) == 7 and month.isascii() and year.isdigit() and number.isdigit()  # noqa: PLR2004 - YYYY-MM
    if not written or not 1 <= int(number) <= 12 or not FIRST_MONTH <= month <= LAST_MONTH:  # noqa: PLR2004
        raise UsageError(f"{month!r} is no month", remedy="write it as 2024-01")
    return month


def what_goes(trail: Trail, going: Sequence[DataFile], staying: Iterable[DataFile]) -> Going:
    """Return what a purge of the files `going` takes away, the files `staying` being the rest of the table.

    Evidence goes where only leaves that go refer to it: a file of records of several months stays until the last of
    them is purged. Raises UsageError where a hold stands against it, TrailError where a file of the table cannot be
    read.
    """
    staying = list(staying)
    if going and (hold := blocking(trail, [*going, *staying], going[0].month)):
        raise UsageError(
            f"{going[0].month} is held for the case {hold.case}: {hold.reason}",
            remedy="two persons have to lift it: mailwitness hold lift",
        )
    numbers: list[np.ndarray] = []
    evidence: set[str] = set()
    values: set[str] = set()
    for batch in _batches(trail, going, ["seq", "evidence_sha256", "entry"]):
        numbers.append(batch.column("seq").to_numpy())
        evidence.update(batch.column("evidence_sha256").drop_null().unique().to_pylist())
        values.update(_values(batch.column("entry")))
    if evidence:
        for batch in _batches(trail, staying, ["evidence_sha256"]):
            evidence.difference_update(batch.column("evidence_sha256").drop_null().unique().to_pylist())
    if values:
        for batch in _batches(trail, staying, ["entry"]):
            values.difference_update(_values(batch.column("entry")))
    store = EvidenceStore(trail, "hash")
    kept = sorted(sha256 for sha256 in evidence | values if is_sha256(sha256) and store.path_of(sha256).is_file())
    seq = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *numbers]))
    return Going(len(seq), [number for pair in ranges_of(seq) for number in pair], kept)


def _batches(trail: Trail, files: Iterable[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for file in files:
        path = trail.events / file.path
        try:
            with pq.ParquetFile(path) as opened:
                yield from opened.iter_batches(_ROWS, columns=columns)
        except (OSError, pa.ArrowException) as cause:
            raise TrailError("a file of the events table cannot be read", where=str(path), remedy=RESTORE) from cause


def _values(entries: pa.Array) -> Iterator[str]:
    for entry in entries.to_pylist():
        if _REFERENCE in entry:
            yield from (value["sha256"] for value in orjson.loads(entry).values() if is_reference(value))


def remove_evidence(trail: Trail, names: Iterable[str]) -> None:
    """Delete evidence durably; what is gone already is no error."""
    store = EvidenceStore(trail, "hash")
    paths = [store.path_of(name) for name in names]
    for path in paths:
        path.unlink(missing_ok=True)
    sync_directories(path.parent for path in paths if path.parent.is_dir())


def remove_files(trail: Trail, names: Iterable[str]) -> None:
    """Delete files, by their paths below the trail, durably. A reader in the middle of one fails, and opens anew."""
    paths = [trail.path / name for name in names]
    for path in paths:
        path.unlink(missing_ok=True)
    sync_directories(path.parent for path in paths if path.parent.is_dir())
