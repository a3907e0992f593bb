"""What all custody leaves come to is the same however often it was asked for, and whatever became of what was kept."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trail.trails import append, batch, copy, make_trail

from mailwitness.errors import EvidenceError
from mailwitness.trail import custody
from mailwitness.trail.custody import Summary, summarised
from mailwitness.trail.reader import open_reader
from mailwitness.trail.writer import Writer


class Told(Summary):
    """Every number told, in order, and the last leaf that told each: order matters, and each leaf counts once."""

    name = "told"
    marks = (b'"act":"told"',)
    calls: ClassVar[int] = 0

    numbers: list[int] = msgspec.field(default_factory=list)
    last: dict[str, int] = msgspec.field(default_factory=dict)

    def take(self, said):
        Told.calls += 1
        if said.get("act") == "told":
            self.last |= {str(number): len(self.numbers) for number in said["numbers"]}
            self.numbers.extend(said["numbers"])


@pytest.fixture(autouse=True)
def _kept_at_once(monkeypatch):
    monkeypatch.setattr(custody, "KEEP_EVERY", 1)


@pytest.fixture
def created(tmp_path):
    return make_trail(tmp_path)


def tell(created, *portions: list[int]) -> None:
    with Writer.open(created.trail.path) as writer:
        for numbers in portions:
            writer.custody({"act": "told", "numbers": numbers})
            writer.custody({"act": "other", "numbers": [-1]})


def ask(path: Path) -> Told:
    return summarised(open_reader(path), Told)


def kept(path: Path) -> Path:
    return path / "derived" / "custody" / "told.summary"


PORTIONS = st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=5)


@settings(max_examples=15, deadline=None)
@given(sessions=st.lists(PORTIONS, min_size=1, max_size=4), asked=st.lists(st.booleans(), min_size=4, max_size=4))
def test_any_split_of_the_leaves_comes_to_the_same(sessions, asked):
    with tempfile.TemporaryDirectory() as folder, patch.object(custody, "KEEP_EVERY", 1):
        created = make_trail(Path(folder))
        expected = Told()
        for portions, is_asked in zip(sessions, asked, strict=False):
            tell(created, *portions)
            for numbers in portions:
                expected.take({"act": "told", "numbers": numbers})
            if is_asked:
                assert ask(created.trail.path) == expected
        assert ask(created.trail.path) == expected
        shutil.rmtree(created.trail.derived, ignore_errors=True)
        assert ask(created.trail.path) == expected


def test_only_the_leaves_that_came_since_are_read(created):
    tell(created, *[[n] for n in range(20)])
    ask(created.trail.path)
    append(created, batch(range(5)))
    tell(created, [20])
    Told.calls = 0
    assert ask(created.trail.path).numbers == list(range(21))
    assert Told.calls == 1
    assert ask(created.trail.path).numbers == list(range(21))
    assert Told.calls == 1


def test_few_new_leaves_are_read_each_time_and_not_kept(created, monkeypatch):
    tell(created, [1])
    ask(created.trail.path)
    before = kept(created.trail.path).read_bytes()
    monkeypatch.setattr(custody, "KEEP_EVERY", 1_000)
    tell(created, [2])
    assert ask(created.trail.path).numbers == [1, 2]
    assert kept(created.trail.path).read_bytes() == before


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A trail, what its leaves come to, and the bytes that are kept of it."""
    created = make_trail(tmp_path_factory.mktemp("told"))
    tell(created, [3, 1], [4, 1], [5])
    with patch.object(custody, "KEEP_EVERY", 1):
        return created.trail.path, ask(created.trail.path), kept(created.trail.path).read_bytes()


@settings(max_examples=60, deadline=None)
@given(is_cut=st.booleans(), at=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_a_damaged_summary_is_made_anew(sound, is_cut, at, mask):
    path, expected, whole = sound
    place = int(at * len(whole))
    damaged = whole[:place] if is_cut else whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :]
    with patch.object(custody, "KEEP_EVERY", 1):
        kept(path).write_bytes(damaged)
        assert ask(path) == expected
        assert kept(path).read_bytes() == whole


def put_other(file: Path, summary: Told, **header: Any) -> None:
    """Put a summary with a sound digest in the place of the one that was kept."""
    said = msgspec.json.decode(file.read_bytes().split(b"\n", 1)[0])
    body = msgspec.msgpack.encode(summary)
    said |= {"sha256": custody.hashlib.sha256(body).hexdigest()} | header
    file.write_bytes(msgspec.json.encode(said) + b"\n" + body)


@pytest.mark.parametrize(
    "header",
    [
        {"root": "00" * 32},
        {"size": 3},
        {"size": 0},
        {"size": 10**9},
        {"size": -1},
        {"version": 2},
        {"made_by": "0.0.0"},
        {"origin": "example.org/other"},
        {"log_id": "other"},
    ],
)
def test_a_summary_of_something_else_is_left_aside(created, header):
    tell(created, [1], [2])
    ask(created.trail.path)
    file = kept(created.trail.path)
    put_other(file, Told(numbers=[9]))
    assert ask(created.trail.path).numbers == [9], "the tampered one is well-formed: what follows is not vacuous"
    put_other(file, Told(numbers=[9]), **header)
    assert ask(created.trail.path).numbers == [1, 2]


def test_a_summary_of_a_later_or_another_trail_is_left_aside(created, tmp_path):
    tell(created, [1])
    older, other = copy(created, tmp_path / "older"), copy(created, tmp_path / "other")
    tell(created, [2])
    ask(created.trail.path)
    kept(older).parent.mkdir(parents=True)
    shutil.copy(kept(created.trail.path), kept(older))
    assert ask(older).numbers == [1]
    key = shutil.copy(created.key_path, tmp_path / "key")  # without the note beside it of what it signed
    with Writer.open(other, Path(key)) as writer:  # as long as the first, and another tree
        writer.custody({"act": "told", "numbers": [7]})
        writer.custody({"act": "other", "numbers": [-1]})
    kept(other).parent.mkdir(parents=True)
    shutil.copy(kept(created.trail.path), kept(other))
    assert ask(other).numbers == [1, 7]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_summary_that_others_may_write_is_left_aside(created, mode):
    tell(created, [1])
    ask(created.trail.path)
    put_other(kept(created.trail.path), Told(numbers=[9]))
    kept(created.trail.path).chmod(mode)
    assert ask(created.trail.path).numbers == [1]


def test_a_trail_where_nothing_can_be_kept_answers_all_the_same(created):
    tell(created, [1])
    created.trail.derived.write_bytes(b"a file where the folder should be")
    assert [ask(created.trail.path).numbers for _ in range(2)] == [[1], [1]]


def test_a_statement_too_long_for_its_entry_is_taken_in_and_told_when_it_was_changed(created):
    tell(created, list(range(50_000)))
    (value,) = (path for path in created.trail.evidence.rglob("*") if path.is_file())
    assert len(ask(created.trail.path).numbers) == 50_000
    shutil.rmtree(created.trail.derived)
    value.chmod(0o600)
    value.write_bytes(b'{"act":"told","numbers":[]}')
    with pytest.raises(EvidenceError, match="changed"):
        ask(created.trail.path)
