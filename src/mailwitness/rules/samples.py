"""Try rules on samples: RULE/fires* must make the rule find something in it, RULE/quiet* must not.

A sample is a file of evidence in any form the product reads. All are brought into one new trail, and each rule then
sees its sample alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness.engine.embedded import Embedded
from mailwitness.intake.importing import import_paths
from mailwitness.rules.detect import detect
from mailwitness.rules.rule import Corpus
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import TrailReader, open_reader

FIRES, QUIET = "fires", "quiet"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One sample: which rule it is for, what is expected of it, and how many findings it made."""

    rule_id: str
    sample: str
    expected: str  # fires | quiet
    findings: int
    is_right: bool
    remark: str = ""


def try_samples(corpus: Corpus, folder: Path, work: Path) -> list[Tried]:
    """Try every rule of `corpus` on its samples in `folder`; `work` is an empty folder for the trail.

    A rule that only a correlation asks for is tried as if it spoke for itself. A rule without a sample of either kind
    is wrong: nobody knows then that it works.
    """
    samples = {rule.rule_id: sorted(_samples(folder / rule.rule_id)) for rule in corpus.rules}
    paths = [path for several in samples.values() for path in several]
    if paths:
        made = create_trail(work / "trail", organization="samples", key_dir=work / "keys")
        import_paths(work / "trail", paths, key_path=made.key_path, time_zone="UTC", collected_at=datetime.now(UTC))
    tried: list[Tried] = []
    for rule in corpus.rules:
        alone = Corpus((msgspec.structs.replace(rule, output=True),))
        for path in samples[rule.rule_id]:
            expected = FIRES if path.name.startswith(FIRES) else QUIET
            tried.append(_tried(alone, path, expected, open_reader(work / "trail")))
        kinds = {path.name[:5] for path in samples[rule.rule_id]}
        tried += [
            Tried(
                rule_id=rule.rule_id, sample="", expected=kind, findings=0, is_right=False, remark="there is no sample"
            )
            for kind in (FIRES, QUIET)
            if kind not in kinds
        ]
    return tried


def _tried(alone: Corpus, path: Path, expected: str, reader: TrailReader) -> Tried:
    with _OfSample(reader, hashlib.sha256(path.read_bytes()).hexdigest()) as engine:
        events = engine.count()
        findings = len(detect(engine, alone, 0, reader.size)) if events else 0
    return Tried(
        rule_id=alone.rules[0].rule_id,
        sample=path.name,
        expected=expected,
        findings=findings,
        is_right=bool(events) and (findings > 0) == (expected == FIRES),
        remark="" if events else "no record in it was taken in",
    )


def _samples(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_file() and path.name.startswith((FIRES, QUIET)))


class _OfSample(Embedded):
    """The engine over a trail of which only one file's events are there."""

    def __init__(self, reader: TrailReader, sha256: str) -> None:
        super().__init__(reader, threads=1)
        self._connection.execute("ALTER VIEW events RENAME TO all_events")
        alone = f"SELECT * FROM all_events WHERE evidence_sha256 = '{sha256}'"  # noqa: S608 - hex digits
        self._connection.execute(f"CREATE TABLE events AS {alone}")  # in memory: a rule asks of it many times

    def count(self) -> int:
        """Return how many events there are."""
        row = self._connection.execute("SELECT count(*) FROM events").fetchone()
        return 0 if row is None else int(row[0])
