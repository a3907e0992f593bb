"""What a verification found."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

State = Literal["valid", "not_anchored", "invalid"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: in which file, in which log, touching which leaves."""

    file: str
    """Path below the trail, or of the kept checkpoint."""
    log_id: str
    first_seq: int | None
    last_seq: int | None
    """The leaves whose answers can no longer be trusted, both ends included; None where that cannot be told."""
    what: str


class Checked(msgspec.Struct):
    """How much was looked at."""

    leaves: int = 0
    files: int = 0
    """Parquet and Delta log files whose SHA-256 stands in a leaf."""
    tiles: int = 0
    evidence: int = 0
    """Kept evidence files and long values."""
    projected: int = 0
    """Rows whose columns were recomputed from their entry."""


class Stamp(msgspec.Struct, frozen=True):
    """A time-stamping authority saw a checkpoint: the first `size` leaves existed at that time."""

    size: int
    at: datetime


class Verdict(msgspec.Struct, frozen=True):
    """The answer of `verify`."""

    state: State
    """valid: nothing wrong, and checked against a key and a checkpoint kept elsewhere. not_anchored: nothing wrong,
    but the trail vouches for itself alone. invalid: there are findings."""
    findings: list[Finding]
    remarks: list[str]
    """What is no proof of tampering but worth knowing: leftovers of a crash, a seal that is due."""
    size: int
    root: bytes
    checked: Checked
    stamped: tuple[Stamp, ...] = ()
    """What time-stamping authorities vouch for, by the stamps beside the anchors that were given."""
