"""The directory's tables: each file a custody leaf names has the SHA-256 it says; others count for nothing."""

from __future__ import annotations

from pathlib import Path

from mailwitness.trail.examination import Examination
from mailwitness.trail.sealing import hash_file


def check_directory(run: Examination) -> None:
    """Hash every file of the directory's tables, and look for the ones that should be there."""
    run.expect(sum(size for _sha256, size, _leaf in run.tables.values()))
    for name, (sha256, size, leaf) in sorted(run.tables.items()):
        path = run.trail.path / name
        if ".." in Path(name).parts or not path.is_relative_to(run.trail.directory):
            run.find(run.trail.directory, leaf, leaf, f"a leaf names a file outside the tables: {name[:200]!r}")
            continue
        run.checked.files += 1
        try:
            found = hash_file(path)
        except OSError as cause:
            run.find(path, leaf, leaf, f"a file of the directory's tables cannot be read: {cause.strerror}")
            continue
        run.read(size)
        if found != (sha256, size):
            run.find(path, leaf, leaf, "a file of the directory's tables was changed: its SHA-256 is not the leaf's")
    for path in sorted(run.trail.directory.glob("*/*.parquet*")):
        if run.name(path) not in run.tables:
            run.remarks.append(f"{run.name(path)}: no leaf names this file; it counts for nothing")
