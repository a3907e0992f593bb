"""What a server answered, kept as evidence: LDIF (RFC 2849), compressed, one record an entry as it came."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from mailwitness.knowledge.directory_objects import directory_objects

_SAFE = re.compile(
    rb"(?:[\x01-\x09\x0b\x0c\x0e-\x1f!-9;=-\x7f](?:[\x01-\x09\x0b\x0c\x0e-\x7f]*[\x01-\x09\x0b\x0c\x0e-\x1f!-\x7f])?)?"
)
_UNSAFE = re.compile(rb"[\x00\r\x80-\xff]| \n")
"""What no line of a record may hold that stands there as it is, beside how its value begins."""
_BEGINNINGS = (b" ", b":", b"<")
_FLUSH = 1 << 20
_ORDERED = "objectClass"


class EvidenceFile:
    """A file being written. `content` is one hash of all records, whatever their order."""

    def __init__(self, path: Path, remarks: Sequence[str]) -> None:
        """Make the file at `path` with `remarks` as comments on top."""
        self.path = path
        self._file = pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd")
        self._pending = bytearray()
        for remark in remarks:
            self._pending += b"# " + " ".join(remark.split()).encode("utf-8", "replace") + b"\n"
        self._pending += b"version: 1\n\n"
        self._digests: list[bytes] = []

    def write(self, dn: str, values: Mapping[str, Sequence[bytes]]) -> None:
        """Write an entry: texts, then binary values, attributes and their values in the order of their bytes."""
        plain, binary = [], []
        for name in sorted(values):
            found = values[name]
            if name in _BINARY:
                binary += [_encoded(name.encode(), value) for value in found]
            elif len(found) == 1:
                plain.append(_line(name.encode("ascii", "replace"), found[0]))
            else:
                key = name.encode("ascii", "replace")
                plain += [_line(key, value) for value in (found if name == _ORDERED else sorted(found))]
        first = _line(b"dn", dn.encode("utf-8", "surrogatepass"))
        text = b"\n".join([first, *plain])
        if _UNSAFE.search(b"\n" + text + b"\n") or text.count(b"\n") != len(plain):
            text = b"\n".join(map(_checked, [first, *plain]))
        record = b"\n".join([text, *binary])
        self._digests.append(hashlib.sha256(record).digest())
        self._pending += record
        self._pending += b"\n\n"
        if len(self._pending) >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._file.write(bytes(self._pending))
        self._pending.clear()

    @property
    def content(self) -> str:
        """SHA-256 over the sorted hashes of the records: the same state of the directory gives the same."""
        return hashlib.sha256(b"".join(sorted(self._digests))).hexdigest()

    @property
    def records(self) -> int:
        """Records written."""
        return len(self._digests)

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _line(name: bytes, value: bytes) -> bytes:
    """Return a line whose value may begin so; whether the rest of it may stand there is looked at for all at once."""
    return _encoded(name, value) if value[:1] in _BEGINNINGS else b"%b: %b" % (name, value)


def _checked(line: bytes) -> bytes:
    """Return a line as it stands, or its value as base64 where it has to be."""
    name, _, value = line.partition(b": ")
    return line if _SAFE.fullmatch(value) else name + b":: " + binascii.b2a_base64(value, newline=False)


def _encoded(name: bytes, value: bytes) -> bytes:
    return name + b":: " + binascii.b2a_base64(value, newline=False)


def _binary() -> frozenset[str]:
    known = directory_objects()
    names = [each.attribute for each in known.names if each.form in ("guid", "sid", "sids")]
    return frozenset([*names, *(each.attribute for each in known.descriptors)])


_BINARY = _binary()
"""Attributes whose values are no text."""
