"""Each check of doctor finds what is wrong, and says what to do."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from tests.alerts.receivers import make_certificate
from tests.alerts.samples import ALERT
from typer.testing import CliRunner

from mailwitness.alerts.outbox import Outbox
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.writer_process import WriterProcess, writer_socket
from mailwitness.faces.cli import app
from mailwitness.service import doctor
from mailwitness.service.config import load_config
from mailwitness.service.doctor import examine
from mailwitness.state.database import open_state
from mailwitness.trail.create import create_trail


class Installation:
    """A trail with its configuration, in order."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.made = create_trail(folder / "trail", organization="example.test", key_dir=folder / "keys")
        self.trail = folder / "trail"
        self.trail.chmod(0o750)
        (folder / "in").mkdir()
        self.certificate = make_certificate(folder)
        self.certificate.key.chmod(0o600)
        self.text = (
            '[service]\ntrail = "trail"\n[intake.folder.dc1]\npath = "in"\n[alerts.file.a]\npath = "alerts.jsonl"\n'
            '[console]\ncertificate = "server.pem"\ncertificate_key = "server.key"\n'
        )
        with closing(open_state(self.trail)) as state:
            Heartbeats(state).beat("folder.dc1", datetime.now(UTC), {}, data_at=datetime.now(UTC))

    def config(self, more=""):
        (self.folder / "service.toml").write_text(self.text + more)
        return load_config(self.folder / "service.toml")

    def wrong(self, check, more="", now=None):
        with patch.dict(doctor._CHECKS, {check: doctor._CHECKS[check]}, clear=True):  # the others cost time
            return [one for one in examine(self.config(more), now) if one.result != "ok"]


@pytest.fixture
def installed(tmp_path):
    return Installation(tmp_path)


def test_an_installation_in_order_has_nothing_wrong(installed, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: SimpleNamespace(total=100 << 30, free=90 << 30))
    writer = WriterProcess(installed.trail, installed.made.key_path)
    writer.listen(writer_socket(installed.trail))
    try:
        found = examine(installed.config())
    finally:
        writer.stop()
    assert [one for one in found if one.result == "wrong"] == []
    assert {one.check for one in found} == set(doctor._CHECKS) - {"secrets"}
    assert {one.check for one in found if one.result == "look"} <= {"clock", "auditing", "disk"}


def test_a_key_that_others_read_and_a_trail_that_is_open(installed):
    installed.made.key_path.chmod(0o640)
    installed.trail.chmod(0o755)
    assert "others can read the private key" in installed.wrong("key")[0].found
    assert installed.wrong("trail")[0].to_do.startswith("chmod o-rwx")


def test_a_key_that_is_gone_or_inside_the_trail(installed):
    inside = installed.trail / "a.key"
    inside.write_bytes(installed.made.key_path.read_bytes())
    inside.chmod(0o600)
    installed.text = installed.text.replace("[intake", 'key = "trail/a.key"\n[intake', 1)
    assert "inside the trail" in installed.wrong("key")[0].found
    inside.unlink()
    assert installed.wrong("key")[0].result == "wrong"


def test_a_trail_that_is_damaged(installed):
    next((installed.trail / "log").glob("*/checkpoint")).write_bytes(b"x")
    assert installed.wrong("trail")[0].result == "wrong"


def test_a_service_that_does_not_run(installed):
    assert "does not answer" in installed.wrong("service")[0].found


def test_a_disk_that_is_nearly_full(installed, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: SimpleNamespace(total=100 << 30, free=1 << 30))
    assert "1.0 GiB free" in installed.wrong("disk")[0].found


def test_a_clock_that_was_set_back(installed):
    [found] = installed.wrong("clock", now=datetime.now(UTC) - timedelta(days=1))
    assert "in the future" in found.found


def test_a_source_that_is_silent(installed):
    [found] = installed.wrong("sources", now=datetime.now(UTC) + timedelta(days=2))[:1]
    assert "fallen silent" in found.found


@pytest.mark.parametrize(("days", "result"), [(20, "look"), (60, "wrong")])
def test_a_certificate_that_ends(installed, tmp_path, days, result):
    (tmp_path / "short").mkdir()
    short = make_certificate(tmp_path / "short", 40)
    installed.certificate.file.write_bytes(short.file.read_bytes())
    [found] = installed.wrong("certificates", now=datetime.now(UTC) + timedelta(days=days))
    assert found.result == result


def test_a_secret_that_everybody_reads(installed):
    installed.certificate.key.chmod(0o644)
    assert "everybody on this machine can read" in installed.wrong("secrets")[0].found


def test_a_rule_that_does_not_run_is_named(installed, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yml").write_text("title: bad\ndetection: 7\n")
    [found] = installed.wrong("rules", '[rules]\nfolders = ["rules"]\n')
    assert "bad.yml" in found.found


def test_alerts_that_nobody_takes(installed):
    with closing(open_state(installed.trail)) as state:
        outbox = Outbox(state)
        with state:
            outbox.put("file.a", ALERT)
        [due] = outbox.due("file.a", ALERT.at)
        outbox.failed(due, "the mail server refuses", ALERT.at)
    assert "the mail server refuses" in installed.wrong("alerts")[0].found


def test_a_check_that_fails_itself_leaves_the_others(installed):
    found = examine(installed.config('[alerts]\nwatchlists = ["none.csv"]\n'))
    assert [one.check for one in found if "watchlist" in one.found] == ["alerts"]
    assert {"trail", "key", "rules", "auditing"} <= {one.check for one in found}


def test_the_verb_says_what_to_do_and_exits_with_1(installed):
    installed.config()
    done = CliRunner().invoke(app, ["doctor", "--config", str(installed.folder / "service.toml"), "--format", "json"])
    assert done.exit_code == 1
    assert '"to_do": "start it (mailwitness serve) and see its log"' in done.stdout
