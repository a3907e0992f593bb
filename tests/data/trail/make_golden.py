"""Makes a trail with one of everything that format version 1 has: see HOW.md. Usage: make_golden.py FOLDER."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.trail.trails import batch, event

from mailwitness.trail import writer as writer_module
from mailwitness.trail.create import create_trail
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.writer import Writer

EVERY = 6
"""Commits between seals, so that a small trail has a Delta checkpoint too."""


def make(folder: Path) -> None:
    """Make the trail, its key, a kept checkpoint and what is expected of them in `folder`."""
    folder.mkdir(parents=True)
    writer_module.SEAL_EVERY = EVERY
    with tempfile.TemporaryDirectory() as keys:
        created = create_trail(
            folder / "trail", organization="golden.example", origin="golden.example/v1", key_dir=Path(keys)
        )
        shutil.copy(created.key_path, folder / "golden-v1.key")
        _fill(created.trail, created.key_path, folder)
    settings = created.trail.settings
    settings.write_text(settings.read_text().replace(str(created.key_path), "golden-v1.key"))
    (created.trail.lock(load_settings(created.trail).log_id)).unlink()
    reader = open_reader(created.trail.path)
    digest = hashlib.sha256()
    for _seq, entry in reader.entries():
        digest.update(len(entry).to_bytes(2, "big") + entry)
    expected = {
        "size": reader.size,
        "root": reader.root.hex(),
        "verifier_key": created.verifier_key,
        "entries_sha256": digest.hexdigest(),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


def _fill(trail: Trail, key: Path, folder: Path) -> None:
    evidence = folder / "Security.evtx"
    evidence.write_bytes(b"golden evidence\n" * 64)
    taken = EvidenceStore(trail).take(evidence)
    evidence.unlink()
    with Writer.open(trail.path, key, grace=timedelta(0)) as writer:
        for first in range(0, 260, 20):
            writer.append(batch(range(first, first + 20), evidence_sha256=taken.sha256))
            writer.commit()
        writer.custody({"act": "evidence_taken", "evidence": [{"sha256": taken.sha256, "kept": True}]})
        writer.compact()
    shutil.copy(trail.checkpoint(load_settings(trail).log_id), folder / "kept-checkpoint")
    rows, blobs = batch_of_events(
        [
            (event(800, before="O:BA" * 20_000, folder="half \ud800 and \ufdd0"), {"text": "\udfff"}),
            (event(801, at=datetime(1601, 1, 1, tzinfo=UTC)), {}),
            (event(802, at=datetime(9999, 12, 31, tzinfo=UTC)), {}),
            (event(7, action="revoked"), {}),
        ]
    )
    with Writer.open(trail.path, key, grace=timedelta(0)) as writer:
        writer.append(rows, blobs)
    with Writer.open(trail.path, key, grace=timedelta(0)) as writer:
        writer.append(batch(range(1500, 1530)))
        writer.commit()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
