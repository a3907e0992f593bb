"""Kept evidence: every file has the SHA-256 it is named by, and what a leaf says is kept is there."""

from __future__ import annotations

from mailwitness.trail.durable import TEMPORARY
from mailwitness.trail.evidence import is_sha256
from mailwitness.trail.examination import Examination
from mailwitness.trail.sealing import hash_file


def check_evidence(run: Examination) -> None:
    """Hash every kept file and look for the ones that should be there."""
    root = run.trail.evidence
    files = sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    run.expect(sum(path.lstat().st_size for path in files))
    found = set()
    for path in files:
        name = path.name
        if path.is_symlink() or not is_sha256(name) or path.parent != root / name[:2]:
            if name.endswith(TEMPORARY):
                run.remarks.append(f"{run.name(path)}: a file that was being written")
            else:
                run.find(path, None, None, "a file that is no evidence: its name is no SHA-256")
            continue
        found.add(name)
        run.checked.evidence += 1
        first, last = run.evidence.get(name, (None, None))
        if first is None:
            run.remarks.append(f"{run.name(path)}: no leaf refers to this evidence")
        try:
            sha256, size = hash_file(path)
        except OSError as cause:
            run.find(path, first, last, f"evidence cannot be read: {cause.strerror}")
            continue
        run.read(size)
        if sha256 != name:
            run.find(path, first, last, "evidence was changed: its SHA-256 is not its name")
    for name in sorted(run.kept.keys() - found):
        run.find(root / name[:2] / name, *run.evidence[name], "evidence that a leaf says is kept is missing")
