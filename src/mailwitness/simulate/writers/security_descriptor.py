"""Security descriptors in the binary form that directories keep, from the SDDL the stories use.

It knows what the simulated descriptors hold (plain, object and audit entries) and refuses everything else. It is
independent of descriptors/, which reads what this writes. Reference: [MS-DTYP] 2.4.4 (ACE), 2.4.6
(SECURITY_DESCRIPTOR), 2.5.1 (SDDL).
"""

from __future__ import annotations

import re
import struct
from uuid import UUID

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.writers.binary_values import sid_bytes

_TYPES = {"A": 0, "D": 1, "AU": 2, "OA": 5, "OD": 6, "OU": 7}
_FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 0x10, "SA": 0x40, "FA": 0x80}
_RIGHTS = {
    "CC": 1,
    "DC": 2,
    "LC": 4,
    "SW": 8,
    "RP": 0x10,
    "WP": 0x20,
    "DT": 0x40,
    "LO": 0x80,
    "CR": 0x100,
    "SD": 0x10000,
    "RC": 0x20000,
    "WD": 0x40000,
    "WO": 0x80000,
}
_RELATIVE = {"DA": 512, "DU": 513, "CA": 517, "EA": 519, "RS": 553}
_WELL_KNOWN = {
    "WD": "S-1-1-0",
    "PS": "S-1-5-10",
    "AU": "S-1-5-11",
    "SY": "S-1-5-18",
    "BA": "S-1-5-32-544",
    "AO": "S-1-5-32-548",
    "RU": "S-1-5-32-554",
}
_PARTS = re.compile(
    r"O:([A-Z]{2}|S-[-0-9]+)G:([A-Z]{2}|S-[-0-9]+)D:([A-Z]*)((?:\([^()]*\))*)(?:S:([A-Z]*)((?:\([^()]*\))*))?\Z"
)
_OBJECT_KINDS = {5, 6, 7}
_SELF_RELATIVE, _DACL, _SACL, _DACL_INHERITED, _SACL_INHERITED = 0x8000, 4, 0x10, 0x400, 0x800


def descriptor_bytes(sddl: str, domain_sid: str) -> bytes:
    """Return the self-relative descriptor of `sddl`; raises KnowledgeError for what it does not know."""
    parts = _PARTS.match(sddl)
    if parts is None:
        raise KnowledgeError("a descriptor that simulate does not know", where=sddl[:60])
    owner, group, dacl_flags, dacl, sacl_flags, sacl = parts.groups()
    control = _SELF_RELATIVE | _DACL | (_DACL_INHERITED if "AI" in dacl_flags else 0)
    blobs = [_sid(owner, domain_sid), _sid(group, domain_sid), b"", _acl(dacl, domain_sid)]
    if sacl is not None:
        control |= _SACL | (_SACL_INHERITED if "AI" in sacl_flags else 0)
        blobs[2] = _acl(sacl, domain_sid)
    offsets, at = [], 20
    for blob in blobs:
        offsets.append(at if blob else 0)
        at += len(blob)
    return struct.pack("<BBH4I", 1, 0, control, *offsets) + b"".join(blobs)


def _sid(name: str, domain_sid: str) -> bytes:
    text = f"{domain_sid}-{_RELATIVE[name]}" if name in _RELATIVE else _WELL_KNOWN.get(name, name)
    sid = sid_bytes(text)
    if sid is None:
        raise KnowledgeError(f"no security identifier: {name}", where="simulated descriptor")
    return sid


def _acl(entries: str, domain_sid: str) -> bytes:
    aces = [_ace(entry, domain_sid) for entry in re.findall(r"\(([^()]*)\)", entries)]
    revision = 4 if any(ace[0] in _OBJECT_KINDS for ace in aces) else 2
    body = b"".join(aces)
    return struct.pack("<BBHHH", revision, 0, 8 + len(body), len(aces), 0) + body


def _ace(entry: str, domain_sid: str) -> bytes:
    kind, flags, rights, guid, inherited, trustee = entry.split(";")
    mask = _sum(rights, _RIGHTS)
    body = struct.pack("<I", mask)
    number = _TYPES[kind]
    if number in _OBJECT_KINDS:
        present = (1 if guid else 0) | (2 if inherited else 0)
        body += struct.pack("<I", present) + b"".join(UUID(g).bytes_le for g in (guid, inherited) if g)
    body += _sid(trustee, domain_sid)
    return struct.pack("<BBH", number, _sum(flags, _FLAGS), 4 + len(body)) + body


def _sum(letters: str, table: dict[str, int]) -> int:
    return sum(table[letters[i : i + 2]] for i in range(0, len(letters), 2))
