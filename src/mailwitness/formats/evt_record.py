"""One EVENTLOGRECORD as a `Record`.

A record does not name its log. The channel is "Security" where the provider is (whatever the file is called), else it
follows from the file name Windows gives a log (AppEvent.Evt, SysEvent.Evt, NTDS.Evt, ...) or the log's own name in it,
else it is "Application". Strings are the insertion strings; the text around them stands in the provider's DLL.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sid import sid_text
from mailwitness.formats.evt_ring import RECORD_HEADER
from mailwitness.formats.interface import Record

NAME = "evt"

_RECORD = struct.Struct("<6I4H6I").unpack_from
_PLACES = struct.Struct("<3I").unpack_from
AUDIT: dict[int, Literal["success", "failure"]] = {8: "success", 16: "failure"}
CODE = 0xFFFF  # the upper half of an event id holds severity and facility

_CHANNELS = {
    "secevent": "Security",
    "security": "Security",
    "sysevent": "System",
    "system": "System",
    "appevent": "Application",
    "application": "Application",
    "ntds": "Directory Service",
    "directory service": "Directory Service",
    "dnsevent": "DNS Server",
    "dns server": "DNS Server",
    "ntfrs": "File Replication Service",
    "file replication service": "File Replication Service",
}


def channel_of_file(name: str) -> str:
    """Return the log a file of this name holds; Application where the name tells nothing."""
    name = name.casefold()
    return next((channel for mark, channel in _CHANNELS.items() if mark in name), "Application")


def channel_of(provider: str, file_channel: str) -> str:
    """Return the channel of a record: Security for the provider of that name, else the file's."""
    return "Security" if provider.casefold() == "security" else file_channel


@lru_cache(maxsize=1024)
def _names(data: bytes) -> tuple[str, str]:
    """Return provider and computer, which stand one behind the other, each with its NUL."""
    names = _text(data).split("\0")
    if len(names) < 3:  # noqa: PLR2004 - two names and what follows the second NUL
        raise ValueError("no source name and computer name")
    return names[0], names[1]


def _text(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")


def code_of(data: bytes) -> int:
    """Return the event code of a record's bytes."""
    return int.from_bytes(data[20:22], "little")


def origin_of(data: bytes) -> tuple[str, str]:
    """Return provider and computer of a record's bytes; raises ValueError."""
    strings_at, sid_size, sid_at = _PLACES(data, 36)
    return _names_in(data, sid_at if sid_size else strings_at)


def _names_in(data: bytes, end: int) -> tuple[str, str]:
    return _names(data[RECORD_HEADER : end if RECORD_HEADER < end <= len(data) - 4 else len(data) - 4])


def record_of(data: bytes, offset: int, file_channel: str, *, recovered: bool = False) -> tuple[Record, int]:
    """Return the record in `data` and how many of its strings are missing (0 in a sound one).

    The time is TimeGenerated, to the second. Raises ValueError where the record's own offsets lead out of it.
    """
    fields = _RECORD(data)
    number, generated, identifier, kind, count = fields[2], fields[3], fields[5], fields[6], fields[7]
    strings_at, sid_size, sid_at, data_size, data_at = fields[11:16]
    end = len(data) - 4
    if (
        (count and strings_at > end)
        or (sid_size and sid_at + sid_size > end)
        or (data_size and data_at + data_size > end)
    ):
        raise ValueError("offsets that lead out of the record")
    provider, computer = _names_in(data, sid_at if sid_size else strings_at)
    values: tuple[str, ...] = ()
    if count:
        strings = _text(data[strings_at : data_at if data_size and data_at > strings_at else end]).split("\0")
        values = tuple(strings[: min(count, len(strings) - 1)])
    record = Record(
        format=NAME,
        offset=offset,
        provider=provider,
        event_code=identifier & CODE,
        computer=computer,
        channel=channel_of(provider, file_channel),
        record_id=number,
        occurred_at=datetime.fromtimestamp(generated, UTC),
        time_quality="second",
        values=values,
        audit=AUDIT.get(kind),
        user_sid=_sid(data[sid_at : sid_at + sid_size]) if sid_size else None,
        data=data[data_at : data_at + data_size] if data_size else None,
        recovered=recovered,
    )
    return record, count - len(values)


def _sid(data: bytes) -> str:
    try:
        return sid_text(data)
    except DescriptorError as error:
        raise ValueError(error.what) from error
