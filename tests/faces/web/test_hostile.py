"""300 hostile texts in every field of an event: text on every page, inert in every export, nothing in a browser."""

from __future__ import annotations

import csv
import http.client
import io
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import openpyxl
import orjson
import pytest
from tests.faces.web.conftest import Watched, running
from tests.faces.web.payloads import PAYLOADS

from mailwitness.event import Event, Item, content_event_id
from mailwitness.faces.web.application import application
from mailwitness.inert import inert
from mailwitness.trail.create import create_trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.writer import Writer

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
OURS = {"/static/console.js", "/static/console.css", "/static/mark.svg"}
ELEMENTS = frozenset(
    (
        "html head meta title link script body a header img nav ul li form label input button main section h1 h2 h3 p "
        "span strong table caption thead tbody tr th td time code pre details summary ol dl div dt dd figure "
        "figcaption svg line text circle path rect g select option footer br progress output datalist"
    ).split()
)


def event_of(number: int, text: str, kind: str, action: str) -> tuple[Event, dict[str, str]]:
    """Return an event whose every text field holds `text`."""
    fields = dict.fromkeys(
        "folder database object_dn attribute before after actor_sid actor_name trustee_sid trustee_name group_sid "
        "group_name client_ip client_host client_app app_id session_id logon_id through_server logon_type computer "
        "observed_origin channel provider op_correlation_id transaction_id request_id object_class".split(),
        text,
    )
    event = Event(
        event_id=content_event_id("fab", "made", [number, kind]),
        organization=text,
        kind=kind,
        action=action,
        outcome="success",
        occurred_at=START + timedelta(minutes=number),
        time_quality="exact",
        rights=(text,),
        scope="mailbox",
        items=(Item(item_id=text, folder=text, subject=text, internet_message_id=text),),
        actor_kind="user",
        mailbox_ref=text,
        mailbox_ref_form="display_name",
        strength="opened",
        source="unified_audit",
        event_code=text,
        record_id=number + 1,
        evidence_sha256="ab" * 32,
        offset=number,
        **fields,
    )
    return event, {"raw": text, text: "name"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return the address of a console whose trail holds every payload in every field."""
    folder = tmp_path_factory.mktemp("hostile")
    made = create_trail(folder / "trail", organization="fab", key_dir=folder / "keys")
    pairs = [event_of(n, text, "access", "folder_open") for n, text in enumerate(PAYLOADS)]
    pairs += [event_of(n, text, "permission", "granted") for n, text in enumerate(PAYLOADS)]
    with Writer.open(folder / "trail", key_path=made.key_path) as writer:
        writer.append(*batch_of_events(pairs))
        writer.custody({"act": "imported", "evidence": [{"name": PAYLOADS[0], "sha256": "ab" * 32, "size": 1}]})
        for text in PAYLOADS[1:]:
            writer.custody({"act": text, "person": text, "problems": [{"where": {"evidence": text}, "found": text}]})
        writer.commit()
    with running(application(folder / "trail")) as address:
        yield address


def get(address, path):
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


class Seen(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag, attrs):
        if tag not in ELEMENTS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "formaction", "background"):
                self.wrong.append(f"{name}={value}")
            if name in ("src", "href", "action", "data"):
                self.links.add(value or "")
                if not (value or "").startswith(("/", "#")) or (value or "").startswith(("//", "/\\")):
                    self.wrong.append(f"{name}={value}")
            if value is not None:
                self.texts.append(value)
        if tag == "script" and dict(attrs).get("src") not in OURS:
            self.wrong.append("a script of somebody else")

    def handle_data(self, data):
        self.texts.append(data)

    def handle_decl(self, decl):
        if decl.lower() != "doctype html":
            self.wrong.append(f"<!{decl}>")

    def handle_comment(self, data):
        self.wrong.append(f"<!--{data}-->")

    def handle_pi(self, data):
        self.wrong.append(f"<?{data}>")


def seen(address, path):
    status, data = get(address, path)
    assert status in (200, 300, 404), (path, status)
    parser = Seen()
    parser.feed(data.decode())
    parser.close()
    assert parser.wrong == [], path
    return parser


def test_every_payload_is_text_in_every_list(hostile):
    found = ""
    links = set()
    for page in range(1, 8):
        parser = seen(hostile, f"/search?kind=access&noise=1&page={page}")
        found += "\n".join(parser.texts)
        links |= parser.links
    for path in ("/", "/sources", "/coverage", "/integrity", "/findings", "/search?kind=change&noise=1"):
        seen(hostile, path)
    for text in PAYLOADS:
        assert inert(text) in found
    accesses = sorted(link for link in links if link.startswith("/access/"))
    assert len(accesses) == len(PAYLOADS)
    for link in accesses[::15]:
        seen(hostile, link)
        seen(hostile, link.replace("/access/", "/event/"))


@pytest.mark.parametrize("step", range(3))
def test_every_payload_is_text_on_the_page_of_its_thing(hostile, step):
    for text in PAYLOADS[step::60]:
        for page in ("mailbox", "account", "group", "search"):
            field = "q" if page == "search" else "name"
            seen(hostile, f"/{page}?{field}={quote(text)}")


def test_changes_and_evidence_are_text(hostile):
    parser = seen(hostile, "/search?kind=change&noise=1")
    for link in sorted(link for link in parser.links if link.startswith("/change/"))[:10]:
        seen(hostile, link)
    parser = seen(hostile, "/sources")
    for link in sorted(link for link in parser.links if link.startswith("/sources/"))[:10]:
        seen(hostile, link)


def test_a_browser_obeys_none_of_them(browser, hostile):
    watched = Watched(browser, hostile)
    watched.page.on("dialog", lambda dialog: watched.wrong.append(f"dialog: {dialog.message}"))
    for path in ("/", "/search?kind=access&noise=1", "/search?kind=change&noise=1", "/sources"):
        assert watched.go(path) == 200
    for text in PAYLOADS[:12]:
        watched.go(f"/mailbox?name={quote(text)}")
    watched.context.close()
    assert [said for said in watched.wrong if "404" not in said] == []


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00")


def test_no_cell_of_an_export_is_a_formula(hostile):
    status, data = get(hostile, "/search.csv?kind=access&noise=1")
    assert status == 200
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(rows) == len(PAYLOADS) + 1
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    status, data = get(hostile, "/search.xlsx?kind=access&noise=1")
    assert status == 200
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet.max_row == len(PAYLOADS) + 1
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not [cell.hyperlink for cell in cells if cell.hyperlink]
    assert not [cell.value for cell in cells if str(cell.value).startswith(FORMULA)]


def test_json_lines_are_exact(hostile):
    status, data = get(hostile, "/search.jsonl?kind=access&noise=1")
    assert status == 200
    said = {orjson.loads(line)["actor"] for line in data.splitlines()}
    assert said == set(PAYLOADS)
