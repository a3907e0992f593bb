"""The console as a part of a running service: it takes uploads into custody, holds no key, and is asked for health."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.service.test_grant_to_mail import await_event, entries, service

from mailwitness.collect.interface import Batch, Deposit, Notice, NotTaken
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import uploads_socket
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.faces.web.limits import FORM_BYTES, UPLOAD_BYTES
from mailwitness.faces.web.people.passwords import hash_password
from mailwitness.intake.importing import import_paths
from mailwitness.service.health import console_not_ready
from mailwitness.service.settings import ConsoleSettings
from mailwitness.simulate.demo import write_demo
from mailwitness.state import people as kept
from mailwitness.state.people_tables import open_people
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify

PASSWORD = "four quiet herons on ice"  # noqa: S105 - of the tests
CONFIG = """
[service]
trail = "trail"
monitor = "127.0.0.1:{monitor}"
[rules]
builtin = false
[console]
port = {port}
second_factor = "optional"
"""


class Console:
    """A service that runs, and what a browser without script does with its console."""

    def __init__(self, folder: Path, port: int, monitor: int) -> None:
        self.folder = folder
        self.port = port
        self.monitor = monitor
        self.cookie = ""

    def ask(self, method, path, body=None, kind="application/x-www-form-urlencoded", **headers):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            sent = {"Sec-Fetch-Site": "same-origin", "Cookie": self.cookie, "Host": "localhost"} | headers
            connection.request(method, path, body=body, headers=sent | ({"Content-Type": kind} if body else {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def sign_in(self, name):
        self.cookie = ""
        status, headers, text = self.ask("POST", "/login", urlencode({"name": name, "password": PASSWORD}))
        assert status == 303, text
        self.cookie = headers["Set-Cookie"].split(";", 1)[0]

    def upload(self, *files):
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
            + data
            + b"\r\n"
            for name, data in files
        ]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.ask("POST", "/import", body, f"multipart/form-data; boundary={boundary}")

    def readiness(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/health/ready", timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())

    def pid(self, name):
        return next(e["pid"] for e in entries(self.folder) if e["event"] == "part_started" and e["name"] == name)


def two_ports():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Return a service over a part of the demo's evidence, with an account of each of two roles."""
    folder = tmp_path_factory.mktemp("served")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence" / "nordwind_2019"], key_path=made.key_path)
    with closing(open_people(folder / "trail")) as connection:
        for role in ("collector", "auditor", "administrator"):
            hashed = hash_password(PASSWORD)
            kept.add_account(connection, role, role, hashed, datetime.now(UTC))
            kept.set_password(connection, kept.need_account(connection, role), hashed, keep=b"")
    port, monitor = two_ports()
    with service(folder, CONFIG.format(monitor=monitor, port=port)):
        await_event(folder, "writer_ready", "detector_ready", "console_starts")
        console = Console(folder, port, monitor)
        ends_at = time.monotonic() + 120
        while not console.readiness()["ready"]:
            assert time.monotonic() < ends_at, (folder / "log").read_text()
            time.sleep(0.05)
        yield console


def custody(folder):
    with Embedded(open_reader(folder / "trail")) as engine:
        rows = engine.rows(Query("custody", "", "SELECT entry FROM leaves WHERE leaf_kind = 'custody' ORDER BY seq"))
    return [json.loads(row["entry"])["statement"] for row in rows]


def test_an_upload_comes_into_custody(running):
    running.sign_in("collector")
    assert 'type="file"' in running.ask("GET", "/import")[2]
    data = (running.folder / "evidence" / "fabrik_2003" / "MAIL01" / "Application.evt").read_bytes()
    status, _headers, text = running.upload(("mail01.evt", data))
    assert status == 200
    row = text.split("mail01.evt", 1)[1].split("</tr>", 1)[0]
    seen, recorded, duplicates, filtered, unread, _problems = map(int, re.findall(r'class="num">(\d+)<', row))
    assert seen == recorded + duplicates + filtered + unread
    assert recorded > 0
    (taken,) = (leaf for leaf in custody(running.folder) if leaf.get("delivered_by") == "collector")
    assert taken["collector"] == "upload"
    assert taken["evidence"][0]["name"].endswith("mail01.evt")
    assert taken["evidence"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert verify(running.folder / "trail", deep=True).findings == []


def test_what_is_no_evidence_is_taken_in_and_told_as_a_problem(running):
    running.sign_in("auditor")
    status, _headers, text = running.upload(("notes.docx", b"PK\x03\x04 no event log at all"))
    assert status == 200
    assert "Problems in notes.docx" in text
    assert running.upload(("empty.evtx", b""))[2].count("not taken in") == 1


def test_who_may_not_is_refused_and_who_is_nobody_signs_in_first(running):
    running.sign_in("administrator")
    assert running.upload(("a.evtx", b"x"))[0] == 403
    running.cookie = ""
    assert running.upload(("a.evtx", b"x"))[0] in (303, 401, 403)
    running.sign_in("collector")
    assert running.ask("GET", "/search")[0] == 403


def test_too_large_a_body_is_refused_before_it_is_read(running):
    running.sign_in("collector")
    huge = {"Content-Length": str(UPLOAD_BYTES + 1)}
    assert running.ask("POST", "/import", b"x", "multipart/form-data; boundary=x", **huge)[0] == 413
    assert running.ask("POST", "/theme", b"theme=" + b"x" * FORM_BYTES)[0] == 413
    chunks = (b"x" * 65_536 for _ in range(20))
    assert running.ask("POST", "/theme", chunks)[0] == 413


def test_the_socket_of_the_console_takes_uploads_and_nothing_else(running):
    at = datetime.now(UTC)
    more = {"name": "a.json", "data": b"{}", "received_at": at}
    refused = [
        Batch(collector="m365", **more),
        Batch(collector="upload", bookmark=("m365/exchange", "9"), **more),
        Batch(collector="upload", claimed_host="dc1", **more),
        Batch(collector="upload", **(more | {"data": b""})),
        Deposit(path="/etc/passwd", name="a", collector="upload", received_at=at),
        Notice(collector="upload", what="lost", at=at),
    ]
    before = len(custody(running.folder))
    with WriterClient(uploads_socket(running.folder / "trail")) as writer:
        assert writer.status().failing is None
        for request in refused[:-1]:
            with pytest.raises(NotTaken, match="only uploads"):
                writer.submit(request)
        with pytest.raises(NotTaken, match="only uploads"):
            writer.notice(refused[-1])
    assert len(custody(running.folder)) == before


def test_the_web_process_holds_neither_the_key_nor_a_file_of_the_log(running):
    """R27: it never opened the key, and has nothing of the trail's log, events or evidence open for writing."""
    pid, trail = running.pid("console"), running.folder / "trail"
    opened = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        flags = re.search(r"flags:\s*(\d+)", Path(f"/proc/{pid}/fdinfo/{link.name}").read_text())
        opened[str(link.readlink())] = int(flags[1], 8) & os.O_ACCMODE
    sealed = tuple(str(trail / name) for name in ("log", "events", "evidence"))
    assert not [path for path in opened if str(running.folder / "keys") in path]
    assert not [path for path, mode in opened.items() if path.startswith(sealed) and mode != os.O_RDONLY]
    (key,) = (running.folder / "keys").glob("*.key")
    secret = key.read_text().strip().rsplit("+", 1)[-1].encode()
    assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_head_that_never_ends_is_cut_off(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000)
        assert client.recv(100).startswith(b"HTTP/1.1 400") or client.recv(100) == b""


def test_ready_says_that_the_console_does_not_answer(running):
    assert running.readiness() == {"ready": True, "wrong": {}}
    here = ConsoleSettings(port=running.port)
    assert console_not_ready(here, "localhost", 5.0) is None
    assert console_not_ready(here, "elsewhere.test", 5.0) == "it answers 403"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = ConsoleSettings(port=silent.getsockname()[1])
        assert "timed out" in console_not_ready(nobody, "localhost", 0.2)
    assert "refused" in console_not_ready(nobody, "localhost", 5.0)
