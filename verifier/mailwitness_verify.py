#!/usr/bin/env python3
"""The second verifier: checks what Mailwitness exported with nothing but Python's standard library.

    mailwitness_verify.py LOG --key VERIFIER_KEY [--checkpoint FILE]

LOG is a folder that `mailwitness export-log` wrote (C2SP tlog-tiles with entry bundles), or an evidence bundle, a ZIP
that `mailwitness evidence` wrote (entries with C2SP tlog-proofs, and the files they name). It was
written from the specifications and shares no code with Mailwitness: RFC 6962 (tree, proofs), RFC 8032
(Ed25519), C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-proof. Exit codes: 0 valid against the kept checkpoint,
3 valid but not anchored (no kept checkpoint given), 1 invalid, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import functools
import hashlib
import json
import re
import sys
import zipfile
import zlib
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
    except (binascii.Error, ValueError):
        data = b""
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
    if not any([is_signed(line, key, text) for line in signatures[:-1].split("\n")]):  # noqa: C419 - every line is read
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
        return functools.reduce(lambda right, left: node(left, right), reversed(self.stack))


# C2SP tlog-tiles.


def index_path(index: int) -> str:
    """Return x001/x234/567 for 1234567."""
    digits = str(index)
    *upper, last = re.findall("...", "0" * (-len(digits) % 3) + digits)
    return "/".join([*(f"x{group}" for group in upper), last])


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
        index, made = self.full[level], b"".join(self.levels[level])
        data, full = read_part(self.log, str(level), index, len(made) // HASH)
        if len(data) != (HASH * WIDTH if full else len(made)) or not data.startswith(made):
            raise Invalid(f"tile {level}/{index} is not what the entries give")


def owned_by(entry: bytes) -> int:
    """Return how many entries a purge says it took away; 0 for every other entry."""
    if b'"leaf_kind":"purge"' not in entry:
        return 0
    try:
        said = json.loads(entry)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(said, dict) or said.get("leaf_kind") != "purge":
        return 0
    leaves = said.get("leaves")
    return leaves if type(leaves) is int and leaves > 0 else 0


def check_log(log: Path, size: int, root: bytes, kept_size: int) -> bytes:
    """Check bundles and tiles against the root; return the root over the first `kept_size` entries.

    An entry without bytes was purged: its hash is the stored tile's, which the root has to bear out, and entries of
    the kind `purge` have to own up to as many as there are.
    """
    tree, tiles, kept_root, purged, owned = Subtrees(), Tiles(log), b"", 0, 0
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        for place, entry in enumerate(entries_of(log, index, width)):
            if tree.size == kept_size:
                kept_root = tree.root()
            if entry:
                leaf = hashlib.sha256(b"\x00" + entry).digest()
                owned += owned_by(entry)
            else:
                leaf = read_part(log, "0", index, width)[0][place * HASH : (place + 1) * HASH]
                purged += 1
            tree.append(leaf)
            tiles.append(leaf)
    tiles.finish()
    if tree.root() != root:
        raise Invalid("the entries do not give the signed root")
    if purged > owned:
        raise Invalid(f"{purged} entries are missing, and purges own up to {owned}")
    return tree.root() if kept_size == size else kept_root


# Evidence bundles: RFC 6962 section 2.1.1 and C2SP tlog-proof.


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an inclusion proof (PATH of 2.1.1) leads to."""
    if bool(path) != (size > 1):
        raise Invalid("the proof has a wrong length")
    if not path:
        return leaf
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return node(root_of(leaf, index, half, path[:-1]), path[-1])
    return node(path[-1], root_of(leaf, index - half, size - half, path[:-1]))


def check_entry(index: int, entry: bytes, proof: bytes, key: Key) -> tuple[int, bytes]:
    """Check an entry against its tlog-proof; return size and root of the checkpoint it leads to."""
    head, gap, note = proof.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if not gap or lines[:2] != ["c2sp.org/tlog-proof@v1", f"index {index}"]:
        raise Invalid(f"the proof of entry {index} is malformed")
    size, root = read_checkpoint(note, key)
    path = [base64_strict(line) for line in lines[2:]]
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    if index >= size or any(len(each) != HASH for each in path) or root_of(leaf, index, size, path) != root:
        raise Invalid(f"entry {index} is not in the log that was signed")
    return size, root


def verify_bundle(path: Path, key_text: str) -> tuple[int, bytes]:
    """Check every entry and file of an evidence bundle; return size and root of the one checkpoint all lead to."""
    key, found = read_key(key_text), set()
    try:
        with zipfile.ZipFile(path) as bundle:
            for name in bundle.namelist():
                if entry := re.fullmatch("entries/(0|[1-9][0-9]{0,18})\\.json", name):
                    proof = bundle.read(f"proofs/{entry[1]}.tlog-proof")
                    found.add(check_entry(int(entry[1]), bundle.read(name), proof, key))
                elif name.startswith("files/"):
                    with bundle.open(name) as file:
                        if hashlib.file_digest(file, "sha256").hexdigest() != name[6:]:  # type: ignore[arg-type]
                            raise Invalid(f"{name} has other bytes than its name says")
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as cause:
        raise Invalid(f"the bundle cannot be read: {cause}") from cause
    if len(found) != 1:
        raise Invalid("the bundle holds no entries, or they lead to several checkpoints")
    return found.pop()


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
    if log.is_file():
        size, root = verify_bundle(log, key_text)
        if kept_path and read_checkpoint(read_file(kept_path), key) != (size, root):
            raise Invalid("the proofs do not lead to the kept checkpoint: make the bundle with `evidence --checkpoint`")
        return size, root
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
    parser.add_argument("log", type=Path, help="what `mailwitness export-log` or `mailwitness evidence` wrote")
    parser.add_argument("--key", required=True, help="the verifier key, kept elsewhere")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere")
    options = parser.parse_args(arguments)
    try:
        size, root = verify(options.log, options.key, options.checkpoint)
    except Invalid as wrong:
        print(f"INVALID: {wrong}")
        return 1
    kept = options.checkpoint is not None
    said = "" if kept else "; nothing shows that an older or other log was not put in its place"
    print(f"{'VALID' if kept else 'NOT ANCHORED'}: {size} entries, root {root.hex()}{said}")
    return 0 if kept else 3


if __name__ == "__main__":
    sys.exit(main())
