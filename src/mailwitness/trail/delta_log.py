"""Reading a Delta Lake transaction log: which Parquet files make up the table, and which commit brought them.

The reader is our own, because recovery and verification look at single versions, damaged ones too, and because a
hostile log must not reach a native parser that may abort. Writing is the deltalake library's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError
from mailwitness.trail.durable import open_regular

_COMMIT = re.compile(r"([0-9]{20})\.json")
_CHECKPOINT = re.compile(r"([0-9]{20})\.checkpoint\.parquet")
_DATA_FILE = re.compile(r"log_id=([A-Za-z][A-Za-z0-9-]{0,63})/month=([0-9]{4}-[0-9]{2})/[A-Za-z0-9._-]{1,120}\.parquet")
COMMIT_LIMIT = 1 << 30
"""Bytes of one commit at most."""


class _Stats(msgspec.Struct):
    numRecords: int  # noqa: N815 - the protocol's names here and below
    minValues: dict[str, Any] = {}  # noqa: N815
    maxValues: dict[str, Any] = {}  # noqa: N815


class _Add(msgspec.Struct):
    path: str
    size: int
    stats: str | None = None


class _Remove(msgspec.Struct):
    path: str


class Span(msgspec.Struct, frozen=True):
    """What a commit of ours says of itself: it holds the leaves from `first`, and the log has `size` after it."""

    first: int
    size: int


class _CommitInfo(msgspec.Struct):
    mailwitness: Span | None = None


class _Action(msgspec.Struct):
    add: _Add | None = None
    remove: _Remove | None = None
    commitInfo: _CommitInfo | None = None  # noqa: N815


class DataFile(msgspec.Struct, frozen=True):
    """A Parquet file of the table, as the log describes it."""

    path: str
    size: int
    log_id: str
    month: str
    rows: int
    first_seq: int
    last_seq: int


class Version(msgspec.Struct, frozen=True):
    """One commit of the table."""

    number: int
    added: tuple[DataFile, ...]
    removed: tuple[str, ...]
    span: Span | None


class Snapshot(msgspec.Struct, frozen=True):
    """The table at its last readable version."""

    version: int
    files: dict[str, DataFile]
    size: int
    """Leaves by the last commit's own word, or by the files where a checkpoint is all there is."""

    @property
    def rows(self) -> int:
        """Rows in the live files."""
        return sum(file.rows for file in self.files.values())


def commit_path(delta_log: Path, number: int) -> Path:
    """Return the path of a version's commit."""
    return delta_log / f"{number:020d}.json"


def checkpoint_path(delta_log: Path, number: int) -> Path:
    """Return the path of a Delta checkpoint at a version."""
    return delta_log / f"{number:020d}.checkpoint.parquet"


def commits_in(delta_log: Path) -> list[int]:
    """Return the numbers of the commits there, ascending."""
    return _numbers(delta_log, _COMMIT)


def checkpoints_in(delta_log: Path) -> list[int]:
    """Return the numbers of the Delta checkpoints there, ascending."""
    return _numbers(delta_log, _CHECKPOINT)


def number_of(name: str) -> int | None:
    """Return the version in the name of a commit or Delta checkpoint, None for any other name."""
    match = _COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name)
    return int(match[1]) if match else None


def is_staged(name: str) -> bool:
    """Return whether a name is one the deltalake library writes on its way: before a rename, or as a hint.

    `_last_checkpoint` is the hint; the protocol does without it, and the writer removes it.
    """
    return "#" in name or name.startswith("_commit_") or name == "_last_checkpoint"


def _numbers(delta_log: Path, pattern: re.Pattern[str]) -> list[int]:
    try:
        names = [path.name for path in delta_log.iterdir()]
    except OSError as cause:
        raise TrailError("the events table has no log", where=str(delta_log)) from cause
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def read_commit(path: Path) -> Version:
    """Read one commit. Raises TrailError where it is empty, torn or says what cannot be."""
    try:
        data = _read(path)
        actions = _actions(data)
        span = next((a.commitInfo.mailwitness for a in actions if a.commitInfo), None)
        added = tuple(_data_file(a.add.path, a.add.size, a.add.stats) for a in actions if a.add)
        removed = tuple(a.remove.path for a in actions if a.remove)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        raise TrailError(f"a commit of the events table cannot be read: {cause}", where=str(path)) from cause
    return Version(int(path.name[:20]), added, removed, span)


def _actions(data: bytes) -> list[_Action]:
    actions = [msgspec.json.decode(line, type=_Action) for line in data.split(b"\n") if line.strip()]
    if not any(a.add or a.remove or a.commitInfo for a in actions):
        raise ValueError("it is empty")
    return actions


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(COMMIT_LIMIT + 1)
    except OSError as cause:
        raise TrailError(f"a commit of the events table cannot be read: {cause.strerror}", where=str(path)) from cause
    if len(data) > COMMIT_LIMIT:
        raise TrailError("a commit of the events table is larger than any we write", where=str(path))
    return data


def _data_file(path: str, size: int, stats: str | None) -> DataFile:
    match = _DATA_FILE.fullmatch(unquote(path))
    if not match:
        raise ValueError(f"a file outside the table's own naming: {path[:200]!r}")
    values = msgspec.json.decode(stats or "null", type=_Stats)
    first, last = values.minValues.get("seq"), values.maxValues.get("seq")
    if type(first) is not int or type(last) is not int:
        raise ValueError(f"a file without the range of its leaves: {path!r}")
    return DataFile(match[0], size, match[1], match[2], values.numRecords, first, last)


def read_checkpoint(path: Path) -> dict[str, DataFile]:
    """Read the live files out of a Delta checkpoint. Raises TrailError where it cannot be read."""
    try:
        with open_regular(path) as file:
            table = pq.read_table(pa.PythonFile(file), columns=["add"], use_threads=False)
        rows = table.column("add").to_pylist()
        files = [_data_file(row["path"], row["size"], row["stats"]) for row in rows if row]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as cause:
        raise TrailError("a checkpoint of the events table cannot be read", where=str(path)) from cause
    return {file.path: file for file in files}


def read_snapshot(delta_log: Path, until: int | None = None) -> Snapshot:
    """Replay the log up to its last version, or up to `until`.

    Raises TrailError where a commit it needs is missing or cannot be read, naming the file.
    """
    commits = commits_in(delta_log)
    last = max([*commits, *checkpoints_in(delta_log)], default=-1) if until is None else until
    start = max((n for n in checkpoints_in(delta_log) if n <= last), default=-1)
    files = read_checkpoint(checkpoint_path(delta_log, start)) if start >= 0 else {}
    size = max((file.last_seq + 1 for file in files.values()), default=0)
    if last < 0:
        raise TrailError("the events table has no commit", where=str(delta_log))
    for number in range(start + 1, last + 1):
        version = read_commit(commit_path(delta_log, number))
        for path in version.removed:
            files.pop(path, None)
        files.update((file.path, file) for file in version.added)
        size = version.span.size if version.span else size
    return Snapshot(last, files, size)
