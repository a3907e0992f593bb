"""Acts of custody are told from picture to picture: only the leaves that came since are read, and nothing is missed."""

from __future__ import annotations

import shutil

import pytest
from tests.trail.trails import make_trail

from mailwitness.engine.event_index import EventIndex
from mailwitness.faces.views import custody
from mailwitness.faces.views.custody import import_of, imports_of
from mailwitness.faces.views.picture import draw
from mailwitness.trail.writer import Writer


@pytest.fixture
def created(tmp_path):
    return make_trail(tmp_path)


@pytest.fixture
def index():
    index = EventIndex(None)
    yield index
    index.close()


def deliver(created, *names):
    with Writer.open(created.trail.path) as writer:
        for name in names:
            evidence = [{"name": name, "sha256": name * 64, "size": 1, "kept": False}]
            writer.custody({"act": "imported", "evidence": evidence, "counts": {"seen": 3}})


def names(picture):
    return [each.name for each in imports_of(picture) if each.act == "imported"]


def test_what_a_picture_told_is_told_by_the_next_without_reading_it_again(created, index, monkeypatch):
    deliver(created, "a", "b")
    first = draw(created.trail.path, index)
    assert names(first) == ["b", "a"]
    deliver(created, "c", "a")
    read = []
    real = custody._import
    monkeypatch.setattr(custody, "_import", lambda leaf, entry: read.append(leaf) or real(leaf, entry))
    second = draw(created.trail.path, index, first)
    assert names(second) == ["a", "c", "b", "a"]
    assert len(read) == 2
    assert import_of(second, "a" * 64) == imports_of(second)[0]
    unasked = draw(created.trail.path, index, second)
    deliver(created, "d")
    third = draw(created.trail.path, index, unasked)
    assert names(third) == ["d", "a", "c", "b", "a"]
    assert len(read) == 3
    assert imports_of(third) == imports_of(draw(created.trail.path, index))


def test_what_another_tree_told_is_not_believed(created, index, tmp_path):
    deliver(created, "a")
    shutil.copytree(created.trail.path, tmp_path / "older")
    deliver(created, "b")
    later = draw(created.trail.path, index)
    assert names(later) == ["b", "a"]
    assert names(draw(tmp_path / "older", index, later)) == ["a"]
