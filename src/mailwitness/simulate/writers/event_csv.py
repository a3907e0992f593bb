"""Write the CSV that `Get-WinEvent ... | Export-Csv` leaves behind.

Such a file has no insertion strings: what the record says stands in Message. TimeCreated is in the format and the zone
of the shell that exported it. Reference: the properties of System.Diagnostics.Eventing.Reader.EventLogRecord.
"""

from __future__ import annotations

import csv
from datetime import UTC
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.record_writer import RecordWriter

COLUMNS = (
    "Message Id Version Qualifiers Level Task Opcode Keywords RecordId ProviderName ProviderId LogName ProcessId "
    "ThreadId MachineName UserId TimeCreated ActivityId RelatedActivityId ContainerLog MatchedQueryIds Bookmark "
    "LevelDisplayName OpcodeDisplayName TaskDisplayName KeywordsDisplayNames Properties"
).split()
_LIST = "System.Collections.Generic.List`1[System.Diagnostics.Eventing.Reader.EventProperty]"


class EventCsvWriter(RecordWriter[WindowsRecord]):
    """Write one Get-WinEvent export; a context manager. `zone` is an IANA name, `typed` adds the #TYPE line."""

    def __init__(self, path: Path, *, zone: str = "UTC", typed: bool = True, encoding: str = "utf-8") -> None:
        super().__init__(path)
        self._zone = UTC if zone == "UTC" else ZoneInfo(zone)
        self._file: TextIO = path.open("w", encoding=encoding, newline="")
        if typed:
            self._file.write("#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n")
        self._rows = csv.writer(self._file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        self._rows.writerow(COLUMNS)

    def write(self, record: WindowsRecord) -> None:
        """Append a record."""
        keywords = record.keywords - (1 << 64 if record.keywords >> 63 else 0)
        at = record.occurred_at.astimezone(self._zone)
        hour = at.hour % 12 or 12
        shown = f"{at.month}/{at.day}/{at.year} {hour}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"  # noqa: PLR2004 - noon
        audit = {"success": "Audit Success", "failure": "Audit Failure", None: "Classic"}[record.audit]
        guid = (record.provider_guid or "")[1:-1]
        qualifiers = "" if record.qualifiers is None else str(record.qualifiers)
        self._rows.writerow(
            [
                *(record.message or "", record.event_code, record.version, qualifiers, record.level, record.task),
                *(record.opcode, keywords, record.record_id, record.provider, guid, record.channel),
                *(record.process_id, record.thread_id, record.computer, record.user_sid or "", shown),
                *((record.activity_id or "")[1:-1], "", record.channel, "System.UInt32[]"),
                *("System.Diagnostics.Eventing.Reader.EventBookmark", "Information", "Info", "", audit, _LIST),
            ]
        )
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._file.close()
