"""Audit log queries over Graph give what the feed no longer has, or say that it is lost."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from tests.collect.m365_lab import HOUR, TROUBLES
from tests.collect.m365_server import records

from mailwitness.collect.m365_state import M365State
from mailwitness.state.database import open_state


def query(lab, **changed):
    """Look until Graph's queries are done, and return how often that was."""
    for count in range(1, 60):
        tally = lab.look(contents=(), graph=True, **changed)
        with closing(open_state(lab.trail)) as connection:
            if not M365State(connection, "m365").next_ranges(1):
                return count
        lab.later(timedelta(seconds=20))
    raise AssertionError(tally)


def test_graph_gives_what_the_feed_no_longer_has(lab):
    lab.server.records = records(250, lab.server.now - timedelta(days=8))
    query(lab, backfill_days=9)
    assert len(lab.writer.ids) == 250
    assert len(lab.server.queries) == 3
    assert lab.writer.batches[0].name.startswith("m365/graph/2026-03-0")
    assert query(lab, backfill_days=9) == 1


def test_a_query_with_too_many_records_is_halved(lab):
    lab.server.record_limit = 300
    lab.server.looks_until_done = 1
    lab.server.records = records(700, lab.server.now - timedelta(days=6, minutes=20))
    query(lab, backfill_days=6.02)
    assert len(lab.writer.ids) == 700
    assert not lab.writer.told("lost")


def test_more_records_than_five_minutes_give_are_said_to_be_lost(lab):
    lab.server.record_limit = 30
    lab.server.records = records(40, lab.server.now - timedelta(days=6, minutes=2))
    query(lab, backfill_days=6 + 3 / 1440)
    assert len(lab.writer.ids) == 30
    assert "more records than a query gives" in lab.writer.told("lost")[0].found


def test_what_the_feed_lost_is_asked_of_graph(lab):
    lab.look(graph=True)
    lab.server.records = records(5, lab.server.now + HOUR)
    lab.later(timedelta(days=8))
    lab.look(graph=True)
    query(lab)
    assert len(lab.writer.ids) == 5


@pytest.mark.parametrize("path", ["/records", "auditLog/queries"])
@pytest.mark.parametrize("how", TROUBLES, ids=[str(number) for number in range(len(TROUBLES))])
def test_graph_has_bad_moments_too(lab, path, how):
    lab.server.page_size = 10
    lab.server.records = records(25, lab.server.now - timedelta(days=6, hours=1))
    lab.server.trouble(path, **how)
    query(lab, backfill_days=6.1)
    assert len(lab.writer.ids) == 25


def test_a_query_the_service_forgot_or_that_failed_is_made_anew(lab):
    lab.server.records = records(3, lab.server.now - timedelta(days=6, hours=1))
    lab.look(contents=(), graph=True, backfill_days=6.1)
    lab.server.queries.clear()
    lab.server.trouble("auditLog/queries/", status=200, body=b'{"id": "q0", "status": "failed"}')
    query(lab, backfill_days=6.1)
    assert len(lab.writer.ids) == 3


def test_a_stretch_older_than_the_service_keeps_is_said_to_be_lost(lab):
    with closing(open_state(lab.trail)) as connection:
        since = lab.server.now - timedelta(days=200)
        M365State(connection, "m365").add_range("", since, since + HOUR)
    query(lab)
    assert "180 days" in lab.writer.told("lost")[0].found
