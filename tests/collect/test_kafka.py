"""Topics of a cluster (librdkafka's own) are consumed whole; offsets are committed when everything is durable."""

from __future__ import annotations

import itertools
import json
import os
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.collect.serving import running, serving_writer, statements
from tests.collect.test_syslog_intake import added, events, member_added, until

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.kafka import KafkaIntake, make
from mailwitness.collect.kafka_settings import KafkaSettings
from mailwitness.errors import UsageError
from mailwitness.simulate.writers.event_json import nxlog, openwec, winlogbeat
from mailwitness.state.database import open_state

TOPIC = "windows-events"


class Cluster:
    """librdkafka's mock cluster, which lives in a producer."""

    def __init__(self) -> None:
        configuration = {
            "test.mock.num.brokers": 2,
            "bootstrap.servers": "none",
            "log_level": 0,
            "partitioner": "random",
        }
        self.producer = Producer(configuration)
        brokers = self.producer.list_topics(timeout=60).brokers.values()
        self.addresses = [f"{broker.host}:{broker.port}" for broker in brokers]

    def send(self, values, partition=0, topic=TOPIC):
        for value in values:
            self.producer.produce(
                topic, value if value is None or isinstance(value, bytes) else value.encode(), partition=partition
            )
        assert self.producer.flush(20) == 0

    def committed(self, partition=0, group="mailwitness"):
        consumer = Consumer({"bootstrap.servers": ",".join(self.addresses), "group.id": group})
        try:
            return consumer.committed([TopicPartition(TOPIC, partition)], 20)[0].offset
        finally:
            consumer.close()


@pytest.fixture(scope="module")
def clusters():
    """Keep the clusters of this module until its end: closing one while a consumer ends takes long."""
    made = []
    yield made
    made.clear()


@pytest.fixture
def cluster(clusters):
    cluster = Cluster()
    clusters.append(cluster)
    return cluster


@pytest.fixture
def serving(tmp_path):
    with serving_writer(tmp_path) as serving:
        yield serving


def collector(cluster, serving, **changed):
    given = {"brokers": cluster.addresses, "topics": [TOPIC], "tls": False}
    options = {
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "200",
        "fetch.wait.max.ms": "50",
        "log_level": "0",
    }
    settings = KafkaSettings(**(given | {"options": options} | changed))
    return make(settings, serving.client, serving.trail)


def beat(trail, name="kafka"):
    with closing(open_state(trail)) as connection:
        return next(one for one in Heartbeats(connection).all() if one.name == name)


def test_what_openwec_and_the_beats_write_becomes_events(cluster, serving):
    forms = [winlogbeat, nxlog, openwec]
    cluster.send(json.dumps(forms[number % 3](added(number))) for number in range(30))
    cluster.send((member_added(number) for number in range(30, 60)), partition=1)
    cluster.send([None, b"", json.dumps(winlogbeat(added(60)), indent=1)])
    with running(collector(cluster, serving)):
        until(lambda: len(events(serving.trail)) == 61, 40)
        until(lambda: (cluster.committed(0), cluster.committed(1)) == (33, 30))
    assert [event["record_id"] for event in events(serving.trail)] == list(range(1, 62))
    counts = beat(serving.trail).counts
    assert (counts["messages"], counts["recorded"], counts["empty"]) == (61, 61, 2)
    origins = {said["observed_origin"] for said in statements(serving.trail) if "observed_origin" in said}
    assert origins == {f"kafka {TOPIC}/0", f"kafka {TOPIC}/1"}
    assert [said["what"] for said in statements(serving.trail) if said.get("act") == "collection"] == ["began", "ended"]


def test_it_goes_on_where_it_was_and_repeats_stand_once(cluster, serving):
    cluster.send(member_added(number) for number in range(10))
    with running(collector(cluster, serving)):
        until(lambda: cluster.committed() == 10, 40)
    cluster.send(member_added(number) for number in range(5, 15))
    with running(collector(cluster, serving)):
        until(lambda: cluster.committed() == 20, 40)
    assert len(events(serving.trail)) == 15
    counts = beat(serving.trail).counts
    assert (counts["messages"], counts["recorded"], counts["duplicates"]) == (10, 5, 5)


def test_no_offset_is_committed_before_the_messages_are_durable(cluster, serving, monkeypatch):
    """The collector ends between the trail's commit and Kafka's, and before the trail's: both are read again."""
    cluster.send(member_added(number) for number in range(10))
    stop = threading.Event()
    intake = collector(cluster, serving)

    def crash(*_arguments, **_more):
        stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(KafkaIntake, "_commit", crash)
        intake.run(stop)
    assert (cluster.committed(), len(events(serving.trail))) == (-1001, 10)
    stop.clear()
    intake = collector(cluster, serving)
    taking = serving.client.submit_patiently

    def away(_batch, stop):
        stop.set()

    monkeypatch.setattr(serving.client, "submit_patiently", away)
    intake.run(stop)
    assert cluster.committed() == -1001
    monkeypatch.setattr(serving.client, "submit_patiently", taking)
    with running(collector(cluster, serving)):
        until(lambda: cluster.committed() == 10, 40)
    assert len(events(serving.trail)) == 10


def test_two_of_a_group_share_the_partitions_and_take_over(cluster, serving):
    numbers = itertools.count()

    def sent_until(condition):
        """Send one message to each partition until something came about."""

        def sent():
            for partition in range(4):
                cluster.send([member_added(next(numbers))], partition=partition)
            return condition()

        until(sent, 60)

    one, two = (collector(cluster, serving, name=name) for name in ("one", "two"))
    with running(one):
        sent_until(lambda: one._data_at)
        with running(two):
            sent_until(lambda: two._data_at)
        ended_at = datetime.now(UTC)
        sent_until(lambda: one._data_at > ended_at)
        count = next(numbers)
        until(lambda: len(events(serving.trail)) == count, 60)
    assert [event["record_id"] for event in events(serving.trail)] == list(range(1, count + 1))


def test_messages_the_brokers_deleted_are_said_to_be_lost(cluster, serving, monkeypatch):
    cluster.send(member_added(number) for number in range(10))
    with running(collector(cluster, serving)):
        until(lambda: cluster.committed() == 10, 40)
    cluster.send(member_added(number) for number in range(10, 20))
    monkeypatch.setattr(KafkaIntake, "_lowest", lambda *_arguments: 15)  # the mock cluster deletes nothing
    with running(collector(cluster, serving)):
        until(lambda: any(said.get("what") == "lost" for said in statements(serving.trail)), 40)
        until(lambda: cluster.committed() == 20, 40)
    [lost] = [said for said in statements(serving.trail) if said.get("what") == "lost"]
    assert (lost["where"], lost["records"]) == (f"{TOPIC}/0", 5)
    assert "offsets 10 to 14" in lost["found"]


def test_rubbish_costs_itself(cluster, serving):
    cluster.send([os.urandom(100), b"<Event>", b"{", b"text", json.dumps(nxlog(added(0))), b"[1]"])
    with running(collector(cluster, serving)):
        until(lambda: cluster.committed() == 6, 40)
    assert len(events(serving.trail)) == 1
    assert beat(serving.trail).counts["unread"] == 5


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"topics": []}, "one each"),
        ({"certificate": "x"}, "belong together"),
        ({"user": "x"}, "belong together"),
        ({"tls": False, "ca": "x"}, "need tls"),
        ({"tls": False, "user": "x", "password_file": "y"}, "needs tls"),
        ({"options": {"group.id": "x"}}, "not an option's"),
        ({"options": {"plugin.library.paths": "x"}}, "not an option's"),
        ({"batch_messages": 0}, "batch_messages"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        KafkaSettings(**({"brokers": ["b:9093"], "topics": ["t"]} | changed))


def test_an_option_librdkafka_does_not_know_is_named(cluster, serving):
    with pytest.raises(UsageError, match=r"no\.such\.option"):
        collector(cluster, serving, options={"no.such.option": "1"}).run(threading.Event())


def test_a_password_stands_in_a_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("S3cret\n")
    given = KafkaSettings(brokers=["b:9093"], topics=["t"], user="mailwitness", password_file=path).configuration()
    assert (given["security.protocol"], given["sasl.password"]) == ("SASL_SSL", "S3cret")
    with pytest.raises(UsageError, match="cannot be read"):
        KafkaSettings(brokers=["b"], topics=["t"], user="u", password_file=tmp_path / "nowhere").configuration()
