"""What collectors say they lack stands in the coverage; an absence that is over does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.collect.serving import serving_writer

from mailwitness.analysis.coverage import coverage_of
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.uncollected import uncollected
from mailwitness.collect.interface import Notice
from mailwitness.engine.embedded import Embedded
from mailwitness.trail.reader import open_reader

AT = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    notices = [
        Notice(collector="m365", what="began", at=AT, where="tenant Audit.Exchange"),
        Notice(
            collector="m365",
            what="lost",
            at=AT + HOUR,
            where="tenant Audit.Exchange",
            found="content that expired",
            since_at=AT - 9 * 24 * HOUR,
            until_at=AT - 7 * 24 * HOUR,
        ),
        Notice(collector="syslog", what="refused", at=AT + HOUR, where="192.0.2.1", found="too long", records=3),
        Notice(collector="directory", what="silent", at=AT, where="ldaps://dc1", found="no answer"),
        Notice(
            collector="directory", what="resumed", at=AT + HOUR, where="ldaps://dc1", since_at=AT, until_at=AT + HOUR
        ),
        Notice(collector="folder", what="silent", at=AT + 2 * HOUR, where="/srv/logs", found="not mounted"),
        Notice(collector="folder", what="silent", at=AT + 3 * HOUR, where="/srv/logs", found="not mounted"),
        Notice(collector="syslog", what="ended", at=AT + 4 * HOUR),
    ]
    with serving_writer(tmp_path_factory.mktemp("uncollected")) as serving:
        for notice in notices:
            serving.client.notice(notice)
        with Embedded(open_reader(serving.trail)) as engine:
            return uncollected(engine), coverage_of(engine, Filters(since=AT - 8 * 24 * HOUR, until=AT))


@pytest.fixture(scope="module")
def found(told):
    return told[0]


def test_what_is_gone_and_who_is_still_away_is_told(found):
    assert [(one.collector, one.where) for one in found] == [
        ("m365", "tenant Audit.Exchange"),
        ("syslog", "192.0.2.1"),
        ("folder", "/srv/logs"),
    ]
    assert (found[0].since, found[0].until) == (AT - 9 * 24 * HOUR, AT - 7 * 24 * HOUR)
    assert (found[2].since, found[2].until) == (AT + 2 * HOUR, None)


def test_a_person_reads_what_is_missing_since_when_and_how_much(found):
    assert [one.sentence() for one in found] == [
        "m365, tenant Audit.Exchange: content that expired; 2026-03-01 12:00:00 to 2026-03-03 12:00:00",
        "syslog, 192.0.2.1: too long (3 records); noticed 2026-03-10 13:00:00",
        "folder, /srv/logs: not mounted; 2026-03-10 14:00:00 to now",
    ]


def test_it_stands_in_the_coverage_of_the_time_it_is_of(told):
    blind = [part for part in told[1].parts if part.verdict == "absent"]
    assert [(part.what, part.since) for part in blind] == [(told[0][0].sentence(), told[0][0].since)]
    assert told[1].uncovered
