"""The tables of observations: Delta Lake below TRAIL/directory/, one file an evidence and table, written durably.

The custody leaf of an evidence names its files with their SHA-256, and decides: a file that no leaf names was never
acknowledged and is removed by the next writer, and a table's own log is put right from what the leaves say.
"""

from __future__ import annotations

import json
import secrets
import time
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from mailwitness.directory.model import (
    OWN_TIME,
    DescriptorOf,
    Member,
    Observation,
    Principal,
    RoleAssignment,
    SchemaGuid,
    Setting,
    StatedRight,
)
from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import commit_path
from mailwitness.trail.durable import TEMPORARY, make_directory, sync_directory, sync_file
from mailwitness.trail.reader import RESTORE
from mailwitness.trail.sealing import hash_file

OBSERVED: dict[str, type[Observation]] = {
    "principals": Principal,
    "members": Member,
    "descriptors": DescriptorOf,
    "settings": Setting,
    "schema_guids": SchemaGuid,
    "stated_rights": StatedRight,
    "role_assignments": RoleAssignment,
}
DESCRIPTOR_BYTES = "descriptor_bytes"
"""The table of distinct descriptors: each once, under its SHA-256."""
BATCH_ROWS = 20_000
"""Rows that become one row group: what a table of a large directory needs of memory while it is written."""
_ARROW = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
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


def _arrow(hint: Any) -> pa.DataType:  # noqa: ANN401 - an annotation
    arguments = [part for part in typing.get_args(hint) if part is not types.NoneType]
    if typing.get_origin(hint) is tuple:
        return pa.list_(pa.string())
    if typing.get_origin(hint) is typing.Literal:
        return pa.string()
    if arguments:
        return _arrow(arguments[0])
    return _ARROW[hint]


def _schema(shape: type[Observation]) -> pa.Schema:
    hints = typing.get_type_hints(shape)
    return pa.schema([pa.field(field.name, _arrow(hints[field.name])) for field in msgspec.structs.fields(shape)])


SCHEMAS: dict[str, pa.Schema] = {name: _schema(shape) for name, shape in OBSERVED.items()} | {
    DESCRIPTOR_BYTES: pa.schema([pa.field("sha256", pa.string()), pa.field("data", pa.binary())])
}
_TABLE_OF = {shape: name for name, shape in OBSERVED.items()}
_STATED = {
    name: ("evidence_sha256",) if shape in OWN_TIME else ("observed_at", "evidence_sha256")
    for name, shape in OBSERVED.items()
}
"""Columns that are one and the same for all rows of an evidence."""
_SAID = {
    name: [number for number, field in enumerate(schema.names) if field not in _STATED.get(name, ())]
    for name, schema in SCHEMAS.items()
}


class Rows:
    """Observations on their way into the tables, kept as Arrow batches.

    When and from which evidence they were made is one thing for all of them, said when they are written: the hash of
    a snapshot is known only when its last object has been read.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(SCHEMAS, 0)
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SCHEMAS}
        self._batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in SCHEMAS}

    def add(self, observation: Observation) -> None:
        """Take in one observation."""
        self._take(_TABLE_OF[type(observation)], msgspec.structs.astuple(observation))

    def add_descriptor(self, sha256: str, data: bytes) -> None:
        """Take in the bytes of a descriptor; the caller sees to it that each comes once."""
        self._take(DESCRIPTOR_BYTES, (sha256, data))

    def _take(self, name: str, row: tuple[Any, ...]) -> None:
        """Keep a row of all columns of its table; those that are stated for all rows later do not count."""
        rows = self._rows[name]
        rows.append(row)
        self.counts[name] += 1
        if len(rows) >= BATCH_ROWS:
            self._settle(name)

    def _settle(self, name: str) -> None:
        if rows := self._rows[name]:
            values = list(zip(*rows, strict=True))
            fields = [SCHEMAS[name].field(number) for number in _SAID[name]]
            columns = [_column(values[number], SCHEMAS[name].field(number)) for number in _SAID[name]]
            self._batches[name].append(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))
            self._rows[name] = []

    def tables(self, observed_at: datetime, evidence_sha256: str) -> Iterable[tuple[str, list[pa.RecordBatch]]]:
        """Yield every table that has rows, each batch with the time and the evidence of all of them."""
        for name in SCHEMAS:
            self._settle(name)
            if batches := self._batches.pop(name, []):
                if name in OBSERVED:
                    batches = [_stated(name, batch, observed_at, evidence_sha256) for batch in batches]
                yield name, batches


def _column(values: Sequence[Any], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except UnicodeEncodeError:  # a lone surrogate, which no column can hold: who made the row has said so
        return pa.array([_encodable(value) for value in values], field.type)


def _encodable(value: Any) -> Any:  # noqa: ANN401 - a value of a row
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return tuple(_encodable(part) for part in value) if isinstance(value, tuple) else value


def _stated(name: str, batch: pa.RecordBatch, observed_at: datetime, evidence_sha256: str) -> pa.RecordBatch:
    said = {"observed_at": observed_at, "evidence_sha256": evidence_sha256}
    columns = dict(zip(batch.schema.names, batch.columns, strict=True)) | {
        field: pa.repeat(pa.scalar(said[field], SCHEMAS[name].field(field).type), len(batch)) for field in _STATED[name]
    }
    return pa.RecordBatch.from_arrays([columns[field] for field in SCHEMAS[name].names], schema=SCHEMAS[name])


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


def _read_file(trail: Path, file: TableFile, shape: type[Observation]) -> list[Observation]:
    table = read_file(trail, file)
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
