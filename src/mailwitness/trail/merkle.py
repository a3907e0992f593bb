"""The Merkle tree of RFC 6962, section 2.1: SHA-256, leaves prefixed with 0x00 and nodes with 0x01."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962, 2.1)."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash over `hashes` (of leaves, or of perfect subtrees of one size and a smaller last).

    Level by level from the left, an odd last one carried up unchanged: this gives the same tree as the RFC's split
    at the largest power of two.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    sha256 = hashlib.sha256
    while len(level) > 1:
        odd = level.pop() if len(level) % 2 else None
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
        if odd is not None:
            level.append(odd)
    return level[0]


def split(size: int) -> int:
    """Return the largest power of two smaller than `size` (the k of RFC 6962), for size > 1."""
    return 1 << ((size - 1).bit_length() - 1)
