"""Evidence is found in an order that never changes, and what is no plain file is refused aloud."""

from __future__ import annotations

import os

import pytest

from mailwitness.errors import UsageError
from mailwitness.event import Problem
from mailwitness.intake.evidence import Found, find


def _tree(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_files_come_folder_by_folder_in_the_order_of_their_names(tmp_path):
    evidence = tmp_path / "evidence"
    _tree(evidence, "b.evtx", "a/z.evtx", "a/b/1.evtx", "B.evtx", "c/1.evtx", "é.evtx")

    found = list(find([evidence], tmp_path / "trail"))

    assert [item.name for item in found] == [
        "evidence/B.evtx",
        "evidence/b.evtx",
        "evidence/é.evtx",
        "evidence/a/z.evtx",
        "evidence/a/b/1.evtx",
        "evidence/c/1.evtx",
    ]
    assert found[1] == Found(evidence / "b.evtx", "evidence/b.evtx", 6)


def test_links_and_devices_in_a_folder_are_refused(tmp_path):
    evidence = tmp_path / "evidence"
    _tree(tmp_path, "evidence/a.evtx", "outside.evtx", "elsewhere/x.evtx")
    (evidence / "link.evtx").symlink_to(tmp_path / "outside.evtx")
    (evidence / "loop").symlink_to(evidence)
    os.mkfifo(evidence / "pipe")

    found = list(find([evidence], tmp_path / "trail"))

    assert [item.name for item in found if isinstance(item, Found)] == ["evidence/a.evtx"]
    assert [(item.code, item.where.evidence, item.found) for item in found if isinstance(item, Problem)] == [
        ("refused", "evidence/link.evtx", "a symbolic link"),
        ("refused", "evidence/loop", "a symbolic link"),
        ("refused", "evidence/pipe", "a named pipe"),
    ]


def test_a_link_a_person_names_is_followed_and_a_name_that_is_no_text_is_shown(tmp_path):
    _tree(tmp_path, "real.evtx")
    (tmp_path / "link.evtx").symlink_to(tmp_path / "real.evtx")
    (tmp_path / os.fsdecode(b"odd\xff.evtx")).touch()

    found = list(find([tmp_path / "link.evtx", tmp_path], tmp_path / "trail"))

    assert found[0] == Found(tmp_path / "link.evtx", "link.evtx", 9)
    assert any(item.name.endswith("odd\ufffd.evtx") for item in found if isinstance(item, Found))


def test_the_trail_is_no_evidence(tmp_path):
    _tree(tmp_path, "a.evtx", "trail/evidence/aa/b")

    assert [item.path for item in find([tmp_path], tmp_path / "trail")] == [tmp_path / "a.evtx"]
    with pytest.raises(UsageError, match="no evidence"):
        list(find([tmp_path / "trail" / "evidence"], tmp_path / "trail"))
    with pytest.raises(UsageError, match="no such file"):
        list(find([tmp_path / "absent"], tmp_path / "trail"))
