"""`watch` and `intake-token` as a user runs them."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import sys

import orjson
import pytest
from tests.collect.documents import lines, other, relevant

from mailwitness.collect.http_settings import Token
from mailwitness.trail.create import create_trail
from mailwitness.trail.verify import verify

CLI = (sys.executable, "-m", "mailwitness.faces.cli")


@pytest.fixture
def trail(tmp_path):
    return create_trail(tmp_path / "trail", key_dir=tmp_path / "keys", organization="contoso").trail.path


def run(*arguments):
    return subprocess.run([*CLI, *map(str, arguments)], capture_output=True, check=False)


def test_once_takes_in_what_is_there_and_tells(trail, tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(lines(relevant(1), other(2)) + b"{no}\n")
    options = ("--trail", trail, "--once", "--quiet", "0.1", "--poll", "0.05")
    first = run("watch", folder, *options, "--format", "json")
    assert first.returncode == 4, first.stderr
    assert orjson.loads(first.stdout)["items"] == [
        {"seen": 3, "recorded": 1, "duplicates": 0, "filtered": 1, "unread": 1, "problems": 1}
    ]
    again = run("watch", folder, *options)
    assert (again.returncode, again.stdout.decode()) == (
        0,
        "seen 0 = recorded 0 + duplicates 0 + filtered 0 + unread 0; 0 problems\n",
    )


def test_it_follows_until_it_is_told_to_end(trail, tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    command = [*CLI, "watch", str(folder), "--trail", str(trail), "--poll", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        (folder / "a.ndjson").write_bytes(lines(relevant(1)))
        assert select.select([process.stdout], [], [], 60)[0]
        assert b"recorded 1" in os.read(process.stdout.fileno(), 1000)
        beside = run(
            "watch", folder, "--trail", trail, "--once", "--name", "beside", "--quiet", "0.1", "--poll", "0.05"
        )
        assert beside.returncode == 0
        assert b"service's writer" in beside.stderr
        assert b"duplicates 1" in beside.stdout
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert rest.endswith(b"recorded 1 + duplicates 0 + filtered 0 + unread 0; 0 problems\n")
    assert verify(trail, deep=True).findings == []


def test_a_folder_that_cannot_be_watched_is_said(trail, tmp_path):
    assert run("watch", tmp_path / "none", "--trail", trail).returncode == 2
    inside = run("watch", trail / "evidence", "--trail", trail)
    assert (inside.returncode, b"no evidence" in inside.stderr) == (2, True)
    assert run("watch", tmp_path, "--trail", trail, "--poll", "0").returncode == 2


def test_a_token_is_shown_once_with_its_hash():
    said = run("intake-token", "wec1").stdout.decode().split("\n")
    value = said[1].strip()
    line = next(line for line in said if "sha256" in line)
    assert hashlib.sha256(value.encode()).hexdigest() in line
    assert Token(name="wec1", sha256=line.split('"')[1]).name == "wec1"
