"""A log line is one line of JSON, whatever stands in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.service.hostile import HOSTILE

SCRIPT = """
import json, logging, sys
from mailwitness.service.logs import open_log
log = open_log("writer", sys.argv[1])
for text in json.loads(sys.stdin.read()):
    log.info(text, name=text, nested={text: [text]})
    logging.getLogger("library").warning("%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("failed")
"""


def lines(texts, level="info"):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, level], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_every_entry_is_one_line_without_control_or_bidi_characters():
    written = lines(HOSTILE)
    assert len(written) == 3 * len(HOSTILE)
    for line in written:
        entry = json.loads(line)
        assert entry["part"] == "writer"
        assert entry["at"].endswith("Z")
        assert not any(ord(c) < 0x20 or "\u202a" <= c <= "\u202e" or "\u200b" <= c <= "\u200f" for c in line)


@pytest.mark.parametrize(("level", "count"), [("debug", 3), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_below_the_level_is_left_out(level, count):
    assert len(lines(["x"], level)) == count
