"""Findings held against what truly happened in a simulated history, by the records that prove them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.truth.comparison import RECORDS, Place, RowNumbers, _named, _place, evidence_names

from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.rules.detect import detect
from mailwitness.rules.finding import Finding
from mailwitness.rules.rule import Corpus
from mailwitness.trail.reader import open_reader

Row = dict[str, Any]


class Judged(NamedTuple):
    """The findings of a history, and for each the rows of the truth that have one of its records."""

    findings: list[Finding]
    rows: dict[str, list[Row]]
    truth: list[Row]

    def unnamed(self) -> list[Finding]:
        """Return the findings that no change, gap or finding of the truth is behind: nobody did what they say."""
        return [f for f in self.findings if not any(row["kind"] != "access" for row in self.rows[f.finding_id])]

    def beside_the_cases(self) -> list[Finding]:
        """Return the findings about acts that belong to none of the cases the history plays: true, but everyday."""
        return [f for f in self.findings if not any(row["kind"] == "finding" for row in self.rows[f.finding_id])]

    def missed(self, told: set[str]) -> list[Row]:
        """Return the cases of the truth that no finding of the rules `told` stands for."""
        found = {row["id"] for f in self.findings if f.rule_id in told for row in self.rows[f.finding_id]}
        return [row for row in self.truth if row["kind"] == "finding" and row["id"] not in found]


def judged(trail: Path, evidence: Path, truth: list[Row], corpus: Corpus) -> Judged:
    """Run the rules over `trail`, made from `evidence`, and hold what they find against `truth`."""
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        names = {sha256: name.removeprefix(f"{evidence.name}/") for sha256, name in evidence_names(engine).items()}
        rows_of = RowNumbers(evidence)
        places = {row["event_id"]: _place(row, names[row["evidence_sha256"]], rows_of) for row in engine.rows(RECORDS)}
        findings = detect(engine, corpus, 0, reader.size, observations=load_observations(trail))
    told: dict[Place, list[Row]] = {}
    for row in truth:
        for record in row.get("evidence", ()):
            told.setdefault(_named(record), []).append(row)
    rows = {f.finding_id: [row for event in f.event_ids for row in told.get(places[event], ())] for f in findings}
    return Judged(findings, rows, truth)
