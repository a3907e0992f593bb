"""An HTTP intake as a process of its own, to be killed: prints its port, serves until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from mailwitness.collect.http_intake import HttpIntake
from mailwitness.collect.http_settings import HttpSettings, Token
from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import writer_socket


def main() -> None:
    trail, digest = Path(sys.argv[1]), sys.argv[2]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_signal: stop.set())
    given = HttpSettings(listen="127.0.0.1:0", tokens=[Token(name="sender", sha256=digest)])
    intake = HttpIntake(given, WriterClient(writer_socket(trail)), trail)
    sys.stdout.write(f"{intake.bind()[1]}\n")
    sys.stdout.flush()
    intake.run(stop)


if __name__ == "__main__":
    main()
