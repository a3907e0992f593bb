"""Security descriptors as text (SDDL): read them whole or as far as a cut text goes, and write them as Windows does.

What standard SDDL cannot say about an entry (a type without a name, bytes after a plain entry's SID, a condition whose
bytes no text gives) is written as (type;flags;#bytes): type and flags in hexadecimal, the bytes being all that follows
the entry's header. This form is our own, and `parse_sddl` reads it back. Source: MS-DTYP 2.5.1.1.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mailwitness.descriptors.ace import (
    ACE_TYPES,
    ATTRIBUTE,
    TYPE_NAMES,
    UNKNOWN,
    Ace,
    flags_text,
    mask_text,
    parse_flags,
    parse_mask,
)
from mailwitness.descriptors.application import expressed, read_field
from mailwitness.descriptors.binary import ace_bytes, parse_ace
from mailwitness.descriptors.descriptor import (
    DACL_AUTO_INHERIT_REQUIRED,
    DACL_AUTO_INHERITED,
    DACL_PRESENT,
    DACL_PROTECTED,
    SACL_AUTO_INHERIT_REQUIRED,
    SACL_AUTO_INHERITED,
    SACL_PRESENT,
    SACL_PROTECTED,
    SELF_RELATIVE,
    Acl,
    Descriptor,
    Reading,
)
from mailwitness.descriptors.fault import TEXT_LIMIT, DescriptorError
from mailwitness.descriptors.sid import Domain, parse_trustee, spelled
from mailwitness.event import ProblemCode

_SID = re.compile(r"\s*(S\s*-(?:(?![OGDS]:)[0-9A-Fa-fxX\-])+|[A-Za-z]{2})\s*")
_CONTROL = re.compile(r"\s*(NO_ACCESS_CONTROL|P|AR|AI)", re.IGNORECASE)
_SPACE = re.compile(r"\s*")
_NESTING = re.compile(r'[()"]')
_GUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_RAW = re.compile(r"\(0x([0-9A-Fa-f]{2});0x([0-9A-Fa-f]{2});#((?:[0-9A-Fa-f]{2})*)\)")
_FIELDS = 6
_ACE_LIMIT = 16_384
"""Entries of one ACL: more do not fit into its 65,535 bytes."""
_CACHED = 512

_BITS = {
    "D": {"P": DACL_PROTECTED, "AR": DACL_AUTO_INHERIT_REQUIRED, "AI": DACL_AUTO_INHERITED},
    "S": {"P": SACL_PROTECTED, "AR": SACL_AUTO_INHERIT_REQUIRED, "AI": SACL_AUTO_INHERITED},
}
_PRESENT = {"D": DACL_PRESENT, "S": SACL_PRESENT}


def parse_sddl(text: str) -> Descriptor:
    """Return the descriptor `text` says; raises DescriptorError with the offset of the character that does not fit."""
    reading = read_sddl(text)
    if reading.fault is not None:
        raise reading.fault
    return reading.descriptor


def read_sddl(text: str) -> Reading:
    """Return what of `text` reads, with the error that ended it (None: all of it).

    Log pipelines cut long values: the entries before the cut are there, `partial` says there were more.
    """
    parser = _Parser(text)
    fault = None
    try:
        parser.run()
    except DescriptorError as error:
        fault = error
    return Reading(parser.descriptor(), partial=fault is not None, fault=fault)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.control = SELF_RELATIVE
        self.trustees: dict[str, str] = {}
        self.aces: dict[str, list[Ace]] = {}

    def descriptor(self) -> Descriptor:
        acls = {part: Acl(tuple(aces)) for part, aces in self.aces.items()}
        return Descriptor(self.control, self.trustees.get("O"), self.trustees.get("G"), acls.get("D"), acls.get("S"))

    def run(self) -> None:
        text = self.text
        if len(text) > TEXT_LIMIT:
            raise DescriptorError(0, f"at most {TEXT_LIMIT} characters", f"{len(text)} characters", code="limit")
        self.skip()
        if not text[self.at :]:
            raise DescriptorError(0, "O:, G:, D: or S:", "nothing", code="truncated")
        while self.at < len(text):
            self.part(text[self.at : self.at + 2])
            self.skip()

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def part(self, mark: str) -> None:
        name = mark[:1]
        code: ProblemCode = "truncated" if len(mark) == 1 and name in "OGDS" else "unparsable"
        if mark not in {"O:", "G:", "D:", "S:"}:
            raise DescriptorError(self.at, "O:, G:, D: or S:", self.text[self.at :], code=code)
        if name in self.trustees or name in self.aces or self.control & _PRESENT.get(name, 0):
            raise DescriptorError(self.at, f"one {mark}", "another")
        self.at += 2
        if name in {"O", "G"}:
            self.trustee(name)
        else:
            self.acl(name)

    def trustee(self, name: str) -> None:
        match = _SID.match(self.text, self.at)
        if match is None:
            found = self.text[self.at :]
            raise DescriptorError(self.at, "a SID", found, code="unparsable" if len(found) > 1 else "truncated")
        try:
            self.trustees[name] = parse_trustee(match[1].replace(" ", ""))
        except DescriptorError as fault:
            raise fault.moved(match.start(1)) from None
        self.at = match.end()

    def acl(self, name: str) -> None:
        bits = _BITS[name]
        is_null = False
        self.control |= _PRESENT[name]
        while match := _CONTROL.match(self.text, self.at):
            flag = match[1].upper()
            is_null = is_null or flag == "NO_ACCESS_CONTROL"
            self.control |= bits.get(flag, 0)
            self.at = match.end()
        if is_null:
            return
        aces = self.aces.setdefault(name, [])
        self.skip()
        while self.text[self.at : self.at + 1] == "(":
            if len(aces) >= _ACE_LIMIT:
                raise DescriptorError(self.at, f"at most {_ACE_LIMIT} entries", "more", code="limit")
            end = self.closing()
            source = self.text[self.at : end]
            try:
                aces.append((_cached if len(source) <= _CACHED else parse_ace_text)(source))
            except DescriptorError as fault:
                raise fault.moved(self.at) from None
            self.at = end
            self.skip()

    def closing(self) -> int:
        """Return where the entry that opens here ends: parentheses and quotes nest in conditions and claims."""
        text = self.text
        end = text.find(")", self.at) + 1
        if not end:
            raise DescriptorError(len(text), "the ) of an entry", "the end of the text", code="truncated")
        if text.find("(", self.at + 1, end) < 0 and text.find('"', self.at, end) < 0:
            return end
        depth = 0
        in_quotes = False
        for match in _NESTING.finditer(text, self.at):
            mark = match[0]
            if mark == '"':
                in_quotes = not in_quotes
            elif not in_quotes:
                depth += 1 if mark == "(" else -1
                if not depth:
                    return match.end()
        raise DescriptorError(len(text), "the ) of an entry", "the end of the text", code="truncated")


def parse_ace_text(source: str) -> Ace:
    """Return the entry that `source`, with its parentheses, says; raises DescriptorError with the offset in it."""
    fields = source[1:-1].split(";", _FIELDS)
    number = TYPE_NAMES.get(fields[0].strip().upper())
    if number is None:
        return _raw(source)
    if len(fields) < _FIELDS:
        raise DescriptorError(len(source) - 1, f"{_FIELDS} fields in an entry", f"{len(fields)}")
    at = 0
    try:
        flags = parse_flags(fields[1])
        at = 1
        mask = parse_mask(fields[2])
        at = 2
        object_type, inherited_type = _guids(number, fields[3].strip(), fields[4].strip())
        at = 4
        trustee = parse_trustee(fields[5])
        at = 5
        data, pending = _application(number, fields[6]) if len(fields) > _FIELDS else (b"", None)
    except DescriptorError as fault:
        raise fault.moved(2 + at + sum(map(len, fields[: at + 1]))) from None
    return Ace(number, flags, mask, trustee, object_type, inherited_type, data, pending)


_cached = lru_cache(maxsize=16_384)(parse_ace_text)


def _guids(number: int, object_type: str, inherited_type: str) -> tuple[str | None, str | None]:
    for guid in (object_type, inherited_type):
        if guid and not ACE_TYPES[number].has_objects:
            raise DescriptorError(0, f"no GUID in an entry of type {ACE_TYPES[number].name}", guid)
        if guid and not _GUID.fullmatch(guid):
            raise DescriptorError(0, "a GUID", guid)
    return object_type.lower() or None, inherited_type.lower() or None


def _application(number: int, text: str) -> tuple[bytes, str | None]:
    if not ACE_TYPES[number].has_condition and number != ATTRIBUTE:
        raise DescriptorError(0, f"six fields in an entry of type {ACE_TYPES[number].name}", text)
    return read_field(number, text)


def _raw(source: str) -> Ace:
    match = _RAW.fullmatch(source)
    if match is None:
        raise DescriptorError(1, "the type of an entry (A, D, OA, AU, ...)", source[1:])
    body = bytes.fromhex(match[3])
    size = (4 + len(body)).to_bytes(4, "little")[:2]
    return parse_ace(bytes.fromhex(match[1] + match[2]) + size + body)


def write_sddl(descriptor: Descriptor, domain: Domain | None = None) -> str:
    """Return the text of `descriptor` as Windows writes it; `domain` lets its accounts be written by their names."""
    parts: list[str] = []
    if descriptor.owner is not None:
        parts.append(f"O:{spelled(descriptor.owner, domain)}")
    if descriptor.group is not None:
        parts.append(f"G:{spelled(descriptor.group, domain)}")
    for name, acl in (("D", descriptor.dacl), ("S", descriptor.sacl)):
        if not descriptor.control & _PRESENT[name]:
            continue
        parts.append(f"{name}:")
        parts += [flag for flag, bit in _BITS[name].items() if descriptor.control & bit]
        if acl is None:
            parts.append("NO_ACCESS_CONTROL")
        else:
            parts += [write_ace(ace, domain) for ace in acl.aces]
    return "".join(parts)


def write_ace(ace: Ace, domain: Domain | None = None) -> str:
    """Return the text of one entry, with its parentheses."""
    kind = ACE_TYPES.get(ace.type, UNKNOWN)
    seventh = ace.pending
    if ace.data and kind.name and (kind.has_condition or ace.type == ATTRIBUTE):
        seventh = expressed(ace.type, ace.data, domain)
    if ace.trustee is None or not kind.name or ace.object_flags or (ace.data and seventh is None):
        return f"(0x{ace.type:02x};0x{ace.flags:02x};#{ace_bytes(ace, domain)[4:].hex()})"
    fields = (
        kind.name,
        flags_text(ace.flags, ace.type),
        mask_text(ace.mask, ace.type),
        ace.object_type or "",
        ace.inherited_type or "",
        spelled(ace.trustee, domain),
    )
    text = ";".join(fields)
    return f"({text})" if seventh is None else f"({text};{seventh})"
