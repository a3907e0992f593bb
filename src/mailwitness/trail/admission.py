"""Which rows of a batch become leaves: new ones, and conflicts under an identity of their own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError
from mailwitness.event import ENTRY_LIMIT, conflict_event_id
from mailwitness.trail.identities import CONFLICT, UNKNOWN, Identities, Keys, Month, keys_of
from mailwitness.trail.leaves import PENDING_SCHEMA
from mailwitness.trail.projection import months_of, recanonical
from mailwitness.trail.schema import BATCH_SCHEMA

DROPPED, RECORDED, KEPT_APART = 0, 1, 2


class Admitted(msgspec.Struct, frozen=True):
    """The rows of a batch that become leaves, the month of each, and what became of every row."""

    rows: pa.RecordBatch
    months: npt.NDArray[np.str_]
    kept: npt.NDArray[np.int8]
    conflicts: list[tuple[str, str]]


class Admission:
    """Judges batches against what the log holds and what is appended already."""

    def __init__(self, events: Path, live: dict[str, list[str]], limit: int) -> None:
        """Judge against the Parquet files `live` (by month, below `events`); `limit` bounds the memory, in bytes."""
        self._events = events
        self._live = live
        self._known = Identities(self._load, limit)

    def committed(self, live: dict[str, list[str]]) -> None:
        """Say that everything admitted stands in the table, whose files are `live` now."""
        self._live = live
        self._known.committed()

    def replaced(self, live: dict[str, list[str]]) -> None:
        """Say that the table's files are `live` now; what they hold is the same."""
        self._live = live

    def forget(self, month: str, live: dict[str, list[str]]) -> None:
        """Say that a month's events are gone from the table, whose files are `live` now."""
        self._live = live
        self._known.forget(month)

    def _load(self, month: str) -> Keys:
        parts = [keys_of(*_identity_columns(self._events / path)) for path in self._live.get(month, [])]
        empty = np.empty(0, dtype=np.uint64)
        return Keys(*(np.concatenate([empty, *(getattr(k, name) for k in parts)]) for name in Keys.__struct_fields__))

    def admit(self, batch: pa.RecordBatch) -> Admitted:
        """Judge each row of a batch of BATCH_SCHEMA. Raises ValueError where the batch breaks the contract."""
        _check(batch)
        ids, digests = batch.column("event_id"), batch.column("content_digest")
        keys = keys_of(ids, digests)
        months = months_of(batch.column("occurred_at"))
        kept = np.zeros(len(batch), dtype=np.int8)
        renamed: dict[int, str] = {}
        for name in np.unique(months):
            rows = np.flatnonzero(months == name)
            self._judge(str(name), rows, keys, kept)
            apart = rows[kept[rows] == KEPT_APART]
            if len(apart):
                renamed |= self._rename(str(name), apart, ids, digests, kept)
        conflicts = [(ids[row].as_py(), new) for row, new in sorted(renamed.items())]
        chosen = np.flatnonzero(kept != DROPPED)
        taken = batch if len(chosen) == len(batch) else batch.take(pa.array(chosen))
        if renamed:
            taken = _with_identities(taken, {int(np.searchsorted(chosen, row)): new for row, new in renamed.items()})
        return Admitted(_as_pending(taken), months[chosen], kept, conflicts)

    def _judge(self, month: str, rows: npt.NDArray[np.intp], keys: Keys, kept: npt.NDArray[np.int8]) -> None:
        """Set `kept` of the rows of one month, conflicts as KEPT_APART, and hold the recorded ones."""
        mine = keys.take(rows)
        found = self._known.month(month).look_up(mine)
        kept[rows[found == CONFLICT]] = KEPT_APART
        new = np.flatnonzero(found == UNKNOWN)
        first = new[_first_of_each(mine.take(new))]
        kept[rows[first]] = RECORDED
        self._known.add(month, mine.take(first))
        if len(first) < len(new):
            again = np.setdiff1d(new, first, assume_unique=True)
            held = Month(mine.take(first)).look_up(mine.take(again))
            kept[rows[again[held == CONFLICT]]] = KEPT_APART

    def _rename(
        self, month: str, rows: npt.NDArray[np.intp], ids: pa.Array, digests: pa.Array, kept: npt.NDArray[np.int8]
    ) -> dict[int, str]:
        """Give conflicts their own identity; those kept under it before are dropped."""
        names = [conflict_event_id(ids[int(row)].as_py(), digests[int(row)].as_py()) for row in rows]
        keys = keys_of(pa.array(names, pa.string()), digests.take(pa.array(rows)))
        unknown = np.flatnonzero(self._known.month(month).look_up(keys) == UNKNOWN)
        first = unknown[_first_of_each(keys.take(unknown))]
        self._known.add(month, keys.take(first))
        kept[rows] = DROPPED
        kept[rows[first]] = KEPT_APART
        return {int(rows[i]): names[i] for i in first}


def _identity_columns(path: Path) -> tuple[pa.Array, pa.Array]:
    try:
        table = pq.read_table(path, columns=["event_id", "content_digest"], partitioning=None).combine_chunks()
    except (OSError, pa.ArrowException) as cause:
        raise TrailError("a file of the events table cannot be read", where=str(path), remedy="run verify") from cause
    return tuple(column.combine_chunks() for column in table.columns)


def _first_of_each(keys: Keys) -> npt.NDArray[np.intp]:
    """Return, ascending, the index of the first element of each id."""
    order = np.lexsort((keys.low, keys.high))  # stable: equal ids stay in the order they came
    high, low = keys.high[order], keys.low[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return np.sort(order[first])


def _check(batch: pa.RecordBatch) -> None:
    if batch.schema != BATCH_SCHEMA:
        raise ValueError("a batch that has not BATCH_SCHEMA")
    kinds = batch.column("leaf_kind").unique()
    if len(batch) and kinds.to_pylist() != ["event"]:
        raise ValueError("a batch with leaves that are no events")
    if batch.column("occurred_at").null_count or batch.column("entry").null_count:
        raise ValueError("an event without occurred_at or entry")
    lengths = pa.compute.binary_length(batch.column("entry"))
    if len(batch) and pa.compute.max(lengths).as_py() > ENTRY_LIMIT:
        raise ValueError(f"an entry of more than {ENTRY_LIMIT} bytes")


def _as_pending(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows of BATCH_SCHEMA under PENDING_SCHEMA; casting every column takes ten times longer."""
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(rows.columns, PENDING_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PENDING_SCHEMA)


def _with_identities(rows: pa.RecordBatch, renamed: dict[int, str]) -> pa.RecordBatch:
    ids, entries = rows.column("event_id").to_pylist(), rows.column("entry").to_pylist()
    for row, name in renamed.items():
        ids[row] = name
        entries[row] = recanonical(orjson.loads(entries[row]) | {"event_id": name})
    for name, values in (("event_id", ids), ("entry", entries)):
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows
