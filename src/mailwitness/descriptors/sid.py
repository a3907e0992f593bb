"""Security identifiers: text, bytes, and the two-letter names SDDL has for some of them.

A trustee is a string: a SID in its canonical text (S-1-5-32-544), or, where an SDDL text used one of the names that
mean another account in every domain (DA, EA, LA, ...) and nobody has said which domain, that name. `resolved` turns the
second into the first. Sources: MS-DTYP 2.4.2 (SID), 2.4.2.4 (well-known SIDs), 2.5.1.1 (names).
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

import msgspec

from mailwitness.descriptors.fault import FIELD_LIMIT, DescriptorError

ALIASES = {
    "WD": "S-1-1-0",
    "CO": "S-1-3-0",
    "CG": "S-1-3-1",
    "OW": "S-1-3-4",
    "NU": "S-1-5-2",
    "IU": "S-1-5-4",
    "SU": "S-1-5-6",
    "AN": "S-1-5-7",
    "ED": "S-1-5-9",
    "PS": "S-1-5-10",
    "AU": "S-1-5-11",
    "RC": "S-1-5-12",
    "SY": "S-1-5-18",
    "LS": "S-1-5-19",
    "NS": "S-1-5-20",
    "WR": "S-1-5-33",
    "UD": "S-1-5-84-0-0-0-0-0",
    "BA": "S-1-5-32-544",
    "BU": "S-1-5-32-545",
    "BG": "S-1-5-32-546",
    "PU": "S-1-5-32-547",
    "AO": "S-1-5-32-548",
    "SO": "S-1-5-32-549",
    "PO": "S-1-5-32-550",
    "BO": "S-1-5-32-551",
    "RE": "S-1-5-32-552",
    "RU": "S-1-5-32-554",
    "RD": "S-1-5-32-555",
    "NO": "S-1-5-32-556",
    "MU": "S-1-5-32-558",
    "LU": "S-1-5-32-559",
    "IS": "S-1-5-32-568",
    "CY": "S-1-5-32-569",
    "ER": "S-1-5-32-573",
    "CD": "S-1-5-32-574",
    "RA": "S-1-5-32-575",
    "ES": "S-1-5-32-576",
    "MS": "S-1-5-32-577",
    "HA": "S-1-5-32-578",
    "AA": "S-1-5-32-579",
    "RM": "S-1-5-32-580",
    "HO": "S-1-5-32-584",
    "AC": "S-1-15-2-1",
    "LW": "S-1-16-4096",
    "ME": "S-1-16-8192",
    "MP": "S-1-16-8448",
    "HI": "S-1-16-12288",
    "SI": "S-1-16-16384",
    "AS": "S-1-18-1",
    "SS": "S-1-18-2",
}
"""The names that mean the same SID everywhere."""

DOMAIN_ALIASES = {
    "LA": 500,
    "LG": 501,
    "DA": 512,
    "DU": 513,
    "DG": 514,
    "DC": 515,
    "DD": 516,
    "CA": 517,
    "PA": 520,
    "CN": 522,
    "AP": 525,
    "KA": 526,
    "RS": 553,
}
"""The names whose SID is the domain's SID and this relative identifier."""

ROOT_ALIASES = {"RO": 498, "SA": 518, "EA": 519, "EK": 527}
"""As DOMAIN_ALIASES, of the forest's root domain."""

_NAMES = {sid: alias for alias, sid in ALIASES.items()}
_RELATIVE = {rid: alias for alias, rid in DOMAIN_ALIASES.items()}
_ROOT_RELATIVE = {rid: alias for alias, rid in ROOT_ALIASES.items()}
_TEXT = re.compile(
    r"[Ss]-(?:1|0[xX]0*1)-(0[xX][0-9A-Fa-f]{1,12}|[0-9]{1,15})((?:-(?:0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10})){0,15})"
)
_AUTHORITY_LIMIT = 1 << 48
_WORD = 0xFFFFFFFF
_SUB_AUTHORITIES = 15
_HEAD = 8


class Domain(msgspec.Struct, frozen=True):
    """Whose domain-relative names a descriptor uses: the domain's SID, and the forest root domain's (None: unknown)."""

    sid: str
    root: str | None = None


@lru_cache(maxsize=65_536)
def sid_text(data: bytes) -> str:
    """Return the text of a binary SID that fills `data` exactly; raises DescriptorError."""
    size = len(data)
    if size < _HEAD:
        raise DescriptorError(0, "a SID of at least 8 bytes", f"{size} bytes", code="truncated")
    if data[0] != 1:
        raise DescriptorError(0, "SID revision 1", data[0])
    count = data[1]
    if count > _SUB_AUTHORITIES:
        raise DescriptorError(1, "at most 15 sub-authorities", count)
    if size != _HEAD + 4 * count:
        raise DescriptorError(1, f"a SID of {8 + 4 * count} bytes", f"{size} bytes", code="truncated")
    authority = int.from_bytes(data[2:8], "big")
    head = f"S-1-{authority}" if authority <= _WORD else f"S-1-0x{authority:X}"
    return "-".join([head, *map(str, struct.unpack_from(f"<{count}I", data, 8))])


def sid_size(data: bytes, offset: int) -> int:
    """Return how many bytes the SID at `offset` of `data` takes; raises DescriptorError where it does not fit."""
    if offset + _HEAD > len(data):
        raise DescriptorError(offset, "a SID", f"the end at {len(data)}", code="truncated")
    size = _HEAD + 4 * data[offset + 1]
    if offset + size > len(data):
        raise DescriptorError(offset, f"a SID of {size} bytes", f"the end at {len(data)}", code="truncated")
    return size


@lru_cache(maxsize=65_536)
def sid_bytes(sid: str) -> bytes:
    """Return the binary form of a SID's canonical text; raises DescriptorError for anything else, aliases included."""
    numbers = _numbers(sid)
    if numbers is None:
        raise DescriptorError(0, "a SID (a domain-relative name needs its domain)", sid)
    authority, *rest = numbers
    return struct.pack(f"<BB6s{len(rest)}I", 1, len(rest), authority.to_bytes(6, "big"), *rest)


def _numbers(text: str) -> list[int] | None:
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    numbers = [_number(match[1]), *map(_number, match[2].split("-")[1:])]
    if numbers[0] >= _AUTHORITY_LIMIT or any(number > _WORD for number in numbers[1:]):
        return None
    return numbers


def _number(text: str) -> int:
    return int(text, 16) if text[:2] in {"0x", "0X"} else int(text)


@lru_cache(maxsize=65_536)
def parse_trustee(text: str) -> str:
    """Return the trustee an SDDL field names: its SID, or a domain-relative name as it is; raises DescriptorError."""
    if len(text) > FIELD_LIMIT:
        raise DescriptorError(0, f"at most {FIELD_LIMIT} characters", f"{len(text)}", code="limit")
    name = text.strip().upper()
    sid = ALIASES.get(name)
    if sid is not None:
        return sid
    if name in DOMAIN_ALIASES or name in ROOT_ALIASES:
        return name
    numbers = _numbers(name)
    if numbers is None:
        raise DescriptorError(0, "a SID or one of SDDL's names for one", text or "nothing")
    authority, *rest = numbers
    head = f"S-1-{authority}" if authority <= _WORD else f"S-1-0x{authority:X}"
    return "-".join([head, *map(str, rest)])


def is_relative(trustee: str) -> bool:
    """Return whether `trustee` is a name that needs a domain to become a SID."""
    return not trustee.startswith("S-")


def resolved(trustee: str, domain: Domain | None) -> str:
    """Return the SID of `trustee` in `domain`, or `trustee` itself where that cannot be told."""
    if domain is None or trustee.startswith("S-"):
        return trustee
    rid = DOMAIN_ALIASES.get(trustee)
    if rid is not None:
        return f"{domain.sid}-{rid}"
    rid = ROOT_ALIASES.get(trustee)
    return f"{domain.root}-{rid}" if rid is not None and domain.root is not None else trustee


def spelled(trustee: str, domain: Domain | None = None) -> str:
    """Return `trustee` as SDDL writes it: a name where there is one (domain-relative ones only with their domain)."""
    name = _NAMES.get(trustee)
    if name is not None:
        return name
    if domain is not None and trustee.startswith("S-1-5-21-"):
        head, _, rid = trustee.rpartition("-")
        if rid.isdecimal():
            if head == domain.sid and int(rid) in _RELATIVE:
                return _RELATIVE[int(rid)]
            if head == domain.root and int(rid) in _ROOT_RELATIVE:
                return _ROOT_RELATIVE[int(rid)]
    return trustee
