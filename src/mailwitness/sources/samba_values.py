"""The values in Samba's audit records: times, addresses, DNs with GUID and SID, descriptors that may be cut."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from mailwitness.descriptors.binary import read_binary
from mailwitness.descriptors.descriptor import DACL_PRESENT, SACL_PRESENT, Descriptor, Reading
from mailwitness.descriptors.sddl import write_sddl
from mailwitness.sources.audit_fields import address_of

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}")
_LINK = re.compile(r"(?:<GUID=(?P<guid>[0-9a-fA-F-]{36})>;)?(?:<SID=(?P<sid>S-[0-9-]{3,184})>;)?(?P<dn>.*)", re.DOTALL)
_CUT = "("
"""Ends the text of a descriptor whose record is cut: an entry that is opened and never closed."""


class Link(NamedTuple):
    """The value of a linked attribute: whom it names."""

    dn: str
    sid: str | None


class Value(NamedTuple):
    """One value of an attribute as text, whether its record is cut there, and what could not be read of it."""

    text: str
    is_cut: bool = False
    fault: str | None = None


def time_of(text: object) -> datetime | None:
    """Return the time of a record: local time of the server with its offset from UTC."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def address(text: object) -> str | None:
    """Return the IP address of `ipv4:ADDRESS:PORT` or `ipv6:ADDRESS:PORT`, None for a local socket."""
    if not isinstance(text, str):
        return None
    family, _, rest = text.partition(":")
    if family not in ("ipv4", "ipv6"):
        return None
    return address_of(rest.rpartition(":")[0])


def link(text: str) -> Link:
    """Return whom a linked value names: `<GUID=...>;<SID=...>;DN`, or the DN alone."""
    match = _LINK.fullmatch(text)
    return Link(text, None) if match is None else Link(match["dn"], match["sid"])


def value(said: dict[str, Any], *, descriptor: bool) -> Value:
    """Return one value of a record: a descriptor as SDDL, which ends open where the record is cut."""
    text = said.get("value")
    is_cut = said.get("truncated") is True
    if not isinstance(text, str):
        return Value("", is_cut, "a value that is no text")
    if said.get("base64") is not True:
        return Value(text, is_cut)
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=not is_cut)
    except binascii.Error as error:
        return Value(text, is_cut, f"no base64: {error}")
    if not descriptor:
        return Value(base64.b64encode(data).decode(), is_cut)
    reading = read_binary(data)
    if reading.fault is not None and not is_cut:
        return Value(text, is_cut, f"{reading.fault.expected} expected, {reading.fault.found} found")
    return Value(_sddl(reading), is_cut or reading.partial)


def _sddl(reading: Reading) -> str:
    """Return the text of what reads of a descriptor; where it ends early the list of rights comes last and open."""
    descriptor = reading.descriptor
    if not reading.partial:
        return write_sddl(descriptor)
    text = write_sddl(_without(descriptor, DACL_PRESENT))
    rights = write_sddl(_without(descriptor, SACL_PRESENT))
    start = rights.find("D:")
    return text + (rights[start:] if start >= 0 else "D:") + _CUT


def _without(descriptor: Descriptor, bit: int) -> Descriptor:
    return msgspec.structs.replace(descriptor, control=descriptor.control & ~bit)
