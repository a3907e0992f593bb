"""Windows events as CSV: three exporters, any language, and dates that are never guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailwitness import formats
from mailwitness.event import Problem
from mailwitness.formats import event_csv
from mailwitness.formats.interface import Record, Skipped, Wanted
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_csv import EventCsvWriter

ENGLISH = "Level,Date and Time,Source,Event ID,Task Category\r\n"
SECURITY = "Keywords,Date and Time,Source,Event ID,Task Category\r\n"
GERMAN = "Ebene;Datum und Uhrzeit;Quelle;Ereignis-ID;Aufgabenkategorie\r\n"


def test_the_viewer_names_no_column_for_the_text(read_bytes):
    text = SECURITY + (
        'Audit Success,3/25/2021 10:43:17 PM,Microsoft-Windows-Security-Auditing,4738,User Account,"A user,\r\n'
        '""bob"", was changed."\r\n'
        "Audit Failure,3/25/2021 12:00:01 AM,Microsoft-Windows-Security-Auditing,4625,Logon,Failed\r\n"
    )
    first, second = read_bytes(text)
    assert first == Record(
        format="event csv",
        offset=2,
        provider="Microsoft-Windows-Security-Auditing",
        event_code=4738,
        computer="",
        channel="",
        record_id=None,
        occurred_at=datetime(2021, 3, 25, 22, 43, 17, tzinfo=UTC),
        time_quality="zone_assumed",
        audit="success",
        message='A user,\r\n"bob", was changed.',
    )
    assert (second.offset, second.audit, second.occurred_at.hour) == (4, "failure", 0)


def test_the_viewer_is_known_by_its_form_in_any_language(read_bytes):
    text = GERMAN + "Informationen;25.03.2021 22:43:17;MSExchangeIS;1016;Anmeldungen;Benutzer X\r\n"
    (record,) = read_bytes(text.encode("utf-8-sig"))
    assert (record.provider, record.event_code, record.message) == ("MSExchangeIS", 1016, "Benutzer X")
    assert record.occurred_at == datetime(2021, 3, 25, 22, 43, 17, tzinfo=UTC)


def test_tabs_and_utf16(read_bytes):
    text = (ENGLISH + "Information,2021-03-02 22:43:17,MSExchangeIS,1016,Logons,text\r\n").replace(",", "\t")
    (record,) = read_bytes(text.encode("utf-16"), name="export.txt")
    assert (record.event_code, record.message) == (1016, "text")


def rows(*dates):
    return ENGLISH + "".join(f"Information,{date},P,1016,None,text\r\n" for date in dates)


def test_one_date_above_twelve_decides_for_its_file(read_bytes):
    months_first = read_bytes(rows("3/4/2021 1:00:00 AM", "3/25/2021 1:00:00 AM"))
    days_first = read_bytes(rows("3/4/2021 1:00:00 AM", "25/3/2021 1:00:00 AM"))
    assert [r.occurred_at.month for r in months_first] == [3, 3]
    assert [(r.occurred_at.month, r.occurred_at.day) for r in days_first] == [(4, 3), (3, 25)]


def test_a_file_that_shows_no_order_is_ambiguous_in_every_row(read_bytes):
    readings = read_bytes(rows("3/4/2021 1:00:00 AM", "3/5/2021 1:00:00 AM"))
    assert [(r.code, r.records, r.where.line) for r in readings] == [("ambiguous", 1, 2), ("ambiguous", 1, 3)]


def test_a_row_against_the_order_its_file_shows_is_ambiguous(read_bytes):
    readings = read_bytes(rows("3/25/2021 1:00:00 AM", "25/3/2021 1:00:00 AM"))
    assert [type(r) for r in readings] == [Record, Problem]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("typed", [True, False])
def test_get_winevent_is_read_back(tmp_path, encoding, typed):
    path = tmp_path / "export.csv"
    records = [
        WindowsRecord(
            provider="Microsoft-Windows-Security-Auditing",
            event_code=5136,
            computer="dc1.example.com",
            channel="Security",
            record_id=number,
            occurred_at=datetime(2022, 12, 14, 16, 6, number, tzinfo=UTC),
            audit="failure" if number % 2 else "success",
            version=1,
            user_sid="S-1-5-18",
            message=f"Object,\r\n\t{number} changed.",
            activity_id="{93EA0A9D-E913-0000-A20B-EA9313E9D401}",
        )
        for number in range(1, 30)
    ]
    with EventCsvWriter(path, typed=typed, encoding=encoding) as writer:
        for record in records:
            writer.write(record)
    assert formats.recognise(path) is event_csv
    found = list(event_csv.read(path, event_csv.spans(path)[0], Wanted()))
    for name in "provider event_code computer channel record_id occurred_at audit version user_sid message".split():
        assert [getattr(r, name) for r in found] == [getattr(r, name) for r in records], name
    assert {r.time_quality for r in found} == {"zone_assumed"}
    assert {r.related_activity for r in found} == {"{93EA0A9D-E913-0000-A20B-EA9313E9D401}"}


def test_a_selection_of_get_winevents_columns_is_enough(read_bytes):
    text = '"TimeCreated","Id","ProviderName","Message"\r\n"2021-03-02T22:43:17.5+01:00","1016","P","text"\r\n'
    (record,) = read_bytes(text)
    assert (record.occurred_at.hour, record.time_quality, record.record_id) == (21, "exact", None)


def test_get_eventlog_is_read(read_bytes):
    text = (
        "#TYPE System.Diagnostics.EventLogEntry#Security/Security/642\r\n"
        '"EventID","MachineName","Data","Index","Category","CategoryNumber","EntryType","Message","Source",'
        '"ReplacementStrings","InstanceId","TimeGenerated","TimeWritten","UserName","Site","Container"\r\n'
        '"642","DC1","System.Byte[]","77","(7)","7","FailureAudit","text","Security","System.String[]","642",'
        '"12/31/2009 11:59:59 PM","12/31/2009 11:59:59 PM","X\\y",,\r\n'
    )
    (record,) = read_bytes(text)
    assert (record.event_code, record.record_id, record.audit) == (642, 77, "failure")
    assert (record.computer, record.provider) == ("DC1", "Security")
    assert record.occurred_at == datetime(2009, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_unwanted_events_are_counted(read_bytes):
    text = (
        '"TimeCreated","Id","ProviderName","LogName","MachineName","RecordId"\r\n'
        + '"2021-03-02T22:43:17Z","4624","P","Security","dc1","5"\r\n' * 3
    )
    readings = read_bytes(text, wanted=Wanted(frozenset({5136})))
    assert readings == [Skipped(3, "dc1", "Security", (5, 5, 5))]


def test_rows_that_are_none_cost_themselves(read_bytes):
    good = "Information,2021-03-02 22:43:17,P,1016,None,text\r\n"
    readings = read_bytes(ENGLISH + good + "Information,2021\r\n" + good + good.replace("1016", "x") + good)
    assert [type(r) for r in readings] == [Record, Problem, Record, Problem, Record]
    assert [(p.code, p.where.line) for p in readings if isinstance(p, Problem)] == [("damaged", 3), ("unparsable", 5)]
