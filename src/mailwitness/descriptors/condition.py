"""Conditional expressions of callback entries: the tokens, and their binary form.

An expression is a tuple of tokens in postfix order, as the bytes have it; descriptors.condition_text turns it into
SDDL's infix text and back. Source: MS-DTYP 2.4.4.17.
"""

from __future__ import annotations

import struct

import msgspec

from mailwitness.descriptors.fault import DEPTH_LIMIT, EXPRESSION_LIMIT, DescriptorError
from mailwitness.descriptors.sid import Domain, resolved, sid_bytes, sid_text

SIGNATURE = b"artx"

INTEGERS = {0x01: 8, 0x02: 16, 0x03: 32, 0x04: 64}
INT64 = 0x04
STRING = 0x10
OCTETS = 0x18
COMPOSITE = 0x50
SID = 0x51
ATTRIBUTES = {0xF8: "", 0xF9: "@User.", 0xFA: "@Resource.", 0xFB: "@Device."}

POSITIVE, NEGATIVE, UNSIGNED = 1, 2, 3
OCTAL, DECIMAL, HEXADECIMAL = 1, 2, 3

COMPARISONS = {
    0x80: "==",
    0x81: "!=",
    0x82: "<",
    0x83: "<=",
    0x84: ">",
    0x85: ">=",
    0x86: "Contains",
    0x88: "Any_of",
    0x8E: "Not_Contains",
    0x8F: "Not_Any_of",
}
TESTS = {
    0x87: "Exists",
    0x8D: "Not_Exists",
    0x89: "Member_of",
    0x8A: "Device_Member_of",
    0x8B: "Member_of_Any",
    0x8C: "Device_Member_of_Any",
    0x90: "Not_Member_of",
    0x91: "Not_Device_Member_of",
    0x92: "Not_Member_of_Any",
    0x93: "Not_Device_Member_of_Any",
}
AND, OR, NOT = 0xA0, 0xA1, 0xA2
OPERATORS = frozenset(COMPARISONS) | frozenset(TESTS) | {AND, OR, NOT}

_ALIGNMENT = 4
_INTEGER = struct.Struct("<qBB")
_LENGTH = struct.Struct("<I")


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token: an operator (no value), a literal, or the name of an attribute.

    `value` is an int, a str (string, attribute name, or a trustee for a SID), bytes, or the tuple of a composite's
    tokens. `sign` and `base` say how an integer was written.
    """

    code: int
    value: int | str | bytes | tuple[Token, ...] | None = None
    sign: int = UNSIGNED
    base: int = DECIMAL


def decode(data: bytes) -> tuple[Token, ...]:
    """Return the tokens of an application data that starts with the signature; raises DescriptorError."""
    if not data.startswith(SIGNATURE):
        raise DescriptorError(0, "the signature of a conditional expression", data[:4].hex() or "nothing")
    return _Decoder(data).tokens(4, len(data), 0)


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.count = 0

    def tokens(self, at: int, end: int, depth: int) -> tuple[Token, ...]:
        if depth > DEPTH_LIMIT:
            raise DescriptorError(at, f"composites at most {DEPTH_LIMIT} deep", depth, code="limit")
        found: list[Token] = []
        while at < end:
            code = self.data[at]
            if code == 0 and depth == 0 and end - at < _ALIGNMENT and not any(self.data[at:end]):
                break  # padding to four bytes
            self.count += 1
            if self.count > EXPRESSION_LIMIT:
                raise DescriptorError(at, f"at most {EXPRESSION_LIMIT} tokens", "more", code="limit")
            token, at = self.token(code, at + 1, end, depth)
            found.append(token)
        return tuple(found)

    def token(self, code: int, at: int, end: int, depth: int) -> tuple[Token, int]:
        if code in OPERATORS:
            return Token(code), at
        if code in INTEGERS:
            if at + _INTEGER.size > end:
                raise DescriptorError(at, "an integer of 10 bytes", f"the end at {end}", code="truncated")
            value, sign, base = _INTEGER.unpack_from(self.data, at)
            return Token(code, value, sign, base), at + _INTEGER.size
        if at + 4 > end:
            raise DescriptorError(at, "a length", f"the end at {end}", code="truncated")
        after = at + 4 + _LENGTH.unpack_from(self.data, at)[0]
        if after > end:
            raise DescriptorError(at, "a value inside the expression", f"{after - at - 4} bytes", code="truncated")
        return Token(code, self.value(code, at + 4, after, depth)), after

    def value(self, code: int, at: int, end: int, depth: int) -> str | bytes | tuple[Token, ...]:
        data = self.data[at:end]
        if code == STRING or code in ATTRIBUTES:
            if len(data) % 2:
                raise DescriptorError(at, "UTF-16 text", f"{len(data)} bytes")
            return data.decode("utf-16-le", "surrogatepass")
        if code == OCTETS:
            return data
        if code == SID:
            return sid_text(data)
        if code == COMPOSITE:
            return self.tokens(at, end, depth + 1)
        raise DescriptorError(at - 5, "a token of a conditional expression", f"{code:#04x}")


def encode(tokens: tuple[Token, ...], domain: Domain | None = None) -> bytes:
    """Return the application data of an expression, padded to four bytes; raises DescriptorError for an open name."""
    data = SIGNATURE + b"".join(_token_bytes(token, domain) for token in tokens)
    return data + b"\0" * (-len(data) % _ALIGNMENT)


def _token_bytes(token: Token, domain: Domain | None) -> bytes:
    value = token.value
    head = bytes((token.code,))
    if value is None:
        return head
    if isinstance(value, int):
        return head + _INTEGER.pack(value, token.sign, token.base)
    if isinstance(value, tuple):
        body = b"".join(_token_bytes(member, domain) for member in value)
    elif isinstance(value, bytes):
        body = value
    elif token.code == SID:
        body = sid_bytes(resolved(value, domain))
    else:
        body = value.encode("utf-16-le", "surrogatepass")
    return head + _LENGTH.pack(len(body)) + body


def trustees(tokens: tuple[Token, ...]) -> list[str]:
    """Return the trustees an expression names."""
    found: list[str] = []
    for token in tokens:
        if isinstance(token.value, tuple):
            found += trustees(token.value)
        elif token.code == SID:
            found.append(str(token.value))
    return found
