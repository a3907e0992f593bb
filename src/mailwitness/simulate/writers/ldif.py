"""Write LDIF as ldifde and ldapsearch export it: one entry after another, base64 where a value is no plain ASCII.

Reference: RFC 2849.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from mailwitness.simulate.writers.record_writer import RecordWriter

_WIDTH = 76
_UNSAFE_FIRST = (" ", ":", "<")


class LdifWriter(RecordWriter[tuple[str, Mapping[str, Sequence[str | bytes]]]]):
    """Write entries: a DN and its attributes, each a list of texts or bytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: TextIO = path.open("w", encoding="ascii", newline="")
        self._file.write("version: 1\r\n")

    def write(self, record: tuple[str, Mapping[str, Sequence[str | bytes]]]) -> None:
        """Append an entry."""
        dn, attributes = record
        lines = ["", *_folded("dn", dn)]
        for name, values in attributes.items():
            for value in values:
                lines += _folded(name, value)
        self._file.write("\r\n".join(lines) + "\r\n")
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _folded(name: str, value: str | bytes) -> list[str]:
    if isinstance(value, bytes) or not _plain(value):
        data = value if isinstance(value, bytes) else value.encode()
        line = f"{name}:: {base64.b64encode(data).decode()}"
    else:
        line = f"{name}: {value}"
    parts, rest = [line[:_WIDTH]], line[_WIDTH:]
    while rest:
        parts.append(" " + rest[: _WIDTH - 1])
        rest = rest[_WIDTH - 1 :]
    return parts


def _plain(value: str) -> bool:
    return (
        value.isascii()
        and not value.startswith(_UNSAFE_FIRST)
        and not value.endswith(" ")
        and not any(c in value for c in "\0\r\n")
    )
