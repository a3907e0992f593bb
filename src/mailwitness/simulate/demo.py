"""The evidence of `mailwitness demo`: two organisations, two decades apart, and what truly happened in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mailwitness.simulate import scenarios


def write_demo(folder: Path) -> list[Path]:
    """Write the demo's event logs below `folder`, a folder for each story, and return the files."""
    return [path for name in scenarios.NAMES for path in scenarios.write(name, folder / name)[0]]


def expected() -> list[dict[str, Any]]:
    """Return the truth behind the demo's evidence: rows as in truth.jsonl, with the places of their records.

    Files are named relative to the folder that `write_demo` was given.
    """
    rows = []
    for name in scenarios.NAMES:
        for row in scenarios.write(name, None)[1]:
            fields = row.as_fields()
            for place in fields.get("evidence", ()):
                place["file"] = f"{name}/{place['file']}"
            rows.append(fields)
    return rows
