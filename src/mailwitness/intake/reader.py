"""The reading process: takes requests on its standard input, answers on its standard output, and is expendable.

Started as `python -P -m mailwitness.intake.reader`. It limits itself before it touches evidence; it ends when its
input ends.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from mailwitness import formats, sources
from mailwitness.errors import EvidenceError
from mailwitness.event import Place, Problem
from mailwitness.formats.interface import Span
from mailwitness.intake.limits import limit_process, renew_cpu_budget
from mailwitness.intake.messages import (
    FRAME,
    Delivery,
    Failed,
    Plan,
    Planned,
    Read,
    Reply,
    decode_request,
    encode,
)
from mailwitness.intake.spans import SpanReader
from mailwitness.intake.states import DIRECTORY_EXPORTS, is_directory_export, read_directory_export


def main() -> None:
    """Serve requests until the input ends."""
    limit_process()
    requests, replies = _own_pipes()
    sources.wanted()  # loads knowledge and sources before the first request's time runs
    gc.disable()  # a read makes no cycles to speak of, and walking its records again and again is a fifth of its time
    gc.freeze()
    while (request := _receive(requests)) is not None:
        gc.collect()
        try:
            _serve(request, replies)
        except MemoryError:
            os._exit(3)  # nothing in this process can be relied on any more
        except BrokenPipeError:
            os._exit(0)  # nobody is there to read for


def _serve(request: Plan | Read, replies: BinaryIO) -> None:
    if isinstance(request, Plan):
        renew_cpu_budget(Path(request.path).stat().st_size // 16)
        _send(replies, plan(request), b"")
        return
    size = 0 if request.streamed else request.size
    renew_cpu_budget(size)

    def deliver(delivery: Delivery, batch: pa.RecordBatch | None) -> None:
        _send(replies, delivery, b"" if batch is None else memoryview(batch.serialize()))
        if not delivery.final:
            gc.collect()
            renew_cpu_budget(size)

    try:
        if is_directory_export(request.format):
            deliver(read_directory_export(request), None)
        else:
            SpanReader(request, deliver).run()
    except (MemoryError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - a format that raises is answered for, like one that dies
        _send(replies, Failed(f"{type(error).__name__}: {error}"[:500]), b"")


def plan(request: Plan) -> Planned:
    """Return the format and spans of a file."""
    path = Path(request.path)
    with path.open("rb") as file:
        head = file.read(formats.HEAD)
    try:
        name = Path(request.name).name
        export = next((export for export in DIRECTORY_EXPORTS if export.recognise(head, name)), None)
        if export is not None:
            return Planned(export.NAME, (Span(0, path.stat().st_size),))
        module = next((module for module in formats.discover() if module.recognise(head, name)), None)
        if module is None:
            return Planned(None)
        return Planned(module.NAME, tuple(module.spans(path)))
    except EvidenceError as error:
        return Planned(None, (), _problem(request, str(error)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a format that raises costs its file, and says so
        return Planned(None, (), _problem(request, f"{type(error).__name__}: {error}"))


def _problem(request: Plan, found: str) -> Problem:
    return Problem(
        code="damaged",
        where=Place(evidence=request.name),
        expected="a file whose layout can be told",
        found=found[:500],
    )


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the importing process, and leave nothing a library prints on them."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _receive(requests: BinaryIO) -> Plan | Read | None:
    header = requests.read(FRAME.size)
    if len(header) < FRAME.size:
        return None
    length, _ = FRAME.unpack(header)
    request: Plan | Read = decode_request(requests.read(length))
    return request


def _send(replies: BinaryIO, reply: Reply, body: bytes | memoryview) -> None:
    head = encode(reply)
    for part in (FRAME.pack(len(head), len(body)) + head, body):
        rest = memoryview(part)
        while rest:
            rest = rest[replies.write(rest) :]


if __name__ == "__main__":
    main()
