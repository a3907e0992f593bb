"""As real OS users: who shows pages cannot read the key, cannot write the log, cannot move it away (R27)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.trail.trails import append, batch, make_trail

from mailwitness.collect.writer_process import WriterProcess, acts_socket

WRITER, WEB, GROUP = 64_001, 64_002, 64_010
SCRIPT = """
import json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from mailwitness.collect.interface import Act
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import acts_socket
from mailwitness.state.database import open_state
from mailwitness.trail.reader import open_reader
from mailwitness.trail.writer import Writer
trail, key, uid, gid = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
os.setgroups([gid]); os.setgid(gid); os.setuid(uid)

def failing(act):
    try:
        act()
    except BaseException as error:
        return type(error).__name__
    return None

files = [path for name in ("log", "events", "evidence") for path in (trail / name).rglob("*") if path.is_file()]
folders = {path.parent for path in files}
said = {
    "key": failing(lambda: key.read_bytes()),
    "head": failing(lambda: key.with_name(key.name + ".head").read_bytes()),
    "written": [str(path) for path in files if failing(lambda: path.open("r+b").close()) is None],
    "removed": [] if sys.argv[5:] else [str(path) for path in files if failing(path.unlink) is None],
    "made": [str(path) for path in folders if failing(lambda: (path / "forged").write_bytes(b"")) is None],
    "moved": [] if sys.argv[5:] else [name for name in ("log", "events", "evidence", "mailwitness.toml")
              if failing(lambda: (trail / name).rename(trail / "away")) is None],
    "writer": failing(lambda: Writer.open(trail, key)),
    "read": open_reader(trail).size,
    "files": len(files),
    "state": failing(lambda: open_state(trail).close()),
    "act": failing(lambda: WriterClient(acts_socket(trail)).act(
        Act(who="ana", role="auditor", verb="read", subject="m", at=datetime.now(UTC)))),
}
print(json.dumps(said))
"""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users: run the tests as root")


@pytest.fixture
def created():
    """Return a trail that the writer's user owns, as docs/operate.md has it, with a writer that runs."""
    folder = Path(tempfile.mkdtemp(prefix="mailwitness-users-"))
    old = os.umask(0o027)
    try:
        made = make_trail(folder)
        append(made, batch(range(30)))
        process = WriterProcess(made.trail.path, made.key_path)
        process.listen(acts_socket(made.trail.path), acts_only=True)
        folder.chmod(0o755)
        for path in [
            made.trail.path,
            *made.trail.path.rglob("*"),
            made.key_path.parent,
            *made.key_path.parent.iterdir(),
        ]:
            os.chown(path, WRITER, GROUP)
        made.trail.path.chmod(0o1770)
        made.key_path.parent.chmod(0o700)
        yield made
        process.stop()
    finally:
        os.umask(old)
        shutil.rmtree(folder)


def as_user(created, uid, *gently):
    command = [sys.executable, "-c", SCRIPT, created.trail.path, created.key_path, uid, GROUP, *gently]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_who_shows_pages_reads_the_trail_and_cannot_touch_it(created):
    said = as_user(created, WEB)
    assert said["files"] > 5
    assert (said["key"], said["head"]) == ("PermissionError", "PermissionError")
    assert [said[name] for name in ("written", "removed", "made", "moved")] == [[], [], [], []]
    assert said["writer"] == "UsageError"  # it cannot read the key, and says so
    assert said["read"] > 30
    assert said["state"] is None
    assert said["act"] is None


def test_the_writers_user_could(created):
    """The control: what the other user is refused is refused because of who he is."""
    said = as_user(created, WRITER, "gently")
    assert said["key"] is None
    assert len(said["written"]) == said["files"]


def test_somebody_else_on_the_machine_does_not_even_read(created):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, created.trail.path, created.key_path, "64003", "64003"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "PermissionError" in done.stderr or "cannot be read" in done.stderr
