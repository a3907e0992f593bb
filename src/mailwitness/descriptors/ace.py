"""Access control entries: their kinds, flags and access masks, and SDDL's letters for them.

Sources: MS-DTYP 2.4.3 (ACCESS_MASK), 2.4.4 (ACE), 2.5.1.1 (SDDL); the Windows SDK's sddl.h for the letters; MS-ADTS
5.1.3.2 for the directory's rights.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from mailwitness.descriptors.fault import FIELD_LIMIT, DescriptorError

AceKind = Literal["allow", "deny", "audit", "alarm", "label", "attribute", "policy", "trust", "filter", "unknown"]
"""What an entry does: grant, refuse, or record access; the rest are facts that stand in a SACL."""


class AceType(msgspec.Struct, frozen=True):
    """One type of entry: its SDDL name ("" where SDDL has none), what it does, and what it carries."""

    name: str
    kind: AceKind
    has_objects: bool = False
    has_condition: bool = False


ACE_TYPES = {
    0x00: AceType("A", "allow"),
    0x01: AceType("D", "deny"),
    0x02: AceType("AU", "audit"),
    0x03: AceType("AL", "alarm"),
    0x05: AceType("OA", "allow", has_objects=True),
    0x06: AceType("OD", "deny", has_objects=True),
    0x07: AceType("OU", "audit", has_objects=True),
    0x08: AceType("OL", "alarm", has_objects=True),
    0x09: AceType("XA", "allow", has_condition=True),
    0x0A: AceType("XD", "deny", has_condition=True),
    0x0B: AceType("ZA", "allow", has_objects=True, has_condition=True),
    0x0C: AceType("", "deny", has_objects=True, has_condition=True),
    0x0D: AceType("XU", "audit", has_condition=True),
    0x0E: AceType("", "alarm", has_condition=True),
    0x0F: AceType("", "audit", has_objects=True, has_condition=True),
    0x10: AceType("", "alarm", has_objects=True, has_condition=True),
    0x11: AceType("ML", "label"),
    0x12: AceType("RA", "attribute"),
    0x13: AceType("SP", "policy"),
    0x14: AceType("TL", "trust"),
    0x15: AceType("FL", "filter", has_condition=True),
}
"""Every type whose layout is known. 0x04 (compound) never got one that is documented: it is kept as bytes."""

UNKNOWN = AceType("", "unknown")
TYPE_NAMES = {kind.name: number for number, kind in ACE_TYPES.items() if kind.name}
LABEL = 0x11
ATTRIBUTE = 0x12
FILTER = 0x15

OBJECT_INHERIT = 0x01
CONTAINER_INHERIT = 0x02
NO_PROPAGATE = 0x04
INHERIT_ONLY = 0x08
INHERITED = 0x10
CRITICAL = 0x20
SUCCESS = 0x40
FAILURE = 0x80

OBJECT_PRESENT = 0x1
INHERITED_OBJECT_PRESENT = 0x2

_FLAGS = (
    ("OI", 0x01),
    ("CI", 0x02),
    ("NP", 0x04),
    ("IO", 0x08),
    ("ID", 0x10),
    ("CR", 0x20),
    ("SA", 0x40),
    ("FA", 0x80),
)
_FLAG_BITS = dict(_FLAGS) | {"TP": 0x40}

_RIGHTS = (
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("SD", 0x10000),
    ("RC", 0x20000),
    ("WD", 0x40000),
    ("WO", 0x80000),
    ("GA", 0x10000000),
    ("GX", 0x20000000),
    ("GW", 0x40000000),
    ("GR", 0x80000000),
)
_WHOLES = {
    "FA": 0x1F01FF,
    "FR": 0x120089,
    "FW": 0x120116,
    "FX": 0x1200A0,
    "KA": 0xF003F,
    "KR": 0x20019,
    "KW": 0x20006,
    "KX": 0x20019,
}
_LABEL_RIGHTS = (("NW", 0x1), ("NR", 0x2), ("NX", 0x4))
_RIGHT_BITS = dict(_RIGHTS) | _WHOLES | dict(_LABEL_RIGHTS)
_LABEL_BITS = sum(bit for _, bit in _LABEL_RIGHTS)
_NAMED_BITS = sum(bit for _, bit in _RIGHTS)
_WHOLE_NAMES = {bits: name for name, bits in reversed(_WHOLES.items())}
_MASK_LIMIT = 0xFFFFFFFF


class Ace(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of an ACL.

    `trustee` is a SID, or a domain-relative SDDL name (descriptors.sid); None in an entry of unknown layout. `data` is
    what follows the SID as bytes: the condition of a callback entry, the claim of a resource attribute, padding; in an
    entry of unknown layout, all that follows the header. `pending` is a condition or claim still in SDDL text, because
    it names an account of a domain nobody has told. `object_flags` keeps bits of an object entry beyond the two that
    say which GUIDs are there.
    """

    type: int
    flags: int
    mask: int
    trustee: str | None
    object_type: str | None = None
    inherited_type: str | None = None
    data: bytes = b""
    pending: str | None = None
    object_flags: int = 0

    @property
    def kind(self) -> AceKind:
        """Return what the entry does."""
        return ACE_TYPES.get(self.type, UNKNOWN).kind

    @property
    def is_inherited(self) -> bool:
        """Return whether the entry says it came from a parent."""
        return bool(self.flags & INHERITED)

    @property
    def has_condition(self) -> bool:
        """Return whether the entry applies only under a condition (or whatever its application data asks)."""
        kind = ACE_TYPES.get(self.type, UNKNOWN)
        return kind.has_condition and (bool(self.data) or self.pending is not None)


def field(text: str) -> str:
    """Return a field of an SDDL entry in capitals, without blanks around it; raises DescriptorError for a huge one."""
    if len(text) > FIELD_LIMIT:
        raise DescriptorError(0, f"at most {FIELD_LIMIT} characters", f"{len(text)}", code="limit")
    return text.strip().upper()


@lru_cache(maxsize=4_096)
def parse_flags(text: str) -> int:
    """Return the flags an SDDL field names ("CIID"); raises DescriptorError."""
    flags = 0
    name = field(text)
    for at in range(0, len(name), 2):
        bit = _FLAG_BITS.get(name[at : at + 2])
        if bit is None:
            raise DescriptorError(at, "ACE flags (OI CI NP IO ID CR SA FA TP)", name[at:])
        flags |= bit
    return flags


def flags_text(flags: int, ace_type: int) -> str:
    """Return SDDL's letters for `flags`."""
    text = "".join(name for name, bit in _FLAGS if flags & bit)
    return text.replace("SA", "TP") if ace_type == FILTER else text


@lru_cache(maxsize=4_096)
def parse_mask(text: str) -> int:
    """Return the access mask an SDDL field names: letters ("RPWP"), hexadecimal, octal (leading 0) or decimal."""
    name = field(text)
    if not name:
        return 0
    if name[0].isdecimal():
        return _numeric_mask(name)
    mask = 0
    for at in range(0, len(name), 2):
        bits = _RIGHT_BITS.get(name[at : at + 2])
        if bits is None:
            raise DescriptorError(at, "access rights (letters or a number)", name[at:])
        mask |= bits
    return mask


def _numeric_mask(name: str) -> int:
    try:
        mask = int(name, 0 if name.startswith("0X") else 8 if name[0] == "0" else 10)
    except ValueError:
        raise DescriptorError(0, "access rights as a number", name) from None
    if mask > _MASK_LIMIT or not name.isascii() or "_" in name:
        raise DescriptorError(0, "access rights of 32 bits", name)
    return mask


@lru_cache(maxsize=4_096)
def mask_text(mask: int, ace_type: int = 0) -> str:
    """Return `mask` as Windows spells it.

    One name for a whole file or key right, letters in the order of the bits, or hexadecimal where a bit has no letters.
    """
    if ace_type == LABEL:
        if mask & ~_LABEL_BITS:
            return f"{mask:#x}"
        return "".join(name for name, bit in _LABEL_RIGHTS if mask & bit)
    if mask in _WHOLE_NAMES:
        return _WHOLE_NAMES[mask]
    if mask & ~_NAMED_BITS:
        return f"{mask:#x}"
    return "".join(name for name, bit in _RIGHTS if mask & bit)
