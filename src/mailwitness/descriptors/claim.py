"""Resource attributes: the claim a resource-attribute entry carries, as bytes and as SDDL's text.

Source: MS-DTYP 2.4.10.1 (CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1), 2.5.1.1 (attribute-data).
"""

from __future__ import annotations

import re
import struct

import msgspec

from mailwitness.descriptors.condition_text import escaped, octets, unescaped
from mailwitness.descriptors.fault import EXPRESSION_LIMIT, DescriptorError
from mailwitness.descriptors.sid import Domain, parse_trustee, resolved, sid_bytes, sid_text, spelled

_HEADER = struct.Struct("<IHHII")
_TYPES = {"TI": 0x01, "TU": 0x02, "TS": 0x03, "TD": 0x05, "TB": 0x06, "TX": 0x10}
_NAMES = {number: name for name, number in _TYPES.items()}
_WORD = 0xFFFFFFFF
_HEAD = re.compile(r'\s*\(\s*"([^"]*)"\s*,\s*(T[IUSDBX])\s*,\s*(0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10})\s*', re.IGNORECASE)
_VALUE = re.compile(r'\s*,\s*("[^"]*"|[^,()"\s]*(?:\([^()"]*\))?)\s*')
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,23})")
_SID = re.compile(r"SID\s*\(\s*(.*?)\s*\)", re.IGNORECASE)

Value = int | str | bytes


class Claim(msgspec.Struct, frozen=True):
    """A resource attribute: its name, type (TI, TU, TS, TD, TB, TX), flags and values (SIDs as trustees)."""

    name: str
    type: str
    flags: int
    values: tuple[Value, ...]


def parse_claim(text: str) -> Claim:
    """Return the claim of SDDL text such as ("Project",TS,0x0,"Windows"); raises DescriptorError."""
    head = _HEAD.match(text)
    if head is None:
        raise DescriptorError(0, 'a resource attribute such as ("Name",TS,0x0,"value")', text)
    name, kind = unescaped(head[1]), head[2].upper()
    flags = int(head[3], 0) if head[3].lower().startswith("0x") else int(head[3])
    if flags > _WORD:
        raise DescriptorError(head.start(3), "flags of 32 bits", head[3])
    values: list[Value] = []
    at = head.end()
    while match := _VALUE.match(text, at):
        values.append(_parse_value(kind, match[1], match.start(1)))
        at = match.end()
        if len(values) > EXPRESSION_LIMIT:
            raise DescriptorError(at, f"at most {EXPRESSION_LIMIT} values", "more", code="limit")
    if text[at:].strip() != ")":
        raise DescriptorError(at, "a value or )", text[at:])
    return Claim(name, kind, flags, tuple(values))


def _parse_value(kind: str, text: str, at: int) -> Value:
    if kind == "TS":
        return text[1:-1] if text.startswith('"') else _refuse(at, "a string in quotes", text)
    if kind == "TD":
        inner = _SID.fullmatch(text)
        return parse_trustee(inner[1] if inner else text)
    if kind == "TX":
        return (
            octets(text if text.startswith("#") else f"#{text}", at) if _is_hex(text) else _refuse(at, "octets", text)
        )
    if not _INTEGER.fullmatch(text):
        return _refuse(at, "an integer", text)
    digits = text.lstrip("+-")
    radix = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
    try:
        value = int(text, radix)
    except ValueError:
        return _refuse(at, "an integer", text)
    low, high = (-(1 << 63), 1 << 63) if kind == "TI" else (0, 2 if kind == "TB" else 1 << 64)
    return value if low <= value < high else _refuse(at, f"a value of type {kind}", text)


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"#?[0-9A-Fa-f#]*", text) is not None


def _refuse(at: int, expected: str, text: str) -> Value:
    raise DescriptorError(at, expected, text or "nothing")


def claim_text(claim: Claim, domain: Domain | None = None) -> str:
    """Return SDDL's text of `claim`."""
    parts = [f'("{escaped(claim.name)}"', claim.type, f"{claim.flags:#x}"]
    for value in claim.values:
        if isinstance(value, bytes):
            parts.append(f"#{value.hex()}")
        elif isinstance(value, int):
            parts.append(str(value))
        else:
            parts.append(f'"{value}"' if claim.type == "TS" else spelled(value, domain))
    return ",".join(parts) + ")"


def encode_claim(claim: Claim, domain: Domain | None = None) -> bytes:
    """Return the bytes of `claim`: header, offsets, name, values, padded to four; raises DescriptorError."""
    body = claim.name.encode("utf-16-le", "surrogatepass") + b"\0\0"
    name_at = _HEADER.size + 4 * len(claim.values)
    offsets: list[int] = []
    for value in claim.values:
        offsets.append(name_at + len(body))
        body += _value_bytes(claim.type, value, domain)
    head = _HEADER.pack(name_at, _TYPES[claim.type], 0, claim.flags, len(claim.values))
    data = head + struct.pack(f"<{len(offsets)}I", *offsets) + body
    return data + b"\0" * (-len(data) % 4)


def _value_bytes(kind: str, value: Value, domain: Domain | None) -> bytes:
    if isinstance(value, int):
        return struct.pack("<q" if kind == "TI" else "<Q", value)
    if isinstance(value, str) and kind == "TS":
        return value.encode("utf-16-le", "surrogatepass") + b"\0\0"
    data = sid_bytes(resolved(value, domain)) if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def decode_claim(data: bytes) -> Claim:
    """Return the claim that `data` holds; raises DescriptorError."""
    if len(data) < _HEADER.size:
        raise DescriptorError(0, "a claim of 16 bytes and more", f"{len(data)} bytes", code="truncated")
    name_at, number, _, flags, count = _HEADER.unpack_from(data)
    kind = _NAMES.get(number)
    if kind is None:
        raise DescriptorError(4, "a claim's type", number)
    if count > EXPRESSION_LIMIT or _HEADER.size + 4 * count > len(data):
        raise DescriptorError(12, f"at most {EXPRESSION_LIMIT} values inside the entry", count, code="limit")
    offsets = struct.unpack_from(f"<{count}I", data, _HEADER.size)
    values = _Values(data, kind)
    return Claim(values.text(name_at), kind, flags, tuple(values.at(offset) for offset in offsets))


class _Values:
    """Reads values by their offsets, and no more bytes in all than there are: offsets may all point at one place."""

    def __init__(self, data: bytes, kind: str) -> None:
        self.data = data
        self.kind = kind
        self.left = 2 * len(data)

    def spend(self, at: int, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise DescriptorError(at, "values that lie beside one another", "overlapping ones", code="limit")

    def text(self, at: int) -> str:
        end = self.data.find(b"\0\0", at)
        while end >= 0 and (end - at) % 2:
            self.spend(at, 2)
            end = self.data.find(b"\0\0", end + 1)
        if end < 0:
            raise DescriptorError(at, "a text and its terminating zero", "the end of the entry", code="truncated")
        self.spend(at, end - at)
        return self.data[at:end].decode("utf-16-le", "surrogatepass")

    def at(self, at: int) -> Value:
        if self.kind == "TS":
            return self.text(at)
        size, start = 8, at
        if self.kind in {"TD", "TX"}:
            size, start = int.from_bytes(self.data[at : at + 4], "little"), at + 4
        if start + size > len(self.data):
            raise DescriptorError(at, f"{size} bytes", f"the end at {len(self.data)}", code="truncated")
        self.spend(at, size)
        value = self.data[start : start + size]
        if self.kind == "TD":
            return sid_text(value)
        return value if self.kind == "TX" else int.from_bytes(value, "little", signed=self.kind == "TI")
