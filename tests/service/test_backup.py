"""A backup is consistent while the writer runs; an older copy does not come back unseen."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
from tests.alerts.found import NOW, finding
from tests.trail.trails import append, batch, files_of, flip, make_trail

from mailwitness.alerts.cases import Cases
from mailwitness.alerts.watchlists import Watchlists
from mailwitness.errors import TrailBehind, TrailError, UsageError, VerificationError
from mailwitness.service.backup import MANIFEST, Manifest, back_up, restore
from mailwitness.state.database import open_state
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify
from mailwitness.trail.writer import Writer


@pytest.fixture
def created(tmp_path):
    made = make_trail(tmp_path)
    append(made, batch(range(600)), batch(range(600, 800)))
    return made


def head_of(created):
    return created.key_path.with_name(created.key_path.name + ".head")


def test_a_backup_holds_everything_but_the_key_and_goes_on(created, tmp_path):
    with closing(open_state(created.trail.path)) as state:
        Cases(state).take([finding()], Watchlists([]), NOW)
    manifest = back_up(created.trail.path, tmp_path / "copy")
    reader = open_reader(created.trail.path)
    assert (manifest.size, manifest.root) == (reader.size, reader.root.hex())
    assert msgspec.json.decode((tmp_path / "copy" / MANIFEST).read_bytes(), type=Manifest) == manifest
    names = {path.name for path in files_of(tmp_path / "copy")}
    assert created.key_path.name not in names
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in files_of(tmp_path / "copy"))
    shutil.rmtree(created.trail.path)
    kept = tmp_path / "copy" / "log" / load_settings(tmp_path / "copy").log_id / "checkpoint"
    verdict = restore(
        tmp_path / "copy", created.trail.path, key=created.verifier_key, checkpoint=kept, head=head_of(created)
    )
    assert verdict.state == "valid"
    assert append(created, batch(range(790, 810))) == [[0] * 10 + [1] * 10]
    assert verify(created.trail.path, deep=True).findings == []
    with closing(open_state(created.trail.path)) as state:
        assert len(Cases(state).all()) == 1


def test_backups_made_while_the_writer_runs_all_verify(created, tmp_path):
    stop, failures = threading.Event(), []

    def write():
        try:
            with Writer.open(created.trail.path) as writer:
                number = 1000
                while not stop.is_set():
                    writer.append(batch(range(number, number + 97)))
                    writer.commit()
                    number += 97
                    if number % 5 == 0:
                        writer.compact()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        sizes = []
        for number in range(4):
            manifest = back_up(created.trail.path, tmp_path / f"copy{number}")
            verdict = verify(tmp_path / f"copy{number}", deep=True)
            assert verdict.findings == []
            assert verdict.size == manifest.size
            sizes.append(manifest.size)
    finally:
        stop.set()
        writing.join()
    assert failures == []
    assert sizes == sorted(set(sizes))
    for number, size in enumerate(sizes):
        copy = tmp_path / f"copy{number}"
        kept = Trail(copy).checkpoint(load_settings(copy).log_id)
        assert verify(created.trail.path, key=created.verifier_key, checkpoint=kept).state == "valid", size


def test_an_older_backup_is_refused_against_a_kept_checkpoint(created, tmp_path):
    back_up(created.trail.path, tmp_path / "old")
    append(created, batch(range(900, 950)))
    kept = shutil.copy(created.trail.checkpoint(load_settings(created.trail).log_id), tmp_path / "kept")
    with pytest.raises(VerificationError, match="rolled back"):
        restore(tmp_path / "old", tmp_path / "new", key=created.verifier_key, checkpoint=kept)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob("*.restoring"))


def test_an_older_backup_is_refused_by_what_the_key_has_signed(created, tmp_path):
    back_up(created.trail.path, tmp_path / "old")
    append(created, batch(range(900, 950)))
    with pytest.raises(VerificationError, match="acknowledged leaves would be lost"):
        restore(tmp_path / "old", tmp_path / "new", key=None, checkpoint=None, head=head_of(created))
    restore(tmp_path / "old", tmp_path / "new", key=None, checkpoint=None)
    with pytest.raises(TrailBehind):  # and if the head is passed over, the writer refuses
        Writer.open(tmp_path / "new", created.key_path)


@pytest.mark.parametrize("part", ["events", "log", "mailwitness.toml"])
def test_a_backup_that_was_changed_is_refused(created, tmp_path, part):
    back_up(created.trail.path, tmp_path / "copy")
    target = tmp_path / "copy" / part
    path = target if target.is_file() else next(p for p in files_of(target) if p.suffix in (".parquet", ""))
    flip(path, path.stat().st_size // 2)
    with pytest.raises((VerificationError, UsageError, TrailError)):
        restore(tmp_path / "copy", tmp_path / "new", key=None, checkpoint=None)
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(created, tmp_path):
    back_up(created.trail.path, tmp_path / "copy")
    with pytest.raises(UsageError, match="there is something already"):
        back_up(created.trail.path, tmp_path / "copy")
    with pytest.raises(UsageError, match="there is a trail already"):
        restore(tmp_path / "copy", created.trail.path, key=None, checkpoint=None)


def test_a_trail_that_is_damaged_gives_no_backup(created, tmp_path):
    [path, *_] = sorted(created.trail.events.glob("*/month=2024-01/*.parquet"))
    flip(path, path.stat().st_size // 2)
    with pytest.raises(TrailError, match="the copy does not verify"):
        back_up(created.trail.path, tmp_path / "copy")
    assert not (tmp_path / "copy" / MANIFEST).exists()


def test_a_purged_trail_is_backed_up_and_restored(created, tmp_path):
    with Writer.open(created.trail.path) as writer:
        writer.purge("2024-01", by="a", reason="b")
    back_up(created.trail.path, tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "new", key=None, checkpoint=None)
    assert not list((tmp_path / "new").rglob("month=2024-01/*"))
    assert msgspec.json.decode((tmp_path / "copy" / MANIFEST).read_bytes())["made_at"][:4] == f"{datetime.now(UTC):%Y}"
