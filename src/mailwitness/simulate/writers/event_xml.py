"""Write event XML: as `wevtutil qe` prints it, as Event Viewer saves it, and as forwarded events carry it.

Reference: event.xsd of the Windows SDK.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.evtx_templates import NAMESPACE
from mailwitness.simulate.writers.record_writer import RecordWriter


def xml_time(record: WindowsRecord) -> str:
    """Return TimeCreated as Windows writes it: UTC, seven digits, Z."""
    return record.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def event_xml(record: WindowsRecord, *, rendered: bool = False) -> str:
    """Return one Event element on one line; `rendered` adds RenderingInfo with the record's message."""
    classic = record.qualifiers is not None
    guid = "" if record.provider_guid is None else f" Guid={quoteattr(record.provider_guid)}"
    qualifiers = f' Qualifiers="{record.qualifiers}"' if classic else ""
    parts = [f'<Event xmlns="{NAMESPACE}"><System><Provider Name={quoteattr(record.provider)}{guid}/>']
    parts.append(f"<EventID{qualifiers}>{record.event_code}</EventID>")
    parts.append(f"<Version>{record.version}</Version><Level>{record.level}</Level><Task>{record.task}</Task>")
    parts.append(f"<Opcode>{record.opcode}</Opcode><Keywords>0x{record.keywords:x}</Keywords>")
    parts.append(f'<TimeCreated SystemTime="{xml_time(record)}"/><EventRecordID>{record.record_id}</EventRecordID>')
    activity = f" ActivityID={quoteattr(record.activity_id)}" if record.activity_id else ""
    parts.append(f'<Correlation{activity}/><Execution ProcessID="{record.process_id}" ThreadID="{record.thread_id}"/>')
    parts.append(f"<Channel>{escape(record.channel)}</Channel><Computer>{escape(record.computer)}</Computer>")
    user = f" UserID={quoteattr(record.user_sid)}" if record.user_sid else ""
    parts.append(f"<Security{user}/></System>{_body(record)}")
    if rendered and record.message is not None:
        keyword = {"success": "Audit Success", "failure": "Audit Failure", None: "Classic"}[record.audit]
        parts.append(f'<RenderingInfo Culture="en-US"><Message>{_text(record.message)}</Message>')
        parts.append(f"<Keywords><Keyword>{keyword}</Keyword></Keywords></RenderingInfo>")
    parts.append("</Event>")
    return "".join(parts)


def _body(record: WindowsRecord) -> str:
    if record.user_data is not None:
        return f"<UserData>{user_data_xml(record)}</UserData>"
    if record.names:
        fields = zip(record.names, record.values, strict=True)
        data = "".join(f"<Data Name={quoteattr(n)}>{_text(v)}</Data>" for n, v in fields)
    else:
        data = "".join(f"<Data>{_text(v)}</Data>" for v in record.values)
    binary = f"<Binary>{record.data.hex().upper()}</Binary>" if record.data else ""
    return f"<EventData>{data}{binary}</EventData>"


def user_data_xml(record: WindowsRecord) -> str:
    """Return the element that stands in UserData, or nothing."""
    if record.user_data is None:
        return ""
    element, namespace = record.user_data
    fields = "".join(f"<{n}>{_text(v)}</{n}>" for n, v in zip(record.names, record.values, strict=True))
    return f"<{element} xmlns={quoteattr(namespace)}>{fields}</{element}>"


def _text(value: str) -> str:
    # a bare carriage return would be read as a line feed (XML 1.0, 2.11)
    return escape(value, {"\r": "&#13;"})


class EventXmlWriter(RecordWriter[WindowsRecord]):
    """Write many Event elements into one file; a context manager.

    `root` puts them in one Events element under an XML declaration, as Event Viewer saves them; without it they follow
    each other, one a line, as wevtutil prints them.
    """

    def __init__(self, path: Path, *, root: bool = True, rendered: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(path)
        self._root = root
        self._rendered = rendered
        self._file: TextIO = path.open("w", encoding=encoding, newline="")
        if root:
            name = "utf-16" if encoding.startswith("utf-16") else "utf-8"
            self._file.write(f'<?xml version="1.0" encoding="{name}" standalone="yes"?>\r\n<Events>')

    def write(self, record: WindowsRecord) -> None:
        """Append a record."""
        self._file.write(event_xml(record, rendered=self._rendered) + ("" if self._root else "\r\n"))
        self.written += 1

    def close(self) -> None:
        """End the file."""
        if self._file.closed:
            return
        if self._root:
            self._file.write("</Events>\r\n")
        self._file.close()
