"""Event XML, JSON lines and CSV say the same of one record; the parsers are the standard library's."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from mailwitness.simulate.layouts import layouts
from mailwitness.simulate.writers.event_csv import EventCsvWriter
from mailwitness.simulate.writers.event_json import EventJsonWriter
from mailwitness.simulate.writers.event_xml import EventXmlWriter

AT = datetime(2024, 3, 5, 21, 14, 22, 418203, tzinfo=UTC)
NS = "{http://schemas.microsoft.com/win/2004/08/events/event}"
GIVEN = {"SubjectUserName": "adm-weiss", "AccessList": '%%1540\r\n\t\t"<&>', "AccessMask": "0x40000"}


@pytest.fixture
def records():
    refused = layouts("windows_2008").record("directory_operation", "dc01.n.example", AT, GIVEN, outcome="failure")
    ran = layouts("exchange_cmdlets").record("cmdlet_succeeded", "ex01.n.example", AT, {"Cmdlet": "Set-Mailbox"})
    cleared = layouts("windows_eventlog").record("log_cleared", "dc01.n.example", AT, {"SubjectUserName": "x"})
    return [refused, ran, cleared]


def write(writer, records):
    with writer:
        for record in records:
            writer.write(record)
    return writer.path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_is_well_formed_and_whole(tmp_path, records, encoding):
    path = write(EventXmlWriter(tmp_path / "log.xml", rendered=True, encoding=encoding), records)
    root = ET.fromstring(path.read_bytes())  # noqa: S314 - our own file
    refused, ran, cleared = root
    assert refused.find(f"{NS}System/{NS}EventID").text == "4662"
    assert refused.find(f"{NS}System/{NS}Keywords").text == "0x8010000000000000"
    named = {d.get("Name"): d.text or "" for d in refused.find(f"{NS}EventData")}
    assert named["AccessList"] == GIVEN["AccessList"]
    assert named["AccessMask"] == "0x40000"
    assert [d.text or "" for d in ran.findall(f"{NS}EventData/{NS}Data")] == list(records[1].values)
    assert ran.find(f"{NS}System/{NS}EventID").get("Qualifiers") == "16384"
    fields = cleared.find(f"{NS}UserData")[0]
    assert fields.tag.endswith("LogFileCleared")
    assert [f.text or "" for f in fields] == list(records[2].values)
    assert ran.find(f"{NS}RenderingInfo/{NS}Message").text.startswith("Cmdlet suceeded. Cmdlet Set-Mailbox")


def test_xml_without_a_root_is_one_event_after_another(tmp_path, records):
    text = write(EventXmlWriter(tmp_path / "log.xml", root=False), records).read_text("utf-8")
    assert text.startswith("<Event ")
    assert [e.tag for e in ET.fromstring(f"<all>{text}</all>")] == [f"{NS}Event"] * 3  # noqa: S314 - our own file


def test_winlogbeat_drops_empty_values_and_numbers_unnamed_ones(tmp_path, records):
    refused, ran, cleared = read(write(EventJsonWriter(tmp_path / "log.json", "winlogbeat"), records))
    assert refused["winlog"]["event_data"]["AccessList"] == GIVEN["AccessList"]
    assert "AdditionalInfo2" not in refused["winlog"]["event_data"]
    assert refused["event"]["outcome"] == "failure"
    assert refused["@timestamp"] == "2024-03-05T21:14:22.418Z"
    assert ran["winlog"]["event_data"]["param1"] == "Set-Mailbox"
    assert cleared["winlog"]["user_data"] == {"xml_name": "LogFileCleared", "SubjectUserName": "x"}


def test_nxlog_is_flat_with_signed_keywords(tmp_path, records):
    refused, ran, _cleared = read(write(EventJsonWriter(tmp_path / "log.json", "nxlog"), records))
    assert refused["Keywords"] == 0x8010000000000000 - (1 << 64)
    assert (refused["EventType"], refused["AccessMask"]) == ("AUDIT_FAILURE", "0x40000")
    assert datetime.fromisoformat(refused["EventTime"]) == AT
    assert ran["Message"].startswith("Cmdlet suceeded")


def test_openwec_keeps_the_schema_names(tmp_path, records):
    refused, ran, cleared = read(write(EventJsonWriter(tmp_path / "log.json", "openwec"), records))
    assert refused["EventData"] == dict(zip(records[0].names, records[0].values, strict=True))
    assert refused["System"]["TimeCreated"] == "2024-03-05T21:14:22.4182030Z"
    assert ran["EventData"]["Data"] == list(records[1].values)
    assert ET.fromstring(cleared["UserData"]).tag.endswith("LogFileCleared")  # noqa: S314 - our own file


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_csv_tells_all_in_its_message_and_in_local_time(tmp_path, records):
    path = write(EventCsvWriter(tmp_path / "log.csv", zone="Europe/Berlin"), records)
    with path.open(newline="", encoding="utf-8") as lines:
        assert lines.readline().startswith("#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord")
        refused, ran, _cleared = csv.DictReader(lines)
    assert refused["TimeCreated"] == "3/5/2024 10:14:22 PM"
    assert GIVEN["AccessList"] in refused["Message"]
    assert (refused["Id"], refused["KeywordsDisplayNames"]) == ("4662", "Audit Failure")
    assert ran["Message"] == "Cmdlet suceeded. Cmdlet Set-Mailbox, parameters ."
