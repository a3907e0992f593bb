"""Anchors: checkpoints kept where those who run the trail cannot write, and RFC 3161 stamps over them.

A checkpoint in another's hands is what makes a rollback or a rebuilt trail visible. A stamp of a time-stamping
authority adds that the first `size` leaves existed at its time. Both are files: FOLDER/<log_id>-<size>.checkpoint and,
beside it, .tsr (the authority's reply).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography import x509
from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client import VerificationError as StampError

from mailwitness.errors import TrailError, UsageError, VerificationError
from mailwitness.trail.checkpoint import Checkpoint, open_checkpoint
from mailwitness.trail.durable import open_regular, put
from mailwitness.trail.note import NOTE_LIMIT, VerifierKey, parse_verifier_key
from mailwitness.trail.proofs import TiledLog
from mailwitness.trail.reader import TrailReader, open_reader

STAMP_LIMIT = 1 << 20
_GRANTED = {PKIStatus.GRANTED.value, PKIStatus.GRANTED_WITH_MODS.value}
_KEPT = re.compile(r"(?P<log>[0-9A-Za-z._-]{1,100})-(?P<size>\d{1,19})\.checkpoint")


class Authority(Protocol):
    """Sends a time-stamp query (DER) to an authority and returns its reply (DER)."""

    def __call__(self, query: bytes, /) -> bytes:
        """Send `query`, return the reply. Raises TrailError where there is none."""


class Anchor(msgspec.Struct, frozen=True):
    """A checkpoint that stands elsewhere."""

    path: Path
    checkpoint: Checkpoint
    stamped_at: datetime | None = None
    """When an authority saw it (UTC); None: it is not stamped, or its stamp was not checked."""


class AnchorFault(msgspec.Struct, frozen=True):
    """An anchor that does not hold: the trail, the anchor or its stamp was altered."""

    path: Path
    what: str


def anchor(
    path: Path, folder: Path, *, ask: Authority | None = None, certificates: Sequence[x509.Certificate] = ()
) -> Anchor:
    """Keep the present checkpoint of the trail at `path` in `folder`, and have `ask` stamp it if given.

    `certificates`: roots that the authority's certificate must lead to; needed with `ask`. What the folder holds
    already is checked first: TrailError is raised where the trail is not the history of an anchor kept before, and
    VerificationError where the reply of the authority does not hold; nothing is then written.
    """
    reader = open_reader(path)
    _, faults = check_anchors(path, folder)
    if faults:
        raise TrailError(
            f"an anchor kept before does not hold: {faults[0].what}",
            where=str(faults[0].path),
            remedy="nothing was anchored. Run `mailwitness verify --deep`; leave the folder as it is, it is evidence",
        )
    kept = folder / f"{reader.settings.log_id}-{reader.size}.checkpoint"
    reply, stamped_at = None, None
    if ask is not None:
        reply, stamped_at = _stamped(reader.note, ask, certificates)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            put(kept, reader.note)
        if reply is not None:
            put(kept.with_suffix(".tsr"), reply)
    except OSError as cause:
        raise TrailError(f"the anchor cannot be kept: {cause.strerror}", where=str(kept)) from cause
    return Anchor(kept, reader.checkpoint, stamped_at)


def check_anchors(
    path: Path, folder: Path, certificates: Sequence[x509.Certificate] = (), key: str | None = None
) -> tuple[list[Anchor], list[AnchorFault]]:
    """Hold the trail at `path` against every anchor in `folder`: those that hold, smallest first, and what does not.

    Stamps are checked where `certificates` are given; `key` is a verifier key kept elsewhere, the trail's own without.
    """
    reader = open_reader(path)
    verifier = parse_verifier_key(key or reader.settings.verifier_key)
    found: list[Anchor] = []
    faults: list[AnchorFault] = []
    for kept in anchors_in(folder, reader.settings.log_id):
        try:
            found.append(_check(reader, kept, verifier, certificates))
        except VerificationError as fault:
            faults.append(AnchorFault(kept, fault.what))
    return found, faults


def anchors_in(folder: Path, log_id: str) -> list[Path]:
    """Return the checkpoints of the log `log_id` that stand in `folder`, smallest first."""
    if not folder.is_dir():
        return []
    named = [(_KEPT.fullmatch(path.name), path) for path in folder.iterdir()]
    kept = [(int(match["size"]), path) for match, path in named if match and match["log"] == log_id]
    return [path for _, path in sorted(kept)]


def _check(reader: TrailReader, kept: Path, verifier: VerifierKey, certificates: Sequence[x509.Certificate]) -> Anchor:
    note = _read(kept, NOTE_LIMIT)
    checkpoint = open_checkpoint(note, verifier)
    if checkpoint.origin != reader.origin:
        raise VerificationError(f"it is of {checkpoint.origin}, the trail is {reader.origin}")
    if checkpoint.size > reader.size:
        raise VerificationError(
            f"the trail was rolled back: the anchor signs {checkpoint.size} leaves, the trail {reader.size}"
        )
    log = TiledLog(reader.trail.log(reader.settings.log_id), checkpoint.size)
    root = log.range_hash(0, checkpoint.size) if checkpoint.size else checkpoint.root
    if root != checkpoint.root:
        raise VerificationError("the trail is another history: its leaves do not give the root of the anchor")
    return Anchor(kept, checkpoint, stamp_of(kept, note, certificates))


def stamp_of(kept: Path, note: bytes, certificates: Sequence[x509.Certificate]) -> datetime | None:
    """Return when the stamp beside the anchor `kept` was made; None where there is none, or no certificate for it.

    Raises VerificationError where the stamp does not hold.
    """
    stamp = kept.with_suffix(".tsr")
    return stamped_at(_read(stamp, STAMP_LIMIT), note, certificates) if certificates and stamp.exists() else None


def _stamped(note: bytes, ask: Authority, certificates: Sequence[x509.Certificate]) -> tuple[bytes, datetime]:
    if not certificates:
        raise UsageError(
            "a stamp is of no use without the authority's root certificate", remedy="give it: --tsa-certificate FILE"
        )
    query = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
    reply = ask(query.as_bytes())
    return reply, stamped_at(reply, note, certificates, nonce=query.nonce)


def stamped_at(
    reply: bytes, message: bytes, certificates: Sequence[x509.Certificate], nonce: int | None = None
) -> datetime:
    """Return the time (UTC) at which an authority that `certificates` vouch for stamped `message` (RFC 3161).

    Raises VerificationError where the reply is no grant, is over other bytes, answers another query, or where its
    certificate does not lead to one of `certificates`.
    """
    builder = VerifierBuilder()
    if nonce is not None:
        builder = builder.nonce(nonce)
    for certificate in dict.fromkeys(certificates):
        builder = builder.add_root_certificate(certificate)
    try:
        response = decode_timestamp_response(reply)
        if response.status not in _GRANTED:
            raise VerificationError(f"the authority refused the stamp: {'; '.join(response.status_string)[:200]}")
        builder.build().verify_message(response, message)
        at = response.tst_info.gen_time
    except StampError as cause:
        raise VerificationError(f"the stamp does not hold: {cause}") from cause
    except (ValueError, TypeError, OverflowError) as cause:  # the library reads its parts when they are asked for
        raise VerificationError(f"the authority's reply is no time-stamp response: {cause}") from cause
    return at


def _read(path: Path, limit: int) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(limit + 1)
    except OSError as cause:
        raise VerificationError(f"it cannot be read: {cause.strerror}", where=str(path)) from cause
