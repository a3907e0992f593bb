"""One record is one event, in whatever form it comes: the same identity and the same content."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.sources.test_windows_text import PAIRS, SUBJECT, SUBJECT_TEXT, told
from tests.sources.windows_records import ADMIN, CONTEXT, new, old, record

from mailwitness import formats, sources
from mailwitness.event import Event, content_digest
from mailwitness.formats.interface import Record
from mailwitness.simulate.windows_record import WindowsRecord
from mailwitness.simulate.writers.event_csv import EventCsvWriter
from mailwitness.simulate.writers.event_json import EventJsonWriter
from mailwitness.simulate.writers.event_xml import EventXmlWriter
from mailwitness.simulate.writers.evt import EvtWriter
from mailwitness.simulate.writers.evtx import EvtxWriter

AT = datetime(2026, 3, 22, 9, 0, tzinfo=UTC)  # a day that cannot be a month: CSV writes dates by locale
CLEARED = "http://manifests.microsoft.com/win/2004/08/windows/eventlog"

WRITERS = {
    "evtx": lambda folder: EvtxWriter(folder / "a.evtx"),
    "xml": lambda folder: EventXmlWriter(folder / "a.xml"),
    "winlogbeat": lambda folder: EventJsonWriter(folder / "a.jsonl", "winlogbeat"),
    "nxlog": lambda folder: EventJsonWriter(folder / "a.jsonl", "nxlog"),
    "openwec": lambda folder: EventJsonWriter(folder / "a.jsonl", "openwec"),
    "csv": lambda folder: EventCsvWriter(folder / "a.csv"),
}


def logged(strings, text, number, **other):
    return WindowsRecord(
        provider=strings.provider,
        event_code=strings.event_code,
        computer="DC1",
        channel="Security",
        record_id=number,
        occurred_at=AT,
        values=strings.values,
        names=strings.names,
        audit="success",
        message=text.message,
        **other,
    )


NAMES = tuple(SUBJECT)
WRITTEN = [
    *(logged(strings, text, number) for number, (text, strings) in enumerate(PAIRS, 10)),
    logged(
        record("Microsoft-Windows-Eventlog", 1102, [SUBJECT[name] for name in NAMES], NAMES),
        told("Microsoft-Windows-Eventlog", 1102, f"The audit log was cleared.\n{SUBJECT_TEXT}"),
        99,
        user_data=("LogFileCleared", CLEARED),
    ),
]


def events_of(path):
    module = formats.recognise(path)
    found = [
        each
        for span in module.spans(path)
        for reading in module.read(path, span, sources.wanted())
        if isinstance(reading, Record)
        for each in sources.read(reading, CONTEXT) or ()
    ]
    assert all(isinstance(each, Event) for each in found), found
    return sorted((each.event_id, content_digest(each)) for each in found)


def in_form(name, folder, written=WRITTEN):
    folder.mkdir()
    writer = WRITERS[name](folder)
    for each in written:
        writer.write(each)
    writer.close()
    (path,) = folder.iterdir()
    return events_of(path)


@pytest.fixture(scope="module")
def as_evtx(tmp_path_factory):
    return in_form("evtx", tmp_path_factory.mktemp("forms") / "evtx")


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "evtx"])
def test_every_form_of_a_record_is_the_same_event(name, as_evtx, tmp_path):
    assert len(as_evtx) == len(WRITTEN)
    assert in_form(name, tmp_path / name) == as_evtx


def test_a_classic_log_reads_like_its_strings(tmp_path):
    target, caller = ("test56", "OFFSEC", "%{S-1-5-21-1-2-3-1234}"), ("admmig", "OFFSEC", "(0x0,0x59DF36)")
    strings = ("-", *target, *caller, "-", *("-",) * 18)
    writer = EvtWriter(tmp_path / "Security.evt")
    writer.write(
        WindowsRecord(
            provider="Security",
            event_code=642,
            computer="DC1",
            channel="Security",
            record_id=7,
            occurred_at=AT,
            values=strings,
            audit="success",
            user_sid=ADMIN,
            qualifiers=0,
        )
    )
    writer.close()
    direct = [*sources.read(old(642, *strings, occurred_at=AT), CONTEXT)]
    assert events_of(tmp_path / "Security.evt") == [(each.event_id, content_digest(each)) for each in direct]


def test_the_strings_of_a_record_are_not_its_texts_alone():
    """A record that has strings is read by them, whatever its text says."""
    (text, strings) = PAIRS[0]
    given = new(4756, {})
    both = record(strings.provider, strings.event_code, given.values, given.names, message=text.message)
    (said,) = sources.read(both, CONTEXT)
    assert said.actor_name is None
