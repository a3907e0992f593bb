"""The writer behind its socket: durable answers, group commits, acts, bookmarks, refusals."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import socket
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.collect.documents import lines, other, relevant
from tests.collect.serving import Serving, leaves, serving_writer, statements

from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.interface import Act, Batch, Deposit, Notice, NotTaken, WriterAway, WriterBusy
from mailwitness.collect.wire import LENGTH
from mailwitness.collect.writer_client import AsyncWriterClient, WriterClient
from mailwitness.collect.writer_process import WriterProcess, acts_socket, writer_socket
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def serving(tmp_path_factory) -> Iterator[Serving]:
    with serving_writer(tmp_path_factory.mktemp("writer")) as serving:
        yield serving


def batch(data: bytes, **fields) -> Batch:
    said = {"name": "beats.ndjson", "collector": "test", "received_at": NOON, "format": "json"} | fields
    return Batch(data=data, **said)


def test_a_batch_is_durable_when_it_is_answered_and_its_evidence_kept(serving):
    data = lines(relevant(1), other(2), relevant(3)) + b"{broken\n"
    receipt = serving.client.submit(
        batch(data, claimed_host="dc1", observed_origin="192.0.2.7", delivered_by="token dc", bookmark=("s", "4"))
    )
    assert (receipt.seen, receipt.recorded, receipt.filtered, receipt.unread) == (4, 2, 1, 1)
    assert [(problem.code, problem.where.line) for problem in receipt.listed] == [("damaged", 4)]
    assert open_reader(serving.trail).size >= receipt.size
    sha256 = hashlib.sha256(data).hexdigest()
    assert (serving.trail / "evidence" / sha256[:2] / sha256).read_bytes() == data
    said = next(said for said in statements(serving.trail) if said.get("evidence", [{}])[0].get("sha256") == sha256)
    assert (said["collector"], said["claimed_host"], said["observed_origin"]) == ("test", "dc1", "192.0.2.7")
    assert said["delivered_by"] == "token dc"
    assert said["counts"]["recorded"] == 2
    connection = open_state(serving.trail)
    assert Bookmarks(connection).get("test", "s") == "4"
    connection.close()


def test_the_same_again_counts_as_duplicates(serving):
    data = lines(relevant(11), relevant(12))
    assert serving.client.submit(batch(data)).recorded == 2
    before = serving.client.status().size
    again = serving.client.submit(batch(data))
    assert (again.recorded, again.duplicates) == (0, 2)
    assert again.size == before
    other_form = serving.client.submit(batch(lines(other(10), relevant(12), relevant(13))))
    assert (other_form.recorded, other_form.duplicates) == (1, 1)


def test_an_act_is_a_leaf_with_the_user_id_of_who_asked(serving):
    with WriterClient(acts_socket(serving.trail)) as client:
        act = Act(who="ann", role="auditor", verb="read", subject="CN=Director", at=NOON, detail={"page": "2"})
        size = client.act(act).size
        with pytest.raises(NotTaken, match="only acts"):
            client.submit(batch(lines(relevant(1))))
        assert client.status().size == size
    said = [leaf["statement"] for leaf in leaves(serving.trail) if leaf["leaf_kind"] == "act"][-1]
    assert said == {
        "who": "ann",
        "role": "auditor",
        "verb": "read",
        "subject": "CN=Director",
        "at": "2026-11-24T12:00:00.000000Z",
        "detail": {"page": "2"},
        "peer_uid": os.getuid(),
    }


def test_a_collector_has_its_own_gaps_sealed(serving):
    serving.client.notice(Notice(collector="folder", what="lost", at=NOON, where="dc1/old.log", since_at=NOON))
    said = next(said for said in reversed(statements(serving.trail)) if "what" in said)
    assert (said["act"], said["what"], said["where"]) == ("collection", "lost", "dc1/old.log")
    assert said["since_at"] == "2026-11-24T12:00:00.000000Z"


def test_a_deposit_is_taken_from_the_folders_told_of_only(serving, tmp_path):
    (serving.inbox / "deep").mkdir()
    path = serving.inbox / "deep" / "log.ndjson"
    path.write_bytes(lines(relevant(21), other(22)))
    deposit = Deposit(path=str(path), name="deep/log.ndjson", collector="folder", received_at=NOON)
    receipt = serving.client.submit(deposit)
    assert (receipt.seen, receipt.recorded, receipt.filtered) == (2, 1, 1)
    (tmp_path / "secret").write_bytes(b"x")
    (serving.inbox / "link").symlink_to(tmp_path / "secret")
    for wrong in (tmp_path / "secret", serving.inbox / "link", serving.inbox / "deep", serving.inbox / "gone"):
        with pytest.raises(NotTaken):
            serving.client.submit(Deposit(path=str(wrong), name="x", collector="folder", received_at=NOON))


def test_what_is_no_request_is_refused_and_costs_nobody_else(serving):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(writer_socket(serving.trail)))
    connection.sendall(LENGTH.pack(5) + b"\xffjunk")
    (length,) = LENGTH.unpack(connection.recv(4))
    assert b"no request" in connection.recv(length)
    connection.sendall(LENGTH.pack(2**32 - 1))
    (length,) = LENGTH.unpack(connection.recv(4))
    assert b"are taken" in connection.recv(length)
    assert connection.recv(1) == b""
    connection.close()
    assert serving.client.status().failing is None


def test_an_unknown_format_and_a_naive_time_are_said(serving):
    receipt = serving.client.submit(batch(b"\x00\x01nothing\n", format=None))
    assert [problem.code for problem in receipt.listed] == ["unknown_format"]
    with pytest.raises(NotTaken, match="no format"):
        serving.client.submit(batch(b"{}\n", format="event_xml"))
    with pytest.raises(NotTaken):
        serving.client.submit(batch(b"{}\n", received_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - what is refused


def test_an_archive_is_unpacked_and_each_member_in_custody(serving):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.ndjson", lines(relevant(51)))
        file.writestr("deep/b.ndjson", lines(relevant(52), other(53)))
    receipt = serving.client.submit(batch(packed.getvalue(), name="upload.zip", format=None))
    assert (receipt.seen, receipt.recorded, receipt.filtered, receipt.problems) == (3, 2, 1, 0)
    names = [said["evidence"][0]["name"] for said in statements(serving.trail) if "evidence" in said][-3:]
    assert sorted(names) == ["upload.zip", "upload.zip!a.ndjson", "upload.zip!deep/b.ndjson"]
    again = serving.client.submit(batch(gzip.compress(lines(relevant(52))), name="b.ndjson.gz", format=None))
    assert (again.recorded, again.duplicates) == (0, 1)


def test_without_room_it_is_busy_and_takes_it_later(serving):
    room = serving.process._room
    ends_at = time.monotonic() + 60
    while not room.enter(room._limit):  # what an earlier test sent may still be on its way out
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    try:
        with pytest.raises(WriterBusy):
            serving.client.submit(batch(lines(relevant(31))))
    finally:
        room.leave(room._limit)
    assert serving.client.submit(batch(lines(relevant(31)))).recorded == 1


def test_asyncio_asks_the_same(serving):
    async def ask():
        client = AsyncWriterClient(writer_socket(serving.trail))
        receipts = await asyncio.gather(*(client.submit(batch(lines(relevant(40 + n)))) for n in range(5)))
        act = Act(who="ann", role="auditor", verb="unmask", subject="x", at=NOON, reason="case 7")
        size = (await client.act(act)).size
        assert (await client.status()).size == size
        await client.close()
        return receipts

    assert sum(receipt.recorded for receipt in asyncio.run(ask())) == 5


def test_no_writer_is_said(tmp_path):
    with pytest.raises(WriterAway, match="does not answer"):
        WriterClient(tmp_path / "nobody.sock").status()
    with pytest.raises(WriterAway):
        asyncio.run(AsyncWriterClient(tmp_path / "nobody.sock").status())


def test_a_client_outlives_a_restart_of_the_writer(tmp_path):
    trail = create_trail(tmp_path / "trail", key_dir=tmp_path / "keys").trail.path
    with WriterClient(writer_socket(trail)) as client:
        for number in (1, 2):
            process = WriterProcess(trail, readers=1)
            process.listen(writer_socket(trail))
            assert client.submit(batch(lines(relevant(1), relevant(number)))).recorded == 1
            process.stop()
