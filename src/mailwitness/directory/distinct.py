"""Distinct descriptors: each parsed once and kept once, under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from mailwitness.descriptors.binary import read_binary, write_binary
from mailwitness.descriptors.fault import SIZE_LIMIT, DescriptorError
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.descriptors.sid import Domain
from mailwitness.directory.rows import Rows

_SDDL = (b"O:", b"G:", b"D:", b"S:")
_ACCOUNT_PARTS = 7


class Found(NamedTuple):
    """A descriptor that was taken in. `fault` is told with the first object that has it; then it is None."""

    sha256: str | None
    has_sacl: bool
    fault: DescriptorError | None = None


class Distinct:
    """The descriptors of one reading."""

    def __init__(self, rows: Rows, domain_sid: str | None = None) -> None:
        """Hand each distinct descriptor to `rows`. `domain_sid` resolves names such as DA of SDDL texts."""
        self.uses = 0
        self._rows = rows
        self._domain_sid = domain_sid
        self._known: dict[str, Found] = {}

    @property
    def count(self) -> int:
        """How many distinct ones there are."""
        return len(self._known)

    def take(self, data: bytes, object_sid: str | None = None) -> Found:
        """Take in the descriptor of an object; its SID tells the domain where nothing else does."""
        self.uses += 1
        if data[:2] in _SDDL:
            try:
                data = write_binary(parse_sddl(data.decode("utf-8", "replace")), self._domain(object_sid))
            except DescriptorError as fault:
                return Found(None, has_sacl=False, fault=fault)
        if len(data) > SIZE_LIMIT:
            beyond = DescriptorError(0, f"at most {SIZE_LIMIT} bytes", f"{len(data)} bytes", code="limit")
            return Found(None, has_sacl=False, fault=beyond)
        sha256 = hashlib.sha256(data).hexdigest()
        known = self._known.get(sha256)
        if known is not None:
            return known
        reading = read_binary(data)
        found = Found(sha256, has_sacl=reading.descriptor.sacl is not None)
        self._known[sha256] = found
        self._rows.add_descriptor(sha256, data)
        return found if reading.fault is None else found._replace(fault=reading.fault)

    def _domain(self, object_sid: str | None) -> Domain | None:
        sid = self._domain_sid
        if sid is None and object_sid is not None and object_sid.count("-") == _ACCOUNT_PARTS:
            sid = object_sid.rpartition("-")[0]
        return None if sid is None else Domain(sid, sid)
