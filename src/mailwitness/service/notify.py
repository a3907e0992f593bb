"""What systemd is told (sd_notify): ready, alive, stopping. Nothing where no systemd asks."""

from __future__ import annotations

import os
import socket
from datetime import timedelta


class Notifier:
    """Speaks to the socket in NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET", "")

    def tell(self, state: str) -> None:
        """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=...`; several lines together where they belong so."""
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(state.encode(), address)
            except OSError:
                self._path = ""  # nobody listens any more: systemd's own watchdog says so


def watchdog_interval() -> timedelta | None:
    """Return how often systemd wants a sign of life: half of what it allows. None where it wants none."""
    text, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not text.isdigit() or pid != str(os.getpid()):
        return None
    return timedelta(microseconds=int(text) // 2)
