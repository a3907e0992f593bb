"""Write the XML attachments of New-MailboxAuditLogSearch and New-AdminAuditLogSearch (SearchResult.xml).

References: MicrosoftDocs/OfficeDocs-Exchange export-mailbox-audit-logs.md and admin-audit-logging/log-structure.md.
The documentation prints `<ItemId="..."` for an item of a mailbox record, which no parser reads; here it is Item Id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

from mailwitness.simulate.truth import AuditRow
from mailwitness.simulate.writers.record_writer import RecordWriter


def _attributes(fields: dict[str, Any]) -> str:
    return "".join(f" {name}={quoteattr(str(value), _BREAKS)}" for name, value in fields.items() if value is not None)


_BREAKS = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class _SearchResults(RecordWriter[AuditRow]):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._file.write('<?xml version="1.0" encoding="utf-8"?>\r\n<SearchResults>\r\n')

    def close(self) -> None:
        """End the file."""
        if not self._file.closed:
            self._file.write("</SearchResults>\r\n")
            self._file.close()


class MailboxAuditXmlWriter(_SearchResults):
    """Write mailbox audit records; the field `SourceItems` is a list of items, all others are attributes."""

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        fields = {name: value for name, value in record.fields.items() if name != "SourceItems"}
        items = "".join(f"<Item{_attributes(item)}/>" for item in record.fields.get("SourceItems", ()))
        body = f">\r\n    <SourceItems>{items}</SourceItems>\r\n  </Event>" if items else "/>"
        self._file.write(f"  <Event{_attributes(fields)}{body}\r\n")
        self.written += 1


class AdminAuditXmlWriter(_SearchResults):
    """Write admin audit records; `CmdletParameters` and `ModifiedProperties` are elements, all others attributes."""

    def write(self, record: AuditRow) -> None:
        """Append a record."""
        fields = {n: v for n, v in record.fields.items() if n not in {"CmdletParameters", "ModifiedProperties"}}
        parts = [f"  <Event{_attributes(fields)}>\r\n    <CmdletParameters>\r\n"]
        for name, value in record.fields["CmdletParameters"].items():
            parts.append(f"      <Parameter{_attributes({'Name': name, 'Value': value})}/>\r\n")
        parts.append("    </CmdletParameters>\r\n")
        changed = record.fields.get("ModifiedProperties")
        if changed:
            parts.append("    <ModifiedProperties>\r\n")
            for name, (old, new) in changed.items():
                said = {"Name": name, "OldValue": old, "NewValue": new}
                parts.append(f"      <Property{_attributes(said)}/>\r\n")
            parts.append("    </ModifiedProperties>\r\n")
        parts.append("  </Event>\r\n")
        self._file.write("".join(parts))
        self.written += 1
