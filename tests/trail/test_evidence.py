"""The evidence store: what is kept is what was hashed, durable, and never changed."""

from __future__ import annotations

import hashlib
import os

import pytest
from tests.trail.trails import files_of, make_trail

from mailwitness.errors import EvidenceError, TrailError
from mailwitness.event import Blob
from mailwitness.trail import evidence as evidence_module
from mailwitness.trail.evidence import EvidenceStore

DATA = os.urandom(1 << 10) * 3000


@pytest.fixture
def store(tmp_path):
    return EvidenceStore(make_trail(tmp_path).trail)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "Security.evtx"
    path.write_bytes(DATA)
    return path


def test_a_file_is_kept_under_its_hash(store, source):
    taken = store.take(source)
    assert (taken.sha256, taken.size) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert taken.path.read_bytes() == DATA
    assert taken.path.stat().st_mode & 0o222 == 0
    with store.open(taken.sha256) as file:
        assert file.read() == DATA
    assert list(store) == [taken.sha256]


def test_taking_it_again_keeps_one(store, source):
    first = store.take(source)
    made = first.path.stat().st_mtime_ns
    assert store.take(source) == first
    assert first.path.stat().st_mtime_ns == made
    assert files_of(store.root) == [first.path]


def test_a_copy_that_was_cut_is_replaced(store, source):
    path = store.take(source).path
    path.chmod(0o644)
    path.write_bytes(DATA[:10])
    assert store.take(source).path.read_bytes() == DATA


def test_only_the_hash_is_kept_where_the_setting_says_so(tmp_path, source):
    store = EvidenceStore(make_trail(tmp_path, keep_evidence="hash").trail)
    taken = store.take(source)
    assert (taken.sha256, taken.path) == (hashlib.sha256(DATA).hexdigest(), None)
    assert files_of(store.root) == []
    with pytest.raises(EvidenceError, match="not kept"):
        store.open(taken.sha256)
    data = b"a long value"
    assert store.put(Blob(hashlib.sha256(data).hexdigest(), data)).read_bytes() == data


def test_a_file_system_without_kernel_copies_is_as_good(store, source, monkeypatch):
    def refuse(*_arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert store.take(source).path.read_bytes() == DATA


def test_a_file_without_a_size_is_read_to_its_end(store):
    taken = store.take(evidence_module.Path("/proc/self/status"))
    assert taken.size == taken.path.stat().st_size > 0


def test_an_empty_file_is_evidence_too(store, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    assert store.take(empty).sha256 == hashlib.sha256().hexdigest()


def test_what_cannot_be_read_is_the_evidence_s_error(store, tmp_path):
    with pytest.raises(EvidenceError, match="cannot be read"):
        store.take(tmp_path / "nothing")
    with pytest.raises(EvidenceError):
        store.take(tmp_path)
    assert files_of(store.root) == []


def test_what_cannot_be_written_is_the_trail_s_error_and_leaves_nothing(store, source, monkeypatch):
    def full(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evidence_module, "sync_file", full)
    with pytest.raises(TrailError, match="No space"):
        store.take(source)
    assert files_of(store.root) == []


def test_a_blob_has_its_hash(store):
    with pytest.raises(ValueError, match="SHA-256"):
        store.put(Blob("0" * 64, b"x"))
