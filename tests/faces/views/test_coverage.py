"""The console's coverage is that of the verb, with the directory: same score, same worst, same fixes."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from mailwitness.engine.event_index import EventIndex
from mailwitness.faces.cli import app
from mailwitness.faces.views.coverage import CoverageAsked, coverage_view
from mailwitness.faces.views.home import home_view
from mailwitness.faces.views.mailbox import MailboxAsked, mailbox_view
from mailwitness.faces.views.picture import draw
from mailwitness.readiness.verdict import WORST_FIRST

WINDOWS = [
    ((), {}),
    (("--question", "accesses"), {"question": "accesses"}),
    (("--since", "2008-09-02", "--until", "2008-09-03"), {}),
    (("--host", "DC09.corp.example"), {"host": "DC09.corp.example"}),
]


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code in (0, 3, 4), done.output
    return done


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    """Return the trail of a simulated organisation, with a snapshot of its directory that knows a controller more."""
    folder = tmp_path_factory.mktemp("coverage")
    options = ("--seed", 3, "--mailboxes", 10, "--days", 3, "--generation", "2007")
    run("simulate", folder / "evidence", *options)
    run("init", "--trail", folder / "trail", "--organization", "demo", "--key-dir", folder / "keys")
    taken = ("--time-zone", "UTC", "--collected-at", "2008-09-04T06:30:00Z", "--workers", 1)
    run("import", folder / "evidence", "--trail", folder / "trail", *taken)
    (ldif,) = (folder / "evidence").rglob("directory.ldif")
    text = ldif.read_text("utf-8")
    (entry,) = (each for each in text.split("\n\n") if each.startswith("dn: CN=DC01,OU=Domain Controllers"))
    another = (
        re.sub(r"(?m)^object(GUID|Sid):.*$\n(?: .*\n)*", "", entry).replace("DC01", "DC09").replace("dc01", "dc09")
    )
    guid = base64.b64encode(bytes(range(16))).decode()
    text = f"{text.rstrip()}\n\n{another}\nobjectGUID:: {guid}\n"
    (folder / "again.ldif").write_text(text, "utf-8")
    run("directory", "import", folder / "again.ldif", "--trail", folder / "trail", "--at", "2008-09-04T06:00:00Z")
    return folder / "trail"


@pytest.fixture(scope="module")
def picture(trail):
    index = EventIndex(None)
    yield draw(trail, index)
    index.close()


def said(trail, *arguments):
    return json.loads(run("coverage", "--trail", trail, *arguments, "--format", "json").stdout)


@pytest.mark.parametrize(("arguments", "fields"), WINDOWS)
def test_the_page_says_what_the_verb_says(trail, picture, arguments, fields):
    if "--since" in arguments:
        fields = {"since": datetime(2008, 9, 2, tzinfo=UTC), "until": datetime(2008, 9, 3, tzinfo=UTC)}
    verb = said(trail, *arguments)
    page = coverage_view(picture, CoverageAsked(**fields))
    assert page.score == pytest.approx(verb["score"], abs=1e-12)
    assert page.score_by_host == pytest.approx(verb["score_by_host"], abs=1e-12)
    assert dict(page.by_question) == pytest.approx(verb["questions"])
    assert [m.mailbox.text for m in page.mailboxes] == [m["mailbox"] for m in verb["mailboxes"]][:20]
    assert [m.score for m in page.mailboxes] == pytest.approx([m["score"] for m in verb["mailboxes"]][:20])
    assert page.mailbox_count == len(verb["mailboxes"])
    stretches = [v for check in page.checks for v in check.stretches]
    assert rows(stretches) == rows_of_verb(verb["items"])
    assert [WORST_FIRST.index(check.worst) for check in page.checks] == sorted(
        WORST_FIRST.index(check.worst) for check in page.checks
    )
    assert page.checks[0].worst == verb["items"][0]["verdict"]
    fixes = {(check.check, fix.cause): fix.fix for check in page.checks for fix in check.fixes}
    assert fixes == {(item["check"], item["cause"]): item["fix"] for item in verb["items"] if "fix" in item}


def rows(verdicts):
    return sorted((v.verdict, v.computer, v.check, v.since, v.until, v.why, v.mailbox or "") for v in verdicts)


def rows_of_verb(items):
    of = datetime.fromisoformat
    return sorted(
        (i["verdict"], i["computer"], i["check"], of(i["since"]), of(i["until"]), i["why"], i.get("mailbox", ""))
        for i in items
    )


def test_a_controller_only_the_directory_knows_is_absent_on_every_page(trail, picture):
    assert any("dc09" in item["computer"] for item in said(trail)["items"])
    page = coverage_view(picture, CoverageAsked())
    absent = {v.computer for check in page.checks for v in check.stretches if v.verdict == "absent"}
    assert any(host.startswith("dc09") for host in absent)
    assert home_view(picture).coverage_score == page.score
    thing = next(iter(picture.standing.facts.mailboxes))
    assert any("dc09" in line for line in mailbox_view(picture, thing, MailboxAsked()).uncovered)


def test_of_one_mailbox_the_page_says_what_the_verb_says(trail, picture):
    name = coverage_view(picture, CoverageAsked()).mailboxes[0].mailbox
    verb = said(trail, "--mailbox", name.key)
    thing = picture.people.find(name.key).one
    page = coverage_view(picture, CoverageAsked(mailbox=thing))
    assert page.score == pytest.approx(verb["score"], abs=1e-12)
    assert rows(v for check in page.checks for v in check.stretches) == rows_of_verb(verb["items"])


def test_the_bands_of_a_mailbox_are_the_verdicts(picture):
    thing = next(t for t in picture.standing.facts.mailboxes if picture.people.references_of(t))
    view = mailbox_view(picture, thing, MailboxAsked(owner=True))
    bands = {lane.label: lane for lane in view.axis.bands}
    assert {"changes seen?", "accesses seen?", "groups seen?"} <= set(bands)
    assert {part.tone for part in bands["changes seen?"].stretches} == {"absent"}
    assert {part.tone for part in bands["accesses seen?"].stretches} & {"proven", "configured"}
    assert view.begins_at <= min(view.moments, default=view.at)
