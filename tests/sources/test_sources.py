"""Sources are found by their place, owe what the interface says, and stamp events alike."""

from __future__ import annotations

import inspect
import pkgutil
from datetime import UTC, datetime
from importlib import import_module

import pytest
from tests.sources.windows_records import CONTEXT, new, record

from mailwitness import sources
from mailwitness.event import Event
from mailwitness.formats.interface import ExportRecord
from mailwitness.sources.stamp import place, stamp, unread


@pytest.mark.parametrize("source", sources.discover(), ids=lambda source: source.NAME)
def test_a_source_owes_what_the_interface_says(source):
    assert source.NAME.replace("_", "").isalnum()
    assert source.DOC.strip().endswith(".")
    assert list(inspect.signature(source.recognise).parameters) == ["record"]
    assert list(inspect.signature(source.read).parameters) == ["record", "context"]


def test_names_are_told_apart():
    names = [source.NAME for source in sources.discover()]
    assert names == sorted(set(names))


def test_a_module_is_a_source_wholly_or_not_at_all():
    for found in pkgutil.iter_modules(sources.__path__):
        module = import_module(f"mailwitness.sources.{found.name}")
        has = [hasattr(module, name) for name in ("NAME", "DOC", "recognise")]
        assert all(has) or not any(has), found.name


def test_what_no_source_knows_is_filtered():
    assert sources.read(record("Some Provider", 4242), CONTEXT) is None
    assert sources.read(ExportRecord(format="csv", offset=1, container="csv", shape=("x",), fields={}), CONTEXT) is None


def test_the_codes_wanted_are_those_of_all_sources():
    wanted = sources.wanted()
    for source in sources.discover():
        if hasattr(source, "codes"):
            assert source.codes() <= wanted.codes
    assert wanted.has(5136)
    assert not wanted.has(4688)


def test_parts_of_a_record_have_their_own_identity():
    given = new(4672, {})
    identities = {stamp(given, CONTEXT, "s", part)["event_id"] for part in range(3)}
    assert len(identities) == 3


def test_a_record_without_a_number_is_known_by_its_content():
    first = new(4672, {"SubjectUserName": "a"}, record_id=None)
    again = new(
        4672, {"SubjectUserName": "a"}, record_id=None, offset=1, occurred_at=first.occurred_at.replace(microsecond=0)
    )
    other = new(4672, {"SubjectUserName": "b"}, record_id=None)
    ids = [stamp(each, CONTEXT, "s")["event_id"] for each in (first, again, other)]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]


def test_time_counts_to_the_second_and_names_without_case():
    at = datetime(2026, 3, 2, 9, 0, 0, 999_999, tzinfo=UTC)
    ids = {
        stamp(new(4672, {}, occurred_at=moment, computer=computer), CONTEXT, "s")["event_id"]
        for moment in (at, at.replace(microsecond=0))
        for computer in ("DC1", "dc1")
    }
    assert len(ids) == 1


def test_the_stamp_fills_an_event():
    event = Event(**stamp(new(4672, {}), CONTEXT, "s"), kind="logon", action="special")
    assert (event.source, event.organization, event.record_id, event.offset) == ("s", "example", 7, 4096)


def test_a_problem_says_where():
    given = new(4672, {})
    problem = unread(given, CONTEXT, "unknown_layout", "x", "y")
    assert (problem.records, problem.where) == (1, place(given, CONTEXT))
    assert str(problem.where) == "Security.evtx, offset 0x1000, record 7"
    export = ExportRecord(format="csv", offset=3, container="csv", shape=(), fields={})
    assert place(export, CONTEXT).offset == 3
