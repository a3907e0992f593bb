"""Self-relative security descriptors as bytes: read them, and write them back byte for byte.

Source: MS-DTYP 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6 (SECURITY_DESCRIPTOR).
"""

from __future__ import annotations

import struct
from functools import lru_cache

from mailwitness.descriptors.ace import (
    ACE_TYPES,
    INHERITED_OBJECT_PRESENT,
    OBJECT_PRESENT,
    Ace,
)
from mailwitness.descriptors.application import compiled
from mailwitness.descriptors.descriptor import (
    DACL_PRESENT,
    SACL_PRESENT,
    SELF_RELATIVE,
    Acl,
    Descriptor,
    Layout,
    Reading,
)
from mailwitness.descriptors.fault import SIZE_LIMIT, DescriptorError
from mailwitness.descriptors.sid import Domain, resolved, sid_bytes, sid_size, sid_text

_HEADER = struct.Struct("<BBHIIII")
_ACL = struct.Struct("<BBHHH")
_ACE = struct.Struct("<BBH")
_MASK = struct.Struct("<I")
_OBJECT = struct.Struct("<II")
_GUID = struct.Struct("<IHH8s")
_HEADER_SIZE = _HEADER.size
_ACL_LIMIT = 0xFFFF
_CACHED = 256
"""Bytes up to which an ACE is kept: real ones are shorter, and a hostile file must not fill the memory."""


@lru_cache(maxsize=16_384)
def guid_text(data: bytes) -> str:
    """Return the text of a GUID's 16 bytes, lower case, without braces."""
    first, second, third, rest = _GUID.unpack(data)
    return f"{first:08x}-{second:04x}-{third:04x}-{rest[:2].hex()}-{rest[2:].hex()}"


def guid_bytes(guid: str) -> bytes:
    """Return the 16 bytes of a GUID's text (36 characters, without braces)."""
    first, second, third, fourth, fifth = guid.split("-")
    return _GUID.pack(int(first, 16), int(second, 16), int(third, 16), bytes.fromhex(fourth + fifth))


def parse_binary(data: bytes) -> Descriptor:
    """Return the descriptor `data` holds; raises DescriptorError with the byte offset of what does not read."""
    reading = read_binary(data)
    if reading.fault is not None:
        raise reading.fault
    return reading.descriptor


def read_binary(data: bytes) -> Reading:
    """Return what of `data` reads, with the error that ended it (None: all of it)."""
    data = bytes(data)
    try:
        sbz1, control, owner_at, group_at, sacl_at, dacl_at = _header(data)
    except DescriptorError as fault:
        return Reading(Descriptor(), partial=True, fault=fault)
    parts = _Parts(data)
    owner = parts.sid(owner_at)
    group = parts.sid(group_at)
    sacl = parts.acl(sacl_at if control & SACL_PRESENT else 0)
    dacl = parts.acl(dacl_at if control & DACL_PRESENT else 0)
    layout = Layout(owner_at, group_at, sacl_at, dacl_at, len(data), parts.gaps())
    descriptor = Descriptor(control, owner, group, dacl, sacl, sbz1, layout)
    return Reading(descriptor, partial=parts.fault is not None, fault=parts.fault)


def _header(data: bytes) -> tuple[int, int, int, int, int, int]:
    if len(data) > SIZE_LIMIT:
        raise DescriptorError(0, f"at most {SIZE_LIMIT} bytes", f"{len(data)} bytes", code="limit")
    if len(data) < _HEADER_SIZE:
        raise DescriptorError(0, f"a header of {_HEADER_SIZE} bytes", f"{len(data)} bytes", code="truncated")
    revision, sbz1, control, owner_at, group_at, sacl_at, dacl_at = _HEADER.unpack_from(data)
    if revision != 1:
        raise DescriptorError(0, "descriptor revision 1", revision)
    if not control & SELF_RELATIVE:
        raise DescriptorError(2, "a self-relative descriptor", f"control {control:#06x}")
    return sbz1, control, owner_at, group_at, sacl_at, dacl_at


class _Parts:
    """Reads the parts of one descriptor and remembers what bytes they covered."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.covered = [(0, _HEADER_SIZE)]
        self.fault: DescriptorError | None = None

    def sid(self, at: int) -> str | None:
        if not at or self.fault is not None:
            return None
        try:
            end = at + sid_size(self.data, at)
            text = sid_text(self.data[at:end])
        except DescriptorError as fault:
            self.fault = fault if fault.offset >= at else fault.moved(at)
            return None
        self.covered.append((at, end))
        return text

    def acl(self, at: int) -> Acl | None:
        if not at or self.fault is not None:
            return None
        data = self.data
        if at + _ACL.size > len(data):
            self.fault = DescriptorError(at, "an ACL", f"the end at {len(data)}", code="truncated")
            return None
        revision, sbz1, size, count, sbz2 = _ACL.unpack_from(data, at)
        end = at + size
        if size < _ACL.size or end > len(data):
            self.fault = DescriptorError(at + 2, "an ACL inside the descriptor", f"{size} bytes", code="truncated")
            end = len(data)
        aces: list[Ace] = []
        position = at + _ACL.size
        try:
            for _ in range(count):
                position = _next_ace(data, position, end, aces)
        except DescriptorError as fault:
            self.fault = fault
        self.covered.append((at, end))
        return Acl(tuple(aces), revision, sbz1, sbz2, data[position:end])

    def gaps(self) -> tuple[tuple[int, bytes], ...]:
        """Return the bytes no part covers: padding, and whatever somebody hid there."""
        found: list[tuple[int, bytes]] = []
        position = 0
        for start, end in sorted(self.covered):
            if start > position:
                found.append((position, self.data[position:start]))
            position = max(position, end)
        if position < len(self.data):
            found.append((position, self.data[position:]))
        return tuple(found)


def _next_ace(data: bytes, at: int, end: int, aces: list[Ace]) -> int:
    """Append the ACE at `at` and return where the next one starts."""
    if at + _ACE.size > end:
        raise DescriptorError(at, "an ACE", f"the end of the ACL at {end}", code="truncated")
    size = data[at + 2] | data[at + 3] << 8
    after = at + size
    if size < _ACE.size or after > end:
        raise DescriptorError(at + 2, "an ACE inside the ACL", f"{size} bytes", code="truncated")
    try:
        aces.append((_cached_ace if size <= _CACHED else parse_ace)(data[at:after]))
    except DescriptorError as fault:
        raise fault.moved(at) from None
    return after


def parse_ace(data: bytes) -> Ace:
    """Return the ACE that fills `data`; raises DescriptorError with the offset inside it."""
    number, flags, _ = _ACE.unpack_from(data)
    kind = ACE_TYPES.get(number)
    if kind is None:
        return Ace(number, flags, 0, None, data=data[4:])
    at = 16 if kind.has_objects else 8
    if len(data) < (12 if kind.has_objects else 8):
        raise DescriptorError(len(data), "the ACE's mask", "its end", code="truncated")
    (mask,) = _MASK.unpack_from(data, 4)
    if not kind.has_objects:
        end = at + sid_size(data, at)
        return Ace(number, flags, mask, sid_text(data[at:end]), data=data[end:])
    present = _MASK.unpack_from(data, 8)[0]
    at = 12
    object_type = inherited_type = None
    if present & OBJECT_PRESENT:
        object_type = _guid_at(data, at)
        at += 16
    if present & INHERITED_OBJECT_PRESENT:
        inherited_type = _guid_at(data, at)
        at += 16
    end = at + sid_size(data, at)
    return Ace(
        number,
        flags,
        mask,
        sid_text(data[at:end]),
        object_type,
        inherited_type,
        data[end:],
        object_flags=present & ~(OBJECT_PRESENT | INHERITED_OBJECT_PRESENT),
    )


_cached_ace = lru_cache(maxsize=16_384)(parse_ace)


def _guid_at(data: bytes, at: int) -> str:
    if at + 16 > len(data):
        raise DescriptorError(at, "a GUID", f"the end of the ACE at {len(data)}", code="truncated")
    return guid_text(data[at : at + 16])


def write_binary(descriptor: Descriptor, domain: Domain | None = None) -> bytes:
    """Return `descriptor` as bytes: as it stood if it came from bytes, else owner, group, SACL, DACL one after another.

    Raises DescriptorError where a domain-relative name is left that `domain` does not resolve, or a part is too large.
    """
    owner = b"" if descriptor.owner is None else sid_bytes(resolved(descriptor.owner, domain))
    group = b"" if descriptor.group is None else sid_bytes(resolved(descriptor.group, domain))
    sacl = b"" if descriptor.sacl is None else _acl_bytes(descriptor.sacl, domain)
    dacl = b"" if descriptor.dacl is None else _acl_bytes(descriptor.dacl, domain)
    layout = descriptor.layout
    if layout is None:
        offsets = []
        position = _HEADER_SIZE
        for part in (owner, group, sacl, dacl):
            offsets.append(position if part else 0)
            position += len(part)
        layout = Layout(offsets[0], offsets[1], offsets[2], offsets[3], position)
    out = bytearray(layout.size)
    for at, gap in layout.gaps:
        out[at : at + len(gap)] = gap
    _HEADER.pack_into(
        out, 0, 1, descriptor.sbz1, descriptor.control, layout.owner, layout.group, layout.sacl, layout.dacl
    )
    for at, part in ((layout.owner, owner), (layout.group, group), (layout.sacl, sacl), (layout.dacl, dacl)):
        if part:
            out[at : at + len(part)] = part
    return bytes(out)


def _acl_bytes(acl: Acl, domain: Domain | None) -> bytes:
    body = b"".join(ace_bytes(ace, domain) for ace in acl.aces) + acl.tail
    size = _ACL.size + len(body)
    if size > _ACL_LIMIT:
        raise DescriptorError(0, f"an ACL of at most {_ACL_LIMIT} bytes", f"{size} bytes", code="limit")
    return _ACL.pack(acl.effective_revision, acl.sbz1, size, len(acl.aces), acl.sbz2) + body


def ace_bytes(ace: Ace, domain: Domain | None = None) -> bytes:
    """Return `ace` as bytes; raises DescriptorError as `write_binary`."""
    if ace.trustee is None:
        body = ace.data
    else:
        body = _MASK.pack(ace.mask)
        if ACE_TYPES[ace.type].has_objects:
            body += _object_bytes(ace)
        data = ace.data if ace.pending is None else compiled(ace.type, ace.pending, domain)
        body += sid_bytes(resolved(ace.trustee, domain)) + data
    size = 4 + len(body)
    if size > _ACL_LIMIT:
        raise DescriptorError(0, f"an ACE of at most {_ACL_LIMIT} bytes", f"{size} bytes", code="limit")
    return _ACE.pack(ace.type, ace.flags, size) + body


def _object_bytes(ace: Ace) -> bytes:
    present = ace.object_flags
    guids = b""
    if ace.object_type is not None:
        present |= OBJECT_PRESENT
        guids += guid_bytes(ace.object_type)
    if ace.inherited_type is not None:
        present |= INHERITED_OBJECT_PRESENT
        guids += guid_bytes(ace.inherited_type)
    return _MASK.pack(present) + guids
