"""The tables of observations: Delta Lake below TRAIL/directory/, one file an evidence and table, written durably.

The custody leaf of an evidence names its files with their SHA-256, and decides: a file that no leaf names was never
acknowledged and is removed by the next writer, and a table's own log is put right from what the leaves say.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from mailwitness.directory.called_by import rows_called, rows_of
from mailwitness.directory.model import Observation, Principal
from mailwitness.directory.rows import OBSERVED, SCHEMAS, Rows
from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import commit_path
from mailwitness.trail.durable import TEMPORARY, make_directory, sync_directory, sync_file
from mailwitness.trail.reader import RESTORE
from mailwitness.trail.sealing import hash_file

Shape = TypeVar("Shape", bound=Observation)
PRINCIPALS = "principals"
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class TableFile(msgspec.Struct, frozen=True):
    """A Parquet file of a table, as the custody leaf names it: its path below the trail, and what it holds."""

    name: str
    sha256: str
    size: int
    rows: int

    @property
    def table(self) -> str:
        """The table it belongs to."""
        return self.name.split("/")[1]


class DirectoryTables:
    """The tables of one trail, for the one writer: whoever calls `write` or `settle` holds the log's lock."""

    def __init__(self, trail: Path) -> None:
        self._trail = trail
        self._root = trail / "directory"

    def write(self, rows: Rows, observed_at: datetime, evidence_sha256: str) -> list[TableFile]:
        """Write and commit `rows` durably; they count only when a custody leaf names the files returned."""
        written = []
        for name, batches in rows.tables(observed_at, evidence_sha256):
            written.append(self._write_file(name, batches))
            self._commit(name, [written[-1]], [])
        return written

    def _write_file(self, name: str, batches: Sequence[pa.RecordBatch]) -> TableFile:
        folder = self._root / name
        make_directory(folder)
        path = folder / f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(6)}.parquet"
        temporary = path.with_name(path.name + TEMPORARY)
        with pq.ParquetWriter(
            temporary, SCHEMAS[name], compression="zstd", compression_level=1, write_page_checksum=True
        ) as writer:
            for batch in batches:
                writer.write_batch(batch)
        sync_file(temporary)
        sha256, size = hash_file(temporary)
        temporary.rename(path)
        sync_directory(folder)
        return TableFile(f"directory/{name}/{path.name}", sha256, size, sum(len(batch) for batch in batches))

    def _commit(self, name: str, added: Iterable[TableFile], removed: Iterable[str]) -> None:
        folder = self._root / name
        table = self._open(name)
        now = time.time_ns() // 1_000_000
        actions: list[AddAction | RemoveAction] = [
            AddAction(Path(file.name).name, file.size, {}, now, True, json.dumps({"numRecords": file.rows}))  # noqa: FBT003 - a positional field of theirs
            for file in added
        ]
        actions += [
            RemoveAction(path=path, data_change=True, deletion_timestamp=now, size=0, partition_values={})
            for path in removed
        ]
        if not actions:
            return
        table.create_write_transaction(
            actions,
            "append",
            SCHEMAS[name],
            commit_properties=CommitProperties(max_commit_retries=0),
            post_commithook_properties=_NO_HOOKS,
        )
        table.update_incremental()
        sync_file(commit_path(folder / "_delta_log", int(table.version())))
        sync_directory(folder / "_delta_log")

    def _open(self, name: str) -> DeltaTable:
        folder = self._root / name
        if not (folder / "_delta_log").is_dir():
            make_directory(folder)
            DeltaTable.create(str(folder.absolute()), schema=SCHEMAS[name])
            sync_file(commit_path(folder / "_delta_log", 0))
            sync_directory(folder / "_delta_log")
            sync_directory(folder)
        return DeltaTable(str(folder.absolute()))

    def settle(self, acknowledged: Iterable[TableFile]) -> list[str]:
        """Make the tables hold what custody leaves name and nothing else; return what was put right.

        What an interrupted writer left is removed, and a table's log that a crash tore is made anew.
        """
        by_table: dict[str, dict[str, TableFile]] = {name: {} for name in SCHEMAS}
        for file in acknowledged:
            by_table[file.table][Path(file.name).name] = file
        remarks: list[str] = []
        for name, files in by_table.items():
            folder = self._root / name
            if not folder.is_dir():
                continue
            for path in sorted(folder.glob("*")):
                if path.is_file() and path.name not in files:
                    path.unlink()
                    remarks.append(f"{path.relative_to(self._trail)}: no custody leaf names it; removed")
            remarks += self._settle_log(name, files)
        return remarks

    def _settle_log(self, name: str, files: Mapping[str, TableFile]) -> list[str]:
        folder = self._root / name
        try:
            table = self._open(name)
            listed = {Path(uri).name for uri in table.file_uris()}
        except (DeltaError, OSError, ValueError):
            log = folder / "_delta_log"
            log.rename(self._aside(log))
            self._commit(name, files.values(), [])
            return [f"directory/{name}/_delta_log: it could not be read and was made anew"]
        missing = [file for path, file in files.items() if path not in listed]
        strangers = sorted(listed - files.keys())
        self._commit(name, missing, strangers)
        return [f"directory/{name}: its log was put right"] if missing or strangers else []

    def _aside(self, log: Path) -> Path:
        target = self._trail / "set-aside"
        make_directory(target)
        return target / f"directory-{log.parent.name}-{secrets.token_hex(4)}"


def read_observations(trail: Path, files: Iterable[TableFile], name: str) -> list[Any]:
    """Return the observations of table `name` in `files`, by time. Raises TrailError where a file is gone or torn."""
    shape, found = OBSERVED[name], []
    for file in files:
        if file.table == name:
            found += _read_file(trail, file, shape)
    found.sort(key=_observed_at)
    return found


def _observed_at(observation: Observation) -> datetime:
    return observation.observed_at


def read_principals_called(trail: Path, files: Iterable[TableFile], names: Sequence[str]) -> list[Principal]:
    """Return every observation of the objects that one of `names` can mean, by time.

    Their whole history, under all names they had, and nothing of the others. Raises TrailError as `read_observations`.
    """
    tables = [read_file(trail, file) for file in files if file.table == PRINCIPALS]
    hits = [rows_called(table, names) for table in tables]
    guids = {guid for hit in hits for guid in hit.column("object_guid").to_pylist() if guid}
    sids = {sid for hit in hits for sid in hit.column("sid").to_pylist() if sid}
    found: list[Principal] = []
    for table, hit in zip(tables, hits, strict=True):
        nameless = hit.filter(pc.and_(pc.is_null(hit.column("object_guid")), pc.is_null(hit.column("sid"))))
        found += _structs(rows_of(table, guids, sids), Principal)
        found += _structs(nameless, Principal)
    found.sort(key=_observed_at)
    return found


def _read_file(trail: Path, file: TableFile, shape: type[Shape]) -> list[Shape]:
    return _structs(read_file(trail, file), shape)


def _structs(table: pa.Table, shape: type[Shape]) -> list[Shape]:
    columns = [_values(table.column(field.name)) for field in msgspec.structs.fields(shape)]
    return [shape(**dict(zip(table.column_names, row, strict=True))) for row in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column's values; those that repeat (times, hashes) become one object each."""
    if pa.types.is_timestamp(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        known = [
            at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC) for at in encoded.dictionary.to_pylist()
        ]
        return [known[index] for index in encoded.indices.to_pylist()]
    if pa.types.is_list(column.type):
        return [tuple(value or ()) for value in column.to_pylist()]
    return column.to_pylist()  # type: ignore[no-any-return]


def read_file(trail: Path, file: TableFile) -> pa.Table:
    """Return a file's rows. Raises TrailError where it is gone, torn or of another table."""
    path = trail / file.name
    try:
        table = pq.read_table(path, partitioning=None, use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as cause:
        raise TrailError("a file of the directory's tables cannot be read", where=str(path), remedy=RESTORE) from cause
    if not table.schema.equals(SCHEMAS[file.table]) or len(table) != file.rows:
        raise TrailError(
            "a file of the directory's tables is not the one that was sealed", where=str(path), remedy=RESTORE
        )
    return table
