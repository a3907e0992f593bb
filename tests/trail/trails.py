"""Small trails for the tests of this folder, and ways to damage them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.event import Blob, Event, windows_event_id
from mailwitness.trail.create import Created, create_trail
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import batch_of_events
from mailwitness.trail.settings import load_settings
from mailwitness.trail.writer import Writer

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def make_trail(folder: Path, **settings: Any) -> Created:
    """Make a trail in `folder` with its key beside it."""
    settings.setdefault("origin", "example.com/trail")
    return create_trail(folder / "trail", key_dir=folder / "keys", **settings)


def event(number: int, *, action: str = "granted", at: datetime | None = None, **fields: Any) -> Event:
    """Return event `number`: an hour after the one before."""
    at = at or BEGIN + timedelta(hours=number)
    said = {
        "event_id": windows_event_id("org", "Provider", "dc1", "Security", number, at, "5136"),
        "organization": "org",
        "kind": "permission",
        "action": action,
        "occurred_at": at,
        "time_quality": "exact",
        "source": "windows_directory",
        "evidence_sha256": "ab" * 32,
        "offset": 512 * number,
        "record_id": number,
        "computer": "dc1",
        "mailbox_ref": f"CN=mailbox {number % 5}",
        "mailbox_ref_form": "dn",
        "rights": ("FullAccess",),
    }
    return Event(**said | fields)


def batch(numbers: Iterable[int], **fields: Any) -> pa.RecordBatch:
    """Return the events of those numbers as a batch."""
    return batch_of_events((event(n, **fields), {"EventID": "5136", "n": str(n)}) for n in numbers)[0]


def append(created: Created, *batches: pa.RecordBatch, blobs: Iterable[Blob] = ()) -> list[list[int]]:
    """Append batches with one writer and close it; return what became of the rows of each."""
    with Writer.open(created.trail.path) as writer:
        return [writer.append(b, blobs).kept.tolist() for b in batches]


def copy(created: Created, target: Path) -> Path:
    """Copy the trail's folder."""
    shutil.copytree(created.trail.path, target)
    return target


def flip(path: Path, at: int, mask: int = 1) -> None:
    """Change bits of one byte of a file."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ mask]))


def files_of(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def log_of(path: Path) -> str:
    """Return the id of the trail's log."""
    return load_settings(Trail(path)).log_id


def stolen_key(path: Path, original: Created) -> Path:
    """Return a copy of the key without the head beside it, as a thief would use it."""
    key_path = path.parent / "stolen" / "stolen.key"
    key_path.parent.mkdir(exist_ok=True)
    shutil.copy(original.key_path, key_path)
    key_path.with_name(key_path.name + ".head").unlink(missing_ok=True)
    return key_path


def rewrite(file: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Let an attacker without the key rewrite a Parquet file of the unsealed tail."""
    table = pq.read_table(file, partitioning=None)
    pq.write_table(change(table), file)
