"""Microsoft 365's audit log is collected whole, once, and patiently, against a server with bad days."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest
from tests.collect.m365_lab import EXCHANGE, HOUR, TROUBLES
from tests.collect.m365_server import CLIENT, TENANT, records
from tests.collect.serving import serving_writer, statements
from tests.collect.test_syslog_intake import events, until

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.m365 import make
from mailwitness.collect.m365_service import StoppedError
from mailwitness.collect.m365_state import M365State
from mailwitness.state.database import open_state


def test_the_first_look_subscribes_and_takes_in_seven_days(lab):
    lab.server.add(EXCHANGE, "new", HOUR, records(3, lab.server.now))
    lab.server.add(EXCHANGE, "old", timedelta(days=6), records(2, lab.server.now, start=10))
    lab.server.add("Audit.General", "other", HOUR, records(1, lab.server.now, start=20))
    tally = lab.look()
    assert lab.server.subscriptions == {EXCHANGE: "enabled"}
    assert [notice.found for notice in lab.writer.told("began")] == ["subscribed now; first content within 12 hours"]
    assert (tally.blobs, tally.recorded, tally.last_error) == (2, 5, None)
    [batch] = [batch for batch in lab.writer.batches if "new" in batch.name]
    assert batch.name == "m365/Audit.Exchange/new.json"
    assert (batch.format, batch.delivered_by) == ("json", f"application {CLIENT} of tenant {TENANT}")
    assert batch.observed_origin is not None


def test_windows_meet_and_are_no_longer_than_a_day(lab):
    for hours in range(1, 160, 3):
        lab.server.add(EXCHANGE, f"blob{hours}", hours * HOUR, records(1, lab.server.now, start=hours))
    lab.look()
    assert len(lab.writer.ids) == len(range(1, 160, 3))
    assert len(lab.server.asked("subscriptions/content")) == 7


def test_blobs_are_fetched_once_however_often_they_are_listed(lab):
    lab.server.add(EXCHANGE, "a", HOUR / 2, records(1, lab.server.now))
    lab.look()
    lab.later(timedelta(minutes=5))
    lab.server.add(EXCHANGE, "b", timedelta(minutes=1), records(1, lab.server.now, start=1))
    lab.look()
    lab.look()
    assert len(lab.server.asked("/audit/a")) == len(lab.server.asked("/audit/b")) == 1
    assert len(lab.server.asked("subscriptions/start")) == 1
    assert len(lab.writer.notices) == 1


def test_pages_are_followed_to_the_last(lab):
    lab.server.page_size = 2
    for number in range(7):
        lab.server.add(EXCHANGE, f"b{number}", HOUR + number * timedelta(minutes=1), records(1, lab.server.now, number))
    lab.look(relist_hours=0)
    assert len(lab.writer.ids) == 7
    assert len(lab.server.asked("nextPage=")) == 3


def test_a_late_blob_within_the_overlap_is_taken_by_the_next_look(lab):
    lab.look()
    lab.server.add(EXCHANGE, "late", 30 * timedelta(minutes=1), records(1, lab.server.now))
    lab.later(timedelta(minutes=1))
    lab.look()
    assert len(lab.writer.ids) == 1


def test_a_very_late_blob_is_found_when_the_last_day_is_listed_anew(lab):
    blob = lab.server.add(EXCHANGE, "late", 20 * HOUR, records(1, lab.server.now))
    blob.listed_from = lab.server.now + timedelta(minutes=30)
    lab.look()
    lab.later(timedelta(minutes=45))
    lab.look()
    assert lab.writer.ids == set()
    lab.later(timedelta(minutes=20))
    lab.look()
    assert len(lab.writer.ids) == 1


@pytest.mark.parametrize("path", ["/oauth2/", "subscriptions/list", "subscriptions/content", "/audit/a"])
@pytest.mark.parametrize("how", TROUBLES, ids=[str(number) for number in range(len(TROUBLES))])
def test_a_bad_moment_costs_a_wait_and_nothing_else(lab, path, how):
    if path == "/oauth2/" and how.get("status") == 403:
        how = {"status": 500}
    lab.server.add(EXCHANGE, "a", HOUR, records(3, lab.server.now))
    lab.server.trouble(path, **how)
    tally = lab.look()
    assert (len(lab.writer.ids), tally.last_error) == (3, None)
    assert lab.stop.waits
    if "retry_after" in how and path != "/oauth2/":
        assert any(wait >= 7 for wait in lab.stop.waits)


def test_retry_after_may_be_a_date(lab):
    lab.server.trouble("subscriptions/content", status=429, retry_after="Tue, 10 Mar 2026 12:01:00 GMT")
    lab.look()
    assert any(60 <= wait <= 75 for wait in lab.stop.waits)


def test_a_blob_that_cannot_be_had_holds_the_bookmark_and_not_its_neighbours(lab):
    lab.server.add(EXCHANGE, "bad", HOUR, records(1, lab.server.now))
    lab.server.add(EXCHANGE, "good", HOUR / 2, records(1, lab.server.now, start=1))
    lab.server.trouble("/audit/bad", status=500, code="AF50000", times=5)
    tally = lab.look()
    assert (tally.failed, tally.blobs) == (1, 1)
    assert "5 tries" in tally.last_error
    lab.later(3 * HOUR)
    tally = lab.look(relist_hours=0)
    assert (tally.blobs, len(lab.writer.ids)) == (1, 2)


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_windows_are_cut_by_the_services_clock(lab, hours):
    lab.local_ahead = hours * HOUR
    lab.server.add(EXCHANGE, "a", timedelta(minutes=1), records(1, lab.server.now))
    tally = lab.look()
    assert len(lab.writer.ids) == 1
    assert "clock" in tally.last_error


def test_time_nobody_listed_is_said_to_be_lost(lab):
    lab.look()
    until = lab.server.now
    lab.server.add(EXCHANGE, "gone", -HOUR, records(1, lab.server.now))
    lab.later(timedelta(days=9))
    tally = lab.look()
    [lost] = lab.writer.told("lost")
    assert tally.lost == 1
    assert lost.where == f"{TENANT} Audit.Exchange"
    assert (lost.since_at, lost.until_at) == (until, lab.server.now - timedelta(days=7) + timedelta(minutes=10))
    assert lab.look().lost == 0


def test_a_subscription_that_was_stopped_is_started_and_the_time_between_is_said(lab):
    lab.look()
    listed_until = lab.server.now
    lab.server.subscriptions.clear()
    lab.later(2 * HOUR)
    lab.look()
    assert lab.server.subscriptions == {EXCHANGE: "enabled"}
    [lost] = lab.writer.told("lost")
    assert (lost.since_at, lost.until_at) == (listed_until, lab.server.now)


def test_a_subscription_stopped_within_a_run_is_noticed_by_what_listing_answers(lab):
    collector = lab.collector()
    with closing(open_state(lab.trail)) as connection:
        looks = collector._looks(lab.http, M365State(connection, "m365"), lab.stop)
        looks()
        lab.server.subscriptions.clear()
        lab.later(timedelta(minutes=2))
        assert "AF20022" in looks().last_error
        assert looks().last_error is None
    assert len(lab.writer.told("lost")) == 1


def test_a_blob_that_expired_is_said_to_be_lost_and_not_asked_for_again(lab):
    lab.server.add(EXCHANGE, "a", timedelta(days=6), records(1, lab.server.now))
    lab.server.trouble("/audit/a", status=410, code="AF20051")
    assert lab.look().lost == 1
    assert "AF20051" in lab.writer.told("lost")[0].found
    lab.look()
    assert len(lab.server.asked("/audit/a")) == 1


def test_a_subscription_of_another_run_of_the_application_is_used(lab):
    lab.server.subscriptions[EXCHANGE] = "enabled"
    lab.look()
    assert not lab.server.asked("subscriptions/start")
    assert lab.writer.told("began")[0].found == "subscribed already"


def test_a_start_that_was_already_made_is_no_error(lab):
    lab.server.subscriptions[EXCHANGE] = "enabled"
    lab.server.trouble("subscriptions/list", status=200, body=b"[]")
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    assert lab.look().last_error is None
    assert len(lab.writer.ids) == 1


def test_a_list_without_an_end_is_refused(lab):
    lab.server.page_size = 0
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    assert "come to an end" in lab.look().last_error


def test_the_bookmark_waits_for_the_writer(lab):
    lab.server.add(EXCHANGE, "a", HOUR, records(3, lab.server.now))
    lab.look(contents=())
    lab.server.subscriptions[EXCHANGE] = "enabled"
    lab.writer.submit_patiently, taking = (lambda _batch, _stop: None), lab.writer.submit_patiently
    with pytest.raises(StoppedError):
        lab.look()
    lab.writer.submit_patiently = taking
    lab.look()
    assert len(lab.writer.ids) == 3


def test_run_beats_and_ends_when_told(lab):
    lab.server.add(EXCHANGE, "a", HOUR, records(3, lab.server.now))
    ended = threading.Event()
    collector = make(lab.settings(interval_seconds=1), lab.writer, lab.trail)
    collector._now = lambda: lab.server.now
    thread = threading.Thread(target=collector.run, args=(ended,))
    thread.start()
    try:
        with closing(open_state(lab.trail)) as connection:
            heartbeats = Heartbeats(connection)
            while not (beats := heartbeats.all()) or not beats[0].counts:
                ended.wait(0.02)
    finally:
        ended.set()
        thread.join(60)
    assert not thread.is_alive()
    assert (beats[0].name, beats[0].counts["recorded"], beats[0].last_error) == ("m365", 3, None)
    assert beats[0].data_at is not None


def test_records_that_come_twice_and_by_both_ways_stand_once(lab, tmp_path):
    granted = records(20, lab.server.now - timedelta(days=6, hours=1))
    lab.server.records = granted
    lab.server.add(EXCHANGE, "a", timedelta(days=5), granted[:15])
    lab.server.add(EXCHANGE, "b", timedelta(days=5), granted[5:])
    with serving_writer(tmp_path) as serving:
        lab.writer, lab.trail = serving.client, serving.trail
        tally = lab.look()
        assert (tally.recorded, tally.duplicates, tally.problems) == (20, 10, 0)
        tallies = [lab.look(contents=(), graph=True, backfill_days=6.1) for _ in range(4)]
        assert sum(tally.duplicates for tally in tallies) == 20
        assert sum(tally.recorded + tally.problems for tally in tallies) == 0
        assert [said["what"] for said in statements(serving.trail) if said.get("act") == "collection"] == ["began"]


COLLECTOR = """
import sys, threading
from pathlib import Path
import msgspec
from mailwitness.collect.m365 import make, settings
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import writer_socket
trail = Path(sys.argv[1])
given = msgspec.json.decode(sys.argv[2], type=settings, dec_hook=lambda wanted, value: Path(value))
make(given, WriterClient(writer_socket(trail)), trail).run(threading.Event())
"""


def test_a_collector_that_is_killed_again_and_again_brings_everything_once(lab, tmp_path):
    for number in range(40):
        lab.server.add(EXCHANGE, f"b{number}", number * HOUR, records(5, lab.server.now, start=5 * number))
    settings = msgspec.json.encode(lab.settings(interval_seconds=1), enc_hook=str)
    with serving_writer(tmp_path) as serving:
        command = [sys.executable, "-c", COLLECTOR, str(serving.trail), settings]
        for fetched in (3, 11, 24, 25, 38):
            with subprocess.Popen(command) as process:
                until(lambda count=fetched: len(lab.server.asked("/audit/")) >= count, 60)
                process.kill()
        with subprocess.Popen(command) as process:
            until(lambda: len(events(serving.trail)) == 200, 60)
            process.terminate()
        assert len(events(serving.trail)) == 200
    assert len(lab.server.asked("/audit/")) < 40 + 6 * 5
