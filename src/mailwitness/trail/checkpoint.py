"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of a log, as a signed note."""

from __future__ import annotations

import base64
import binascii

import msgspec

from mailwitness.errors import VerificationError
from mailwitness.trail.merkle import HASH_BYTES
from mailwitness.trail.note import SigningKey, VerifierKey, open_note

SIZE_LIMIT = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log commits to: its first `size` leaves have this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, key: SigningKey) -> bytes:
        """Return the signed note."""
        return key.sign(self.text())


def open_checkpoint(data: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint in a note that `key` signed. Raises VerificationError otherwise.

    The origin has to be the key's name, as the specification has it. Extension lines are allowed and unread.
    """
    lines = open_note(data, key).split("\n")
    if len(lines) < 4:  # noqa: PLR2004 - three lines and the end
        raise VerificationError("a checkpoint has origin, size and root; this has not")
    origin, size, encoded = lines[:3]
    if origin != key.name:
        raise VerificationError(f"the checkpoint is of {origin!r}, the key of {key.name!r}")
    if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size or int(size) > SIZE_LIMIT:
        raise VerificationError("the size of a checkpoint is a decimal number without leading zeros")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as cause:
        raise VerificationError("the root of a checkpoint is base64") from cause
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
        raise VerificationError("the root of a checkpoint is 32 bytes in base64")
    return Checkpoint(origin, int(size), root)
