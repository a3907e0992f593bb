"""An import in a process of its own, for tests that kill it: commits often, reads in small tasks.

python importer.py TRAIL KEY PATH...
"""

from __future__ import annotations

import sys
from pathlib import Path

import fake_reader

from mailwitness.intake import planning
from mailwitness.intake.importing import import_paths
from mailwitness.trail import writer


def main():
    fake_reader.install()
    planning.TASK_BYTES = 64 * fake_reader.CHUNK
    writer.COMMIT_ROWS = 700
    trail, key, *paths = map(Path, sys.argv[1:])
    import_paths(trail, paths, key_path=key, workers=2, command=fake_reader.COMMAND)


if __name__ == "__main__":
    main()
