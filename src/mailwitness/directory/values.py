"""Values of directory attributes: texts, GUIDs, SIDs and DNs, binary as LDAP gives them or text as ldbsearch does."""

from __future__ import annotations

import re

import msgspec

from mailwitness.descriptors.binary import guid_text
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sid import sid_text

_GUID_SIZE = 16
_GUID_TEXT = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_SID_TEXT = re.compile(r"S-1-\d{1,15}(?:-\d{1,10}){0,15}", re.IGNORECASE)
_EXTENDED = re.compile(r"(?:<GUID=([0-9a-fA-F-]{32,36})>;)?(?:<SID=([^>]{1,184})>;)?", re.DOTALL)
_RANGE = re.compile(r"range=(\d{1,9})-(\d{1,9}|\*)")
ACCOUNT_DISABLED = 0x2
"""ADS_UF_ACCOUNTDISABLE of userAccountControl (MS-ADTS 2.2.16)."""


class UnreadableError(ValueError):
    """A value that is not what its attribute holds: what was expected, and what was found."""

    def __init__(self, expected: str, found: bytes) -> None:
        """Keep both."""
        super().__init__(expected)
        self.expected = expected
        self.found = shown(found)


class Named(msgspec.Struct, frozen=True):
    """A DN as a value, with the GUID and SID of what it names where the server was asked for them."""

    dn: str
    guid: str | None = None
    sid: str | None = None


class Range(msgspec.Struct, frozen=True):
    """Which of an attribute's values these are (MS-ADTS 3.1.1.3.1.3.3); `end` None: up to the last one."""

    start: int
    end: int | None


def shown(data: bytes) -> str:
    """Return a value as a Problem shows it."""
    return data[:120].decode("utf-8", "backslashreplace")


def text(data: bytes) -> str:
    """Return a text; raises UnreadableError where it is no UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("a text in UTF-8", data) from None


def guid(data: bytes) -> str:
    """Return a GUID, lower case with hyphens; raises UnreadableError."""
    if len(data) == _GUID_SIZE:
        return guid_text(data)
    match = _GUID_TEXT.fullmatch(data.decode("ascii", "replace"))
    if match is None:
        raise UnreadableError("a GUID of 16 bytes", data)
    return match[1].lower()


def sid(data: bytes) -> str:
    """Return a SID's text; raises UnreadableError."""
    if data[:2] in (b"S-", b"s-") and (match := _SID_TEXT.fullmatch(data.decode("ascii", "replace"))):
        return match[0].upper()
    try:
        return sid_text(data)
    except DescriptorError as fault:
        raise UnreadableError(f"a SID ({fault.what})", data) from None


def number(data: bytes) -> int:
    """Return an integer of at most 64 bits; raises UnreadableError."""
    try:
        value = int(data) if len(data) <= 20 else None  # noqa: PLR2004 - digits of a 64-bit integer and its sign
    except ValueError:
        value = None
    if value is None or not -(1 << 63) <= value < 1 << 63:
        raise UnreadableError("an integer", data)
    return value


def flag(data: bytes) -> bool:
    """Return a boolean as LDAP writes it; raises UnreadableError."""
    word = data.upper()
    if word not in (b"TRUE", b"FALSE"):
        raise UnreadableError("TRUE or FALSE", data)
    return word == b"TRUE"


def named(value: str) -> Named:
    """Return the parts of a DN that may carry the object's GUID and SID before it (the control extended DN)."""
    if not value.startswith("<"):
        return Named(value)
    match = _EXTENDED.match(value)
    if match is None:
        return Named(value)
    return Named(value[match.end() :], match[1] and match[1].lower(), match[2])


def range_of(option: str) -> Range | None:
    """Return the range an attribute option says (range=0-1499), None for any other option."""
    match = _RANGE.fullmatch(option)
    return Range(int(match[1]), None if match[2] == "*" else int(match[2])) if match else None
