"""The lock of a log: one writer at a time. It goes with the process that holds it."""

from __future__ import annotations

import fcntl
from typing import IO

from mailwitness.errors import TrailError, TrailLocked
from mailwitness.trail.layout import Trail


def lock_log(trail: Trail, log_id: str) -> IO[bytes]:
    """Return the file that holds the lock until it is closed. Raises TrailLocked where another writer holds it."""
    try:
        lock = trail.lock(log_id).open("ab")
    except OSError as cause:
        raise TrailError(f"the log cannot be opened: {cause.strerror}", where=str(trail.log(log_id))) from cause
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        lock.close()
        raise TrailLocked(
            "another writer holds this log", where=str(trail.lock(log_id)), remedy="wait until it has ended"
        ) from cause
    return lock
