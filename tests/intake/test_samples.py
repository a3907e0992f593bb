"""Real evidence, end to end: every record accounted for, twice the same, and hostile files survived."""

from __future__ import annotations

import random
import time
from collections import Counter

import imported
import pytest

from mailwitness.intake.importing import import_paths
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify

pytestmark = pytest.mark.samples


def _bring(created, *paths):
    return import_paths(created.trail.path, list(paths), key_path=created.key_path)


def test_all_samples_twice_leave_the_same_leaves_and_events(samples, make_trail):
    trail = make_trail("trail")
    folders = [path for path in sorted(samples.iterdir()) if path.name != "hostile"]  # they have a test of their own

    first = _bring(trail, *folders)
    size, events = open_reader(trail.trail.path).size, imported.event_set(trail.trail.path)
    (trail.trail.path / "state.db").unlink()  # read, not remembered
    second = _bring(trail, *folders)

    assert first.totals.recorded > 9000
    assert first.totals.events == len(imported.event_ids(trail.trail.path))
    assert second.totals.recorded == second.totals.events == 0
    assert second.totals.seen == first.totals.seen
    assert second.totals.duplicates == first.totals.recorded + first.totals.duplicates
    assert (open_reader(trail.trail.path).size, imported.event_set(trail.trail.path)) == (size, events)
    assert verify(trail.trail.path).findings == []
    for file in first.files:
        file.counts.check(file.evidence)
        assert file.format is not None or file.by_code, file.evidence  # never silent


def test_order_does_not_matter(samples, make_trail):
    paths = sorted((samples / "mdecrevoisier").rglob("*.evtx"))
    sets = []
    for seed in (1, 2):
        random.Random(seed).shuffle(paths)
        trail = make_trail(f"trail{seed}")
        _bring(trail, *paths)
        sets.append(imported.event_set(trail.trail.path))

    assert sets[0] == sets[1]


def test_hostile_files_neither_hang_nor_end_the_import(samples, make_trail):
    trail = make_trail("trail")
    good = sorted((samples / "mdecrevoisier").rglob("*.evtx"))[:3]
    begun = time.monotonic()

    report = _bring(trail, samples / "hostile", *good)

    assert time.monotonic() - begun < 600  # they hang for ever where nobody stops them
    hostile = [file for file in report.files if file.evidence.startswith("hostile/")]
    assert len(hostile) == 3
    for file in hostile:
        assert file.counts.unread == file.counts.seen > 0
        assert "damaged" in file.by_code
    assert any("reader_died" in file.by_code for file in hostile)
    assert all(file.counts.seen and not file.counts.unread for file in report.files if file not in hostile)


def test_of_a_damaged_file_all_that_can_be_read_comes_out(samples, make_trail):
    report = _bring(make_trail("trail"), samples / "bad-input")

    unread = {file.evidence.rpartition("/")[2][:20]: file.counts.unread for file in report.files}
    assert unread == {
        "2-vss_0-Microsoft-Wi": 2,
        "Application_no_crc32": 0,
        "sample-with-zero-dat": 0,
        "sysmon.evtx": 0,
    }
    codes = Counter(problem.code for problem in report.problems)
    assert codes["not_checkable"] == 1
    assert codes["damaged"] >= 3
    assert "reader_died" not in codes
