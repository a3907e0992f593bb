"""A simulated history is bounded, repeatable, and its evidence is where the truth says it is."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from xml.etree import ElementTree as ET

import evtx
import pyevt
import pytest

from mailwitness.errors import UsageError
from mailwitness.simulate.cases import cases
from mailwitness.simulate.history import History
from mailwitness.simulate.setups import GENERATIONS
from mailwitness.simulate.simulation import simulate

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """The histories of a few seeds: folder, what simulate returned, the rows of truth."""
    made = {}
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        written = simulate(folder, seed)
        rows = [json.loads(line) for line in (folder / "truth.jsonl").read_bytes().splitlines()]
        made[seed] = (folder, written, rows)
    return made


def keys_of(path):
    """Return how truth.jsonl may call what stands in a file: numbers or ids, read by other people's parsers."""
    if path.suffix == ".evt":
        file = pyevt.open(str(path))
        return {file.get_record(i).identifier for i in range(file.get_number_of_records())}
    if path.suffix == ".evtx":
        parsed = (json.loads(r["data"])["Event"]["System"] for r in evtx.PyEvtxParser(str(path)).records_json())
        return {system["EventRecordID"] for system in parsed}
    if path.suffix == ".xml":
        root = ET.fromstring(path.read_bytes())  # noqa: S314 - our own file
        numbers = {int(e.text) for e in root.iter() if e.tag.endswith("EventRecordID")}
        return numbers or set(range(1, len(root) + 1))
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as lines:
            if lines.read(1) == "#":
                lines.readline()
            else:
                lines.seek(0)
            rows = list(csv.DictReader(lines))
        ids = {r.get("Identity") or r.get("RecordId") for r in rows if "AuditData" in r}
        numbers = {int(r["RecordId"]) for r in rows if r.get("RecordId", "").isdigit()}
        return ids or numbers or set(range(1, len(rows) + 1))
    return json_keys(path.read_bytes())


def json_keys(data):
    if data.startswith(b"["):
        return {row["Id"] for row in json.loads(data)}
    if data.startswith(b'{"@odata'):
        return {row["id"] for row in json.loads(data)["value"]}
    found = set()
    for line in map(json.loads, data.splitlines()):
        found.add(
            line.get("RecordNumber")
            or line.get("winlog", {}).get("record_id")
            or line.get("System", {}).get("EventRecordID")
        )
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_evidence_is_where_the_truth_says(histories, seed):
    folder, written, rows = histories[seed]
    there = {str(p.relative_to(folder)): keys_of(p) for p in written.files if p.suffix not in {".jsonl", ".ldif"}}
    places = 0
    for row in rows:
        for place in row.get("evidence", ()):
            key = place.get("record_id") or place.get("id") or place["row"]
            assert key in there[place["file"]], (row["id"], place)
            places += 1
    assert places > 3000


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_refer_to_rows(histories, seed):
    _folder, _written, rows = histories[seed]
    kinds = {row["id"]: row["kind"] for row in rows}
    assert len(kinds) == len(rows)
    accesses = [r for r in rows if r["kind"] == "explanation"]
    assert all(kinds[r["access"]] == "access" for r in accesses)
    assert all(kinds[i] == "change" for r in accesses for i in r.get("by", ()))
    assert all(kinds[i] in {"change", "access"} for r in rows if r["kind"] == "finding" for i in r.get("by", ()))
    assert {r["what"] for r in accesses} == {"explanation.right", "explanation.unexplained"}
    explained = {r["access"] for r in accesses}
    foreign = [r for r in rows if r["kind"] == "access" and r.get("actor_role") in {"delegate", "application"}]
    assert {r["id"] for r in foreign if r["outcome"] == "success" and not r.get("shown")} <= explained


def test_an_explanation_names_a_grant_that_came_before_and_still_stood(histories):
    _folder, _written, rows = histories[1]
    by_id = {row["id"]: row for row in rows}
    for row in rows:
        if row["kind"] != "explanation" or row["what"] != "explanation.right":
            continue
        access = by_id[row["access"]]
        for change in (by_id[i] for i in row.get("by", ())):
            assert change["at"] <= access["at"]
            assert change["what"] in {
                "permission.granted",
                "permission.owner_changed",
                "membership.added",
                "role.assigned",
            }
            taken = [
                r
                for r in rows
                if r["what"] in {"permission.revoked", "membership.removed", "role.removed"}
                and change["at"] < r["at"] < access["at"]
                and all(
                    r.get(f) == change.get(f) for f in ("mailbox", "trustee", "group", "rights", "database", "folder")
                )
            ]
            assert not taken, (row, change, taken)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_keeps_its_bound(histories, seed):
    _folder, written, rows = histories[seed]
    assert 0.9 * 3000 * len(GENERATIONS) < written.records <= 3000 * len(GENERATIONS)
    assert sum(written.rows.values()) == len(rows)


def test_every_attack_is_played_somewhere(histories):
    found = {r["rule"] for _f, _w, rows in histories.values() for r in rows if r["kind"] == "finding"}
    assert found == {case.rule for case in cases()}


def test_every_kind_and_form_is_there(histories):
    folder, written, rows = histories[1]
    names = {str(p.relative_to(folder)) for p in written.files}
    for name in (
        "2003/DC01/Security-1.evt",
        "2007/MAIL01/Exchange Auditing.evtx",
        "2019/DC02/Security-1.xml",
        "2019/DC03/Security-1.json",
        "2019/EXCH02/MSExchange Management.csv",
        "2019/audit/SearchResult-mailboxes.xml",
        "2019/audit/MailboxAuditLog.csv",
        "2019/audit/SearchResult-administrators.xml",
        "2019/state/Get-MailboxPermission.csv",
        "2019/directory.ldif",
        "online/cloud/UnifiedAuditLog.csv",
        "online/cloud/Purview-AuditRecords.csv",
        "online/cloud/Audit.Exchange.json",
        "online/cloud/graph-auditLogRecords.json",
        "hybrid/cloud/state/Get-OrganizationConfig.csv",
    ):
        assert name in names
    assert {r["kind"] for r in rows} == {"change", "access", "explanation", "gap", "finding"}


def test_the_cloud_holds_some_records_twice(histories):
    folder, _written, _rows = histories[1]
    files = [p for p in (folder / "online" / "cloud").iterdir() if p.is_file()]
    ids = [key for path in files for key in keys_of(path)]
    assert 1.05 < len(ids) / len(set(ids)) < 1.2


def test_the_same_seed_writes_the_same_bytes_and_another_one_others(tmp_path):
    digests = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        written = simulate(tmp_path / name, seed, mailboxes=12, days=6, max_records=900)
        digests.append(
            {p.relative_to(tmp_path / name): hashlib.sha256(p.read_bytes()).hexdigest() for p in written.files}
        )
    assert digests[0] == digests[1]
    first, other = digests[0], digests[2]
    logs = {path for path in first.keys() & other.keys() if "state" not in path.parts}
    assert len(logs) > 20
    assert not [path for path in logs if first[path] == other[path]]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_waits_in_memory_does_not_grow_with_the_length_of_a_history(tmp_path, monkeypatch, generation):
    most = 0
    told = History._tell

    def watch(self, act):
        nonlocal most
        told(self, act)
        most = max(most, self._evidence.taken - self._evidence.written + len(self._rows) + len(self._pending))

    monkeypatch.setattr(History, "_tell", watch)
    peaks = []
    for days in (15, 60):
        most = 0
        simulate(tmp_path / str(days), 1, days=days, generation=generation, max_records=600 + 100 * days)
        peaks.append(most)
    assert peaks[1] < 1.5 * peaks[0] + 20


PEAK = """
import resource, sys
from pathlib import Path
from mailwitness.simulate.simulation import simulate
written = simulate(Path(sys.argv[1]), 1, days=int(sys.argv[2]), generation="hybrid", max_records=666 * int(sys.argv[2]))
print(written.records, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_million_records_take_no_more_memory_than_a_hundred_thousand(tmp_path):
    peaks = []
    for days in (150, 1500):
        folder = tmp_path / str(days)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, folder, str(days)], check=True, capture_output=True, text=True
        )
        records, peak = map(int, done.stdout.split())
        assert records > 600 * days
        peaks.append(peak)
        shutil.rmtree(folder)
    assert peaks[1] < 1.1 * peaks[0]


def test_what_cannot_be_played_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no generation"):
        simulate(tmp_path, 1, generation="1997")
    with pytest.raises(UsageError, match="mailboxes"):
        simulate(tmp_path, 1, mailboxes=3)
    with pytest.raises(UsageError, match="alone takes"):
        simulate(tmp_path, 1, generation="2019", max_records=50)


def test_no_sid_is_given_twice_however_many_mailboxes(tmp_path):
    simulate(tmp_path / "large", seed=1, mailboxes=600, days=1, generation="2007", max_records=4_000)
    ldif = (tmp_path / "large" / "2007" / "directory.ldif").read_text(encoding="utf-8")
    sids = [line for line in ldif.splitlines() if line.startswith("objectSid")]
    assert len(sids) > 600
    assert len(sids) == len(set(sids))
