"""Answers held against what truly happened: change by change and access by access, by the records that tell of each.

The truth names the records of an act (file and record number, or the record's own id). An answer agrees if exactly one
change or access has exactly those records, and if what it says is what happened, or what `shown` says the evidence can
prove of it.
"""

from __future__ import annotations

import base64
import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.gaps import Gap, gaps
from mailwitness.analysis.names import weak_name
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.trail.reader import open_reader

Row = dict[str, Any]
Place = tuple[str, Any]
ALIASES: dict[str, str] = {}
"""The account of each display name, from the organisation's own LDIF: read here line by line, not by our reader."""
COMPARABLE = ("smtp", "upn", "account", "legacy_dn")
"""The forms of a reference whose leading name is the alias; a DN's is the display name, which the truth has not."""
RECORDS = Query(
    "records",
    "where does each event stand?",
    'SELECT event_id, source, evidence_sha256, record_id, "offset", transaction_id FROM events',
)


def differences(trail: Path, evidence: Path, truth: list[Row]) -> list[str]:
    """Return every disagreement between the answers over `trail`, made from `evidence`, and `truth`, as sentences."""
    ALIASES.clear()
    for ldif in evidence.rglob("*.ldif"):
        ALIASES.update(aliases(ldif))
    with Embedded(open_reader(trail)) as engine:
        names = {sha256: name.removeprefix(f"{evidence.name}/") for sha256, name in evidence_names(engine).items()}
        rows_of = RowNumbers(evidence)
        places = {row["event_id"]: _place(row, names[row["evidence_sha256"]], rows_of) for row in engine.rows(RECORDS)}
        told_changes = changes(engine, Filters(noise=True))[0]
        holes = gaps(engine)
        told_accesses = accesses(engine, Filters(noise=True))[0]
    said: list[str] = []
    wanted = [row for row in truth if row["kind"] == "change" and row.get("evidence")]
    answers = [(change, frozenset(places[w.event_id] for w in change.witnesses)) for change in told_changes]
    said += _compare("change", wanted, answers, _change_says)
    wanted = [row for row in truth if row["kind"] == "access" and row.get("evidence")]
    rows = [(row, frozenset(places[event_id] for event_id in row["witnesses"])) for row in told_accesses]
    said += _compare("access", wanted, rows, _access_says)
    return said + _compare_gaps([row for row in truth if row["kind"] == "gap"], holes, told_changes)


def _compare_gaps(wanted: list[Row], holes: list[Gap], told: list[Any]) -> list[str]:
    """Hold the holes in record numbers, and the hours in which a service stopped recording, against the truth."""
    was = {
        (row["host"].casefold(), row["channel"].casefold(), row["first"], row["last"])
        for row in wanted
        if "first" in row
    }
    found = {
        (gap.computer.casefold(), gap.channel.casefold(), gap.first_record_id, gap.last_record_id) for gap in holes
    }
    ids = {row["evidence"][0]["id"] for row in wanted if row["what"] == "audit.throttled"}
    throttled = [change for change in told if change.action == "throttled"]
    said = [f"a hole nobody saw: {hole}" for hole in was - found] + [
        f"a hole nobody made: {hole}" for hole in found - was
    ]
    if len(throttled) != len(ids):
        said.append(f"throttled {len(ids)} times, told {len(throttled)} times")
    return said


def aliases(ldif: Path) -> dict[str, str]:
    """Return the sAMAccountName of each display name (CN) of an LDIF file."""
    found: dict[str, str] = {}
    for entry in ldif.read_text(encoding="utf-8").replace("\n ", "").split("\n\n"):
        fields: dict[str, str] = {}
        for line in entry.splitlines():
            name, _, value = line.partition(":")
            text = base64.b64decode(value[1:]).decode(errors="replace") if value.startswith(":") else value.strip()
            fields.setdefault(name, text)
        if "sAMAccountName" in fields and "dn" in fields:
            found[weak_name(fields["dn"])] = fields["sAMAccountName"]
    return found


def evidence_names(engine: Embedded) -> dict[str, str]:
    """Return the name of each evidence file by its SHA-256."""
    query = Query("custody", "which evidence?", "SELECT entry FROM leaves WHERE leaf_kind = 'custody'")
    statements = [orjson.loads(row["entry"])["statement"] for row in engine.rows(query)]
    return {e["sha256"]: e["name"] for statement in statements for e in statement.get("evidence", ())}


def _compare(what: str, wanted: list[Row], answers: list[tuple[Any, frozenset[Any]]], says) -> list[str]:
    said: list[str] = []
    by_place: dict[Any, list[int]] = {}
    for index, (_, places) in enumerate(answers):
        for place in places:
            by_place.setdefault(place, []).append(index)
    used: Counter[int] = Counter()
    for row in wanted:
        places = frozenset(map(_named, row["evidence"]))
        label = f"{what} {row['id']} {row['what']} at {row['at']} {sorted(map(str, places))}"
        indexes = sorted({index for place in places for index in by_place.get(place, [])})
        used.update(indexes)
        if len(indexes) != 1:
            told = [f"{says(answers[i][0])['what']} {sorted(map(str, answers[i][1]))}" for i in indexes]
            said.append(f"{label}: {len(indexes)} answers: {told}")
        else:
            said += [f"{label}: {part}" for part in _wrong(row, places, *answers[indexes[0]], says)]
    for index, (answer, places) in enumerate(answers):
        if used[index] == 0 and not _aside(answer):
            said.append(f"{what} nobody made: {says(answer)} {sorted(map(str, places))}")
        elif used[index] > 1:
            said.append(f"{what} made {used[index]} times is told once: {says(answer)}")
    return said


def _wrong(row: Row, places: frozenset[Any], answer: Any, told: frozenset[Any], says) -> list[str]:
    """Return what an answer that tells of the act says differently."""
    wrong = []
    if len(told) != len(places):
        wrong.append(f"the answer has other records: {sorted(map(str, told))}")
    expected = {**row, **(row.get("shown") or {})}
    for field, value in says(answer).items():
        if not _agrees(field, value, expected):
            wrong.append(f"{field} is {value!r}, was {expected.get(field)!r}")
    return wrong


def _place(row: Row, file: str, rows_of: RowNumbers) -> Place:
    """Return where an event's record stands, as the truth names it."""
    if row["source"] == "unified_audit" and row["transaction_id"]:
        return ("id", row["transaction_id"])
    if row["record_id"] is not None:
        return (file, row["record_id"])
    return (file, f"row {rows_of.at(file, row['offset'])}")


def _named(evidence: Row) -> Place:
    """Return the place of one record that the truth names."""
    if "id" in evidence:
        return ("id", evidence["id"])
    return (evidence["file"], evidence["record_id"] if "record_id" in evidence else f"row {evidence['row']}")


class RowNumbers:
    """Which row of a file stands at an offset: told from the bytes, without the readers under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, dict[int, int]] = {}

    def at(self, file: str, offset: int) -> int | None:
        """Return the number (from 1) of the row that starts at `offset` (bytes of XML and JSON, lines of CSV)."""
        if file not in self.known:
            path = self.folder / file
            starts = csv_lines(path) if path.suffix == ".csv" else element_offsets(path)
            self.known[file] = {start: number for number, start in enumerate(starts, 1)}
        return self.known[file].get(offset)


def element_offsets(path: Path) -> list[int]:
    """Return where each element or object of an export starts."""
    return [found.start() for found in re.finditer(rb"<Event[ >]|(?<=[\[\n,])\{", path.read_bytes())]


def csv_lines(path: Path) -> list[int]:
    """Return the line on which each row of a CSV starts, heading and #TYPE left out."""
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    lines = text.splitlines(keepends=True)
    skipped = 1 if lines and lines[0].startswith("#TYPE") else 0
    reader = csv.reader(lines[skipped:])
    starts, last = [], 0
    for _ in reader:
        starts.append(last + 1 + skipped)
        last = reader.line_num
    return starts[1:]


def _aside(answer: Any) -> bool:
    """What the truth does not count as anybody's act: a start, and a policy that a computer states at its start."""
    kind, actor = (
        (answer["kind"], answer.get("actor_name")) if isinstance(answer, dict) else (answer.kind, answer.actor_name)
    )
    if not isinstance(answer, dict) and answer.action == "throttled":
        return True  # a gap: compared as one
    return kind == "audit" and (actor is None or actor.endswith("$"))


def _change_says(change: Any) -> Row:
    said = {
        "what": f"{change.kind}.{change.action}",
        "outcome": change.outcome,
        "actor": (change.actor_sid, change.actor_name),
    }
    if change.kind in ("permission", "routing") and change.mailbox_ref_form in COMPARABLE:
        said["mailbox"] = change.mailbox_ref
    if not change.weak:  # an access without values names the right that was used, not the one that was given
        said["rights"] = sorted(change.rights)
    if change.trustee_sid or change.trustee_name or change.kind != "account":
        said["trustee"] = (change.trustee_sid, change.trustee_name)  # the directory names an account by its DN alone
    return said


def _access_says(row: Row) -> Row:
    return {
        "what": f"{row['kind']}.{row['action']}",
        "outcome": row["outcome"],
        "strength": row.get("strength"),
        **({"mailbox": row["mailbox_ref"]} if row.get("mailbox_ref_form") in COMPARABLE else {}),
        "actor": (row.get("actor_sid"), row.get("actor_name")),
    }


def _agrees(field: str, value: Any, expected: Row) -> bool:
    if field == "mailbox":
        return _leading(weak_name(value)) == _leading(expected.get("mailbox") or "")
    if field == "rights":
        return value == sorted(expected.get("rights") or [])
    if field in ("actor", "trustee"):
        sid, name = value
        if expected.get(field) is None:
            return True
        if sid and expected.get(f"{field}_sid"):
            return sid == expected[f"{field}_sid"]
        return name is not None and _leading(expected[field]) in {
            _leading(name),
            ALIASES.get(weak_name(name), "").casefold(),
        }
    return value == expected.get(field)


def _leading(name: str) -> str:
    return weak_name(name)
