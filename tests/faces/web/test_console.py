"""What the console does: records what is read, takes evidence in, verifies, exports, keeps views, stays up to date."""

from __future__ import annotations

import csv
import http.client
import io
import re
import shutil
import threading
import time
import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import pytest
from tests.engine.events import some_events
from tests.faces.web.conftest import Watched, running

from mailwitness.collect.interface import Receipt, WriterAway
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import serve_writer, writer_socket
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.event_index import EventIndex
from mailwitness.engine.query import Query
from mailwitness.faces.views.picture import Pictures
from mailwitness.faces.web.application import ConsoleSettings, application
from mailwitness.trail.reader import open_reader

HBRANDT = "/mailbox?name=FABRIK%5Chbrandt"


def ask(address, method, path, body=None, kind="application/x-www-form-urlencoded"):
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    headers = {"Sec-Fetch-Site": "same-origin"} | ({"Content-Type": kind} if body is not None else {})
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def get(address, path):
    status, _, text = ask(address, "GET", path)
    assert status == 200, (path, status)
    return text


@pytest.fixture
def copy(demo_folder, tmp_path):
    """Return a copy of the demo's trail and its key, for tests that change something."""
    shutil.copytree(demo_folder, tmp_path / "demo")
    return tmp_path / "demo"


@pytest.fixture
def writer(copy):
    """Return a client of a real writer of the copy's trail."""
    (key,) = (copy / "keys").glob("*.key")
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=serve_writer, args=(copy / "trail", key), kwargs={"stop": stop, "ready": ready.set}
    )
    thread.start()
    assert ready.wait(30)
    with WriterClient(writer_socket(copy / "trail")) as client:
        yield client
    stop.set()
    thread.join()


def acts(trail):
    with Embedded(open_reader(trail)) as engine:
        rows = engine.rows(Query("acts", "", "SELECT entry FROM leaves WHERE leaf_kind = 'act' ORDER BY seq"))
    return [row["entry"].decode() for row in rows]


class Refusing:
    """A writer that acknowledges nothing."""

    def act(self, act):
        raise WriterAway(f"no writer answers to {act.verb}")


class Noting:
    """A writer that acknowledges everything and remembers it."""

    def __init__(self) -> None:
        self.acts = []

    def act(self, act):
        self.acts.append(act)
        return Receipt()


def test_what_is_read_is_a_leaf_before_it_is_shown(copy, writer):
    with running(application(copy / "trail", writer=writer)) as address:
        assert acts(copy / "trail") == []
        assert "What you read is recorded in the trail." in get(address, HBRANDT)
        (entry,) = acts(copy / "trail")
        assert '"verb":"read"' in entry
        assert "mailbox FABRIK\\\\hbrandt" in entry
        assert "local auditor" in entry


def test_a_page_is_not_shown_whose_reading_could_not_be_recorded(demo_trail):
    with running(application(demo_trail, writer=Refusing())) as address:
        for path in (HBRANDT, "/access/f04087bf950b8f80", "/event/f04087bf950b8f80", "/change/7736cfaf6ce77e9d"):
            status, _, text = ask(address, "GET", path)
            assert status == 503, path
            assert "tkern" not in text
        status, _, text = ask(address, "GET", "/search.csv?q=tkern")
        assert status == 503
        assert "PC-KERN" not in text
        assert ask(address, "GET", "/coverage")[0] == 200


def test_every_page_about_somebody_says_what_was_read(demo_trail):
    noting = Noting()
    with running(application(demo_trail, writer=noting)) as address:
        get(address, "/account?name=FABRIK%5Ctkern")
        get(address, "/search?q=hbrandt&kind=access")
        get(address, "/search.csv?q=hbrandt")
        get(address, "/")
    assert [act.subject for act in noting.acts] == [
        "account FABRIK\\tkern",
        "search hbrandt access",
        "export of search hbrandt",
    ]
    assert {act.verb for act in noting.acts} == {"read"}


def test_uploaded_evidence_is_taken_into_custody_and_shown(copy, writer, demo_folder):
    evidence = demo_folder / "evidence" / "fabrik_2003" / "MAIL01" / "Application.evt"
    data = evidence.read_bytes()
    boundary = uuid.uuid4().hex
    body = b"".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
            + content
            + b"\r\n"
        )
        for name, content in (("again.evt", data), ("broken.evtx", b"no event log"))
    )
    body += f"--{boundary}--\r\n".encode()
    with running(application(copy / "trail", writer=writer, uploads=writer)) as address:
        kind = f"multipart/form-data; boundary={boundary}"
        status, _, text = ask(address, "POST", "/import", body=body, kind=kind)
        assert status == 200
        assert "again.evt" in text
        row = text.split("again.evt", 1)[1].split("</tr>", 1)[0]
        seen, recorded, duplicates, *_ = (int(n) for n in re.findall(r'class="num">(\d+)<', row))
        assert (seen, recorded, duplicates) == (72, 0, 72)
        listed = until(address, "/sources", "broken.evtx")
        assert "again.evt" in listed


def until(address, path, text):
    """Return a page once it holds `text`: a busy machine draws the newer picture a little later."""
    deadline = time.monotonic() + 60
    while text not in (page := get(address, path)):
        assert time.monotonic() < deadline, text
        threading.Event().wait(0.1)
    return page


def test_nothing_is_uploaded_without_a_writer(console):
    assert "takes no uploads" in get(console, "/import")
    status, _, _ = ask(console, "POST", "/import", body=b"", kind="multipart/form-data; boundary=x")
    assert status == 409


def test_a_verification_says_not_anchored_and_finds_what_was_altered(copy):
    with running(application(copy / "trail")) as address:
        assert "never verified from here" in get(address, "/integrity")
        assert ask(address, "POST", "/integrity/verify", body="deep=1")[0] == 303
        text = finished(address)
        assert "not_anchored" in text
        assert "local auditor" in text
        (file,) = sorted((copy / "trail" / "events").glob("log_id=*/month=2004-03/*.parquet"))[:1]
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        assert ask(address, "POST", "/integrity/verify", body="")[0] == 303
        text = finished(address)
        assert "The trail was altered" in text
        assert file.name in text
        assert "ALTERED" in get(address, "/")


def finished(address):
    while '"running":true' in get(address, "/integrity/progress"):
        threading.Event().wait(0.05)
    return get(address, "/integrity")


def test_a_trail_is_anchored_by_what_is_kept_elsewhere(copy, tmp_path):
    from mailwitness.trail.anchors import anchor  # noqa: PLC0415

    anchor(copy / "trail", tmp_path / "anchors")
    key = open_reader(copy / "trail").settings.verifier_key
    settings = ConsoleSettings(anchors=str(tmp_path / "anchors"), verifier_key=key)
    with running(application(copy / "trail", config=settings)) as address:
        assert "Anchored up to leaf 666" in get(address, "/integrity").replace("\N{NARROW NO-BREAK SPACE}", "")
        ask(address, "POST", "/integrity/verify", body="")
        assert "Anchored and valid" in finished(address)


def test_an_export_is_what_the_search_shows(console):
    for query in ({"q": "hbrandt"}, {"q": "tkern", "kind": "access"}, {"kind": "access", "mailbox": "FABRIK\\plenz"}):
        text = get(console, "/search?" + urlencode(query))
        shown = text.count('<tr><td class="when">')
        rows = list(csv.DictReader(io.StringIO(get(console, "/search.csv?" + urlencode(query)).lstrip("\ufeff"))))
        assert len(rows) == shown > 0
        for row in rows:
            assert row["event_id"] in text
    changes = get(console, "/search?kind=change&risky=1")
    rows = list(csv.DictReader(io.StringIO(get(console, "/search.csv?kind=change&risky=1").lstrip("\ufeff"))))
    assert [row["change_id"] in changes for row in rows] == [True] * 10


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/mailbox", 404),
        ("/mailbox?name=nobody+at+all", 404),
        ("/mailbox?name=FABRIK%5Chbrandt&at=yesterday", 400),
        ("/mailbox?name=FABRIK%5Chbrandt&since=9999999d", 400),
        ("/access/zz", 404),
        ("/access/" + "0" * 64, 404),
        ("/event/" + "0" * 16, 404),
        ("/change/" + "0" * 16, 404),
        ("/search?page=0", 400),
        ("/search?page=99999", 400),
        ("/search?page=x", 400),
        ("/search?outcome=maybe", 400),
        ("/search.pdf", 404),
        ("/kit/2042", 404),
        ("/sources/999999", 404),
        ("/finding/" + "0" * 16, 404),
        ("/no/such/page", 404),
    ],
)
def test_what_cannot_be_answered_says_so(console, path, status):
    got, _, text = ask(console, "GET", path)
    assert got == status
    assert "<h1>" in text
    assert "Traceback" not in text


def test_views_are_kept_under_a_name_and_lead_to_this_console_only(copy):
    with running(application(copy / "trail")) as address:
        for target in ("//evil.example", "https://evil.example", "/\\evil.example", ""):
            body = urlencode({"name": "x", "address": target})
            assert ask(address, "POST", "/views", body=body)[0] == 400
        assert ask(address, "POST", "/views", body=urlencode({"name": " ", "address": "/search"}))[0] == 400
        body = urlencode({"name": "What tkern did", "address": "/search?q=tkern"})
        assert ask(address, "POST", "/views", body=body)[0] == 303
        text = get(address, "/views")
        assert 'href="/search?q=tkern"' in text
        number = re.search(r'name="remove" value="(\d+)"', text)[1]
        assert ask(address, "POST", "/views", body=f"remove={number}")[0] == 303
        assert "What tkern did" not in get(address, "/views")


def test_one_mailbox_shows_nothing_of_its_namesake(console):
    nordwind = get(console, "/mailbox?name=NORDWIND%5Chbrandt")
    assert "tkern" not in nordwind.split("<h1", 1)[1].split("Who can open it", 1)[0]
    fabrik = get(console, HBRANDT)
    assert "5 changes and 4 accesses" in fabrik
    assert "adm-ritter" not in fabrik


def test_the_rights_of_a_past_time_are_those_of_that_time(console):
    before = get(console, "/mailbox?name=NORDWIND%5Chbrandt&at=2024-03-05T09:00:00Z")
    during = get(console, "/mailbox?name=NORDWIND%5Chbrandt&at=2024-03-06T00:00:00Z")
    now = get(console, "/mailbox?name=NORDWIND%5Chbrandt")

    def holders(text):
        return text.split('id="holders"', 1)[1]

    assert "NORDWIND\\ynowak" not in holders(before)
    assert "NORDWIND\\ynowak" in holders(during)
    assert "NORDWIND\\ynowak" not in holders(now)
    assert "NORDWIND\\adm-ritter" not in holders(before)
    assert "NORDWIND\\adm-ritter" in holders(now)


def test_a_change_tells_what_it_was_used_for(console):
    text = get(console, "/change/7736cfaf6ce77e9d")
    used = text.split('id="use"', 1)[1]
    assert used.count("/access/") == 2


def append(copy, events):
    from mailwitness.trail.projection import batch_of_events  # noqa: PLC0415
    from mailwitness.trail.writer import Writer  # noqa: PLC0415

    (key,) = (copy / "keys").glob("*.key")
    with Writer.open(copy / "trail", key_path=key) as writer:
        writer.append(*batch_of_events(events))
        writer.act({"act": "made", "at": str(datetime.now(UTC))})
        writer.commit()


def test_the_picture_follows_the_trail_and_keeps_what_did_not_change(copy):
    from mailwitness.trail.writer import Writer  # noqa: PLC0415

    (key,) = (copy / "keys").glob("*.key")
    pictures = Pictures(copy / "trail", EventIndex(None), patience=60)
    first = pictures.current
    assert pictures.current is first
    with Writer.open(copy / "trail", key_path=key) as writer:
        writer.act({"who": "somebody", "verb": "read"})
        writer.commit()
    second = pictures.current
    assert second.size == open_reader(copy / "trail").size > first.size
    assert second.worked_out is first.worked_out
    append(copy, some_events(0, 30))
    third = pictures.current
    assert third.size == open_reader(copy / "trail").size > second.size + 30
    assert third.worked_out is not second.worked_out
    assert third.people.find("FAB\\u3").things
    assert not second.people.find("FAB\\u3").things
    pictures.close()


def test_a_finding_is_decided_with_a_reason_and_the_act_is_sealed(copy):
    from mailwitness.alerts.cases import Cases  # noqa: PLC0415
    from mailwitness.alerts.watchlists import Watchlists  # noqa: PLC0415
    from mailwitness.rules.finding import Finding  # noqa: PLC0415
    from mailwitness.state.database import open_state  # noqa: PLC0415

    found = Finding(
        finding_id="f" * 64,
        rule_id="made-for-a-test",
        title="A right given to oneself",
        level="high",
        mailbox_ref="FABRIK\\hbrandt",
        actor="FABRIK\\tkern",
        occurred_at=datetime(2004, 3, 9, 17, 42, 7, tzinfo=UTC),
        event_ids=("7736cfaf6ce77e9de2bfc9cfa8fdc497fa800ebd76797910e83fc62924ce44b3",),
        summary={"who": "<b>tkern</b>"},
        description="Somebody gave himself a right.",
    )
    connection = open_state(copy / "trail")
    (case,) = Cases(connection).take([found], Watchlists([]), datetime.now(UTC)).opened
    connection.close()
    noting = Noting()
    with running(application(copy / "trail", writer=noting)) as address:
        assert "A right given to oneself" in get(address, "/")
        text = get(address, f"/finding/{case.case_id}")
        assert "&lt;b&gt;tkern&lt;/b&gt;" in text
        assert "/change/7736cfaf6ce77e9de2bfc9cfa8fdc497" in text
        noting.acts.clear()
        path = f"/finding/{case.case_id}"
        assert ask(address, "POST", path, body="move=close&why=+")[0] == 400
        assert ask(address, "POST", path, body="move=explode&why=x")[0] == 400
        assert noting.acts == []
        body = urlencode({"move": "close", "why": "asked for by ticket 17"})
        assert ask(address, "POST", path, body=body)[0] == 303
        (act,) = noting.acts
        assert (act.verb, act.subject, act.reason) == ("finding", case.case_id, "asked for by ticket 17")
        assert "asked for by ticket 17" in get(address, path)
        assert "A right given to oneself" not in get(address, "/findings")
        assert "A right given to oneself" in get(address, "/findings?state=closed")


def test_progress_moves_without_a_click(browser, copy):
    with running(application(copy / "trail")) as address:
        watched = Watched(browser, address)
        watched.go("/integrity")
        watched.page.get_by_role("button", name="Verify now").click()
        watched.page.get_by_text("agrees with itself").wait_for()
        watched.context.close()
        assert watched.wrong == []
