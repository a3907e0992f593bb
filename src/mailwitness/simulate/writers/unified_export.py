"""Write unified audit records in the four containers they leave Microsoft 365 in.

Search-UnifiedAuditLog with Export-Csv, the Purview portal's CSV, blobs of the Management Activity API (a JSON array
each, unordered), and pages of Graph's auditLogRecords. Each row's fields are the record itself (AuditData).
References: MicrosoftDocs/office-365-management-api schema.md and reference.md; Graph security auditLogRecord.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mailwitness.simulate.truth import AuditRow
from mailwitness.simulate.writers.audit_csv import CsvExportWriter, shell_date
from mailwitness.simulate.writers.record_writer import RecordWriter

RECORD_TYPES = {
    1: "ExchangeAdmin",
    2: "ExchangeItem",
    3: "ExchangeItemGroup",
    8: "AzureActiveDirectory",
    50: "ExchangeItemAggregated",
}
_SEARCH_COLUMNS = (
    "RecordType CreationDate UserIds Operations AuditData ResultIndex ResultCount Identity IsValid ObjectState"
).split()
_PURVIEW_COLUMNS = (
    "RecordId CreationDate RecordType Operation UserId AuditData AssociatedAdminUnits AssociatedAdminUnitsNames"
).split()
_BLOB_RECORDS = 250
_PAGE_RECORDS = 1_000
_GRAPH_RECORDS = "https://graph.microsoft.com/v1.0/security/auditLog/queries/1/records"
_GRAPH_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#security/auditLog/queries('1')/records"


class SearchCsvWriter(RecordWriter[AuditRow]):
    """Write what Search-UnifiedAuditLog | Export-Csv leaves behind."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        kind = "Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.UnifiedAuditEvent"
        self._csv = CsvExportWriter(path, _SEARCH_COLUMNS, type_name=kind)

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        said = record.fields
        self.written += 1
        fields = {
            "RecordType": RECORD_TYPES[said["RecordType"]],
            "CreationDate": shell_date(record.occurred_at),
            "UserIds": said["UserId"],
            "Operations": said["Operation"],
            "AuditData": orjson.dumps(said).decode(),
            "ResultIndex": self.written,
            "ResultCount": 5000,
            "Identity": said["Id"],
            "IsValid": "True",
            "ObjectState": "Unchanged",
        }
        self._csv.write(AuditRow(occurred_at=record.occurred_at, fields=fields))

    def close(self) -> None:
        """End the file."""
        self._csv.close()


class PurviewCsvWriter(RecordWriter[AuditRow]):
    """Write the CSV that the audit search of the Purview portal exports."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._csv = CsvExportWriter(path, _PURVIEW_COLUMNS, type_name=None, encoding="utf-8-sig")

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        said = record.fields
        fields = {
            "RecordId": said["Id"],
            "CreationDate": record.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
            "RecordType": said["RecordType"],
            "Operation": said["Operation"],
            "UserId": said["UserId"],
            "AuditData": orjson.dumps(said).decode(),
        }
        self._csv.write(AuditRow(occurred_at=record.occurred_at, fields=fields))
        self.written += 1

    def close(self) -> None:
        """End the file."""
        self._csv.close()


class ActivityApiWriter(RecordWriter[AuditRow]):
    """Write blobs of the Management Activity API as they are downloaded: a JSON array, the newest not always last.

    The first blob takes `path`'s name, the others a number behind it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._blob: list[dict[str, Any]] = []
        self._files: list[Path] = []
        self._done = False

    @property
    def current(self) -> Path:
        """Return the blob being filled."""
        number = len(self._files) + 1
        return self.path if number == 1 else self.path.with_stem(f"{self.path.stem}-{number}")

    @property
    def files(self) -> list[Path]:
        """Return the blobs written so far."""
        return list(self._files)

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        self._blob.append(record.fields)
        self.written += 1
        if len(self._blob) == _BLOB_RECORDS:
            self._flush()

    def _flush(self) -> None:
        blob = self.current
        blob.write_bytes(orjson.dumps(self._blob[1::2] + self._blob[::2]))
        self._files.append(blob)
        self._blob = []

    def close(self) -> None:
        """Write the last blob."""
        if not self._done and (self._blob or not self._files):
            self._flush()
        self._done = True


class GraphWriter(RecordWriter[AuditRow]):
    """Write pages of Graph's auditLogRecords, one a line: camel-case names outside, the record as auditData."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: BinaryIO = path.open("wb")
        self._begin()

    def _begin(self) -> None:
        self._file.write(b'{"@odata.context":' + orjson.dumps(_GRAPH_CONTEXT) + b',"value":[')

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        said = record.fields
        kind = RECORD_TYPES[said["RecordType"]]
        outside = {
            "id": said["Id"],
            "createdDateTime": said["CreationTime"] + "Z",
            "auditLogRecordType": kind[0].lower() + kind[1:],
            "operation": said["Operation"],
            "organizationId": said["OrganizationId"],
            "userType": "regular" if said["UserType"] == 0 else "admin",
            "userId": said["UserKey"],
            "service": said["Workload"],
            "objectId": said.get("ObjectId", ""),
            "userPrincipalName": said["UserId"],
            "clientIp": said.get("ClientIP"),
            "administrativeUnits": [""],
            "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData"} | said,
        }
        if self.written and self.written % _PAGE_RECORDS == 0:
            link = f"{_GRAPH_RECORDS}?$skiptoken={self.written}"
            self._file.write(b'],"@odata.nextLink":' + orjson.dumps(link) + b"}\n")
            self._begin()
        self._file.write((b"," if self.written % _PAGE_RECORDS else b"") + orjson.dumps(outside))
        self.written += 1

    def close(self) -> None:
        """End the last page."""
        if not self._file.closed:
            self._file.write(b"]}")
            self._file.close()
