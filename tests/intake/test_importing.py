"""An import accounts for every record, leaves one leaf per event, and can be run again."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import tarfile
import threading
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import imported
import pytest

from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.event import instant
from mailwitness.intake.importing import import_paths
from mailwitness.intake.remembered import Remembered
from mailwitness.intake.report import Counts
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify

LINES = ["event 1 ann", "pair 2 bob", "skip 3", "foreign 6", "unread 7", "none 8", "event 9 cy", "remark 0"]


@pytest.fixture
def bring(fake, new_trail):
    """Return a function that imports paths with readers that know the fake formats."""
    return lambda *paths, **more: import_paths(
        new_trail.trail.path, list(paths), key_path=new_trail.key_path, command=fake.COMMAND, **{"workers": 1} | more
    )


@pytest.fixture
def write(fake, tmp_path):
    """Return a function that writes a file of lines."""

    def write(name, lines, kind="FAKE"):
        path = tmp_path / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fake.file_of(lines, kind))
        return path

    return write


def test_every_record_is_accounted_for(bring, write, new_trail):
    path = write("a.fake", LINES)

    report = bring(path)

    totals = report.totals
    assert totals == Counts(seen=9, recorded=3, filtered=5, unread=1, events=4, problems=2)
    said = report.as_json()
    assert {name: said[name] for name in ("verb", "seen", "recorded", "duplicates", "events", "problems")} == {
        "verb": "import",
        "seen": 9,
        "recorded": 3,
        "duplicates": 0,
        "events": 4,
        "problems": 2,
    }
    [item] = said["items"]
    assert item["evidence"] == "a.fake"
    assert item["format"] == "fake"
    assert [problem["code"] for problem in item["problems"]] == ["unparsable", "damaged"]
    assert imported.names(new_trail.trail.path) == ["ann", "bob", "bob", "cy"]
    assert verify(new_trail.trail.path, deep=True).findings == []


def test_the_custody_leaf_says_what_came_in_and_what_was_seen(bring, write, new_trail, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "carla")
    path = write("a.fake", LINES)

    bring(path)

    [said] = imported.statements(new_trail.trail.path)
    [evidence] = said["evidence"]
    assert (evidence["name"], evidence["size"], evidence["kept"]) == ("a.fake", path.stat().st_size, True)
    assert said["found_at"] == str(path)
    assert said["modified_at"] == instant(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    assert said["person"] == "carla"
    assert said["computers"] == ["dc1"]
    assert said["counts"] == {
        "seen": 9,
        "recorded": 3,
        "duplicates": 0,
        "filtered": 5,
        "unread": 1,
        "events": 4,
        "problems": 2,
    }
    assert said["continuity"] == [{"computer": "dc1", "channel": "Security", "ranges": ["1", "2", "6", "9"]}]
    assert said["problems_by_code"] == {"damaged": 1, "unparsable": 1}


def test_the_same_again_is_all_duplicates_and_no_leaf(bring, write, new_trail):
    path = write("a.fake", LINES)
    bring(path)
    before = open_reader(new_trail.trail.path).size, imported.event_set(new_trail.trail.path)

    again = bring(path)

    assert again.totals == Counts(seen=9, duplicates=3, filtered=5, unread=1, problems=2)
    assert (open_reader(new_trail.trail.path).size, imported.event_set(new_trail.trail.path)) == before


def test_what_is_remembered_is_what_a_second_reading_gives(bring, write, new_trail, monkeypatch):
    write("damaged", ["damaged 3", "event 30 dora", "unread 31"])
    write("forged", ["event 1 eve", "event 1 mallory", "event 1 eve"])
    folder = write("a.fake", LINES).parent
    bring(folder)
    recalled = []
    plain = Remembered.recall
    monkeypatch.setattr(Remembered, "recall", lambda self, *file: recalled.append(plain(self, *file)) or recalled[-1])

    remembered = bring(folder)
    (new_trail.trail.path / "state.db").unlink()
    read = bring(folder)

    assert None not in recalled[:3]
    assert recalled[3:] == [None, None, None]
    assert remembered.totals.duplicates == 7
    assert remembered.as_json() == read.as_json()


def test_what_is_remembered_counts_for_nothing_without_its_custody_leaf(bring, write, fake, make_trail, new_trail):
    path = write("a.fake", LINES)
    bring(path)
    other = make_trail("other")
    shutil.copy(new_trail.trail.path / "state.db", other.trail.path / "state.db")

    report = import_paths(other.trail.path, [path], key_path=other.key_path, workers=1, command=fake.COMMAND)

    assert report.totals.recorded == 3


def test_what_another_reader_could_read_is_not_remembered(bring, write, new_trail):
    path = write("a", ["event 1 ann", "die"])
    bring(path)

    assert not (new_trail.trail.path / "state.db").exists()


def test_order_and_split_do_not_matter(bring, write, fake, make_trail):
    lines = [f"event {n} person{n % 7}" for n in range(300)]
    shuffled = random.Random(5)
    whole = write("whole", lines)
    parts = [write(f"part{n}", lines[n * 60 : n * 60 + 90]) for n in range(5)]  # they overlap
    shuffled.shuffle(parts)
    bring(whole)
    other = make_trail("other")
    report = import_paths(other.trail.path, parts, key_path=other.key_path, workers=1, command=fake.COMMAND)

    assert report.totals.recorded == 300
    assert report.totals.duplicates == 4 * 30
    assert len(imported.event_ids(other.trail.path)) == 300


def test_same_identity_with_other_content_is_a_conflict_and_both_are_kept(bring, write, new_trail):
    first = write("a", ["event 1 ann"])
    forged = write("b", ["event 1 eve", "event 2 bob"])

    bring(first)
    report = bring(forged)

    assert report.totals.recorded == 2
    [problem] = report.problems
    assert problem.code == "conflict"
    assert problem.where.record_id == 1
    assert problem.where.evidence == "b"
    assert imported.names(new_trail.trail.path) == ["ann", "eve", "bob"]
    again = bring(forged)
    assert (again.totals.recorded, again.totals.duplicates) == (0, 2)


def test_a_reader_that_dies_costs_its_record_and_the_import_goes_on(bring, write, new_trail):
    lines = [f"event {n} person{n}" for n in range(40)]
    write("a", [*lines[:20], "die", *lines[21:]])
    write("b", ["hang"])
    write("c", ["event 90 zoe"])

    report = bring(write("a", [*lines[:20], "die", *lines[21:]]).parent)

    assert report.totals.recorded == 40
    assert report.totals.unread == 2
    assert sorted(problem.code for problem in report.problems) == ["damaged", "damaged", "reader_died", "reader_died"]
    assert imported.names(new_trail.trail.path)[-1] == "zoe"
    assert len(imported.statements(new_trail.trail.path)) == 3


def test_what_no_format_reads_is_said_and_kept(bring, tmp_path, new_trail):
    path = tmp_path / "letter.docx"
    path.write_bytes(b"no log")

    report = bring(path)

    [problem] = report.problems
    assert problem.code == "unknown_format"
    assert report.totals == Counts(problems=1)
    [said] = imported.statements(new_trail.trail.path)
    assert said["evidence"][0]["kept"]


def test_a_file_that_cannot_be_opened_is_said(bring, write, new_trail, monkeypatch):
    path = write("a", ["event 1 ann"])
    found = write("b", ["event 2 bob"])
    plain = Path.open

    def refuse(self, *args, **more):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return plain(self, *args, **more)

    monkeypatch.setattr(Path, "open", refuse)
    report = bring(path, found)

    assert [problem.code for problem in report.problems] == ["refused"]
    assert "Permission denied" in report.problems[0].found
    assert imported.names(new_trail.trail.path) == ["bob"]


def _zip(names):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return data.getvalue()


def _tar(names):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.mark.parametrize("keep", ["keep", "hash"])
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_members_of_archives_are_evidence_with_a_parent(fake, tmp_path, make_trail, pack, keep):
    trail = make_trail("archives", keep_evidence=keep)
    members = {"logs/a.fake": fake.file_of(["event 1 ann"]), "b.fake": fake.file_of(["event 2 bob"])}
    path = tmp_path / "logs.archive"
    path.write_bytes(pack(members | {"../escape": b"x"}))

    report = import_paths(trail.trail.path, [path], key_path=trail.key_path, workers=1, command=fake.COMMAND)

    assert imported.names(trail.trail.path) == ["ann", "bob"]
    items = {file.evidence: file for file in report.files}
    archive = items["logs.archive"]
    assert items["logs.archive!logs/a.fake"].parent == archive.sha256
    assert (archive.counts.seen, archive.counts.unread) == (1, 1)
    assert [problem.code for problem in archive.listed] == ["refused"]
    assert not (tmp_path / "escape").exists()
    assert not (trail.trail.path / "unpacked").exists()
    parents = [said.get("parent_sha256") for said in imported.statements(trail.trail.path)]
    assert parents == [archive.sha256, archive.sha256, None]
    assert verify(trail.trail.path).findings == []


def test_a_gzipped_file_is_read(bring, fake, tmp_path, new_trail):
    path = tmp_path / "a.fake.gz"
    path.write_bytes(gzip.compress(fake.file_of(["event 1 ann"])))

    bring(path)

    assert imported.names(new_trail.trail.path) == ["ann"]


def test_a_file_written_to_while_it_is_read_is_said_where_no_copy_is_kept(fake, write, make_trail):
    trail = make_trail("hashed", keep_evidence="hash")
    path = write("a", ["event 1 ann"])

    def meddle(done, total, evidence):  # noqa: ARG001 - as the import calls it
        path.touch()

    report = import_paths(trail.trail.path, [path], key_path=trail.key_path, command=fake.COMMAND, progress=meddle)

    assert [problem.code for problem in report.problems] == ["damaged"]
    assert "while it was read" in report.problems[0].found
    [said] = imported.statements(trail.trail.path)
    assert not said["evidence"][0]["kept"]


def test_progress_ends_at_the_size_of_what_was_named(bring, write):
    paths = [write(name, LINES) for name in ("a", "b", "c")]
    seen = []

    bring(*paths, progress=lambda done, total, evidence: seen.append((done, total, evidence)))

    total = sum(path.stat().st_size for path in paths)
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {whole for _, whole, _ in seen} == {total}
    assert seen[-1] == (total, total, "c")


def test_an_error_in_the_middle_ends_everything_at_once(bring, write, new_trail):
    paths = [write(f"{n}", LINES) for n in range(30)]

    def fail(done, total, evidence):  # noqa: ARG001 - as the import calls it
        raise LookupError("the terminal is gone")

    with pytest.raises(LookupError, match="the terminal is gone"):
        bring(*paths, progress=fail)

    assert not [thread for thread in threading.enumerate() if thread.name in {"reading", "preparing"}]
    assert not (new_trail.trail.path / "unpacked").exists()
    assert bring(*paths).totals.recorded == 3


def test_paths_that_are_not_there_are_refused_before_anything_is_written(bring, tmp_path, new_trail):
    before = open_reader(new_trail.trail.path).size
    with pytest.raises(UsageError, match="no such file"):
        bring(tmp_path / "absent")
    assert open_reader(new_trail.trail.path).size == before


def test_counts_that_do_not_add_up_stop_the_import():
    counts = Counts(seen=3, recorded=1, filtered=1)
    with pytest.raises(MailwitnessError, match="do not add up"):
        counts.check("a.fake")
