"""Answers held against what truly happened: change by change and access by access, by the records that tell of each.

The truth names the records of an act (file and record number, or the record's own id). An answer agrees if exactly one
change or access has exactly those records, and if what it says is what happened, or what `shown` says the evidence can
prove of it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.changes import changes
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.names import weak_name
from mailwitness.engine.embedded import Embedded
from mailwitness.engine.query import Query
from mailwitness.trail.reader import open_reader

Row = dict[str, Any]
COMPARABLE = ("smtp", "upn", "account", "legacy_dn")
"""The forms of a reference whose leading name is the alias; a DN's is the display name, which the truth has not."""
RECORDS = Query(
    "records",
    "where does each event stand?",
    'SELECT event_id, evidence_sha256, record_id, "offset", request_id FROM events',
)


def differences(trail: Path, truth: list[Row]) -> list[str]:
    """Return every disagreement between the answers over `trail` and `truth`, as sentences."""
    with Embedded(open_reader(trail)) as engine:
        names = evidence_names(engine)
        places = {
            row["event_id"]: (names.get(row["evidence_sha256"], "?"), row["record_id"]) for row in engine.rows(RECORDS)
        }
        told_changes = changes(engine, Filters(noise=True))[0]
        told_accesses = accesses(engine, Filters(noise=True))[0]
    said: list[str] = []
    wanted = [row for row in truth if row["kind"] == "change" and row.get("evidence")]
    answers = [(change, frozenset(places[w.event_id] for w in change.witnesses)) for change in told_changes]
    said += _compare("change", wanted, answers, _change_says)
    wanted = [row for row in truth if row["kind"] == "access" and row.get("evidence")]
    rows = [(row, frozenset(places[event_id] for event_id in row["witnesses"])) for row in told_accesses]
    said += _compare("access", wanted, rows, _access_says)
    return said


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
        places = frozenset((e["file"], e.get("record_id")) for e in row["evidence"])
        label = f"{what} {row['id']} {row['what']} at {row['at']} {sorted(map(str, places))}"
        indexes = sorted({index for place in places for index in by_place.get(_known(place, by_place), [])})
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


def _known(place: tuple[str, Any], known: dict[Any, list[int]]) -> tuple[str, Any]:
    """Evidence names end like the truth's file names: an import may name them with folders before."""
    if place in known:
        return place
    return next((k for k in known if k[1] == place[1] and str(k[0]).endswith(str(place[0]))), place)


def _aside(answer: Any) -> bool:
    """What the truth does not count as anybody's act: a start, and a policy that a computer states at its start."""
    kind, actor = (
        (answer["kind"], answer.get("actor_name")) if isinstance(answer, dict) else (answer.kind, answer.actor_name)
    )
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
        return name is not None and _leading(name) == _leading(expected[field])
    return value == expected.get(field)


def _leading(name: str) -> str:
    return name.rsplit("\\", 1)[-1].split("@", 1)[0].casefold()
