"""Evidence that was read to its end before: the same bytes, by the same program, are counted and not read again.

This is a shortcut and no evidence: it stands in state.db, may be deleted at any time, and is believed only where the
trail itself holds the custody leaf of the file.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from mailwitness.intake.report import FileReport

_READING = ("event.py", "knowledge", "descriptors", "formats", "sources", "directory", "intake")
"""The parts of the program that decide what is read in a file."""
_LIBRARIES = ("evtx", "libevtx-python", "libevt-python", "msgspec", "orjson", "pyyaml", "defusedxml")
_UNSETTLED = {"reader_died", "limit"}
_TABLE = """
CREATE TABLE IF NOT EXISTS read_before
(sha256 TEXT, name TEXT, parent TEXT, reading TEXT, report BLOB, PRIMARY KEY (sha256, name, parent))
"""


class Remembered:
    """The files read before, by one program with one set of options."""

    def __init__(self, state: Path, options: Iterable[str | None]) -> None:
        """Use the database `state`; `options` are the settings of an import that change what is read in a file."""
        self._state = state
        self._reading = hashlib.sha256(repr((program(), tuple(options))).encode()).hexdigest()
        self._done: list[FileReport] = []

    def recall(self, sha256: str, name: str, parent: str | None) -> FileReport | None:
        """Return what reading this file again would report, or None where it has to be read."""
        if not self._state.exists():
            return None
        with closing(sqlite3.connect(self._state, timeout=30)) as database:
            database.execute(_TABLE)
            found = database.execute(
                "SELECT report FROM read_before WHERE sha256 = ? AND name = ? AND parent = ? AND reading = ?",
                (sha256, name, parent or "", self._reading),
            ).fetchone()
        return None if found is None else msgspec.msgpack.decode(found[0], type=FileReport)

    def note(self, report: FileReport) -> None:
        """Keep what was read, unless a fresh attempt could read more."""
        if report.format is not None and not _UNSETTLED & report.by_code.keys():
            self._done.append(report)

    def save(self) -> None:
        """Write down what was noted; to be called when the trail has acknowledged it."""
        rows = [
            (report.sha256, report.evidence, report.parent or "", self._reading, msgspec.msgpack.encode(again(report)))
            for report in self._done
        ]
        if rows:
            with closing(sqlite3.connect(self._state, timeout=30)) as database, database:
                database.execute(_TABLE)
                database.executemany("INSERT OR REPLACE INTO read_before VALUES (?, ?, ?, ?, ?)", rows)
        self._done.clear()


def again(report: FileReport) -> FileReport:
    """Return the report a second reading gives: every event is a duplicate, and kept conflicts are none any more."""
    conflicts = report.by_code.get("conflict", 0)
    counts = msgspec.structs.replace(
        report.counts,
        recorded=0,
        duplicates=report.counts.duplicates + report.counts.recorded,
        events=0,
        problems=report.counts.problems - conflicts,
    )
    by_code = {code: count for code, count in report.by_code.items() if code != "conflict"}
    listed = [problem for problem in report.listed if problem.code != "conflict"]
    return msgspec.structs.replace(report, counts=counts, by_code=by_code, listed=listed)


@cache
def program() -> str:
    """Return a digest of everything in this build that decides what is read in a file."""
    digest = hashlib.sha256()
    package = resources.files("mailwitness")
    for name in _READING:
        for path, content in sorted(_contents(package / name)):
            digest.update(f"{name}/{path} {len(content)} ".encode() + content)
    for library in _LIBRARIES:
        digest.update(f"{library} {metadata.version(library)} ".encode())
    return digest.hexdigest()


def _contents(part: Traversable, below: str = "") -> Iterable[tuple[str, bytes]]:
    if part.is_file():
        if part.name.endswith((".py", ".yaml")):
            yield below, part.read_bytes()
        return
    for inner in part.iterdir():
        yield from _contents(inner, f"{below}/{inner.name}")
