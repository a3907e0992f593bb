"""The rows of every live file: their leaf hashes, and their columns against their entries."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import EvidenceError, VerificationError
from mailwitness.trail.delta_log import DataFile
from mailwitness.trail.durable import open_regular
from mailwitness.trail.evidence import EvidenceStore, is_sha256
from mailwitness.trail.examination import Examination
from mailwitness.trail.leaf_store import ranges_of
from mailwitness.trail.projection import columns_of, is_reference, months_of, recanonical, resolve_blobs
from mailwitness.trail.purged import Purged, is_done, purge_leaf
from mailwitness.trail.schema import FILE_SCHEMA, NO_EVENTS
from mailwitness.trail.sealing import hash_file, read_sealed
from mailwitness.trail.settings import Settings
from mailwitness.trail.verify_table import files_named

_ROWS = 10_000
_LONGEST = 256 << 20
"""Bytes of a value in a blob at most, as far as columns are recomputed."""
_NARROW = ["seq", "entry", "evidence_sha256"]
_REFERENCE = b'":{"sha256":"'
_UNREADABLE = (
    pa.ArrowException,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)
"""What pyarrow, orjson and numpy raise for bytes that are no Parquet file or no entry of ours."""


def check_rows(run: Examination) -> None:
    """Hash every entry into the store, learn what is sealed, and check the columns of what is not."""
    run.expect(2 * sum(file.size for file in run.live.values()))
    run.purged = run.going = np.zeros(run.size, dtype=bool)
    own = sorted((f for f in run.live.values() if f.month == NO_EVENTS), key=lambda f: f.first_seq)
    sealed: list[tuple[int, bytes]] = []
    for file in own:
        sealed += _check_file(run, file, deep=True)
    for seq, entry in sorted(sealed):
        _learn(run, seq, entry)
    run.purged = Purged(leaf for leaf in run.purges if is_done(leaf, run.live.values())).mask(run.size)
    run.going = Purged(run.purges).mask(run.size)
    for file in own:
        _check_seal(run, file)
    # Sealed files first: where two hold a leaf, the finding names the one that nothing vouches for.
    files = (f for f in run.live.values() if f.month != NO_EVENTS)
    for file in sorted(files, key=lambda f: (not run.sealed(f"events/{f.path}"), f.first_seq)):
        if _check_seal(run, file):
            _check_file(run, file, deep=run.deep or not run.sealed(f"events/{file.path}"))
    run.complete = bool(run.accounted().all())
    for broken in run.broken:
        for file in files_named(run, broken.number):
            if file.path not in run.live and not _all_present(run, file):
                _check_file(run, file, deep=True)
    _account_for_purges(run)


def _account_for_purges(run: Examination) -> None:
    """Say what was purged; of its evidence nothing has to be there that no leaf after the purge brought back."""
    for leaf in sorted(run.purges, key=lambda leaf: leaf.seq):
        done = "were purged" if is_done(leaf, run.live.values()) else "are to be purged, which was interrupted"
        run.remarks.append(f"leaf {leaf.seq}: {leaf.leaves} leaves of {leaf.month} {done} ({leaf.by}: {leaf.reason})")
        for sha256 in leaf.evidence:
            if run.kept.get(sha256, leaf.seq) < leaf.seq:
                del run.kept[sha256]


def _all_present(run: Examination, file: DataFile) -> bool:
    return bool(run.accounted()[file.first_seq : file.last_seq + 1].all())


def _learn(run: Examination, seq: int, entry: bytes) -> None:
    try:
        run.seals.learn(read_sealed(entry))
    except VerificationError as cause:
        run.find(run.trail.events, seq, seq, cause.what)


def _check_seal(run: Examination, file: DataFile) -> bool:
    """Return whether the file may be read: nothing seals it yet, or its bytes are those that were sealed."""
    name, path = f"events/{file.path}", run.trail.events / file.path
    sealed = run.seals.sealed.get(name)
    if sealed is None:
        run.read(file.size)
        return True
    run.checked.files += 1
    try:
        found = hash_file(path)
    except OSError as cause:
        what = f"a sealed file cannot be read: {cause.strerror}"
    else:
        run.read(file.size)
        if found == (sealed.sha256, sealed.size):
            return True
        what = "a sealed file was changed: its SHA-256 is not the one in the log"
    run.find(path, sealed.first, sealed.last, what)
    run.unread.append(file)
    return False


def _check_file(run: Examination, file: DataFile, *, deep: bool) -> list[tuple[int, bytes]]:
    """Read a file's rows into the store; return its sealed leaves."""
    path = run.trail.events / file.path
    if file.first_seq >= run.size:
        run.remarks.append(f"{run.name(path)}: leaves beyond the signed size, never acknowledged")
        return []
    sealed: list[tuple[int, bytes]] = []
    try:
        if file.log_id != run.log_id:
            raise ValueError(f"it belongs to a log {file.log_id!r} that is not here")
        for batch in _batches(path, None if deep else _NARROW):
            seq = _take_leaves(run, file, batch)
            if deep:
                _check_columns(run, file, batch, seq)
            if file.month == NO_EVENTS:
                sealed += _read_own(run, batch, seq)
            else:
                _refer(run, batch, seq)
        run.read(file.size)
    except _UNREADABLE as cause:
        run.find(
            path, file.first_seq, file.last_seq, f"a file of the events table cannot be read: {_first_line(cause)}"
        )
        run.unread.append(file)
    return sealed


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]


def _batches(path: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    if not path.is_file():
        raise OSError(errno.ENOENT, "it is no file")
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
            names = FILE_SCHEMA.names if columns is None else columns
            if columns is None and batch.schema.names != FILE_SCHEMA.names:
                raise ValueError("it has not the columns of the events table")
            yield pa.RecordBatch.from_arrays(
                [batch.column(name).cast(FILE_SCHEMA.field(name).type) for name in names], names=names
            )


def _take_leaves(run: Examination, file: DataFile, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    if batch.column("seq").null_count or batch.column("entry").null_count:
        raise ValueError("a row without seq or entry")
    seq: npt.NDArray[np.int64] = batch.column("seq").to_numpy()
    if len(seq) and (seq.min() < 0 or seq.max() >= run.size):
        raise ValueError(f"it holds leaves outside 0 to {run.size - 1}")
    sha256 = hashlib.sha256
    hashes = b"".join([sha256(b"\x00" + entry).digest() for entry in batch.column("entry").to_pylist()])
    for first, last in ranges_of(run.store.put(seq, hashes)):
        run.find(run.trail.events / file.path, first, last, "leaves that stand in another row too")
    run.checked.leaves += len(seq)
    return seq


def _check_columns(run: Examination, file: DataFile, batch: pa.RecordBatch, seq: npt.NDArray[np.int64]) -> None:
    """Recompute each row from its entry and compare, column by column."""
    path, store = run.trail.events / file.path, EvidenceStore(run.trail, "hash")
    rows: list[dict[str, Any]] = []
    for number, entry in zip(seq.tolist(), batch.column("entry").to_pylist(), strict=True):
        row: dict[str, Any] = {}
        try:
            fields = orjson.loads(entry)
            if recanonical(fields) != entry:
                raise ValueError("it is not canonical")
            if _REFERENCE in entry:
                fields = resolve_blobs(fields, lambda sha256: _load(store, sha256))
            row = columns_of(fields, entry)
        except FileNotFoundError as cause:
            if not run.going[number]:  # an interrupted purge takes evidence first
                run.find(str(cause.filename), number, number, "a long value of an entry is not kept")
        except _UNREADABLE as cause:
            run.find(path, number, number, f"an entry cannot be read: {_first_line(cause)}")
        rows.append(row)
    run.checked.projected += len(rows)
    known = np.array([bool(row) for row in rows])
    named = set().union(*rows)
    for name in FILE_SCHEMA.names[1:]:
        kind = FILE_SCHEMA.field(name).type
        expected = pa.array([row.get(name) for row in rows], kind) if name in named else pa.nulls(len(rows), kind)
        differ = known & ~_equal(expected, batch.column(name))
        for first, last in ranges_of(seq[differ]):
            run.find(path, first, last, f"the column {name} is not what the entries say")
    _check_month(run, file, batch, seq)


def _load(store: EvidenceStore, sha256: str) -> bytes:
    with open_regular(store.path_of(sha256)) as file:
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise ValueError("a value longer than any that is written")
    return data


def _equal(expected: pa.Array, found: pa.Array) -> npt.NDArray[np.bool_]:
    if expected.equals(found):
        return np.ones(len(expected), dtype=bool)
    pairs = zip(expected.to_pylist(), found.to_pylist(), strict=True)
    if pa.types.is_list(expected.type) or pa.types.is_boolean(expected.type):  # left out of an entry: nothing, or false
        return np.array([(a or None) == (b or None) for a, b in pairs], dtype=bool)
    return np.array([a == b for a, b in pairs], dtype=bool)


def _check_month(run: Examination, file: DataFile, batch: pa.RecordBatch, seq: npt.NDArray[np.int64]) -> None:
    events = batch.column("leaf_kind").to_numpy(zero_copy_only=False) == "event"
    months = np.full(len(seq), NO_EVENTS, dtype=object)
    if events.any():
        months[events] = months_of(batch.column("occurred_at").filter(pa.array(events)))
    for first, last in ranges_of(np.sort(seq[months != file.month])):
        run.find(run.trail.events / file.path, first, last, f"leaves that do not belong to the month {file.month}")


def _read_own(run: Examination, batch: pa.RecordBatch, seq: npt.NDArray[np.int64]) -> list[tuple[int, bytes]]:
    """Take custody leaves in; return sealed ones. The entry tells which is which, not the column beside it."""
    sealed: list[tuple[int, bytes]] = []
    for number, entry in zip(seq.tolist(), batch.column("entry").to_pylist(), strict=True):
        fields = orjson.loads(entry)
        if fields.get("leaf_kind") == "sealed":
            sealed.append((number, entry))
        elif fields.get("leaf_kind") == "purge":
            _read_purge(run, number, entry)
        _refer_blobs(run, number, fields)
        statement = _statement(run, number, fields)
        if isinstance(statement, dict):
            if number == 0:
                run.created = statement
            for file in statement.get("files") or []:
                run.tables[file["name"]] = (file["sha256"], file["size"], number)
            for item in statement.get("evidence") or []:
                _refer_evidence(run, number, item)
    return sealed


def _read_purge(run: Examination, seq: int, entry: bytes) -> None:
    try:
        run.purges.append(purge_leaf(seq, entry, EvidenceStore(run.trail, "hash")))
    except (OSError, ValueError, EvidenceError) as cause:  # then the leaves it names are missing
        run.find(run.trail.events, seq, seq, f"a purge leaf cannot be read: {_first_line(cause)}")


def _refer_evidence(run: Examination, seq: int, item: dict[str, Any]) -> None:
    sha256 = item["sha256"]
    if not is_sha256(sha256):
        raise ValueError("a custody leaf names evidence by what is no SHA-256")
    run.refer(sha256, seq)
    if item.get("kept"):
        run.keep(sha256, seq)


def _statement(run: Examination, seq: int, fields: dict[str, Any]) -> object:
    store = EvidenceStore(run.trail, "hash")
    try:
        return resolve_blobs(fields, lambda sha256: _load(store, sha256)).get("statement")
    except FileNotFoundError as cause:
        run.find(str(cause.filename), seq, seq, "a long value of an entry is not kept")
    except (OSError, ValueError):
        pass  # the value was changed: found by its SHA-256
    return None


def _refer(run: Examination, batch: pa.RecordBatch, seq: npt.NDArray[np.int64]) -> None:
    """Note which evidence and long values the leaves refer to."""
    table = pa.table({"evidence": batch.column("evidence_sha256"), "seq": batch.column("seq")})
    groups = table.group_by("evidence").aggregate([("seq", "min"), ("seq", "max")])
    for row in groups.to_pylist():
        if row["evidence"] is not None:
            run.refer(row["evidence"], row["seq_min"])
            run.refer(row["evidence"], row["seq_max"])
    for number, entry in zip(seq.tolist(), batch.column("entry").to_pylist(), strict=True):
        if _REFERENCE in entry:
            _refer_blobs(run, number, orjson.loads(entry))


def _refer_blobs(run: Examination, seq: int, fields: dict[str, Any]) -> None:
    for value in fields.values():
        if is_reference(value) and is_sha256(value["sha256"]):
            run.refer(value["sha256"], seq)
            run.keep(value["sha256"], seq)


def check_settings(run: Examination, settings: Settings) -> None:
    """Hold the settings against what the first leaf states."""
    if not run.created:
        if run.size and not run.unread:
            run.find(run.trail.settings, 0, 0, "the first leaf does not state how the trail was made")
        return
    for name in ("organization", "origin", "log_id", "keep_evidence", "verifier_key"):
        if run.created.get(name) != getattr(settings, name):
            run.find(run.trail.settings, 0, 0, f"{name} is not what the first leaf states")
