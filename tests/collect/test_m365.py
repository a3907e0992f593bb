"""Microsoft 365's audit log is collected whole, once, and patiently, against a server with bad days."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.collect.m365_server import CLIENT, SECRET, TENANT, M365Server, records
from tests.collect.serving import serving_writer, statements
from tests.collect.test_syslog_intake import events, until

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.interface import Receipt
from mailwitness.collect.m365 import M365Collector, make
from mailwitness.collect.m365_service import StoppedError
from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import M365State
from mailwitness.errors import UsageError
from mailwitness.knowledge.m365_clouds import m365
from mailwitness.state.database import open_state

EXCHANGE = "Audit.Exchange"
HOUR = timedelta(hours=1)


class Impatient(threading.Event):
    """An event whose waits take no time; they are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


class Writer:
    """A writer that keeps what it is handed, and knows records by their Id."""

    def __init__(self) -> None:
        self.batches = []
        self.notices = []
        self.ids = set()

    def submit_patiently(self, batch, _stop):
        ids = [record["Id"] for record in _records(batch.data)]
        new = set(ids) - self.ids
        self.ids |= new
        self.batches.append(batch)
        return Receipt(seen=len(ids), recorded=len(new), duplicates=len(ids) - len(new))

    def notice_patiently(self, notice, _stop):
        self.notices.append(notice)
        return Receipt()

    def told(self, what):
        return [notice for notice in self.notices if notice.what == what]


def _records(data):
    value = httpx.Response(200, content=data).json()
    return [one.get("auditData", one) for one in (value["value"] if isinstance(value, dict) else value)]


class Lab:
    """A tenant, and a collector of it that looks when told."""

    def __init__(self, server, folder) -> None:
        self.server = server
        self.trail = folder  # the state database is all that is used of it
        self.secret_file = folder / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.writer = Writer()
        self.stop = Impatient()
        self.local_ahead = timedelta(0)
        self.http = httpx.Client(verify=False)  # noqa: S501 - making a TLS context takes longer than a test

    def settings(self, **changed):
        url = self.server.url
        given = {"contents": (EXCHANGE,), "secret_file": self.secret_file}
        given |= {"tenant": TENANT, "client": CLIENT, "management_url": url, "graph_url": url, "sign_in_url": url}
        return Settings(**(given | changed))

    def collector(self, **changed):
        return M365Collector(
            self.settings(**changed), self.writer, self.trail, now=lambda: self.server.now + self.local_ahead
        )

    def look(self, collector=None, **changed):
        """Carry out one look of a collector that was just started."""
        collector = collector or self.collector(**changed)
        with closing(open_state(self.trail)) as connection:
            return collector._looks(self.http, M365State(connection, collector.name), self.stop)()

    def later(self, by):
        self.server.now += by


@pytest.fixture
def lab(tmp_path):
    with M365Server() as server:
        lab = Lab(server, tmp_path)
        with lab.http:
            yield lab


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


TROUBLES = [
    {"status": 429, "code": "AF429", "retry_after": "7"},
    {"status": 403, "code": "AF429", "retry_after": "7"},
    {"status": 500, "code": "AF50000"},
    {"status": 503, "body": b"<html>Service Unavailable</html>", "content_type": "text/html"},
    {"status": 200, "body": b"<html>Sign in</html>", "content_type": "text/html"},
    {"status": 200, "body": b'[{"contentId": "x", '},
    {"half": True},
    {"hang_up": True},
    {"status": 408},
]


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


def test_an_expired_token_is_renewed(lab):
    collector = lab.collector()
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    with closing(open_state(lab.trail)) as connection:
        looks = collector._looks(lab.http, M365State(connection, "m365"), lab.stop)
        looks()
        lab.server.tokens.clear()
        lab.server.add(EXCHANGE, "b", HOUR, records(1, lab.server.now, start=1))
        tally = looks()
        assert (len(lab.writer.ids), tally.last_error) == (2, None)
        before = len(lab.server.asked("/oauth2/"))
        looks()
        assert len(lab.server.asked("/oauth2/")) == before
        lab.later(timedelta(minutes=56))
        looks()
        assert len(lab.server.asked("/oauth2/")) == before + 1


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


def test_a_missing_permission_says_which(lab):
    lab.server.permission = False
    assert "ActivityFeed.Read" in lab.look().last_error


def test_the_wrong_secret_is_said_and_never_shown(lab):
    lab.secret_file.write_text("wrong-one")
    error = lab.look().last_error
    assert "AADSTS7000215" in error
    assert "wrong-one" not in error
    assert "Trace ID" not in error


def test_a_token_goes_to_the_service_alone(lab):
    blob = lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    lab.server._listed = lambda _blob: {
        "contentType": EXCHANGE,
        "contentId": "a",
        "contentUri": "https://attacker.example/audit/a",
        "contentCreated": "2026-03-10T11:00:00.000Z",
        "contentExpiration": "2026-03-17T11:00:00.000Z",
    }
    tally = lab.look()
    assert "another host" in tally.last_error
    assert (tally.failed, lab.writer.batches, blob.content_id) == (1, [], "a")


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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tenant": "contoso"}, "tenant is no GUID"),
        ({"contents": ("Audit.Mail",)}, "no content of the feed"),
        ({"secret_env": "X"}, "one only"),
        ({"management_url": "http://manage.example"}, "not protected"),
        ({"cloud": "china", "graph": True}, "does not offer"),
        ({"interval_seconds": 0}, "interval_seconds"),
    ],
)
def test_settings_that_cannot_be_meant_say_what_to_correct(lab, changed, said):
    with pytest.raises(ValueError, match=said):
        lab.settings(**changed)


def test_clouds_have_their_own_addresses():
    given = {"tenant": TENANT, "client": CLIENT, "secret_env": "X"}
    said = {cloud: Settings(cloud=cloud, **given).endpoints.management for cloud in m365().clouds}
    assert len(set(said.values())) == 5
    assert said["gcc_high"] == "https://manage.office365.us"
    assert Settings(cloud="china", **given).endpoints.sign_in == "https://login.partner.microsoftonline.cn"


def test_an_application_proves_itself_with_a_certificate(lab, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailwitness")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, lab.server.now, lab.server.now + timedelta(days=9)
    )
    lab.server.certificate = builder.sign(key, SHA256())
    pem = tmp_path / "application.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + lab.server.certificate.public_bytes(Encoding.PEM)
    )
    lab.server.add(EXCHANGE, "a", HOUR, records(1, lab.server.now))
    assert lab.look(certificate=pem, secret_file=None).last_error is None
    assert len(lab.writer.ids) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("certificate", None, "cannot be read"),
        ("certificate", b"no key", "no private key"),
        ("secret_file", b" \n", "empty"),
        ("secret_env", None, "empty"),
    ],
)
def test_a_credential_that_cannot_be_used_is_named(lab, tmp_path, name, content, said):
    path = tmp_path / "credential"
    if content is not None:
        path.write_bytes(content)
    value = "MAILWITNESS_NOT_SET" if name == "secret_env" else path
    with pytest.raises(UsageError, match=said) as error:
        lab.collector(**{"secret_file": None, name: value})
    assert str(value) in str(error.value)


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
