"""What is shipped for operation can be used: the example configuration, the units, the users they name."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess

import pytest
from tests.conftest import ROOT

from mailwitness.service.config import load_config
from mailwitness.service.parts import part_names

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def unit(path):
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str
    parser.read(path)
    return parser


def test_the_example_configuration_is_one():
    config = load_config(DEPLOY / "mailwitness.toml")
    assert [one.name for one in config.collections] == ["folder.wec"]


def test_every_commented_line_of_the_example_is_one_too(tmp_path):
    text = (DEPLOY / "mailwitness.toml").read_text()
    opened = re.sub(r"^# (?=\[|[a-z_0-9]+ = )", "", text, flags=re.MULTILINE)
    assert opened.count("\n[") == text.count("\n[") + text.count("\n# [")
    path = tmp_path / "all.toml"
    path.write_text(opened)
    config = load_config(path)
    assert {one.kind for one in config.collections} == {"folder", "http", "syslog", "m365"}
    assert "smtp.security" in config.alerts.destinations()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_hardened_and_runs_a_part_that_there_is(path):
    service = unit(path)["Service"]
    for name in ("NoNewPrivileges", "ProtectSystem", "ProtectHome", "RestrictAddressFamilies", "SystemCallFilter"):
        assert service[name]
    assert service["CapabilityBoundingSet"] == ""
    part = re.search(r"--part (\S+)$", service["ExecStart"])
    parts = {*part_names(load_config(DEPLOY / "mailwitness.toml")), "collect-%i"}
    assert part is None or part[1] in parts
    users = re.findall(r"^u (\S+)", (DEPLOY / "systemd" / "sysusers.conf").read_text(), re.MULTILINE)
    assert service["User"] in users


def test_only_the_writer_gets_at_the_key():
    for path in UNITS:
        holds_key = path.name in ("mailwitness-writer.service", "mailwitness.service")
        assert (unit(path)["Service"].get("InaccessiblePaths") == "/etc/mailwitness/key") is not holds_key


def test_systemd_itself_reads_the_units(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    for path in [*UNITS, DEPLOY / "systemd" / "mailwitness.target"]:
        text = path.read_text().replace("/opt/mailwitness/.venv/bin/mailwitness", "/bin/true")
        (tmp_path / path.name.replace("@.", "@folder.")).write_text(text)
        (tmp_path / path.name).write_text(text)
    for path in sorted(tmp_path.glob("*[!@].service")):
        done = subprocess.run([analyze, "verify", "--man=no", path], capture_output=True, text=True, check=False)
        said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "mailwitness" in line]
        assert said == []
    writer = tmp_path / "mailwitness-writer.service"
    done = subprocess.run([analyze, "security", "--offline=true", writer], capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for \S+ ([0-9.]+)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) < 2


def test_the_container_needs_nothing_that_is_not_there():
    text = (DEPLOY / "Containerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists()
    assert (ROOT / "requirements" / "service.lock").exists()
