"""A disk that is full under the live service: senders hear 503, nothing acknowledged is lost, with room it goes on."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import subprocess
import threading
from datetime import UTC, datetime

import orjson
import pytest
from tests.collect.documents import lines, relevant
from tests.collect.serving import running, serving_writer

from mailwitness.collect.folder import FolderCollector
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.collect.http_intake import HttpIntake
from mailwitness.collect.http_settings import HttpSettings, Token, new_token
from mailwitness.collect.interface import Act, NotAcknowledged
from mailwitness.trail.reader import open_reader

pytestmark = pytest.mark.slow
ROUNDS = 25
BATCH = 50
VALUE, SHA256 = new_token()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], check=False)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def post(port: int, numbers: range) -> tuple[int, str | None]:
    body = b"".join(b'{"create":{}}\n' + lines(relevant(number)) for number in numbers)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/_bulk", body, {"Authorization": f"Bearer {VALUE}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status != 200 or orjson.loads(content)["errors"] is False
    return answer.status, answer.headers["Retry-After"]


def act(number: int) -> Act:
    return Act(who="ann", role="auditor", verb="read", subject=str(number), at=datetime.now(UTC))


def fill(path, room: int) -> None:
    """Leave `room` bytes on the disk."""
    while True:
        free = os.statvfs(path.parent)
        with path.open("wb") as file, contextlib.suppress(OSError):  # the service writes meanwhile
            os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - room))
            return


def test_senders_hear_503_and_it_goes_on_by_itself(small_disk):
    rng = random.Random(3)
    acknowledged: set[int] = set()
    statuses: list[int] = []
    acts: list[int] = []
    with serving_writer(small_disk) as serving:
        watched = serving.inbox / "watched"
        watched.mkdir()
        given = FolderSettings(path=watched, poll_seconds=0.1)
        listening = HttpSettings(listen="127.0.0.1:0", tokens=[Token(name="t", sha256=SHA256)])
        intake = HttpIntake(listening, serving.client, serving.trail)
        port = intake.bind()[1]
        filler = small_disk / "filler"
        collector = FolderCollector(given, serving.client, serving.trail)
        with running(intake), running(collector):
            for number in range(ROUNDS):
                (watched / f"{number}.ndjson").write_bytes(lines(relevant(1_000_000 + number)))
                fill(filler, rng.randrange(150_000))
                for attempt in range(4):
                    numbers = range((4 * number + attempt) * BATCH, (4 * number + attempt + 1) * BATCH)
                    status, retry_after = post(port, numbers)
                    statuses.append(status)
                    if status == 200:
                        acknowledged.update(numbers)
                    else:
                        assert (status, retry_after is not None) == (503, True)
                with contextlib.suppress(NotAcknowledged):  # a page is not shown then
                    acts.append(serving.client.act(act(number)).size)
                filler.unlink()
                again = range(4 * number * BATCH, 4 * (number + 1) * BATCH)
                while post(port, again)[0] != 200:
                    pass
                acknowledged.update(again)
            while collector._watched.keys() != collector._marks.keys() or len(collector._marks) < ROUNDS:
                threading.Event().wait(0.2)  # it tries again every half a minute at the latest
        assert serving.client.status().failing is None
    assert statuses.count(503) >= ROUNDS
    assert 200 in statuses
    assert len(acts) < ROUNDS
    stands = [
        int(fields["record_id"])
        for _seq, entry in open_reader(serving.trail).entries()
        if "leaf_kind" not in (fields := orjson.loads(entry))
    ]
    assert len(stands) == len(set(stands))
    assert acknowledged <= set(stands)
    assert {1_000_000 + number for number in range(ROUNDS)} <= set(stands)
