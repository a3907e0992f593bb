"""Audit reports as XML: as Exchange writes them, as Microsoft's page prints them, and damaged."""

from __future__ import annotations

import re

import pytest

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import export_xml
from mailwitness.formats.interface import ExportRecord, Span, Wanted

MAILBOX = (
    '<Event MailboxGuid="6d4f" Owner="x" LastAccessed="2021-04-30T11:01:55.140625-07:00" Operation="HardDelete">'
    '<SourceItems><Item Id="0001" Subject="a &lt; b"/><Item Id="0002" Subject="c"/></SourceItems></Event>'
)
ADMIN = (
    '<Event Caller="e.com/Users/Adam" Cmdlet="Set-Mailbox" RunDate="2015-10-18T15:48:15-07:00" Error="None">'
    '<CmdletParameters><Parameter Name="Identity" Value="david"/></CmdletParameters></Event>'
)


def report(*entries):
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n<SearchResults>\r\n  '
        + "\r\n  ".join(entries)
        + "\r\n</SearchResults>\r\n"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_reports(read_bytes, encoding):
    mailbox, admin = read_bytes(report(MAILBOX, ADMIN).encode(encoding))
    assert mailbox.fields == {
        "MailboxGuid": "6d4f",
        "Owner": "x",
        "LastAccessed": "2021-04-30T11:01:55.140625-07:00",
        "Operation": "HardDelete",
        "SourceItems": [{"Item": [{"Id": "0001", "Subject": "a < b"}, {"Id": "0002", "Subject": "c"}]}],
    }
    assert admin.shape == ("Event", "Caller", "Cmdlet", "RunDate", "Error", "CmdletParameters")
    assert admin.fields["CmdletParameters"] == [{"Parameter": [{"Name": "Identity", "Value": "david"}]}]
    assert {r.container for r in (mailbox, admin)} == {"xml"}


def test_an_entry_without_children_closes_itself(read_bytes):
    readings = read_bytes(report('<Event Caller="a" Cmdlet="b > c" />', ADMIN))
    assert [r.fields["Cmdlet"] for r in readings] == ["b > c", "Set-Mailbox"]


def test_an_empty_report_is_no_problem(read_bytes):
    assert read_bytes(report()) == []
    assert read_bytes("<SearchResults />") == []


@pytest.mark.parametrize("length", [4090, 1 << 20])
def test_tags_cut_in_two_by_the_end_of_a_chunk(read_bytes, length):
    for shift in range(0, 40, 3):
        padding = f'<Event Caller="{"x" * (length - len(ADMIN) + shift)}" Cmdlet="y"/>'
        assert not any(isinstance(r, Problem) for r in read_bytes(report(padding, ADMIN, padding)))


def test_the_printed_item_is_read_with_a_remark(read_bytes):
    printed = MAILBOX.replace("<Item Id=", "<ItemId=")
    remark, record, after = read_bytes(report(printed, ADMIN))
    assert (remark.code, remark.records) == ("damaged", 0)
    assert record.fields["SourceItems"] == [
        {"Item": [{"Id": "0001", "Subject": "a < b"}, {"Id": "0002", "Subject": "c"}]}
    ]
    assert after.fields["Cmdlet"] == "Set-Mailbox"


def test_text_that_looks_like_the_printed_item_is_left_alone(read_bytes):
    entry = MAILBOX.replace("a &lt; b", "&lt;ItemId=&quot;1&quot;")
    (record,) = read_bytes(report(entry))
    assert record.fields["SourceItems"][0]["Item"][0]["Subject"] == '<ItemId="1"'


BAD = {
    "torn": (ADMIN[:60], "damaged"),
    "mismatched": (ADMIN.replace("</CmdletParameters>", "</Other>"), "damaged"),
    "an entity": (ADMIN.replace("david", "&xxe;"), "damaged"),
    "a DOCTYPE": (ADMIN.replace("<CmdletParameters>", "<!DOCTYPE x><CmdletParameters>"), "damaged"),
    "deep": (ADMIN.replace("</Event>", "<a>" * 200_000 + "</a>" * 200_000 + "</Event>"), "limit"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry_costs_itself(read_bytes, name):
    entry, code = BAD[name]
    readings = read_bytes(report(ADMIN, entry, ADMIN))
    assert sum(isinstance(r, ExportRecord) for r in readings) == 2
    assert [(p.code, p.records) for p in readings if isinstance(p, Problem)] == [(code, 1)]


def printed_in(samples, page):
    text = next(samples.glob(f"msdocs-exchange/**/{page}.md")).read_text()
    return re.search(r"```XML\n(.*?)```", text, re.DOTALL)[1]


@pytest.mark.samples
def test_the_mailbox_report_as_microsofts_page_prints_it(samples, tmp_path):
    path = tmp_path / "SearchResult.xml"
    path.write_text(printed_in(samples, "export-mailbox-audit-logs"))
    assert formats.recognise(path) is export_xml
    remark, record = export_xml.read(path, Span(0, path.stat().st_size), Wanted())
    assert (remark.code, remark.records) == ("damaged", 0)
    assert record.fields["MailboxOwnerUPN"] == "david@contoso.com"
    (item,) = record.fields["SourceItems"][0]["Item"]
    assert item["Subject"] == "Notification of litigation hold"
    assert item["Id"].startswith("0000000073098C32")


@pytest.mark.samples
def test_the_administrators_report_as_microsofts_page_prints_it(samples, tmp_path):
    path = tmp_path / "SearchResult.xml"
    path.write_text(printed_in(samples, "log-structure"))
    (record,) = export_xml.read(path, Span(0, path.stat().st_size), Wanted())
    assert record.fields["Caller"] == "corp.e16.contoso.com/Users/Administrator"
    assert record.fields["ModifiedProperties"][0]["Property"][0]["OldValue"] == "35 GB (37,580,963,840 bytes)"
