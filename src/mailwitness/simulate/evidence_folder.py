"""The logs of a simulated organisation as files: records get their numbers here, in the order of time.

Drafts may come in any order as long as none is earlier than what was flushed; what waits is a heap, so that memory does
not grow with the length of the history.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from mailwitness.simulate.truth import AuditRow, Draft
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.audit_csv import CsvExportWriter
from mailwitness.simulate.writers.audit_xml import AdminAuditXmlWriter, MailboxAuditXmlWriter
from mailwitness.simulate.writers.event_csv import EventCsvWriter
from mailwitness.simulate.writers.event_json import EventJsonWriter
from mailwitness.simulate.writers.event_xml import EventXmlWriter
from mailwitness.simulate.writers.evt import EvtWriter
from mailwitness.simulate.writers.evtx import EvtxWriter
from mailwitness.simulate.writers.record_writer import RecordWriter
from mailwitness.simulate.writers.unified_export import (
    ActivityApiWriter,
    GraphWriter,
    PurviewCsvWriter,
    SearchCsvWriter,
)

_MAILBOX_AUDIT_COLUMNS = (
    "Operation OperationResult LogonType FolderId FolderPathName ClientInfoString ClientIPAddress ClientMachineName "
    "ClientProcessName ClientVersion InternalLogonType MailboxOwnerUPN MailboxOwnerSid CrossMailboxOperation "
    "LogonUserDisplayName LogonUserSid ItemId ItemSubject MailboxGuid MailboxResolvedOwnerName LastAccessed Identity"
).split()
_MAILBOX_AUDIT_TYPE = "Microsoft.Exchange.Data.ApplicationLogic.MailboxAuditLogRecord"

FORMS: dict[str, Callable[[Path], RecordWriter[Any]]] = {
    "evt": EvtWriter,
    "evtx": EvtxWriter,
    "xml": EventXmlWriter,
    "winlogbeat": partial(EventJsonWriter, shape="winlogbeat"),
    "nxlog": partial(EventJsonWriter, shape="nxlog"),
    "openwec": partial(EventJsonWriter, shape="openwec"),
    "csv": EventCsvWriter,
    "mailbox_audit_xml": MailboxAuditXmlWriter,
    "mailbox_audit_csv": partial(CsvExportWriter, columns=_MAILBOX_AUDIT_COLUMNS, type_name=_MAILBOX_AUDIT_TYPE),
    "admin_audit_xml": AdminAuditXmlWriter,
    "unified_csv": SearchCsvWriter,
    "unified_purview": PurviewCsvWriter,
    "unified_api": ActivityApiWriter,
    "unified_graph": GraphWriter,
}
"""Every form evidence is written in, by the word that a LogPlan calls it."""


class LogPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One log: its files in the order they were saved, relative to the folder, their form, the first record's number.

    A log without files is one that nobody kept: its records are numbered and lost. {} in the last file's name stands
    for the number of the file and makes any number of files.
    """

    files: tuple[str, ...]
    form: str | None = None  # default: the file's ending
    first_number: int = 1


class _Log:
    def __init__(self, plan: LogPlan, folder: Path | None) -> None:
        self._plan = plan
        self._folder = folder
        self._number = plan.first_number
        self._file = ""
        self._used = 0
        self._last_at: datetime | None = None
        self._writer: RecordWriter[Any] | None = None
        self.paths: list[Path] = []
        if plan.files:
            self._next_file()

    def _next_file(self) -> None:
        self.close()
        self._file = self._plan.files[min(self._used, len(self._plan.files) - 1)].format(self._used + 1)
        self._used += 1
        if self._folder is None:
            return
        path = self._folder / self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = FORMS[self._plan.form or path.suffix[1:]](path)

    def write(self, draft: Draft) -> bool:
        """Write one record; return False if nobody keeps this log."""
        if not self._plan.files:
            return False
        if draft.fresh_file:
            self._next_file()
        self._number = 1 if draft.restart else self._number + draft.lost
        record: WindowsRecord | AuditRow = draft.record
        place: dict[str, Any] = {"file": self._file}
        if isinstance(record, WindowsRecord):
            record = msgspec.structs.replace(record, record_id=self._number)
            place |= {"record_id": self._number, "event_code": str(record.event_code)}
            place |= {"computer": record.computer, "channel": record.channel}
        elif record.row_id:
            place["id"] = record.row_id
        else:
            place["row"] = self._number
        if self._writer is not None:
            place["file"] = str(Path(self._file).with_name(self._writer.current.name))
            self._writer.write(record)
        draft.placed, draft.after_at = place, self._last_at
        self._last_at = record.occurred_at
        self._number += 1
        return True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self.paths += self._writer.files
            self._writer = None


class EvidenceFolder:
    """The logs of one organisation below `folder`; with `folder` None the records are only numbered.

    A context manager: leaving it flushes and finishes all files.
    """

    def __init__(self, folder: Path | None, logs: dict[str, LogPlan]) -> None:
        self._logs = {name: _Log(plan, folder) for name, plan in logs.items()}
        self._waiting: list[tuple[datetime, int, Draft]] = []
        self._order = 0
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def paths(self) -> list[Path]:
        """Return the files that are finished, in the order of the logs."""
        return [path for log in self._logs.values() for path in log.paths]

    @property
    def taken(self) -> int:
        """Return how many records are written or wait to be."""
        return self.written + len(self._waiting)

    def add(self, drafts: Iterable[Draft]) -> None:
        """Take in drafts; equal times keep the order in which they came."""
        for draft in drafts:
            heapq.heappush(self._waiting, (draft.record.occurred_at, self._order, draft))
            self._order += 1

    def flush(self, until: datetime | None = None) -> None:
        """Write what is earlier than `until`, or everything."""
        while self._waiting and (until is None or self._waiting[0][0] < until):
            _at, _order, draft = heapq.heappop(self._waiting)
            self.written += self._logs[draft.log].write(draft)

    def close(self) -> None:
        """Write everything and finish the files."""
        self.flush()
        for log in self._logs.values():
            log.close()
