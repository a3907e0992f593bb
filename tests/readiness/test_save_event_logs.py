"""The script that saves event logs of Windows 2003, run: what it saves, what it says, what it does not do twice."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.readiness.vbscript import Log, Machine

from mailwitness.readiness.scripts import script

SOURCE = script("Save-EventLogs2003.vbs").decode("ascii")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the folder that is watched."""
    return tmp_path / "out"


def folders(out: Path) -> list[Path]:
    return sorted(out.iterdir())


def manifest(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="ascii"))
    return said


def bookmark(out: Path) -> str:
    return (out.parent / "out.writing" / "bookmark-DC01.txt").read_text(encoding="ascii")


def test_logs_are_saved_into_one_folder_with_what_they_hold(out: Path):
    machine = Machine({"Security": Log(1100, 100), "Application": Log(4_294_967_290, 50)})

    assert machine.run(SOURCE, out=str(out)) == 0

    (folder,) = folders(out)
    assert {path.name for path in folder.iterdir()} == {"DC01-Security.evt", "DC01-Application.evt", "manifest.json"}
    said = manifest(folder)
    assert (said["CollectionManifest"], said["ComputerName"]) == ("Save-EventLogs2003.vbs", "DC01")
    security, application = said["Exports"]
    assert security == {
        "Name": "EventLog-Security",
        "File": "DC01-Security.evt",
        "Complete": True,
        "Count": 100,
        "OldestRecord": 1001,
        "NewestRecord": 1100,
        "RecordBefore": 0,
        "Overwritten": 0,
    }
    assert application["NewestRecord"] == 4_294_967_290
    assert bookmark(out) == "security=1100\napplication=4294967290\n"
    assert [path.name for path in (out.parent / "out.writing").iterdir()] == ["bookmark-DC01.txt"]


def test_times_are_utc_and_iso(out: Path):
    Machine({"Security": Log(1, 1)}).run(SOURCE, out=str(out), logs="Security")

    said = manifest(folders(out)[0])
    for name in ("CollectedAt", "StartedAt", "FinishedAt", "EndDate"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said[name])
    at = datetime.fromisoformat(said["CollectedAt"])
    local = datetime.now().astimezone().replace(tzinfo=UTC)  # its clock runs one hour ahead of what it calls UTC
    assert abs(local - timedelta(hours=1) - at) < timedelta(minutes=1)


def test_a_log_without_a_new_record_is_not_saved_again(out: Path):
    machine = Machine({"Security": Log(1100, 100)})
    machine.run(SOURCE, out=str(out), logs="Security")

    assert machine.run(SOURCE, out=str(out), logs="Security") == 0

    assert len(folders(out)) == 1
    assert bookmark(out) == "security=1100\n"


@pytest.mark.parametrize(("newest", "records", "lost"), [(1400, 100, 200), (1200, 100, 0), (1150, 100, 0), (90, 90, 0)])
def test_records_overwritten_between_two_runs_are_counted(out: Path, newest: int, records: int, lost: int):
    Machine({"Security": Log(1100, 100)}).run(SOURCE, out=str(out), logs="Security")
    folders(out)[0].rename(out / "0-first")

    assert Machine({"Security": Log(newest, records)}).run(SOURCE, out=str(out), logs="Security") == 0

    (export,) = manifest(folders(out)[1])["Exports"]
    assert (export["Overwritten"], export["Complete"], export["RecordBefore"]) == (lost, lost == 0, 1100)
    assert bookmark(out) == f"security={newest}\n"


def test_a_log_that_cannot_be_saved_is_said_and_asked_for_again(out: Path):
    machine = Machine({"Security": Log(1100, 100, result=8), "Application": Log(50, 50)})

    assert machine.run(SOURCE, out=str(out)) == 1

    security, application = manifest(folders(out)[0])["Exports"]
    assert (security["Complete"], security["Error"]) == (False, "BackupEventLog returned 8")
    assert application["Complete"] is True
    assert bookmark(out) == "application=50\n"


def test_a_log_that_does_not_exist_is_said(out: Path):
    assert Machine({}).run(SOURCE, out=str(out), logs="Nowhere") == 1
    (export,) = manifest(folders(out)[0])["Exports"]
    assert export["Error"] == "this machine has no such log"


def test_a_name_cannot_end_a_query(out: Path):
    machine = Machine({})
    machine.run(SOURCE, out=str(out), logs="x' OR LogfileName='Security")
    assert all(query.count("'") in (0, 2) for query in machine.asked)


def test_without_a_folder_it_says_how_it_is_used():
    machine = Machine({})
    assert machine.run(SOURCE) == 2
    assert machine.said[0].startswith("usage:")


def test_letters_beyond_ascii_are_escaped_in_the_manifest(out: Path):
    Machine({"Security": Log(1, 1)}, name="DC\u00dcRER").run(SOURCE, out=str(out), logs="Security")
    assert manifest(folders(out)[0])["ComputerName"] == "DC\u00dcRER"
