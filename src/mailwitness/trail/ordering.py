"""Reading rows of many Parquet files in an order of our own, with flat memory.

The place each row is to have is known before (its rank). One pass over the files deals the rows into buckets of
consecutive ranks; a bucket that is complete is sorted and handed out, and what does not fit in memory meanwhile is
spilled to temporary files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

BUCKET_ROWS = 20_000
BUCKETS = 200
"""Buckets at most: each may have a temporary file open. Larger inputs get larger buckets."""
MEMORY = 32 << 20
"""Bytes of rows held before they are spilled."""
_BATCH = 5_000

Ranks = npt.NDArray[np.int64]
RankOf = Callable[[int, int, pa.RecordBatch], Ranks]
"""Gives the rank of each row of a batch: called with the number of its file and of its first row in that file.
A negative rank leaves the row out."""


class _Bucket:
    """Rows of consecutive ranks: pieces in memory, and before them pieces in a file."""

    def __init__(self) -> None:
        self.rows = 0
        self.pieces: list[pa.RecordBatch] = []
        self._spill: pa.ipc.RecordBatchStreamWriter | None = None
        self._path = Path()

    def spill(self, path: Path) -> None:
        """Write the pieces in memory to a file."""
        if not self.pieces:
            return
        if self._spill is None:
            self._path = path
            self._spill = pa.ipc.new_stream(path, self.pieces[0].schema, options=_SPILL)
        for piece in self.pieces:
            self._spill.write_batch(piece)
        self.pieces = []

    def take(self) -> pa.Table:
        """Return all rows by rank, without the rank, and forget them."""
        tables = []
        if self._spill is not None:
            self._spill.close()
            with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as stream:
                tables.append(stream.read_all())
            self._path.unlink()
        tables.append(pa.Table.from_batches(self.pieces, self.pieces[0].schema if self.pieces else tables[0].schema))
        self.pieces = []
        rows = pa.concat_tables(tables)
        ranks = rows.column("rank").to_numpy()
        if len(np.unique(ranks)) < len(ranks):
            raise ValueError("rows that claim one place")
        return rows.take(pa.array(np.argsort(ranks))).drop_columns(["rank"])


_SPILL = pa.ipc.IpcWriteOptions(compression="lz4")


def in_order(paths: Sequence[Path], schema: pa.Schema, total: int, rank_of: RankOf) -> Iterator[pa.Table]:
    """Yield the columns of `schema` of the rows of `paths` by rank, 0 to before `total`, as tables of many rows.

    Every rank has to come exactly once; raises ValueError where one does not. Raises what pyarrow raises for a file
    that cannot be read.
    """
    width = max(BUCKET_ROWS, -(-total // BUCKETS))
    buckets = [_Bucket() for _ in range(-(-total // width))]
    held = done = 0
    with tempfile.TemporaryDirectory(prefix="mailwitness-") as folder:
        for batch, ranks in _ranked(paths, schema, rank_of):
            for number, piece in _deal(batch, ranks, width):
                buckets[number].pieces.append(piece)
                buckets[number].rows += len(piece)
                held += piece.nbytes
            while done < len(buckets) and buckets[done].rows == min(width, total - done * width):
                held -= sum(piece.nbytes for piece in buckets[done].pieces)
                yield buckets[done].take()
                done += 1
            if held > MEMORY:
                for number, bucket in enumerate(buckets):
                    bucket.spill(Path(folder) / str(number))
                held = 0
    if done < len(buckets):
        raise ValueError(f"rows are missing or stand twice near place {done * width}")


def _ranked(paths: Sequence[Path], schema: pa.Schema, rank_of: RankOf) -> Iterator[tuple[pa.RecordBatch, Ranks]]:
    for number, path in enumerate(paths):
        first = 0
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_BATCH, columns=schema.names, use_threads=False):
                rows = [batch.column(field.name).cast(field.type) for field in schema]
                yield pa.RecordBatch.from_arrays(rows, schema=schema), rank_of(number, first, batch)
                first += len(batch)


def _deal(batch: pa.RecordBatch, ranks: Ranks, width: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    numbers = ranks // width
    order = np.argsort(numbers, kind="stable")
    order = order[np.searchsorted(numbers[order], 0) :]
    if not len(order):
        return
    numbers = numbers[order]
    rows = batch.take(pa.array(order)).append_column("rank", pa.array(ranks[order]))
    starts = np.concatenate([[0], np.flatnonzero(np.diff(numbers)) + 1])
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield int(numbers[start]), rows.slice(start, end - start)
