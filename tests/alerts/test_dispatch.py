"""At least once, in order, within the rate limit, and nobody waits for a slow one."""

from __future__ import annotations

import threading
from datetime import timedelta

import msgspec
import pytest
from tests.alerts.found import NOW
from tests.alerts.receivers import mail_server
from tests.alerts.samples import ALERT

from mailwitness.alerts.dispatch import Dispatcher, Sender
from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.outbox import GIVEN_UP_AFTER, LONGEST_WAIT, Outbox, wait_after
from mailwitness.alerts.settings import AlertSettings, FileSettings, as_path
from mailwitness.state.database import open_state


class Receiver:
    """Takes alerts, or fails as often as it is told."""

    def __init__(self) -> None:
        self.got, self.failures = [], 0

    def __call__(self, _to, alert) -> None:
        if self.failures:
            self.failures -= 1
            raise DeliveryFailed("down")
        self.got.append(alert)


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def outbox(state):
    return Outbox(state)


@pytest.fixture
def sender(outbox, receiver, tmp_path):
    return Sender("file.a", FileSettings(path=tmp_path / "x", per_minute=5), outbox, deliver=receiver)


def put(outbox, state, *keys, at=NOW):
    with state:
        for key in keys:
            outbox.put("file.a", msgspec.structs.replace(ALERT, key=key, at=at))


def test_alerts_are_delivered_once_and_in_order(outbox, state, sender, receiver):
    put(outbox, state, "1", "2")
    put(outbox, state, "2", "3")
    assert sender.step(NOW) == 3
    assert sender.step(NOW) == 0
    assert [alert.key for alert in receiver.got] == ["1", "2", "3"]
    assert outbox.counts() == {("file.a", "delivered"): 3}


def test_a_failure_is_tried_again_ever_later(outbox, state, sender, receiver):
    put(outbox, state, "1")
    receiver.failures = 3
    assert sender.step(NOW) == 0
    assert sender.step(NOW + timedelta(seconds=4)) == 0
    assert [d.tries for d in outbox.troubled()] == [1]
    for seconds in (5, 15, 35):
        sender.step(NOW + timedelta(seconds=seconds))
    assert [alert.key for alert in receiver.got] == ["1"]
    assert outbox.troubled() == []
    assert [wait_after(n).total_seconds() for n in (1, 2, 3, 9, 10, 11, 1000)] == [5, 10, 20, 1280, 2560, 3600, 3600]


def test_what_nobody_took_for_days_is_given_up_and_stays_in_sight(outbox, state, sender, receiver):
    put(outbox, state, "1")
    receiver.failures = 1000
    now = NOW
    while outbox.counts() != {("file.a", "given_up"): 1}:
        sender.step(now)
        now += timedelta(minutes=30)
        assert now < NOW + GIVEN_UP_AFTER + 2 * LONGEST_WAIT
    assert [(d.state, d.last_error) for d in outbox.troubled()] == [("given_up", "down")]


def test_a_flood_is_told_in_one_message(outbox, state, sender, receiver):
    put(outbox, state, *map(str, range(100)))
    assert sender.step(NOW) == 5
    assert [alert.key for alert in receiver.got[:4]] == ["0", "1", "2", "3"]
    last = receiver.got[4]
    assert (last.kind, last.findings, last.level) == ("held_back", 96, "high")
    assert last.description == "96 x [high] FullAccess granted"
    put(outbox, state, "more")
    assert sender.step(NOW + timedelta(seconds=59)) == 0
    assert sender.step(NOW + timedelta(seconds=61)) == 1
    assert outbox.counts() == {("file.a", "delivered"): 6, ("file.a", "held_back"): 96}


def test_a_held_back_message_that_fails_is_tried_again(outbox, state, sender, receiver):
    put(outbox, state, *map(str, range(10)))
    receiver.failures = 5
    sender.step(NOW)
    assert sender.step(NOW + timedelta(seconds=6)) == 5
    assert receiver.got[-1].kind == "held_back"


def test_a_slow_receiver_keeps_nobody_else_waiting(tmp_path, certificate, monkeypatch):
    slow, released = threading.Event(), threading.Event()

    def keep_waiting(to, alert):
        if isinstance(to, FileSettings):
            slow.set()
            assert released.wait(60)
            return
        original(to, alert)

    original = Sender.__init__.__kwdefaults__["deliver"]
    monkeypatch.setitem(Sender.__init__.__kwdefaults__, "deliver", keep_waiting)
    with mail_server(certificate) as (mails, port):
        mail = {
            "host": "localhost",
            "port": port,
            "sender": "a@x.test",
            "to": ["b@x.test"],
            "ca_file": str(certificate.file),
        }
        tables = {"smtp": {"a": mail}, "file": {"a": {"path": str(tmp_path / "x")}}}
        settings = msgspec.convert(tables, AlertSettings, dec_hook=as_path)
        state = open_state(tmp_path)
        outbox = Outbox(state)
        with Dispatcher(tmp_path, settings) as dispatcher:
            with state:
                for name in settings.destinations():
                    outbox.put(name, ALERT)
            dispatcher.wake()
            assert slow.wait(60)
            mails.wait(1)
            released.set()
        counts = outbox.counts()
        state.close()
    assert counts == {("smtp.a", "delivered"): 1, ("file.a", "delivered"): 1}


def test_what_was_not_delivered_is_delivered_by_the_next_dispatcher(tmp_path, certificate):
    state = open_state(tmp_path)
    outbox = Outbox(state)
    with state:
        outbox.put("smtp.a", ALERT)
    with mail_server(certificate) as (mails, port):
        mail = {
            "host": "localhost",
            "port": port,
            "sender": "a@x.test",
            "to": ["b@x.test"],
            "ca_file": str(certificate.file),
        }
        settings = msgspec.convert({"smtp": {"a": mail}}, AlertSettings, dec_hook=as_path)
        heard = []
        with Dispatcher(tmp_path, settings, lambda *said: heard.append(said)):
            mails.wait(1)
    assert heard == [("smtp.a", ALERT.key, None)]
    state.close()
