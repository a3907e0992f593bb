#!/usr/bin/env python3
"""The second verifier: checks an exported Mailwitness log with nothing but Python's standard library.

    mailwitness_verify.py LOG --key VERIFIER_KEY [--checkpoint FILE]

LOG is a folder that `mailwitness export-log` wrote: C2SP tlog-tiles with entry bundles. It was written from the
specifications, not from Mailwitness's code, and shares none of it: RFC 6962 (tree), RFC 8032 (Ed25519), C2SP
signed-note, tlog-checkpoint and tlog-tiles. Exit codes: 0 valid against the kept checkpoint, 3 valid but not
anchored (no kept checkpoint given), 1 invalid, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WIDTH = 256
HASH = 32
Point = tuple[int, int, int, int]


class Invalid(Exception):
    """The log is not what was signed."""


class Key(NamedTuple):
    """A verifier key."""

    name: str
    key_id: bytes
    public: bytes


# RFC 8032, section 5.1: Ed25519, verification only. Slow (milliseconds) and not secret, so plain integers will do.
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
SQRT_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)


def point_add(p: Point, q: Point) -> Point:
    """Add two points in extended coordinates (5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % PRIME, (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c, d = 2 * p[3] * q[3] * D % PRIME, 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def point_multiply(scalar: int, p: Point) -> Point:
    """Multiply a point."""
    q = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        scalar >>= 1
    return q


def point_equal(p: Point, q: Point) -> bool:
    """Compare points whose Z differ."""
    return (p[0] * q[2] - q[0] * p[2]) % PRIME == 0 and (p[1] * q[2] - q[1] * p[2]) % PRIME == 0


def recover_x(y: int, sign: int) -> int | None:
    """Find x for y on the curve (5.1.3); None where there is none."""
    if y >= PRIME:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, PRIME - 2, PRIME) % PRIME
    if square == 0:
        return None if sign else 0
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * SQRT_MINUS_ONE % PRIME
    if (x * x - square) % PRIME:
        return None
    return PRIME - x if x & 1 != sign else x


def decompress(data: bytes) -> Point | None:
    """Read a point; None where the bytes are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % PRIME)


BASE_Y = 4 * pow(5, PRIME - 2, PRIME) % PRIME
BASE_X = recover_x(BASE_Y, 0) or 0
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % PRIME)


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify an Ed25519 signature (5.1.7)."""
    if len(public) != HASH or len(signature) != 2 * HASH:
        return False
    a, r = decompress(public), decompress(signature[:HASH])
    s = int.from_bytes(signature[HASH:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:HASH] + public + message).digest(), "little") % ORDER
    return point_equal(point_multiply(s, BASE), point_add(r, point_multiply(h, a)))


# C2SP signed-note and tlog-checkpoint.


def base64_strict(text: str) -> bytes:
    """Decode base64 that is written the one right way."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise Invalid("something that should be base64 is not") from cause
    if base64.b64encode(data).decode() != text:
        raise Invalid("something that should be base64 is not")
    return data


def read_key(text: str) -> Key:
    """Return name, key id and public key out of `name+id+base64`."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not re.fullmatch("[0-9a-f]{8}", parts[1]):  # noqa: PLR2004 - the form
        raise Invalid("this is no verifier key")
    name, key_id, data = parts[0], bytes.fromhex(parts[1]), base64_strict(parts[2])
    if len(data) != HASH + 1 or data[0] != 1:
        raise Invalid("this is no Ed25519 verifier key")
    if hashlib.sha256(name.encode() + b"\n" + data).digest()[:4] != key_id:
        raise Invalid("the verifier key does not match its own key id")
    return Key(name, key_id, data[1:])


def read_checkpoint(data: bytes, key: Key) -> tuple[int, bytes]:
    """Return size and root out of a checkpoint that `key` signed."""
    try:
        note = data.decode()
    except UnicodeDecodeError as cause:
        raise Invalid("the checkpoint is not UTF-8") from cause
    if any(c < " " and c != "\n" for c in note):
        raise Invalid("the checkpoint has control characters")
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise Invalid("the checkpoint carries no signature")
    text += "\n"
    ours = [is_signed(line, key, text) for line in signatures[:-1].split("\n")]
    if not any(ours):
        raise Invalid("the checkpoint is not signed by " + key.name)
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != key.name:  # noqa: PLR2004 - three lines and the end
        raise Invalid("the checkpoint is of another log")
    if not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
        raise Invalid("the checkpoint's size is no number")
    root = base64_strict(lines[2])
    if len(root) != HASH:
        raise Invalid("the checkpoint's root is no hash")
    return int(lines[1]), root


def is_signed(line: str, key: Key, text: str) -> bool:
    """Return whether a signature line is ours; raise where it is and does not hold."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014":  # noqa: PLR2004 - the form
        raise Invalid("a signature line of the checkpoint is malformed")
    data = base64_strict(parts[2])
    if parts[1] != key.name or data[:4] != key.key_id:
        return False
    if not signature_holds(key.public, text.encode(), data[4:]):
        raise Invalid("the checkpoint's signature does not hold")
    return True


# RFC 6962 section 2.1, as a stack of perfect subtrees.


def node(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Subtrees:
    """The perfect subtrees from left to right: append leaves, take the root at any time."""

    def __init__(self) -> None:
        self.stack: list[bytes] = []
        self.size = 0

    def append(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self.size += 1
        count = self.size
        while count % 2 == 0:
            leaf = node(self.stack.pop(), leaf)
            count //= 2
        self.stack.append(leaf)

    def root(self) -> bytes:
        """Return the root."""
        if not self.stack:
            return hashlib.sha256(b"").digest()
        result = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            result = node(left, result)
        return result


# C2SP tlog-tiles.


def index_path(index: int) -> str:
    """Return x001/x234/567 for 1234567."""
    groups: list[str] = []
    while True:
        groups.append(f"{index % 1000:03d}")
        index //= 1000
        if not index:
            break
    return "/".join(["x" + group for group in groups[:0:-1]] + [groups[0]])


def read_part(log: Path, level: str, index: int, width: int) -> tuple[bytes, bool]:
    """Return the bytes of a tile or bundle: the full one if it is there, else the partial one."""
    full = log / "tile" / level / index_path(index)
    path = full if full.is_file() else Path(f"{full}.p") / str(width)
    try:
        return path.read_bytes(), path == full
    except OSError as cause:
        raise Invalid(f"{path} cannot be read") from cause


def entries_of(log: Path, index: int, width: int) -> Iterator[bytes]:
    """Yield the entries of a bundle."""
    data, full = read_part(log, "entries", index, width)
    where = f"the entry bundle {index}"
    at = count = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if len(data) < at + 2 or end > len(data):
            raise Invalid(f"{where} is cut")
        count += 1
        if count <= width:
            yield data[at + 2 : end]
        at = end
    if count != (WIDTH if full else width):
        raise Invalid(f"{where} has {count} entries")


class Tiles:
    """Compares the tiles of a log with the leaves as they come."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.levels: list[list[bytes]] = [[]]
        self.full: list[int] = [0]

    def append(self, leaf: bytes) -> None:
        """Take in a leaf hash; compare each tile that becomes full with the stored one."""
        level, item = 0, leaf
        while True:
            self.levels[level].append(item)
            if len(self.levels[level]) < WIDTH:
                return
            small = Subtrees()
            for one in self.levels[level]:
                small.append(one)
            item = small.root()
            self.compare(level)
            self.levels[level].clear()
            self.full[level] += 1
            level += 1
            if level == len(self.levels):
                self.levels.append([])
                self.full.append(0)

    def finish(self) -> None:
        """Compare the tiles on the right edge, which are not full."""
        for level, hashes in enumerate(self.levels):
            if hashes:
                self.compare(level)

    def compare(self, level: int) -> None:
        """Raise where the stored tile is not what the entries give."""
        hashes, index = self.levels[level], self.full[level]
        data, full = read_part(self.log, str(level), index, len(hashes))
        due = HASH * (WIDTH if full else len(hashes))
        if len(data) != due or data[: HASH * len(hashes)] != b"".join(hashes):
            raise Invalid(f"tile {level}/{index} is not what the entries give")


def check_log(log: Path, size: int, root: bytes, kept_size: int) -> bytes:
    """Check bundles and tiles against the root; return the root over the first `kept_size` entries."""
    tree, tiles, kept_root = Subtrees(), Tiles(log), b""
    for index in range(-(-size // WIDTH)):
        for entry in entries_of(log, index, min(WIDTH, size - index * WIDTH)):
            if tree.size == kept_size:
                kept_root = tree.root()
            leaf = hashlib.sha256(b"\x00" + entry).digest()
            tree.append(leaf)
            tiles.append(leaf)
    tiles.finish()
    if tree.root() != root:
        raise Invalid("the entries do not give the signed root")
    return tree.root() if kept_size == size else kept_root


def read_file(path: Path) -> bytes:
    """Return a file's bytes."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 16)
    except OSError as cause:
        raise Invalid(f"{path} cannot be read") from cause


def verify(log: Path, key_text: str, kept_path: Path | None = None) -> tuple[int, bytes]:
    """Return size and root; raise Invalid where anything is wrong."""
    key = read_key(key_text)
    size, root = read_checkpoint(read_file(log / "checkpoint"), key)
    kept_size, kept_root = read_checkpoint(read_file(kept_path), key) if kept_path else (size, root)
    if kept_size > size:
        raise Invalid(f"the log was rolled back: the kept checkpoint has {kept_size} entries, the log {size}")
    if check_log(log, size, root, kept_size) != kept_root:
        raise Invalid("the log is another history than that of the kept checkpoint")
    return size, root


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Check an exported Mailwitness log offline.")
    parser.add_argument("log", type=Path, help="the folder that `mailwitness export-log` wrote")
    parser.add_argument("--key", required=True, help="the verifier key, kept elsewhere")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere")
    options = parser.parse_args(arguments)
    try:
        size, root = verify(options.log, options.key, options.checkpoint)
    except Invalid as wrong:
        print(f"INVALID: {wrong}")
        return 1
    said = f"{size} entries, root {root.hex()}"
    if options.checkpoint:
        print(f"VALID: {said}")
        return 0
    print(f"NOT ANCHORED: {said}; nothing shows that an older or other log was not put in its place")
    return 3


if __name__ == "__main__":
    sys.exit(main())
