"""Telling the writer what a collector has to say of its own coverage, until it is durable."""

from __future__ import annotations

import threading

from mailwitness.collect.interface import NotAcknowledged, Notice
from mailwitness.collect.writer_client import WriterClient

_LONGEST_PAUSE = 30.0


def tell(writer: WriterClient, notice: Notice, stop: threading.Event) -> bool:
    """Have a notice sealed, again and again until it is durable; False where `stop` was set before."""
    pause = 0.0
    while True:
        try:
            writer.notice(notice)
        except NotAcknowledged as error:
            pause = min(_LONGEST_PAUSE, max(error.retry_after, 1.5 * pause))
            if stop.wait(pause):
                return False
        else:
            return True
