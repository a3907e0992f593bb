"""A writer and an HTTP intake under load, killed and started anew; and what has to hold afterwards."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson
from tests.collect.documents import other, relevant

from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.http_settings import new_token
from mailwitness.collect.interface import Act, Batch, NotAcknowledged
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket, writer_socket
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify

BATCH = 12
ACTION = b'{"create":{"_index":"winlogbeat"}}\n'


class Service:
    """The two processes; `port` is where the HTTP intake listens now."""

    def __init__(self, trail: Path) -> None:
        self.trail = trail
        self.token, self._digest = new_token()
        self._processes: dict[str, subprocess.Popen] = {}
        self.port = 0
        self.start_writer()
        self.start_http()

    def start_writer(self) -> None:
        self._is_ready = False
        command = ["-m", "mailwitness.collect.writer_process", str(self.trail), "--readers", "1"]
        self._start("writer", command)

    def start_http(self) -> None:
        script = Path(__file__).with_name("live_http.py")
        self._start("http", [str(script), str(self.trail), self._digest])
        self.port = int(self._processes["http"].stdout.readline())

    def _start(self, name: str, command: list[str]) -> None:
        self._processes[name] = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)

    def wait_ready(self) -> None:
        """Wait until the writer serves."""
        if not self._is_ready:
            assert self._processes["writer"].stdout.readline() == b"ready\n"
            self._is_ready = True

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    def end(self) -> None:
        """End both as the service manager does; they have to end well."""
        self.wait_ready()
        for name in ("http", "writer"):
            process = self._processes.pop(name)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            process.stdout.close()


class Load:
    """Senders over both ways, each sending a batch again until it is acknowledged."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()
        self.acts: set[str] = set()
        self._numbers = itertools.count(0, BATCH)
        self._ended = threading.Event()
        self._more = threading.Condition()
        ways = (self._directly, self._directly, self._over_http, self._over_http, self._as_console)
        self._threads = [threading.Thread(target=way, args=(str(n),)) for n, way in enumerate(ways)]
        for thread in self._threads:
            thread.start()

    def wait_for_more(self) -> None:
        """Wait until something more is acknowledged: the readers of a new writer are up then."""
        with self._more:
            before = len(self.acknowledged)
            assert self._more.wait_for(lambda: len(self.acknowledged) > before, 60)

    def _acknowledge(self, numbers: range) -> None:
        with self._more:
            self.acknowledged.update(numbers)
            self._more.notify()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _next(self) -> range:
        first = next(self._numbers)
        numbers = range(first, first + BATCH)
        self.sent.update(numbers)
        return numbers

    def _directly(self, stream: str) -> None:
        with WriterClient(writer_socket(self.service.trail)) as client:
            while not self._ended.is_set():
                numbers = self._next()
                batch = Batch(
                    name="direct",
                    data=b"\n".join(document(number) for number in numbers) + b"\n",
                    collector="direct",
                    received_at=datetime.now(UTC),
                    bookmark=(stream, str(numbers[-1])),
                )
                while not self._ended.is_set():
                    try:
                        client.submit(batch)
                    except NotAcknowledged:
                        time.sleep(0.02)
                    else:
                        self._acknowledge(numbers)
                        break

    def _over_http(self, _stream: str) -> None:
        while not self._ended.is_set():
            numbers = self._next()
            body = b"".join(ACTION + document(number) + b"\n" for number in numbers)
            while not self._ended.is_set() and not self._post(body):
                time.sleep(0.02)
            if not self._ended.is_set():
                self._acknowledge(numbers)

    def _post(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)
        try:
            connection.request("POST", "/_bulk", body, {"Authorization": f"Bearer {self.service.token}"})
            answer = connection.getresponse()
            return answer.status == 200 and orjson.loads(answer.read())["errors"] is False
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _as_console(self, _stream: str) -> None:
        with WriterClient(acts_socket(self.service.trail)) as client:
            for number in itertools.count():
                if self._ended.wait(0.05):
                    return
                act = Act(who="ann", role="auditor", verb="read", subject=str(number), at=datetime.now(UTC))
                with contextlib.suppress(NotAcknowledged):
                    client.act(act)
                    self.acts.add(str(number))


def document(number: int) -> bytes:
    return orjson.dumps(other(number) if number % 3 == 0 else relevant(number))


def kill_at_random_moments(folder: Path, count: int, seed: int) -> None:
    """Kill the service `count` times under load, and look at what is left."""
    trail = create_trail(folder / "trail", key_dir=folder / "keys", organization="contoso").trail.path
    rng = random.Random(seed)
    service = Service(trail)
    service.wait_ready()
    load = Load(service)
    try:
        for _ in range(count):
            if rng.random() < 0.9:
                load.wait_for_more()
            time.sleep(rng.uniform(0, 0.5))
            if rng.random() < 0.2:
                service.kill("http")
                service.start_http()
            service.kill("writer")
            service.start_writer()
            if rng.random() < 0.9:  # else it is killed while it starts and puts right what was left
                service.wait_ready()
    finally:
        load.end()
    service.end()
    check(trail, load, seed)


def check(trail: Path, load: Load, seed: int) -> None:
    """Assert that nothing acknowledged is lost, nothing stands twice, and the trail verifies."""
    stands: Counter[int] = Counter()
    acts: set[str] = set()
    for _seq, entry in open_reader(trail).entries():
        fields = orjson.loads(entry)
        if "leaf_kind" not in fields:
            stands[int(fields["record_id"])] += 1
        elif fields["leaf_kind"] == "act":
            acts.add(fields["statement"]["subject"])
    wanted = {number for number in load.acknowledged if number % 3}
    assert len(wanted) >= BATCH, seed
    assert wanted <= stands.keys(), (seed, sorted(wanted - stands.keys())[:10])
    assert set(stands.values()) == {1}, (seed, [number for number, count in stands.items() if count > 1][:10])
    assert stands.keys() <= load.sent
    assert load.acts <= acts, seed
    connection = open_state(trail)
    for value in Bookmarks(connection).all("direct").values():
        assert all(number in stands for number in range(int(value) - BATCH + 1, int(value) + 1) if number % 3), seed
    connection.close()
    verdict = verify(trail, deep=True)
    assert (verdict.state, verdict.findings) == ("not_anchored", []), seed
    assert list((trail / "run").glob("*.sock")) == []
