"""The demo's evidence is real files, always the same, and holds what its truth says."""

from __future__ import annotations

import hashlib
import json

import evtx
import pyevt
import pytest

from mailwitness.simulate.demo import expected, write_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo(folder)


@pytest.fixture(scope="module")
def records(demo):
    """Every record by its file and number, as other people's readers see it: event code and values."""
    folder, paths = demo
    found = {}
    for path in paths:
        name = str(path.relative_to(folder))
        if path.suffix == ".evt":
            file = pyevt.open(str(path))
            for index in range(file.get_number_of_records()):
                one = file.get_record(index)
                values = [one.get_string(i) or "" for i in range(one.get_number_of_strings())]
                found[name, one.identifier] = (one.event_identifier & 0xFFFF, values)
        else:
            for one in evtx.PyEvtxParser(str(path)).records_json():
                event = json.loads(one["data"])["Event"]
                code = event["System"]["EventID"]
                code = code["#text"] if isinstance(code, dict) else code
                body = event.get("EventData") or event["UserData"]["LogFileCleared"]
                values = body["Data"]["#text"] if set(body) <= {"Data", "Binary"} else list(body.values())
                found[name, event["System"]["EventRecordID"]] = (code, values)
    return found


def test_every_piece_of_evidence_is_where_the_truth_says(records):
    for row in expected():
        assert row.get("evidence") or row["kind"] == "explanation", row
        for place in row.get("evidence", ()):
            code, _values = records[place["file"], place["record_id"]]
            assert str(code) == place["event_code"]


def test_the_grant_of_2003_is_seen_as_a_write_of_the_mailbox_descriptor(records):
    (row,) = [
        r for r in expected() if r["what"] == "permission.granted" and r["rights"] == ["FullAccess"] and "shown" in r
    ]
    assert (row["actor"], row["trustee"], row["mailbox"]) == (
        "FABRIK\\tkern",
        "FABRIK\\tkern",
        "hbrandt@fabrik.example",
    )
    (changed, operation) = (records[p["file"], p["record_id"]] for p in row["evidence"])
    assert changed[0] == 642
    assert changed[1][1] == "hbrandt"
    assert changed[1][4] == "tkern"
    assert len(changed[1]) == 26
    assert operation[0] == 566
    assert operation[1][8] == "tkern"
    assert "934de926-b09e-11d2-aa06-00c04f8eedd8" in operation[1][12]


def test_the_grant_of_2019_names_the_server_in_the_directory_and_the_person_in_the_cmdlet_log(records):
    (row,) = [r for r in expected() if r["what"] == "permission.granted" and r.get("trustee") == "NORDWIND\\ynowak"]
    before, after, ran = (records[p["file"], p["record_id"]] for p in row["evidence"])
    assert before[1][3] == after[1][3] == "EXCH01$"
    assert before[1][13] == "O:PSG:PSD:(A;CI;CCRC;;;PS)"
    assert after[1][13] == f"O:PSG:PSD:(A;CI;CCRC;;;PS)(A;CI;CC;;;{row['trustee_sid']})"
    assert before[1][0] == after[1][0]
    assert ran[1][:2] == [
        "Add-MailboxPermission",
        '-Identity "hbrandt" -User "NORDWIND\\ynowak" -AccessRights "FullAccess"',
    ]
    assert ran[1][3] == row["actor_sid"]


def test_the_cleared_log_leaves_a_hole_in_the_numbers(records):
    (gap,) = [r for r in expected() if r["what"] == "audit.gap"]
    numbers = {number for file, number in records if file.startswith("nordwind_2019/DC01/")}
    assert gap["last"] - gap["first"] == 411
    assert numbers == set(range(min(numbers), max(numbers) + 1)) - set(range(gap["first"], gap["last"] + 1))


def test_the_truth_counts(records):
    rows = expected()
    changes = [r for r in rows if r["kind"] == "change"]
    assert len(records) < 1000
    assert sum(r["what"].startswith("permission") and r["outcome"] == "success" for r in changes) == 6
    assert sum(r["what"].startswith("membership") for r in changes) == 4
    assert sum(r["outcome"] == "failure" for r in changes) == 2
    assert sum(r["kind"] == "access" and r.get("actor_role") == "delegate" for r in rows) == 4
    assert len({r["id"] for r in rows}) == len(rows)


def test_a_second_run_writes_the_same_bytes(demo, tmp_path):
    folder, paths = demo
    again = write_demo(tmp_path)
    digests = [[hashlib.sha256(p.read_bytes()).hexdigest() for p in run] for run in (paths, again)]
    assert digests[0] == digests[1]
    assert [p.relative_to(folder) for p in paths] == [p.relative_to(tmp_path) for p in again]
