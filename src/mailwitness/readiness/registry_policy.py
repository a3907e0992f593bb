"""Registry.pol, the registry values of a group policy (MS-GPREG 2.2.1).

Behind the head stand records [key;value;type;size;data] in UTF-16.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Place, Problem
from mailwitness.readiness.state import Observation, policy_of

_HEAD = b"PReg\x01\x00\x00\x00"
_OPEN, _SEPARATOR, _CLOSE = (character.encode("utf-16-le") for character in "[;]")
_DWORD, _DWORD_BYTES = 4, 4
_NAME_BYTES = 2 * 1024
_DATA_BYTES = 65_535


def recognise(data: bytes) -> bool:
    """Return whether `data` begins as Registry.pol does."""
    return data.startswith(_HEAD)


def read(data: bytes, path: Path) -> Iterator[Observation | Problem]:
    """Yield every number; behind a record that does not read, nothing can be trusted: a Problem, and the end."""
    at = len(_HEAD)
    while at < len(data):
        try:
            key, name, kind, value, after = _record(data, at)
        except _NoRecordError:
            place = Place(evidence=str(path), offset=at)
            yield Problem(
                code="damaged", where=place, expected="[key;value;type;size;data]", found=data[at : at + 16].hex()
            )
            return
        if kind == _DWORD and len(value) == _DWORD_BYTES:
            yield Observation(
                kind="registry",
                key=key,
                name=name,
                value=int.from_bytes(value, "little"),
                place=str(Place(evidence=str(path), offset=at)),
                policy=policy_of(path),
            )
        at = after


class _NoRecordError(Exception):
    pass


def _record(data: bytes, at: int) -> tuple[str, str, int, bytes, int]:
    at = _past(data, at, _OPEN)
    key, at = _name(data, at)
    name, at = _name(data, at)
    kind, at = _number(data, at)
    size, at = _number(data, at)
    if size > _DATA_BYTES or at + size > len(data):
        raise _NoRecordError
    return key, name, kind, data[at : at + size], _past(data, at + size, _CLOSE)


def _past(data: bytes, at: int, mark: bytes) -> int:
    if data[at : at + 2] != mark:
        raise _NoRecordError
    return at + 2


def _name(data: bytes, at: int) -> tuple[str, int]:
    end = at
    while data[end : end + 2] not in (b"\x00\x00", b"", data[end : end + 1]) and end - at <= _NAME_BYTES:
        end += 2
    if data[end : end + 2] != b"\x00\x00":
        raise _NoRecordError
    return data[at:end].decode("utf-16-le", "replace"), _past(data, end + 2, _SEPARATOR)


def _number(data: bytes, at: int) -> tuple[int, int]:
    if at + 4 > len(data):
        raise _NoRecordError
    (number,) = struct.unpack_from("<I", data, at)
    return number, _past(data, at + 4, _SEPARATOR)
