"""The folder collector: growing, rotated, packed, renamed, half-written files; each record once, each loss said."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collect.documents import lines, relevant
from tests.collect.serving import Serving, running, serving_writer, statements
from tests.collect.watching import NUMBERS, Clock, Watching

from mailwitness.collect import folder_files
from mailwitness.collect.folder import make
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.state.database import open_state

XML = (
    b"<Event><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>4728</EventID>"
    b"<TimeCreated SystemTime='2026-03-02T07:00:00.%07dZ'/><EventRecordID>%d</EventRecordID><Channel>Security</Channel>"
    b"<Computer>dc3.contoso.example</Computer></System><EventData><Data Name='MemberSid'>S-1-5-21-1-2-3-1105</Data>"
    b"<Data Name='TargetUserName'>Admins\nof all</Data><Data Name='TargetSid'>S-1-5-21-1-2-3-512</Data>"
    b"<Data Name='SubjectUserSid'>S-1-5-21-1-2-3-1104</Data></EventData></Event>\n"
)


@pytest.fixture(scope="module")
def serving(tmp_path_factory) -> Iterator[Serving]:
    with serving_writer(tmp_path_factory.mktemp("folder")) as serving:
        yield serving


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(folder_files, "time", made)
    return made


@pytest.fixture
def watching(serving, clock):
    number = next(NUMBERS)
    with contextlib.ExitStack() as stack:

        def watch(**settings) -> Watching:
            path = serving.inbox / f"watched{number}"
            path.mkdir(exist_ok=True)
            made = Watching(serving, path, clock, **settings)
            stack.callback(made.close)
            return made

        yield watch


@pytest.fixture
def documents():
    first = next(NUMBERS)
    return lambda *numbers: lines(*(relevant(first + number) for number in numbers))


RECORDED_TWO = {"seen": 2, "recorded": 2}


def test_a_growing_file_is_followed_line_by_line(watching, documents):
    watched = watching()
    path = watched.path / "winlogbeat-20260302.ndjson"
    path.write_bytes(documents(1, 2) + documents(3)[:50])
    assert watched.look() == RECORDED_TWO
    assert watched.look() == {}
    with path.open("ab") as file:
        file.write(documents(3)[50:] + documents(4))
    assert watched.look() == RECORDED_TWO
    watched.restart()
    assert watched.look() == {}


def test_a_rotated_file_is_followed_under_its_new_name(watching, documents):
    watched = watching()
    path = watched.path / "dc1" / "messages"
    path.parent.mkdir()
    path.write_bytes(documents(1))
    watched.look()
    with path.open("ab") as file:
        file.write(documents(2))
    path.rename(path.with_name("messages.1"))
    path.write_bytes(documents(3))
    assert watched.look() == RECORDED_TWO
    assert watched.bookmarks() == {"dc1/messages", "dc1/messages.1"}
    assert watched.told() == []


def test_rotation_while_nobody_looked_is_followed_too(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1))
    watched.look()
    with path.open("ab") as file:
        file.write(documents(2))
    path.rename(path.with_name("messages.2"))
    path.with_name("messages.1").write_bytes(documents(3))
    path.write_bytes(documents(4))
    watched.restart()
    assert watched.look() == {"seen": 3, "recorded": 3}


def test_a_file_that_was_packed_is_read_as_a_whole_and_records_nothing_twice(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1, 2))
    watched.look()
    path.with_name("messages.1.gz").write_bytes(gzip.compress(documents(1, 2, 3)))
    path.unlink()
    assert watched.look() == {}  # who knows whether it is whole
    assert watched.look(later=6) == {"seen": 3, "recorded": 1, "duplicates": 2}
    assert watched.told() == []


def test_copied_and_cut_is_read_from_the_beginning(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1, 2))
    watched.look()
    with path.open("ab") as file:
        file.write(documents(3))
    shutil.copy(path, path.with_name("messages.1"))
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(documents(4))
    assert watched.look() == {"seen": 4, "recorded": 2, "duplicates": 2}
    assert watched.told() == [("reset", "messages")]


def test_another_file_of_the_same_length_under_the_same_name_is_read(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1))
    watched.look()
    path.unlink()
    path.write_bytes(documents(2))
    assert watched.look() == {"seen": 1, "recorded": 1}
    os.utime(path, ns=(1, 1))
    assert watched.look() == {}


def test_new_inodes_at_a_mount_change_nothing(watching, documents):
    watched = watching()
    (watched.path / "a.ndjson").write_bytes(documents(1, 2))
    (watched.path / "b.json").write_bytes(b"[" + documents(3).strip() + b"]")
    watched.look()
    watched.look(later=6)
    for path in sorted(watched.path.iterdir()):
        copied = path.with_suffix(".tmp")
        shutil.copy2(path, copied)
        copied.rename(path)
    watched.restart()
    assert watched.look(later=6) == {}
    assert watched.look(later=6) == {}


def test_a_file_that_goes_before_it_was_read_is_said(watching, documents):
    watched = watching()
    (watched.path / "stays").write_bytes(documents(1))
    (watched.path / "half").write_bytes(documents(2) + b'{"half')
    (watched.path / "log.evtx").write_bytes(b"ElfFile\x00")
    watched.look()
    (watched.path / "half").unlink()
    (watched.path / "log.evtx").unlink()
    watched.look()
    assert sorted(watched.told()) == [("lost", "half"), ("lost", "log.evtx")]
    assert watched.bookmarks() == {"stays"}


def test_an_empty_mount_point_forgets_nothing(watching, documents):
    watched = watching()
    (watched.path / "messages").write_bytes(documents(1))
    watched.look()
    away = watched.path.with_name(watched.path.name + "-away")
    watched.path.rename(away)
    watched.look()  # not there
    watched.path.mkdir()
    watched.look()  # there and empty
    watched.restart()
    watched.look()
    watched.path.rmdir()
    away.rename(watched.path)
    assert watched.look() == {}
    assert watched.told() == [("silent", ""), ("silent", ""), ("resumed", "")]
    assert watched.bookmarks() == {"messages"}


def test_a_last_line_without_an_end_waits_until_it_is_settled(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1) + b'{"winlog": {"event_id": 5')
    assert watched.look() == {"seen": 1, "recorded": 1}
    assert watched.look(later=59) == {}
    assert watched.look(later=2) == {"seen": 1, "unread": 1, "problems": 1}
    assert watched.look(later=60) == {}
    path.write_bytes(documents(1) + documents(2))  # it went on after all
    assert watched.look() == {"seen": 1, "recorded": 1}


def test_a_whole_record_without_a_line_end_is_taken_at_once(watching, documents):
    watched = watching()
    path = watched.path / "messages"
    path.write_bytes(documents(1, 2).rstrip(b"\n"))
    assert watched.look() == RECORDED_TWO
    with path.open("ab") as file:
        file.write(b"\n" + documents(3))
    assert watched.look() == {"seen": 2, "recorded": 1, "duplicates": 1}


def test_other_files_are_taken_whole_when_they_are_quiet(watching, documents):
    watched = watching()
    path = watched.path / "export.json"
    path.write_bytes(b"[\n" + documents(1).strip() + b"]")
    assert watched.look() == {}
    path.write_bytes(b"[\n" + documents(1).strip() + b",\n" + documents(2).strip() + b"]")
    assert watched.look(later=6) == {}  # it was written to
    assert watched.look(later=6) == RECORDED_TWO
    assert watched.look(later=6) == {}
    path.rename(path.with_name("moved.json"))
    assert watched.look(later=6) == {}
    assert watched.bookmarks() == {"moved.json"}
    watched.restart()
    assert watched.look(later=6) == {}


def test_files_that_appear_whole_are_taken_at_once(watching, documents):
    watched = watching(atomic=True)
    unfinished = watched.path / "log.json.tmp"
    unfinished.write_bytes(b"[" + documents(1).strip() + b"]")
    assert watched.look() == {}
    unfinished.rename(watched.path / "log.json")
    assert watched.look() == {"seen": 1, "recorded": 1}


def test_event_xml_with_line_ends_in_its_texts(watching):
    watched = watching()
    first = next(NUMBERS)
    data = b"".join(XML % (first + number, first + number) for number in range(3))
    path = watched.path / "messages"
    path.write_bytes(data[:-60])
    assert watched.look() == RECORDED_TWO
    path.write_bytes(data)
    assert watched.look() == {"seen": 1, "recorded": 1}


def test_utf16_and_evtx_and_unknown_files(watching, documents):
    watched = watching()
    (watched.path / "shell.json").write_bytes(b"\xff\xfe" + documents(1).decode().encode("utf-16-le"))
    (watched.path / "noise.bin").write_bytes(b"\x00\x01\x02" * 100)
    (watched.path / "empty").write_bytes(b"")
    watched.look()
    assert watched.look(later=6) == {"seen": 1, "recorded": 1, "problems": 1}
    assert watched.look(later=6) == {}


def test_hosts_by_folder_and_hostile_names(watching, documents):
    watched = watching(host_level=1)
    name = b"dc5/we\xffird\n\x1b[31m.ndjson"
    (watched.path / "dc5").mkdir()
    Path(os.fsdecode(os.fsencode(watched.path) + b"/" + name)).write_bytes(documents(1))
    assert watched.look() == {"seen": 1, "recorded": 1}
    said = statements(watched.serving.trail)[-1]
    assert (said["claimed_host"], said["evidence"][0]["name"]) == ("dc5", "dc5/we\ufffdird\n\x1b[31m.ndjson@0")
    watched.restart()
    again = watched.look()
    assert again.get("recorded", 0) == 0


def test_links_and_folders_that_cannot_be_listed_are_said_once(watching, documents):
    watched = watching()
    (watched.path / "real").write_bytes(documents(1))
    (watched.path / "link").symlink_to("/etc/hostname")
    os.mkfifo(watched.path / "pipe")
    assert watched.look() == {"seen": 1, "recorded": 1}
    watched.look()
    assert sorted(watched.told()) == [("refused", "link"), ("refused", "pipe")]


def test_a_folder_that_cannot_be_listed_hides_its_files_and_loses_none(watching, documents, monkeypatch):
    watched = watching()
    (watched.path / "sub").mkdir()
    (watched.path / "sub" / "messages").write_bytes(documents(1) + b'{"half')
    watched.look()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        watched.look()
    assert watched.told() == [("refused", "sub")]
    assert watched.bookmarks() == {"sub/messages"}
    assert watched.look() == {}


def test_large_files_come_in_pieces_of_whole_lines(watching, documents, monkeypatch):
    monkeypatch.setattr(folder_files, "CHUNK", 5000)
    watched = watching()
    (watched.path / "messages").write_bytes(documents(*range(1, 60)))
    assert watched.look()["recorded"] >= 40
    watched.look()
    assert watched.look() == {}
    names = [
        said["evidence"][0]["name"]
        for said in statements(watched.serving.trail)
        if said.get("collector") == watched.path.name
    ]
    assert len(names) > 10
    assert len(set(names)) == len(names)


def test_a_line_longer_than_any_is_handed_over_in_pieces(watching, documents, monkeypatch):
    monkeypatch.setattr(folder_files, "CHUNK", 5000)
    monkeypatch.setattr(folder_files, "LONGEST_LINE", 20_000)
    watched = watching()
    (watched.path / "messages").write_bytes(documents(1) + b'{"x": "' + b"y" * 50_000 + b'"}\n' + documents(2))
    counts = watched.look()
    assert counts["recorded"] == 2
    assert counts["unread"] >= 2


def test_it_runs_beats_and_ends(serving, documents):
    path = serving.inbox / "running"
    path.mkdir()
    (path / "messages").write_bytes(documents(1))
    collector = make(FolderSettings(path=path, name="running", poll_seconds=0.05), serving.client, serving.trail)
    with running(collector):
        while collector._data_at is None:
            threading.Event().wait(0.02)
    connection = open_state(serving.trail)
    (beat,) = [beat for beat in Heartbeats(connection).all() if beat.name == "running"]
    connection.close()
    assert beat.counts["recorded"] == 1
    whats = [said.get("what") for said in statements(serving.trail) if said.get("collector") == "running"]
    assert [what for what in whats if what] == ["began", "ended"]


def test_once_takes_everything_there_is(serving, documents):
    path = serving.inbox / "once"
    path.mkdir()
    (path / "a").write_bytes(documents(1) + documents(2).strip()[:-9])
    (path / "b.json").write_bytes(b"[" + documents(3).strip() + b"]")
    given = FolderSettings(path=path, name="once", quiet_seconds=0.1, poll_seconds=0.05)
    counts = make(given, serving.client, serving.trail).run_once(threading.Event())
    assert (counts["recorded"], counts["unread"]) == (2, 1)
