"""One Windows event-log record as the simulated system logs it, before any file format.

The writers turn the same record into .evt, .evtx, event XML, JSON or CSV, so that a test can ask every reader for the
same values. The fields are those of the Windows event schema (event.xsd) and of EVENTLOGRECORD.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

AUDIT_SUCCESS = 1 << 53
AUDIT_FAILURE = 1 << 52
CLASSIC = 1 << 55
"""The keyword bits WINEVENT_KEYWORD_AUDIT_SUCCESS, _AUDIT_FAILURE and _EVENTLOG_CLASSIC of winmeta.h."""
RESERVED = 1 << 63


class WindowsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged: by which provider, on which computer, into which channel, with which values.

    `names` are EventData names in order, or empty for a classic provider whose strings have none. `occurred_at` is
    aware UTC. `qualifiers` is given by classic providers only, and makes the record one.
    """

    provider: str
    event_code: int
    computer: str
    channel: str
    record_id: int
    occurred_at: datetime
    values: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    audit: Literal["success", "failure"] | None = None
    level: int = 0
    version: int = 0
    task: int = 0  # the category of a classic record
    opcode: int = 0
    qualifiers: int | None = None
    provider_guid: str | None = None
    keyword_bits: int = RESERVED  # of a provider with a manifest, beside the audit bits
    user_sid: str | None = None
    message: str | None = None
    data: bytes = b""
    activity_id: str | None = None
    user_data: tuple[str, str] | None = None  # element and namespace where the values stand in UserData
    process_id: int = 0
    thread_id: int = 0

    @property
    def keywords(self) -> int:
        """Return the keyword bits as Windows sets them for this kind of record."""
        bits = {"success": AUDIT_SUCCESS, "failure": AUDIT_FAILURE, None: 0}[self.audit]
        if self.qualifiers is not None:
            return bits | CLASSIC
        return bits | self.keyword_bits
