"""Make the evidence files of this folder, and with --expected what the readers say of them.

    .venv/bin/python tests/data/formats/make.py [--into DIR] [--expected]

Evidence is written as the programs write it, from the layouts their makers document (the HOW.md beside each names
them). Names, addresses and SIDs are invented. `expected.jsonl` is what a reader said when a person had checked it
against the file; tests/formats/test_golden.py holds every later version to it, because `raw` is sealed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec

from mailwitness import formats
from mailwitness.formats.interface import Wanted

HERE = Path(__file__).parent
NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
SECURITY = "Microsoft-Windows-Security-Auditing"
DN = "CN=Anna Zoë,OU=Staff,DC=example,DC=com"
MODIFIED = [
    *(("OpCorrelationID", "{2d8b0b7c-3a52-4cc5-9b52-2f5a1d3b8f10}"), ("AppCorrelationID", "-")),
    *(("SubjectUserSid", "S-1-5-21-1-2-3-1105"), ("SubjectUserName", "adm"), ("SubjectDomainName", "EXAMPLE")),
    *(("SubjectLogonId", "0x3e7"), ("DSName", "example.com"), ("DSType", "%%14676"), ("ObjectDN", DN)),
    *(("ObjectGUID", "{6d4fbdae-e3ae-4530-8d0b-f62a14687939}"), ("ObjectClass", "user")),
    *(("AttributeLDAPDisplayName", "nTSecurityDescriptor"), ("AttributeSyntaxOID", "2.5.5.15")),
    *(("AttributeValue", "O:DAG:DAD:AI(A;;CC;;;S-1-5-21-1-2-3-1106)"), ("OperationType", "%%14674")),
]
CMDLET = [
    "Set-Mailbox",
    '-Identity "anna" -ForwardingSmtpAddress "x@example.net"',
    "example.com/Users/adm",
    "",
    "8372 w3wp",
]


def event(provider, code, channel, data, keywords="0x8020000000000000", extra="", qualifiers=""):
    return (
        f"<Event xmlns='{NAMESPACE}'><System><Provider Name='{provider}'/><EventID{qualifiers}>{code}</EventID>"
        f"<Version>0</Version><Level>0</Level><Task>14081</Task><Opcode>0</Opcode><Keywords>{keywords}</Keywords>"
        "<TimeCreated SystemTime='2022-12-14T16:06:51.0643605Z'/><EventRecordID>114689</EventRecordID>"
        "<Correlation ActivityID='{93ea0a9d-e913-0000-a20b-ea9313e9d401}'/><Execution ProcessID='4' ThreadID='196'/>"
        f"<Channel>{channel}</Channel><Computer>dc1.example.com</Computer><Security UserID='S-1-5-18'/></System>"
        f"{data}{extra}</Event>"
    )


def named(pairs):
    return "<EventData>" + "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in pairs) + "</EventData>"


def unnamed(values):
    return "<EventData>" + "".join(f"<Data>{value}</Data>" for value in values) + "<Binary>00FF</Binary></EventData>"


CLEARED = (
    "<UserData><LogFileCleared xmlns='http://manifests.microsoft.com/win/2004/08/windows/eventlog'>"
    "<SubjectUserSid>S-1-5-18</SubjectUserSid><SubjectUserName>SYSTEM</SubjectUserName></LogFileCleared></UserData>"
)
RENDERED = "<RenderingInfo Culture='de-DE'><Message>Ein Objekt wurde geändert.</Message></RenderingInfo>"


def event_xml():
    change = event(SECURITY, 5136, "Security", named(MODIFIED))
    cleared = event("Microsoft-Windows-Eventlog", 1102, "Security", CLEARED)
    cmdlet = event("MSExchange CmdletLogs", 1, "MSExchange Management", unnamed(CMDLET), "0x80000000000000")
    refused = event(SECURITY, 4662, "Security", named(MODIFIED[2:6]), "0x8010000000000000")
    hidden = event(SECURITY, 4720, "Security", named([("TargetUserName", "a\x01b")]))
    yield "wevtutil.xml", f"{change}\r\n{cleared}\r\n{cmdlet}\r\n{refused}\r\n".encode()
    forwarded = event(SECURITY, 5136, "Security", named(MODIFIED), extra=RENDERED)
    yield "forwarded.xml", f'<?xml version="1.0" encoding="utf-16"?>\r\n<Events>{forwarded}</Events>'.encode("utf-16")
    torn = [change, cleared[:300], hidden, cmdlet[120:], change, refused[:-40]]
    yield "torn_records.xml", "\n".join(torn).encode()
    yield "doctype.xml", f'<!DOCTYPE Events [<!ENTITY a "b">]><Events>{change}</Events>'.encode()


def lines(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode()


def json_forms():
    winlog = {"api": "wineventlog", "channel": "Security", "computer_name": "dc1.example.com", "event_id": "5136"}
    winlog |= {"record_id": 114689, "provider_name": SECURITY, "version": 0, "event_data": dict(sorted(MODIFIED))}
    beat = {"@timestamp": "2022-12-14T16:06:51.064Z", "winlog": winlog, "event": {"code": "5136", "outcome": "success"}}
    cmdlet = {f"param{number}": value for number, value in enumerate(CMDLET, 1) if value}
    managed = winlog | {"event_id": "1", "event_data": cmdlet, "channel": "MSExchange Management", "record_id": 3}
    managed["provider_name"] = "MSExchange CmdletLogs"
    yield "winlogbeat_8.jsonl", lines(beat, beat | {"winlog": managed, "event": {"code": "1"}})
    old = {"@timestamp": "2019-04-03T17:36:48.679Z", "event_id": 5136, "log_name": "Security", "source_name": SECURITY}
    old |= {"computer_name": "dc1.example.com", "record_number": "114689", "keywords": ["Audit Failure"]}
    yield "winlogbeat_6.jsonl", lines(old | {"event_data": dict(MODIFIED), "user": {"identifier": "S-1-5-18"}})
    flat = {"EventTime": "2020-09-21 18:59:08", "Hostname": "dc1.example.com", "Keywords": -9214364837600034816}
    flat |= {"EventType": "AUDIT_SUCCESS", "EventID": 5136, "SourceName": SECURITY, "RecordNumber": 114689}
    flat |= {"Channel": "Security", "@timestamp": "2020-09-21T22:59:14.904Z"} | dict(MODIFIED)
    yield "nxlog.jsonl", lines(flat, flat | {"EventTime": "2020-09-21T18:59:08.123456+02:00"})
    system = {"Provider": {"Name": "MSExchange CmdletLogs"}, "EventID": 1, "Keywords": "0x80000000000000"}
    system |= {"TimeCreated": "2022-12-14T16:06:51.0643605Z", "EventRecordID": 3, "Channel": "MSExchange Management"}
    system |= {"Computer": "ex1.example.com"}
    data = {"Data": [value for value in CMDLET if value]}
    raw = {"meta": {"IpAddress": "192.0.2.1"}, "data": event(SECURITY, 5136, "Security", named(MODIFIED))}
    yield "openwec.jsonl", lines({"System": system, "EventData": data, "OpenWEC": {}}, raw)
    yield "elasticsearch.json", json.dumps({"hits": {"hits": [{"_source": beat}]}}, indent=2).encode()
    rights = [{"Identity": "example.com/Users/anna", "User": "EXAMPLE\\adm", "AccessRights": ["FullAccess"]}]
    rights += [{"Identity": "x", "WhenCreated": "/Date(1614724997000)/", "Size": 1.50, "Usn": 9223372036854775807}]
    yield "convertto_json.json", json.dumps(rights, indent=4).replace("1.5", "1.50").encode("utf-16")
    yield "duplicate_key.jsonl", b'{"EventID": 5136, "EventID": 1, "SourceName": "x"}\n{"a": NaN}\n{"a": 1}\n'


def event_csv():
    head = "Keywords,Date and Time,Source,Event ID,Task Category\r\n"
    row = f'Audit Success,3/25/2021 10:43:17 PM,{SECURITY},4738,Accounts,"A user,\r\n""anna"", changed."\r\n'
    yield "viewer.csv", (head + row).encode("utf-8-sig")
    head = "Ebene;Datum und Uhrzeit;Quelle;Ereignis-ID;Aufgabenkategorie\r\n"
    yield (
        "viewer_german.csv",
        (head + "Informationen;25.03.2021 22:43:17;MSExchangeIS;1016;Logons;Text\r\n").encode(),
    )
    head = "Level,Date and Time,Source,Event ID,Task Category\r\n"
    yield "viewer_ambiguous.csv", (head + "Information,3/4/2021 1:00:00 AM,MSExchangeIS,1016,Logons,text\r\n").encode()
    columns = (
        "Message,Id,Version,Level,Keywords,RecordId,ProviderName,LogName,MachineName,UserId,TimeCreated,ActivityId"
    )
    values = (
        f'"Text,\r\n2",5136,0,0,-9214364837600034816,7,{SECURITY},Security,dc1,S-1-5-18,2021-03-02T22:43:17.5+01:00'
    )
    typed = "#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n"
    yield "get_winevent.csv", (typed + columns + "\r\n" + values + "\r\n").encode("utf-16")


def export_csv():
    head = '#TYPE Selected\r\n"RecordType","CreationDate","UserIds","Operations","AuditData"\r\n'
    data = '{\r\n  ""Id"": ""7d29b563"",\r\n  ""Operation"": ""Add-MailboxPermission""\r\n}'
    yield (
        "unified_audit.csv",
        (head + f'"1","3/25/2021 10:43:17 PM","adm","Add","{data}"\r\n').encode(),
    )
    yield "semicolons.csv", '"Identity";"User"\r\n"Zoë";"EXAMPLE\\adm"\r\n"torn"\r\n'.encode("utf-16")


def audit_xml():
    mailbox = (
        '<Event MailboxGuid="6d4fbdae" Owner="Anna" LastAccessed="2021-04-30T11:01:55.140625-07:00"'
        ' Operation="FolderBind" LogonType="Delegate"><SourceItems>'
        '<Item Id="0001" Subject="a &lt; b" FolderPathName="\\Inbox"/></SourceItems></Event>'
    )
    admin = (
        '<Event Caller="example.com/Users/adm" Cmdlet="Set-Mailbox" RunDate="2015-10-18T15:48:15-07:00">'
        '<CmdletParameters><Parameter Name="Identity" Value="anna"/></CmdletParameters></Event>'
    )
    root = '<?xml version="1.0" encoding="utf-8"?>\r\n<SearchResults>\r\n{}\r\n</SearchResults>'
    yield "mailbox.xml", root.format(mailbox).encode()
    yield "administrator.xml", root.format(admin).encode()
    yield "printed.xml", mailbox.replace("<Item Id=", "<ItemId=").encode()


def clixml():
    kind = "Deserialized.Microsoft.Exchange.Management.RecipientTasks.MailboxAcePresentationObject"
    text = (
        '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
        f'<Obj RefId="0"><TN RefId="0"><T>{kind}</T></TN><Props><S N="User">EXAMPLE\\adm_x000D_</S>'
        '<B N="Deny">false</B>'
        '<Obj N="AccessRights" RefId="1"><LST><S>FullAccess</S></LST></Obj>'
        '<Obj N="InheritanceType" RefId="2"><ToString>All</ToString><I32>1</I32></Obj>'
        '<DT N="When">2021-03-02T22:43:17.1234567+01:00</DT><Db N="Size">1.50</Db><Nil N="None"/></Props></Obj>'
        '<Obj RefId="3"><TNRef RefId="0"/><Props><Ref N="AccessRights" RefId="1"/></Props></Obj></Objs>'
    )
    yield "mailbox_permission.xml", text.encode("utf-16")
    yield "torn.xml", text.encode()[:-40]


FOLDERS = {
    "event_xml": event_xml,
    "json": json_forms,
    "event_csv": event_csv,
    "csv": export_csv,
    "audit_xml": audit_xml,
    "clixml": clixml,
}


def said(path):
    """Return what the reader of a file says, one JSON line a reading."""
    module = formats.recognise(path)
    readings = [reading for span in module.spans(path) for reading in module.read(path, span, Wanted())]
    return [
        json.dumps({"file": path.name, "is": type(r).__name__} | msgspec.to_builtins(r), ensure_ascii=False)
        for r in readings
    ]


def main():
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE)
    parser.add_argument("--expected", action="store_true")
    arguments = parser.parse_args()
    for folder, make in FOLDERS.items():
        place = arguments.into / folder
        place.mkdir(exist_ok=True)
        spoken = []
        for name, content in make():
            (place / name).write_bytes(content)
            spoken += said(place / name)
        if arguments.expected:
            (place / "expected.jsonl").write_text("\n".join([*spoken, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
