"""Observations on their way: the columns of every table, and rows that gather as Arrow batches."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

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
_GATHERED = {name: pa.schema([SCHEMAS[name].field(number) for number in numbers]) for name, numbers in _SAID.items()}


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

    @property
    def have_one_time(self) -> bool:
        """Whether no row has a time of its own."""
        return not any(self.counts[name] for name, stated in _STATED.items() if "observed_at" not in stated)

    def add_batch(self, name: str, batch: pa.RecordBatch) -> None:
        """Take in rows that another process gathered (`take_batches`)."""
        self._batches[name].append(batch)
        self.counts[name] += len(batch)

    def values(self, name: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield these columns of the rows held of a table."""
        self._settle(name)
        for batch in self._batches[name]:
            yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)

    def take_batches(self) -> list[tuple[str, pa.RecordBatch]]:
        """Return the rows held, each batch with the name of its table, and begin anew."""
        for name in SCHEMAS:
            self._settle(name)
        found = [(name, batch) for name, batches in self._batches.items() for batch in batches]
        self.__init__()  # type: ignore[misc] # begins anew
        return found

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
            columns = [_column(values[number], SCHEMAS[name].field(number)) for number in _SAID[name]]
            self._batches[name].append(pa.RecordBatch.from_arrays(columns, schema=_GATHERED[name]))
            self._rows[name] = []

    def tables(self, observed_at: datetime, evidence_sha256: str) -> Iterable[tuple[str, list[pa.RecordBatch]]]:
        """Yield every table that has rows, each batch with the time and the evidence of all of them."""
        for name in SCHEMAS:
            self._settle(name)
            if batches := self._batches.pop(name, []):
                if name in OBSERVED:
                    batches = [_stated(name, batch, observed_at, evidence_sha256) for batch in batches]
                yield name, batches


def read_batch(name: str, message: bytes) -> pa.RecordBatch:
    """Return rows of table `name` from the IPC message another process made of them (without its schema message)."""
    return pa.ipc.read_record_batch(pa.py_buffer(message), _GATHERED[name])


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
