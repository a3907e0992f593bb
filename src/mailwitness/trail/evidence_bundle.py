"""Evidence bundles: some events of a trail, each provable by itself, in one ZIP that the second verifier checks.

A bundle holds the exact bytes of each entry, its proof (C2SP tlog-proof: index, RFC 6962 inclusion proof, signed
checkpoint), the custody leaves of the evidence it came from with theirs, long values, and the evidence files that the
trail keeps. Names in it are numbers and hashes: nothing of it comes from a record.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailwitness.errors import TrailError, UsageError
from mailwitness.event import leaf_hash
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.durable import open_regular, sync_file
from mailwitness.trail.evidence import EvidenceStore, is_sha256
from mailwitness.trail.note import NOTE_LIMIT, parse_verifier_key
from mailwitness.trail.proofs import TiledLog, inclusion_proof, verify_inclusion
from mailwitness.trail.reader import RESTORE, TrailReader, open_reader

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
FILE_LIMIT = 256 << 20
"""A larger evidence file is named in the bundle by its hash and not put in."""
_EVENT_ID = 64
_ALWAYS = (1980, 1, 1, 0, 0, 0)
"""The time of every member: a bundle of the same events is the same bytes."""
_README = """\
Evidence out of a Mailwitness trail
===================================
entries/N.json          entry N of the log, byte for byte as it was hashed (RFC 8785 JSON)
proofs/N.tlog-proof     C2SP tlog-proof: its place in the log and the signed checkpoint
files/SHA256            evidence files and long values that entries name by their SHA-256
verifier-key.txt        the log's verifier key, for convenience: trust only a key you kept elsewhere

Check it with nothing but Python 3.11 and the second verifier (verifier/mailwitness_verify.py):
    python mailwitness_verify.py THIS.zip --key KEY [--checkpoint FILE]
"""


class Bundled(msgspec.Struct, frozen=True):
    """What went into a bundle."""

    leaves: tuple[int, ...]
    """Numbers of the leaves, events and custody, ascending."""
    files: tuple[str, ...]
    """SHA-256 of each evidence file and long value that is in it."""
    left_out: tuple[str, ...]
    """SHA-256 of those that are named and not in it: not kept by the trail, or larger than FILE_LIMIT."""
    checkpoint: Checkpoint


def write_bundle(
    path: Path, event_ids: Sequence[str], out: Path, *, kept: Path | None = None, with_files: bool = True
) -> Bundled:
    """Write the events `event_ids` of the trail at `path` to the ZIP `out`, which must not exist.

    With `kept`, a checkpoint kept elsewhere, the proofs lead to it instead of to the trail's present one: who kept it
    can check the bundle against it. Raises UsageError for an id the trail does not have or a checkpoint older than the
    event, TrailError where the trail does not prove its own entries.
    """
    reader = open_reader(path)
    note = reader.note if kept is None else _read_note(kept)
    checkpoint = open_checkpoint(note, parse_verifier_key(reader.settings.verifier_key))
    if checkpoint.size > reader.size:
        raise TrailError(
            f"the kept checkpoint signs {checkpoint.size} leaves, the trail has {reader.size}: it was rolled back",
            where=str(kept),
            remedy=RESTORE,
        )
    leaves = _leaves(reader, event_ids)
    late = [seq for seq in leaves if seq >= checkpoint.size]
    if late:
        raise UsageError(f"leaf {late[0]} came in after the kept checkpoint", remedy="use a later checkpoint, or none")
    leaves |= {seq: entry for seq, entry in _custody(reader, leaves.values()) if seq < checkpoint.size}
    log = TiledLog(reader.trail.log(reader.settings.log_id), checkpoint.size)
    try:
        with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as archive:
            _put(archive, "README.txt", _README.encode())
            _put(archive, "verifier-key.txt", f"{reader.settings.verifier_key}\n".encode())
            for seq, entry in sorted(leaves.items()):
                proof = inclusion_proof(log.range_hash, seq, checkpoint.size)
                verify_inclusion(leaf_hash(entry), seq, checkpoint.size, proof, checkpoint.root)
                _put(archive, f"entries/{seq}.json", entry)
                _put(archive, f"proofs/{seq}.tlog-proof", tlog_proof(seq, proof, note))
            files, left_out = _put_files(archive, reader, leaves.values(), with_files=with_files)
        sync_file(out)
    except FileExistsError as cause:
        raise UsageError("there is something already", where=str(out), remedy="choose a new file") from cause
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return Bundled(tuple(sorted(leaves)), files, left_out, checkpoint)


def tlog_proof(index: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return a proof in C2SP's textual form: header, index, hashes, an empty line, the signed checkpoint."""
    lines = [PROOF_HEADER, f"index {index}", *(base64.b64encode(each).decode() for each in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def _leaves(reader: TrailReader, event_ids: Sequence[str]) -> dict[int, bytes]:
    asked = set(event_ids)
    for event_id in asked:
        if not is_sha256(event_id):
            raise UsageError(
                f"{event_id[:80]} is no event id",
                remedy=f"an event id is {_EVENT_ID} hexadecimal digits, see --format json",
            )
    found: dict[int, bytes] = {}
    missing = set(asked)
    wanted = pa.array(sorted(asked))
    for file in reader.event_files():
        rows = pq.read_table(file, columns=["event_id", "seq", "entry"], partitioning=None)
        rows = rows.filter(pc.is_in(rows["event_id"], value_set=wanted))
        for row in rows.to_pylist():
            if row["seq"] < reader.size:
                found[row["seq"]] = row["entry"]
                missing.discard(row["event_id"])
    if missing:
        raise UsageError(f"the trail has no event {min(missing)}", where=str(reader.trail.path))
    return found


def _custody(reader: TrailReader, entries: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the custody leaves of the evidence that entries name."""
    named = {evidence for entry in entries for evidence in _hashes(orjson.loads(entry))}
    for file in reader.leaf_files():
        for row in pq.read_table(file, columns=["leaf_kind", "seq", "entry"], partitioning=None).to_pylist():
            if row["leaf_kind"] != "custody":
                continue
            evidence = orjson.loads(row["entry"])["statement"].get("evidence") or ()
            if any(isinstance(each, dict) and each.get("sha256") in named for each in evidence):
                yield row["seq"], row["entry"]


def _put_files(
    archive: zipfile.ZipFile, reader: TrailReader, entries: Iterable[bytes], *, with_files: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    store = EvidenceStore(reader.trail)
    named = sorted({each for entry in entries for each in _hashes(orjson.loads(entry))})
    put: list[str] = []
    for sha256 in named:
        path = store.path_of(sha256)
        if with_files and path.is_file() and path.stat().st_size <= FILE_LIMIT:
            with path.open("rb") as reading, archive.open(_info(f"files/{sha256}"), "w") as writing:
                while data := reading.read(1 << 20):
                    writing.write(data)
            put.append(sha256)
    return tuple(put), tuple(each for each in named if each not in put)


def _hashes(value: object) -> Iterator[str]:
    """Yield every SHA-256 that an entry names as evidence or as a long value's blob."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name in {"sha256", "evidence_sha256"} and is_sha256(part):
                yield part
            else:
                yield from _hashes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _hashes(part)


def _read_note(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(NOTE_LIMIT + 1)
    except OSError as cause:
        raise UsageError(f"the kept checkpoint cannot be read: {cause.strerror}", where=str(path)) from cause


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(_info(name), data)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ALWAYS)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
