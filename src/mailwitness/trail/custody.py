"""What all custody leaves together say, kept as they come: a question about them reads only the leaves that are new.

Every delivery that was acknowledged is a custody leaf, so that a trail of some months has hundreds of thousands of
them. A `Summary` takes in one statement after the other; what it came to is kept below `derived/custody/` with the
size and the root it belongs to, and the next question goes on from there. It is no evidence: a file that is damaged,
of another version, of another log, or of a tree that is not the start of this one is left aside and made anew from
the leaves. So is one that belongs to somebody else than this process, root, or whoever writes the trail: what other
accounts may write below `derived/` must not decide an answer.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, TypeVar

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailwitness import __version__
from mailwitness.errors import EvidenceError, TrailError, VerificationError
from mailwitness.trail.durable import open_regular
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.projection import resolve_blobs
from mailwitness.trail.proofs import TiledLog
from mailwitness.trail.purged import long_value
from mailwitness.trail.reader import RESTORE, TrailReader

KEEP_EVERY = 1_000
"""Custody leaves that are read before a summary is written anew: so few are read in some milliseconds."""
_ROWS = 10_000
_IN_A_BLOB = b'"statement":{"sha256"'
_HEADER_LIMIT = 4_096
_SUMMARY_LIMIT = 1 << 30


class Summary(msgspec.Struct):
    """What the custody leaves come to for one question; a subclass has fields that msgspec writes, all with defaults.

    What `take` makes of the statements may depend on their order, but on nothing else: it goes on where an earlier
    process stopped.
    """

    name: ClassVar[str]
    """Of its file."""
    version: ClassVar[int] = 1
    """Raised whenever the fields or what `take` makes of a statement change."""
    marks: ClassVar[tuple[bytes, ...]]
    """One of them stands in every entry that `take` is to see; the others are not even parsed."""

    def take(self, said: Mapping[str, Any]) -> None:
        """Take in what one custody leaf states."""
        raise NotImplementedError


S = TypeVar("S", bound=Summary)


class _Header(msgspec.Struct, frozen=True):
    """What stands before a kept summary: what it is of, and what tells that it is whole."""

    made_by: str
    version: int
    log_id: str
    origin: str
    size: int
    root: str
    sha256: str


def summarised(reader: TrailReader, kind: type[S]) -> S:
    """Return what all custody leaves under `reader`'s checkpoint come to.

    Raises TrailError where the leaves cannot be read, and EvidenceError where a long value is gone or was changed.
    """
    summary, since = _kept(reader, kind) or (kind(), 0)
    store, read = EvidenceStore(reader.trail, "hash"), 0

    def load(sha256: str) -> bytes:
        try:
            return long_value(store, sha256)
        except ValueError as cause:
            raise EvidenceError("a value kept beside its entry was changed", where=sha256, remedy=RESTORE) from cause

    for entry in _entries(reader, since):
        read += 1
        if _IN_A_BLOB in entry or any(mark in entry for mark in kind.marks):
            said = resolve_blobs(orjson.loads(entry), load).get("statement")
            if isinstance(said, dict):
                summary.take(said)
    if read >= KEEP_EVERY:
        _keep(reader, summary)
    return summary


def _entries(reader: TrailReader, since: int) -> Iterator[bytes]:
    """Yield the custody leaves of the log from `since` on in their order; memory is that of some files' leaves."""
    wanted = (pc.field("leaf_kind") == "custody") & (pc.field("seq") >= since) & (pc.field("seq") < reader.size)
    for paths in reader.leaf_runs(since):
        try:
            found = pa.concat_tables(
                pq.read_table(path, columns=["seq", "entry"], filters=wanted, partitioning=None) for path in paths
            )
            for batch in found.sort_by("seq").to_batches(_ROWS):
                yield from batch.column("entry").to_pylist()
        except (OSError, pa.ArrowException, ValueError) as cause:
            where = str(paths[0].parent)
            raise TrailError(f"the custody leaves cannot be read: {cause}", where=where, remedy=RESTORE) from cause


def _path(reader: TrailReader, kind: type[Summary]) -> Path:
    return reader.trail.derived / "custody" / f"{kind.name}.summary"


def _kept(reader: TrailReader, kind: type[S]) -> tuple[S, int] | None:
    """Return the summary that was kept and the leaves it is of, None where there is none of use."""
    try:
        with open_regular(_path(reader, kind)) as file:
            if not _is_trusted(reader, file):
                return None
            head, body = file.readline(_HEADER_LIMIT), file.read(_SUMMARY_LIMIT)
        header = msgspec.json.decode(head, type=_Header)
        if not _belongs(reader, kind, header) or hashlib.sha256(body).hexdigest() != header.sha256:
            return None
        return msgspec.msgpack.decode(body, type=kind), header.size
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return None  # whatever is wrong with it, the leaves are what counts


def _is_trusted(reader: TrailReader, file: BinaryIO) -> bool:
    status = os.fstat(file.fileno())
    writer = reader.trail.checkpoint(reader.settings.log_id).stat().st_uid
    return status.st_uid in (os.geteuid(), 0, writer) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _belongs(reader: TrailReader, kind: type[Summary], header: _Header) -> bool:
    """Return whether a summary was made by this version, of this log, of the leaves this log begins with."""
    if (header.made_by, header.version) != (__version__, kind.version):
        return False
    if (header.log_id, header.origin) != (reader.settings.log_id, reader.origin):
        return False
    return begins_with(reader, header.size, header.root)


def begins_with(reader: TrailReader, size: int, root: str) -> bool:
    """Return whether the first `size` leaves of the log have that root, in hex; tiles that are damaged show nothing."""
    if not 0 < size <= reader.size:
        return False
    tree = TiledLog(reader.trail.log(reader.settings.log_id), reader.size)
    try:
        return (reader.root if size == reader.size else tree.range_hash(0, size)).hex() == root
    except VerificationError:
        return False


def _keep(reader: TrailReader, summary: Summary) -> None:
    """Keep a summary for the next question, where this process may write: a file that is not kept costs time only."""
    path = _path(reader, type(summary))
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    body = msgspec.msgpack.encode(summary)
    header = _Header(
        made_by=__version__,
        version=summary.version,
        log_id=reader.settings.log_id,
        origin=reader.origin,
        size=reader.size,
        root=reader.root.hex(),
        sha256=hashlib.sha256(body).hexdigest(),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(header) + b"\n" + body)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError:
        return  # a trail that may only be read: the next question reads all leaves once more
