"""Reports of the bundled scenarios: what they tell, what they carry, and that they can be held to the trail."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

import msgspec
import orjson
import pytest

from mailwitness.errors import UsageError
from mailwitness.faces.reports.ground import Wish
from mailwitness.faces.reports.kinds import KINDS
from mailwitness.faces.reports.making import make_report, names
from mailwitness.faces.reports.report import MadeAt
from mailwitness.faces.reports.seal import beside, check
from mailwitness.faces.reports.writing import FORMS, write_report
from mailwitness.knowledge.report_packs import packs
from mailwitness.trail.reader import open_reader

BEGAN, ENDED = datetime(2000, 1, 1, tzinfo=UTC), datetime(2024, 3, 7, 12, 0, tzinfo=UTC)
WISH = Wish(since=BEGAN, until=ENDED)


@pytest.fixture(scope="module")
def written(demo, tmp_path_factory):
    trail, _ = demo
    made = make_report(trail, "changes", WISH, ENDED)
    folder = tmp_path_factory.mktemp("written")
    return trail, made, {each.form: each.path for each in write_report(made, folder, FORMS)}


def test_changes_by_what_was_changed(demo):
    trail, _ = demo
    made = make_report(trail, "changes", WISH, ENDED)
    by_title = {section.title: section for section in made.sections}
    rights = [
        dict(zip([c.name for c in by_title["Permissions"].columns], r, strict=True))
        for r in by_title["Permissions"].rows
    ]
    (given,) = [row for row in rights if row["which"] == "FullAccess"]
    assert (given["who"], given["trustee"], given["what"]) == (
        "Dora Weiss (admin)",
        "NORDWIND\\ynowak",
        "permission granted",
    )
    reader = open_reader(trail)
    assert made.checkpoint == MadeAt(origin=reader.origin, size=reader.size, root=reader.root.hex())
    assert made.query["report"] == "changes"


def test_a_report_says_what_was_not_covered(demo):
    trail, _ = demo
    made = make_report(trail, "changes", Wish(since=BEGAN, until=datetime(2024, 4, 1, tzinfo=UTC)), ENDED)
    assert not made.is_covered
    assert made.verdict.startswith("NOT FULLY COVERED")
    assert any("cleared" in part for part in made.blind)


def test_who_has_access_as_of_a_time(demo):
    trail, _ = demo
    then = make_report(trail, "access", Wish(until=ENDED, mailbox="hbrandt@nordwind.example"), ENDED)
    later = datetime(2024, 3, 9, 12, 0, tzinfo=UTC)
    after = make_report(trail, "access", Wish(until=later, mailbox="hbrandt@nordwind.example"), ENDED)
    holders = [[row[1] for row in made.sections[0].rows if row[2] == "FullAccess"] for made in (then, after)]
    assert holders == [["NORDWIND\\ynowak"], []]


def test_a_right_that_was_used_is_not_unused(demo):
    trail, _ = demo
    wish = Wish(until=datetime(2024, 3, 8, 9, 0, tzinfo=UTC), days=1)
    rows = make_report(trail, "unused", wish, ENDED).sections[0].rows
    assert not [row for row in rows if row[1].endswith("ynowak") and row[2] == "FullAccess"]


@pytest.mark.parametrize("name", names())
def test_every_report_and_pack_is_made(demo, name):
    trail, _ = demo
    made = make_report(trail, name, WISH, ENDED)
    assert made.sections
    assert made.checkpoint.size == open_reader(trail).size
    if name in packs():
        assert all(section.controls for section in made.sections)
        assert {line for section in made.sections for line in section.controls} == {
            control.sentence() for control in packs()[name].controls
        }


def test_an_unknown_report_is_refused(demo):
    with pytest.raises(UsageError, match="there is no report everything"):
        make_report(demo[0], "everything", WISH, ENDED)


def test_packs_name_reports_there_are_and_sources():
    for pack in packs().values():
        assert set(pack.kinds()) <= set(KINDS)
        assert all(control.source and control.shows for control in pack.controls)


@pytest.mark.parametrize("form", FORMS)
def test_a_report_holds_and_an_altered_one_does_not(written, form, tmp_path):
    trail, made, paths = written
    found = check(paths[form], trail)
    assert found.holds
    assert found.checkpoint == made.checkpoint
    assert (found.within, found.beside, found.of_trail) == (True if form in ("html", "json") else None, True, True)
    forged = tmp_path / paths[form].name
    data = bytearray(paths[form].read_bytes())
    data[len(data) // 2] ^= 1
    forged.write_bytes(data)
    beside(forged).write_bytes(beside(paths[form]).read_bytes())
    assert not check(forged, None).holds


@pytest.mark.parametrize("form", ["html", "json"])
def test_the_hash_within_is_that_of_the_file_with_zeros(written, form):
    data = written[2][form].read_bytes()
    digest = re.search(rb"[0-9a-f]{64}", data)[0]
    assert hashlib.sha256(data.replace(digest, b"0" * 64, 1)).hexdigest() == digest.decode()


@pytest.mark.parametrize("form", FORMS)
def test_a_report_of_another_history_is_told(written, form, tmp_path):
    trail, made, _ = written
    other = msgspec.structs.replace(made.checkpoint, root="00" * 32)
    (file,) = write_report(msgspec.structs.replace(made, checkpoint=other), tmp_path, [form])
    found = check(file.path, trail)
    assert (found.beside, found.of_trail, found.holds) == (True, False, False)


def test_what_is_no_report_does_not_hold(tmp_path):
    file = tmp_path / "x.json"
    for data in (b"", b"{", b'{"sha256": 1}', b"PK\x03\x04", b"%PDF-1.4", b"\xff\xfe", b"x" * 200_000):
        file.write_bytes(data)
        found = check(file, None)
        assert not found.holds
        assert found.checkpoint is None


def test_sha256sum_reads_the_line(written):
    path = written[2]["csv"]
    digest, name = beside(path).read_text().split("  ")
    assert name == f"{path.name}\n"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert orjson.loads(written[2]["json"].read_bytes())["report"] == "changes"
