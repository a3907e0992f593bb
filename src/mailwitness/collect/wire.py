"""The words on the writer's socket: one request at a time and connection, each a length and msgpack."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mailwitness.collect.interface import (
    BATCH_BYTES,
    Act,
    Ask,
    Batch,
    Deposit,
    Notice,
    NotTaken,
    Observation,
    Receipt,
    Status,
    WriterBusy,
    WriterFailing,
)
from mailwitness.errors import MailwitnessError

LENGTH = struct.Struct("<I")
FRAME_BYTES = BATCH_BYTES + (1 << 20)
"""Bytes of a request or answer at most."""
ADDRESS_BYTES = 100
"""A socket's address holds 108 bytes; longer paths are reached by their folder's handle."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to what was not done."""

    kind: str
    what: str
    where: str = ""
    remedy: str = ""
    retry_after: float = 1.0


_KINDS: dict[str, type[MailwitnessError]] = {"busy": WriterBusy, "failing": WriterFailing, "not_taken": NotTaken}

Request = Batch | Deposit | Observation | Act | Notice | Ask
Evidence = Batch | Deposit | Observation
Answer = Receipt | Status | Refusal

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)


def frame(message: Request | Answer) -> bytes:
    """Return a message as it goes over the socket. Raises NotTaken where it is too large."""
    body = _encoder.encode(message)
    if len(body) > FRAME_BYTES:
        raise NotTaken(f"a message of {len(body)} bytes; {FRAME_BYTES} are taken", remedy="cut it at a record")
    return LENGTH.pack(len(body)) + body


def length_of(header: bytes) -> int:
    """Return how many bytes follow a frame's length. Raises NotTaken where no such frame is sent."""
    (length,) = LENGTH.unpack(header)
    if length > FRAME_BYTES:
        raise NotTaken(f"a message of {length} bytes at the writer's socket; {FRAME_BYTES} are taken")
    return int(length)


def request_of(body: bytes | bytearray) -> Request:
    """Read a request. Raises msgspec.DecodeError or ValidationError where it is none."""
    request: Request = _requests.decode(body)
    return request


def answer_of(body: bytes) -> Receipt | Status:
    """Read an answer; raises what a Refusal says."""
    answer: Answer = _answers.decode(body)
    if isinstance(answer, Refusal):
        raise error_of(answer)
    return answer


def error_of(refusal: Refusal) -> MailwitnessError:
    """Return a refusal as the error it stands for."""
    error = _KINDS.get(refusal.kind, NotTaken)(refusal.what, where=refusal.where, remedy=refusal.remedy)
    if isinstance(error, WriterBusy | WriterFailing):
        error.retry_after = refusal.retry_after
    return error


def refusal_of(error: MailwitnessError) -> Refusal:
    """Return an error as the refusal that says it."""
    kind = next((name for name, sort in _KINDS.items() if isinstance(error, sort)), "not_taken")
    return Refusal(
        kind=kind,
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        retry_after=getattr(error, "retry_after", WriterFailing.retry_after),
    )


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """Give the address of a socket's path, however long the path is."""
    text = os.fspath(path)
    if len(os.fsencode(text)) <= ADDRESS_BYTES:
        yield text
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
