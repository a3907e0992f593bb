"""The demo's output as it stands in the README: made by running it, compared with what varies masked.

`python -m tests.faces.readme` (part of `make docs`) writes it anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"(?<=<!-- output: make demo -->\n```\n).*?(?=```\n<!-- end -->)", re.DOTALL)
_VARIES = re.compile(r"[0-9a-f]{64}|v\d+-\d+-\d+-[0-9a-f]{8}|entries \d+ to \d+")


def demo_output() -> str:
    """Return what `mailwitness demo` prints."""
    ran = subprocess.run(
        [sys.executable, "-m", "mailwitness.faces.cli", "demo"],
        env={**os.environ, "COLUMNS": "118", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    lines = (line.rstrip() for line in ran.stdout.decode().splitlines())
    return "".join(line + "\n" for line in lines)


def masked(text: str) -> str:
    """Return `text` without what differs from run to run: roots, file names and the entries a file holds."""
    return _VARIES.sub("*", text)


def shown() -> str:
    """Return the block as it stands in the README."""
    found = _BLOCK.search(README.read_text(encoding="utf-8"))
    assert found is not None, "the README shows the output of make demo"
    return found[0]


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    README.write_text(_BLOCK.sub(lambda _: demo_output(), page), encoding="utf-8")
