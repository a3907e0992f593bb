"""Writing the events table: Parquet files of our own, committed to Delta Lake, every byte fsynced in order."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.transaction import AddAction, RemoveAction

from mailwitness.errors import TrailError
from mailwitness.trail.delta_log import DataFile, checkpoint_path, commit_path
from mailwitness.trail.durable import (
    all_at_once,
    make_directory,
    sync_directories,
    sync_directory,
    sync_file,
    write_synced,
)
from mailwitness.trail.layout import Trail
from mailwitness.trail.schema import EVENTS_SCHEMA, FILE_SCHEMA

PARTITIONS = ["log_id", "month"]
FRESH_ROW_GROUP = 5_000
"""Rows of a row group in files as they are appended: small, so that the Bloom filter on the mailbox prunes."""
ZSTD_LEVEL = 3
_PLAIN = {"entry", "event_id", "content_digest", "seq"}
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": ZSTD_LEVEL,
    "use_dictionary": [name for name in FILE_SCHEMA.names if name not in _PLAIN],
    "write_page_checksum": True,
}
"""How every file of the table is written."""
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class Written(msgspec.Struct, frozen=True):
    """A Parquet file that was written and fsynced but not committed yet."""

    file: DataFile
    sha256: str
    first_at: str | None
    last_at: str | None


def create_table(trail: Trail) -> None:
    """Make the empty events table durably."""
    make_directory(trail.events)
    DeltaTable.create(
        str(trail.events.absolute()),
        schema=EVENTS_SCHEMA,
        partition_by=PARTITIONS,
        configuration={"delta.dataSkippingStatsColumns": "seq,occurred_at"},
    )
    sync_file(commit_path(trail.delta_log, 0))
    sync_directory(trail.delta_log)
    sync_directory(trail.events)


class EventsTable:
    """The handle of the one writer."""

    def __init__(self, trail: Trail, log_id: str) -> None:
        self._trail = trail
        self._log_id = log_id
        self._table = DeltaTable(str(trail.events.absolute()))

    @property
    def version(self) -> int:
        """The table's last version."""
        return int(self._table.version())

    def write(self, rows: pa.Table, months: npt.NDArray[np.str_]) -> list[Written]:
        """Write `rows` (FILE_SCHEMA, ascending seq), one file a month, fsynced with their folders."""
        version = self.version + 1
        names, numbers, counts = np.unique(months, return_inverse=True, return_counts=True)
        places = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
        parts = list(zip(names.tolist(), places, strict=True))
        written = all_at_once(lambda part: self._write_file(rows, *part, version), parts)
        sync_directories(self._trail.events / w.file.path.rpartition("/")[0] for w in written)
        return written

    def _write_file(self, rows: pa.Table, month: str, mine: npt.NDArray[np.intp], version: int) -> Written:
        if len(mine) < len(rows):
            rows = rows.take(pa.array(mine))
        sink = pa.BufferOutputStream()
        pq.write_table(
            rows,
            sink,
            row_group_size=FRESH_ROW_GROUP,
            **PARQUET,
            bloom_filter_options={"mailbox_ref": {"ndv": FRESH_ROW_GROUP, "fpp": 0.01}},
        )
        data = memoryview(sink.getvalue())
        seq = rows.column("seq")
        first, last = seq[0].as_py(), seq[-1].as_py()
        path = data_path(self._log_id, month, version, first, last)
        make_directory((self._trail.events / path).parent)
        write_synced(self._trail.events / path, data)
        file = DataFile(path, len(data), self._log_id, month, len(rows), first, last)
        return Written(file, hashlib.sha256(data).hexdigest(), *time_range(rows))

    def commit(
        self, added: Sequence[Written], removed: Iterable[DataFile], first: int, size: int, *, purges: bool = False
    ) -> Path:
        """Commit files to the table and make the commit durable; return its path.

        `first` and `size` say which leaves the commit brings and how many the log has then; `purges` that the rows of
        the removed files stand in no other.
        """
        now = time.time_ns() // 1_000_000
        changes = not (removed := list(removed))
        actions: list[AddAction | RemoveAction] = [_add(written, now, data_change=changes) for written in added]
        actions += [
            RemoveAction(
                path=file.path,
                data_change=purges,
                deletion_timestamp=now,
                size=file.size,
                partition_values={"log_id": file.log_id, "month": file.month},
            )
            for file in removed
        ]
        self._table.create_write_transaction(
            actions,
            "append",
            EVENTS_SCHEMA,
            PARTITIONS,
            commit_properties=CommitProperties(
                custom_metadata={"mailwitness": {"first": first, "size": size}}, max_commit_retries=0
            ),
            post_commithook_properties=_NO_HOOKS,
        )
        expected = self.version + 1
        self._table.update_incremental()
        if self.version != expected:
            raise TrailError(
                f"the events table is at version {self.version} where {expected} is due: somebody else writes to it",
                where=str(self._trail.events),
                remedy="let only Mailwitness write to the trail",
            )
        path = commit_path(self._trail.delta_log, expected)
        sync_file(path)
        sync_directory(self._trail.delta_log)
        return path

    def checkpoint(self) -> Path:
        """Write a Delta checkpoint at the current version, durably, and return its path.

        `_last_checkpoint` is removed: it is a hint the protocol does without, and the one file that would be changed
        in place.
        """
        self._table.create_checkpoint()
        path = checkpoint_path(self._trail.delta_log, self.version)
        sync_file(path)
        (self._trail.delta_log / "_last_checkpoint").unlink(missing_ok=True)
        sync_directory(self._trail.delta_log)
        self._table = DeltaTable(str(self._trail.events.absolute()))
        return path


def data_path(log_id: str, month: str, version: int, first: int, last: int, *, letter: str = "v") -> str:
    """Return the name of a new Parquet file: the version it is meant for and the range of its leaves.

    The letter is v for rows as they came and c for compacted ones.
    """
    return f"log_id={log_id}/month={month}/{letter}{version}-{first}-{last}-{secrets.token_hex(4)}.parquet"


def _add(written: Written, now: int, *, data_change: bool) -> AddAction:
    file = written.file
    low: dict[str, object] = {"seq": file.first_seq}
    high: dict[str, object] = {"seq": file.last_seq}
    if written.first_at and written.last_at:
        low["occurred_at"], high["occurred_at"] = written.first_at, written.last_at
    stats = {"numRecords": file.rows, "minValues": low, "maxValues": high, "nullCount": {"seq": 0}}
    partition = {"log_id": file.log_id, "month": file.month}
    return AddAction(file.path, file.size, partition, now, data_change, json.dumps(stats))


def time_range(rows: pa.Table | pa.RecordBatch) -> tuple[str | None, str | None]:
    """Return the first and last occurred_at as Delta statistics write them: milliseconds, the last rounded up."""
    column = rows.column("occurred_at")
    joined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = joined.cast(pa.int64()).drop_null()
    if not len(values):
        return None, None
    numbers = values.to_numpy(zero_copy_only=False)
    return _millisecond(int(numbers.min()) // 1000), _millisecond(-(-int(numbers.max()) // 1000))


def _millisecond(value: int) -> str:
    return str(np.datetime64(value, "ms")) + "Z"
