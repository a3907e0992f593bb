"""The Kafka intake: topics as OpenWEC and the Beats fill them, one event a message, as JSON or XML.

Needs the extra `kafka`. An offset is committed when everything up to it is durable, and never before: after a crash or
a rebalance messages come again and count as duplicates. Where the brokers deleted messages before they were read, the
gap is said.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from mailwitness.collect.heartbeats import EVERY, Heartbeats
from mailwitness.collect.interface import Batch, NotAcknowledged, Notice, Receipt
from mailwitness.collect.kafka_settings import KafkaSettings
from mailwitness.collect.writer_client import WriterClient
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.state.database import open_state

settings = KafkaSettings
WAIT_SECONDS = 0.5
"""How long a poll waits for messages; the stop is heard between two."""
ASK_SECONDS = 10.0
_ERROR_TEXT = 500
Key = tuple[str, int]
"""A topic and one of its partitions."""


class KafkaRefusedError(MailwitnessError):
    """The brokers will not have this consumer, or librdkafka gave up: it has to begin anew."""


class Taken(msgspec.Struct):
    """The messages of one partition out of one poll. `after` is the offset behind the last of them."""

    json: list[bytes] = []
    xml: list[bytes] = []
    first: int = -1
    after: int = -1
    empty: int = 0


class KafkaIntake:
    """The collector: one member of its consumer group, until it is told to stop."""

    def __init__(self, settings: KafkaSettings, writer: WriterClient, state: Path) -> None:
        """Deliver to `writer`; `state` is the trail's folder. Nothing is connected before `run`."""
        self.name = settings.name
        self._settings = settings
        self._writer = writer
        self._state = state
        self._expected: dict[Key, int] = {}
        self._gaps: list[tuple[Key, int, int]] = []
        self._counts: dict[str, int] = {}
        self._last_error: str | None = None
        self._data_at: datetime | None = None
        self._fatal: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set. Raises UsageError for unusable settings, KafkaRefusedError to begin anew."""
        configuration = self._settings.configuration()
        try:
            consumer = Consumer({**configuration, "error_cb": self._heard_error})
        except KafkaException as cause:
            raise UsageError(f"librdkafka refuses the settings: {cause.args[0].str()}", where=self.name) from cause
        with closing(open_state(self._state)) as connection:
            beats = Heartbeats(connection)
            beats.began(self.name, _now())
            self._say("began", stop, where=", ".join(self._settings.topics))
            try:
                consumer.subscribe(self._settings.topics, on_assign=self._assigned, on_revoke=self._revoked)
                self._consume(consumer, stop, beats)
            finally:
                with contextlib.suppress(KafkaException):
                    consumer.close()
                self._beat(beats)
            with contextlib.suppress(NotAcknowledged):  # without a writer nobody can be told
                self._writer.notice(Notice(collector=self.name, what="ended", at=_now()))

    def _consume(self, consumer: Consumer, stop: threading.Event, beats: Heartbeats) -> None:
        beaten_at = _now()
        while not stop.is_set():
            messages = consumer.consume(self._settings.batch_messages, WAIT_SECONDS)
            for (topic, partition), first, until in self._gaps:
                self._say_lost(stop, topic, partition, first, until)
            self._gaps.clear()
            if messages and not self._take(consumer, messages, stop):
                return
            if self._fatal is not None:
                raise KafkaRefusedError(self._fatal, where=", ".join(self._settings.brokers))
            if _now() - beaten_at >= EVERY / 4:
                beaten_at = _now()
                self._beat(beats)

    def _take(self, consumer: Consumer, messages: Iterable[Message], stop: threading.Event) -> bool:
        """Hand messages over and commit their offsets; False where the collector has to end before."""
        partitions: dict[Key, Taken] = {}
        for message in messages:
            self._sort(message, partitions)
        for key, taken in partitions.items():
            self._look_for_gap(consumer, key, taken, stop)
            for form, values in (("json", taken.json), ("event xml", taken.xml)):
                for part in _parts(values, self._settings.batch_bytes):
                    receipt = self._writer.submit_patiently(self._batch(key, taken, form, part), stop)
                    if receipt is None:
                        return False
                    self._count(receipt, len(part))
            self._expected[key] = taken.after
            self._commit(consumer, key, taken)
        return True

    def _sort(self, message: Message, partitions: dict[Key, Taken]) -> None:
        error = message.error()
        if error is not None:
            self._heard_error(error)
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is None or partition is None or offset is None:
            return
        taken = partitions.setdefault((topic, partition), Taken())
        if taken.first < 0:
            taken.first = offset
        taken.after = offset + 1
        value = message.value()
        if value is None or not value.strip():
            taken.empty += 1  # a compacted topic's tombstone: it says nothing
            self._counts["empty"] = self._counts.get("empty", 0) + 1
            return
        data = bytes(value)
        (taken.xml if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else taken.json).append(data)

    def _batch(self, key: Key, taken: Taken, form: str, values: list[bytes]) -> Batch:
        topic, partition = key
        if form == "json":  # a line each: an empty one first says so
            data = b"\n" + b"\n".join(value.replace(b"\r", b" ").replace(b"\n", b" ") for value in values) + b"\n"
        else:
            data = b"\n".join(values) + b"\n"
        suffix = "ndjson" if form == "json" else "xml"
        return Batch(
            name=f"{self.name}/{topic}/{partition}/{taken.first:020}.{suffix}",
            data=data,
            collector=self.name,
            received_at=_now(),
            format=form,
            observed_origin=f"kafka {topic}/{partition}",
            delivered_by=None if self._settings.user is None else f"user {self._settings.user}",
            time_zone=self._settings.time_zone,
        )

    def _commit(self, consumer: Consumer, key: Key, taken: Taken) -> None:
        try:
            consumer.commit(offsets=[TopicPartition(*key, taken.after)], asynchronous=False)
        except KafkaException as cause:  # the partition went to another member: who reads it again finds duplicates
            self._last_error = f"an offset could not be committed: {cause.args[0].str()}"[:_ERROR_TEXT]
            self._counts["uncommitted"] = self._counts.get("uncommitted", 0) + 1

    def _count(self, receipt: Receipt, messages: int) -> None:
        self._data_at = _now()
        counts = {"messages": messages, "batches": 1}
        for name in ("recorded", "duplicates", "filtered", "unread", "problems"):
            counts[name] = getattr(receipt, name)
        for name, count in counts.items():
            if count:
                self._counts[name] = self._counts.get(name, 0) + count

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Learn where each partition goes on, and whether the brokers still have what comes there."""
        self._counts["assignments"] = self._counts.get("assignments", 0) + 1
        for place in consumer.committed(partitions, ASK_SECONDS):
            key = (place.topic, place.partition)
            self._expected.pop(key, None)
            if place.offset >= 0:
                self._expected[key] = place.offset
                low = self._lowest(consumer, place)
                if low is not None and low > place.offset:
                    self._gaps.append((key, place.offset, low))
                    self._expected[key] = low

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget partitions that go to another member. Nothing is in hand here: polls are handed over as a whole."""
        for place in partitions:
            self._expected.pop((place.topic, place.partition), None)

    def _look_for_gap(self, consumer: Consumer, key: Key, taken: Taken, stop: threading.Event) -> None:
        """Say so where messages were deleted before they were read; transactions leave holes that are none."""
        expected = self._expected.get(key)
        if expected is None or taken.first <= expected:
            return
        low = self._lowest(consumer, TopicPartition(*key))
        if low is not None and low > expected:
            self._say_lost(stop, *key, expected, min(low, taken.first))

    def _lowest(self, consumer: Consumer, place: TopicPartition) -> int | None:
        try:
            marks: Any = consumer.get_watermark_offsets(place, ASK_SECONDS, cached=False)
        except KafkaException as cause:
            self._last_error = f"the brokers do not tell what they still have: {cause.args[0].str()}"[:_ERROR_TEXT]
            return None
        return None if marks is None else int(marks[0])

    def _say_lost(self, stop: threading.Event, topic: str, partition: int, first: int, until: int) -> None:
        found = f"offsets {first} to {until - 1} were deleted by the brokers before they were read"
        self._counts["lost"] = self._counts.get("lost", 0) + until - first
        self._say("lost", stop, where=f"{topic}/{partition}", found=found, records=until - first)

    def _say(
        self,
        what: Literal["began", "lost"],
        stop: threading.Event,
        *,
        where: str,
        found: str = "",
        records: int | None = None,
    ) -> None:
        notice = Notice(collector=self.name, what=what, at=_now(), where=where, found=found, records=records)
        self._writer.notice_patiently(notice, stop)

    def _heard_error(self, error: KafkaError) -> None:
        self._last_error = f"{error.name()}: {error.str()}"[:_ERROR_TEXT]
        if error.fatal():
            self._fatal = self._last_error

    def _beat(self, beats: Heartbeats) -> None:
        counts, self._counts = self._counts, {}
        error, self._last_error = self._last_error, None
        beats.beat(self.name, _now(), counts, error, data_at=self._data_at)


def _parts(values: list[bytes], limit: int) -> Iterable[list[bytes]]:
    """Cut values into lists of `limit` bytes at most, or of one value."""
    part: list[bytes] = []
    size = 0
    for value in values:
        if part and size + len(value) > limit:
            yield part
            part, size = [], 0
        part.append(value)
        size += len(value) + 1
    if part:
        yield part


def _now() -> datetime:
    return datetime.now(UTC)


def make(settings: KafkaSettings, writer: WriterClient, state: Path) -> KafkaIntake:
    """Return the collector of [intake.kafka]."""
    return KafkaIntake(settings, writer, state)
