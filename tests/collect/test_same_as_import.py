"""Live or imported, split and shuffled or whole: the same evidence gives the same events, each once."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest
from tests.collect.documents import lines, other, relevant
from tests.collect.serving import serving_writer
from tests.collect.test_writer_process import batch

from mailwitness.collect.folder import FolderCollector
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.intake.importing import import_paths
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader

CHOSEN = (
    "samba_audit/*.jsonl",
    "mdecrevoisier/TA0005*/**/*.evtx",
    "omerbenamram/samples/*security*.evtx",
    "techjollof/*.csv",
)
LARGEST = 1_200_000


def events_of(trail: Path) -> list[str]:
    """Return the event ids of a trail, in their order, as often as they stand there."""
    fields = [orjson.loads(entry) for _seq, entry in open_reader(trail).entries()]
    return sorted(said["event_id"] for said in fields if "leaf_kind" not in said)


def imported(folder: Path, evidence: Path) -> list[str]:
    made = create_trail(folder / "imported", key_dir=folder / "keys2", organization="contoso")
    import_paths(made.trail.path, [evidence], key_path=made.key_path, workers=1)
    return events_of(made.trail.path)


def test_samples_through_a_watched_folder(samples, tmp_path):
    with serving_writer(tmp_path) as serving:
        for pattern in CHOSEN:
            for path in sorted(samples.glob(pattern)):
                if path.is_file() and path.stat().st_size < LARGEST:
                    target = serving.inbox / path.relative_to(samples)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        given = FolderSettings(path=serving.inbox, quiet_seconds=0.01, poll_seconds=0.05)
        counts = FolderCollector(given, serving.client, serving.trail).run_once(threading.Event())
        live = events_of(serving.trail)
        assert len(live) > 100
        assert live == imported(tmp_path, serving.inbox)
        assert counts["seen"] == sum(counts[name] for name in ("recorded", "duplicates", "filtered", "unread"))


@pytest.mark.parametrize("seed", range(2))
def test_batches_split_shuffled_and_overlapping(tmp_path, seed):
    rng = random.Random(seed)
    numbers = [rng.randrange(400) for _ in range(300)]
    documents = [lines(other(number) if number % 4 == 0 else relevant(number)) for number in numbers]
    evidence = tmp_path / "all.ndjson"
    evidence.write_bytes(b"".join(documents))
    rng.shuffle(documents)
    with serving_writer(tmp_path) as serving:
        at = 0
        threads = []
        while at < len(documents):
            size = rng.randrange(1, 60)
            part = documents[max(0, at - rng.randrange(10)) : at + size]
            threads.append(threading.Thread(target=serving.client.submit, args=(batch(b"".join(part)),)))
            at += size
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        live = events_of(serving.trail)
        assert len(live) == len(set(live)) == len({number for number in numbers if number % 4})
        assert live == imported(tmp_path, evidence)


def test_a_second_writer_is_told_that_there_is_one(tmp_path):
    with serving_writer(tmp_path) as serving:
        command = [sys.executable, "-m", "mailwitness.collect.writer_process", str(serving.trail)]
        second = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert (second.returncode, b"another writer" in second.stderr) == (75, True)
        assert serving.client.status().failing is None
