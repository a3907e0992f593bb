"""Names are hidden: no page, answer or export tells one; unmasking shows the one subject it was recorded for."""

from __future__ import annotations

import contextlib
import html
import io
import re
import shutil
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

import httpx
import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from starlette.applications import Starlette
from tests.faces.web.conftest import Watched, running
from tests.faces.web.payloads import PAYLOADS
from tests.faces.web.test_console import Refusing
from tests.faces.web.test_hostile import event_of

from mailwitness.collect.interface import Receipt
from mailwitness.engine.query import Query
from mailwitness.faces.pseudonyms.codes import Codes
from mailwitness.faces.web.api.table import OPERATIONS
from mailwitness.faces.web.application import ConsoleSettings, application, routes
from mailwitness.faces.web.veiled import COVERED
from mailwitness.trail.create import create_trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.writer import Writer

CODE = re.compile(r"(Person|Mailbox|Group) [0-9A-Z]{5}-[0-9A-Z]{5}")
ACCESS, CHANGE = "f04087bf950b8f80", "7736cfaf6ce77e9d"
REASON = "case 2024-17, asked for by the works council"
OF_EACH = 10
REFUSED = ("/report", "/recertif")
"""Pages that are not made for those who do not see names."""
PUBLIC = re.compile(r"S-1-[0-9]+-[0-9]{1,2}(-[0-9]{1,3})?", re.ASCII)


class Keeping:
    """A writer that acknowledges every act."""

    def __init__(self) -> None:
        self.acts = []

    def act(self, act):
        self.acts.append(act)
        return Receipt()


@contextlib.contextmanager
def veiled(trail, writer, **settings):
    app = application(trail, writer=writer, config=ConsoleSettings(people="local", pseudonyms=True, **settings))
    with running(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        yield Console(client, app, writer)


class Console(NamedTuple):
    """A running console that hides names: a client of it, the application, its writer."""

    client: httpx.Client
    app: Starlette
    writer: Keeping

    def get(self, path, **more):
        return self.client.get(path, **more)

    def post(self, path, **more):
        return self.client.post(path, **more)


@pytest.fixture(scope="module")
def demo(demo_folder, tmp_path_factory):
    """Return a console of the demo's trail that hides names."""
    copy = shutil.copytree(demo_folder / "trail", tmp_path_factory.mktemp("veiled") / "trail")
    with veiled(copy, Keeping()) as client:
        yield client


@pytest.fixture
def own(demo_folder, tmp_path):
    """Return a console of the demo's trail that hides names, for one test."""
    with veiled(shutil.copytree(demo_folder / "trail", tmp_path / "trail"), Keeping()) as client:
        yield client


def names_of(client):
    """Return every name of somebody or something that the trail knows, but those every Windows has."""
    picture = client.app.state.pictures.current
    identities = picture.people.identities
    found = set()
    for number in range(len(identities)):
        values = {s.value for held in identities.thing(number).spans.values() for s in held}
        if not any(PUBLIC.fullmatch(value) for value in values):
            found |= values
    with picture.engine() as engine:
        rows = engine.rows(Query("names", "", "SELECT DISTINCT client_host, client_ip, computer FROM events"))
    found |= {value for row in rows for value in row.values() if value}
    return {name for name in found if len(name) > 3} - {"the organization"}  # whichever it is


def told(text, names):
    """Return the names that stand in a text, however it is written."""
    plain = html.unescape(unquote_plus(text)).replace("\\\\", "\\").casefold()
    return sorted(name for name in names if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", plain))


def pages_of(client):
    """Return pages by their addresses, some of each kind, over the links that lead from one to the next."""
    counts = {}
    waiting, seen, texts = (
        ["/", "/search?kind=all&noise=1", "/findings?state=all", "/coverage", "/sources", "/unmask"],
        set(),
        {},
    )
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        kind = path.split("?")[0].split("/")[1]
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] > OF_EACH:
            continue
        answer = client.get(path)
        is_open = not path.startswith(REFUSED)
        assert answer.status_code in ((200, 300) if is_open else (403,)), (path, answer.status_code, answer.text)
        texts[path] = answer.text
        if answer.headers["content-type"].startswith("text/html"):
            links = {html.unescape(each).partition("#")[0] for each in re.findall(r'href="(/[^"]*)"', answer.text)}
            waiting += [each for each in links if each and not each.startswith("/static") and ".xlsx" not in each]
    return texts


def test_no_page_tells_a_name(demo):
    names = names_of(demo)
    assert len(names) > 80
    texts = pages_of(demo)
    kinds = {path.split("?")[0].split("/")[1] for path in texts}
    assert kinds >= {
        "mailbox",
        "account",
        "group",
        "access",
        "change",
        "event",
        "search",
        "search.csv",
        "sources",
        "kit",
    }
    assert len(texts) > 60
    ours = [path for path in texts if path.startswith("/kit/")]  # files of this project, with names of its own making
    wrong = {p: found for p, text in texts.items() if p not in ours and (found := told(text + p, names))}
    assert wrong == {}
    assert CODE.search(texts["/"])


def test_no_answer_of_the_api_tells_a_name(demo):
    names = names_of(demo)
    things = demo.get("/api/v1/mailboxes").json()["items"] + demo.get("/api/v1/accounts").json()["items"]
    keys = [thing["key"] for thing in things if "key" in thing]
    assert len(keys) > 20
    assert all(CODE.fullmatch(key) for key in keys)
    paths = []
    for operation in OPERATIONS:
        if operation.method == "GET":
            path = "/api/v1" + operation.path.replace("{form}", "jsonl").replace("{generation}", "2003")
            events = (ACCESS, CHANGE) if "{event}" in path else ("",)
            listed = [
                path.replace("{event}", each).replace("{leaf}", "1").replace("{case}", "0" * 16) for each in events
            ]
            named = "name" in operation.query.__struct_fields__
            paths += [f"{each}?name={quote(key)}" for each in listed for key in keys[:15]] if named else listed
    paths += ["/api/v1/search?kind=all&noise=true&limit=200", "/api/v1/changes?noise=true&limit=200"]
    paths += [f"/api/v1/search?q={quote(key)}" for key in keys[:5]]
    answers = {path: demo.get(path) for path in paths}
    counts = {200: 0, 403: 0, 404: 0}
    for path, answer in answers.items():
        assert answer.status_code in counts, (path, answer.text)
        counts[answer.status_code] += 1
        is_ours = path.startswith("/api/v1/kit/")  # files of this project, with names of its own making
        assert is_ours or told(answer.text, names) == [], path
    assert {path.split("/")[3] for path, answer in answers.items() if answer.status_code == 403} <= {
        "reports",
        "recertifications",
        "people",
        "views",
    }
    assert counts[200] > 60


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_no_export_tells_a_name(demo, form):
    names = names_of(demo)
    for path in (
        f"/search.{form}?kind=all&noise=1",
        f"/search.{form}?kind=change&noise=1",
        f"/api/v1/export/{form}?kind=all",
    ):
        data = demo.get(path).content
        if form == "xlsx":
            rows = openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
            text = "\n".join(str(cell) for row in rows for cell in row)
        else:
            text = data.decode()
        assert len(text.splitlines()) > 20
        assert told(text, names) == []
        assert CODE.search(text)


def mailbox_of(client):
    """Return a mailbox as it is shown: its pseudonym."""
    found = re.search(r'href="/mailbox\?name=(Mailbox[^"]+)"', client.get("/search?kind=access").text)
    return unquote_plus(found[1])


def real_name(client, pseudonym):
    """Return the names that belong to a pseudonym, by those who hold the secret."""
    app = client.app
    codes = next(v for k, v in app.state.pictures.current.worked_out.kept.items() if k == "pseudonyms")
    key = codes.key_of(pseudonym.split()[1])
    return app.state.pictures.current.people.find(key).one, key


def test_unmasking_shows_the_one_subject(own):
    pseudonym = mailbox_of(own)
    page = f"/mailbox?name={quote(pseudonym)}"
    before = own.get(page)
    thing, key = real_name(own, pseudonym)
    identities = own.app.state.pictures.current.people.identities
    theirs = {s.value for held in identities.thing(thing).spans.values() for s in held}
    assert told(before.text, theirs) == []
    answer = own.post("/unmask", data={"subject": pseudonym, "reason": REASON})
    assert answer.status_code == 303
    after = own.get(answer.headers["location"])
    assert after.status_code == 200
    assert key in html.unescape(after.text)
    others = {name for name in names_of(own) - theirs if not any(name.casefold() in mine.casefold() for mine in theirs)}
    assert told(after.text, others) == []
    (act,) = [each for each in own.writer.acts if each.verb == "unmask"]
    assert (act.who, act.role, act.reason) == ("local auditor", "auditor", REASON)
    assert key in act.subject
    assert act.detail["pseudonym"] == pseudonym.replace("Mailbox", act.detail["pseudonym"].split()[0])
    assert own.get(f"/mailbox?name={quote(key)}").status_code == 200
    code = pseudonym.split()[1]
    assert own.post("/unmask", data={"end": code}).status_code == 303
    assert told(own.get(page).text, theirs) == []


def test_a_record_is_shown_whole_once_it_is_unmasked(own):
    event = re.search(r"/event/([0-9a-f]{64})", own.get("/search?kind=all&noise=1").text)[1]
    names = names_of(own)
    assert told(own.get(f"/event/{event}").text, names) == []
    assert "(hidden)" in own.get(f"/event/{event}").text
    assert own.post("/unmask", data={"subject": f"event {event}", "reason": REASON}).status_code == 303
    assert told(own.get(f"/event/{event}").text, names)
    assert told(own.get("/search?kind=all&noise=1").text, names) == []


@pytest.mark.parametrize(
    ("subject", "reason", "status"),
    [
        ("", REASON, 400),
        ("NORDWIND\\olsen", REASON, 400),
        (None, "", 400),
        (None, "because", 400),
        (None, "x" * 40, 400),
    ],
)
def test_an_unmasking_without_subject_or_reason_is_refused(own, subject, reason, status):
    said = {"subject": mailbox_of(own) if subject is None else subject, "reason": reason}
    assert own.post("/unmask", data=said).status_code == status
    assert [each for each in own.writer.acts if each.verb == "unmask"] == []


@pytest.mark.parametrize("writer", [Refusing(), None], ids=["refusing", "none"])
def test_nothing_is_unmasked_that_is_not_recorded(demo_folder, tmp_path, writer):
    with veiled(shutil.copytree(demo_folder / "trail", tmp_path / "trail"), writer) as client:
        picture = client.app.state.pictures.current
        secret = client.app.state.pseudonyms._secret
        code = Codes(picture, secret).of_key(picture.people.key(0))
        assert code is not None
        answer = client.post("/unmask", data={"subject": code, "reason": REASON})
        assert answer.status_code == 503
        assert "Nothing is shown" in answer.text
        said = client.post("/api/v1/unmaskings", json={"subject": code, "reason": REASON})
        assert said.status_code == 503
        session = client.app.state.pseudonyms.unmaskings._of
        assert session == {}


def test_a_program_unmasks_with_an_operation(own):
    pseudonym = mailbox_of(own)
    _thing, key = real_name(own, pseudonym)
    path = f"/api/v1/mailbox?name={quote(pseudonym)}"
    before = own.get(path)
    assert before.json()["name"]["text"] == pseudonym
    short = own.post("/api/v1/unmaskings", json={"subject": pseudonym, "reason": "because"})
    assert short.status_code == 400
    made = own.post("/api/v1/unmaskings", json={"subject": pseudonym, "reason": REASON})
    assert made.status_code == 201
    after = own.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["name"]["key"] == key


def test_a_name_is_not_taken_and_unknown_ones_are_refused_alike(demo):
    known = demo.app.state.pictures.current.people.key(0)
    for path in (
        "/mailbox?name=",
        "/account?name=",
        "/search?q=",
        "/search?actor=",
        "/coverage?mailbox=",
        "/coverage?host=",
    ):
        answers = [demo.get(path + quote(name)) for name in (known, "nobody at all", "DC01")]
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.text.split("<h1>")[1].split("<footer")[0] for answer in answers}) == 1


def test_pseudonyms_are_those_of_the_installation(demo_folder, tmp_path):
    def seen(trail):
        with veiled(trail, Keeping()) as client:
            return mailbox_of(client)

    first = shutil.copytree(demo_folder / "trail", tmp_path / "first")
    second = shutil.copytree(demo_folder / "trail", tmp_path / "second")
    assert seen(first) == seen(first)
    assert seen(first) != seen(second)


def test_roles_that_are_not_named_see_names(demo_folder, tmp_path):
    trail = shutil.copytree(demo_folder / "trail", tmp_path / "trail")
    with veiled(trail, Keeping(), pseudonyms_for=("witness",)) as client:
        text = client.get("/search?kind=access").text
        assert CODE.search(text) is None
        assert told(text, names_of(client))
        assert "You see names" in client.get("/unmask").text


def test_routes_nobody_decided_on_are_refused(demo):
    for path in ("/reports", "/recertification"):
        answer = demo.get(path)
        assert answer.status_code == 403
        assert "not made for those who do not see names" in answer.text
    assert {route.name for route in routes()} >= COVERED


def test_hostile_texts_do_not_come_through(tmp_path):
    made = create_trail(tmp_path / "trail", organization="fab", key_dir=tmp_path / "keys")
    texts = [f"{text} Zz{number}zZ" for number, text in enumerate(PAYLOADS)]
    kinds = [("access", "folder_open"), ("permission", "granted"), ("logon", "logon")]
    with Writer.open(tmp_path / "trail", key_path=made.key_path) as writer:
        writer.append(*batch_of_events([event_of(n, text, *kinds[n % 3]) for n, text in enumerate(texts)]))
        writer.commit()
    with veiled(tmp_path / "trail", Keeping()) as client:
        pages = pages_of(client)
        assert len(pages) > 30
        for path in ("/search?kind=all&noise=1", "/search?kind=all&noise=1&page=3", "/search.jsonl?kind=all&noise=1"):
            assert client.get(path).status_code == 200
            pages[path] = client.get(path).text
        assert {path: found for path, text in pages.items() if (found := re.findall(r"Zz\d+zZ", text))} == {}


def test_the_form_is_operated_by_keyboard_and_read_aloud(own, browser):
    pseudonym = mailbox_of(own)
    watched = Watched(browser, str(own.client.base_url).rstrip("/"), viewport={"width": 400, "height": 800})
    assert watched.go(f"/mailbox?name={quote(pseudonym)}") == 200
    watched.page.get_by_role("link", name="See this one").click()
    assert watched.page.get_by_label("Pseudonym, or record").input_value() == pseudonym
    watched.page.get_by_label("What it is needed for").fill(REASON)
    found = Axe().run(watched.page)
    assert found.response["violations"] == []
    watched.page.get_by_role("button", name="Record it and show").press("Enter")
    watched.page.wait_for_url("**/mailbox?**")
    assert real_name(own, pseudonym)[1] in watched.page.content()
    watched.context.close()
    assert watched.wrong == []
