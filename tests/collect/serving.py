"""A writer and collectors that serve, for the tests of this folder."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow.parquet as pq

from mailwitness.collect.writer_client import WriterClient
from mailwitness.collect.writer_process import WriterProcess, acts_socket, writer_socket
from mailwitness.trail.create import create_trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.verify import verify


class Serving(NamedTuple):
    """A writer that serves."""

    trail: Path
    inbox: Path
    process: WriterProcess
    client: WriterClient


@contextlib.contextmanager
def serving_writer(folder: Path) -> Iterator[Serving]:
    """Serve a new trail below `folder`; at the end it has to verify."""
    (folder / "inbox").mkdir()
    trail = create_trail(folder / "trail", key_dir=folder / "keys", organization="contoso").trail.path
    process = WriterProcess(trail, folders=[folder / "inbox"], readers=1)
    process.listen(writer_socket(trail))
    process.listen(acts_socket(trail), acts_only=True)
    with WriterClient(writer_socket(trail)) as client:
        yield Serving(trail, folder / "inbox", process, client)
    process.stop()
    verdict = verify(trail, deep=True)
    assert (verdict.state, verdict.findings) == ("not_anchored", [])
    assert not writer_socket(trail).exists()


@contextlib.contextmanager
def running(collector: Any) -> Iterator[None]:
    """Run a collector in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(120)
        assert not thread.is_alive()


def statements(trail: Path) -> list[dict[str, Any]]:
    """Return what the custody leaves and acts say, in the order of the log."""
    return [leaf["statement"] for leaf in leaves(trail) if "statement" in leaf]


def leaves(trail: Path) -> list[dict[str, Any]]:
    """Return the leaves that are no events, parsed, in the order of the log."""
    rows: list[dict[str, Any]] = []
    for path in open_reader(trail).leaf_files():
        rows += pq.read_table(path, columns=["seq", "entry"], partitioning=None).to_pylist()
    return [orjson.loads(row["entry"]) for row in sorted(rows, key=lambda row: row["seq"])]
