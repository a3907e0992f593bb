"""A reading process with formats and a source of the tests' own: lines of 32 bytes that say what is to happen.

FAKE                the first line ("FAKESTREAM": a format with one span and no second reader)
event N PERSON      a record numbered N, of which the source makes an event
pair N PERSON       a record of which it makes two
none N              a record of which it makes nothing
foreign N           a record no source reads
unread N            a record the source cannot read
raise N             a record on which the source raises
skip N              N records the format passes over
damaged N           a Problem of the format that costs N records
remark 0            a Problem of the format that costs none
hang / die / eat / fail     what hostile evidence does to a reader: endless work, a crash, all memory, an exception
"""

from __future__ import annotations

import os
import signal
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mailwitness import formats, sources
from mailwitness.event import Event, Place, Problem
from mailwitness.formats.interface import Record, Skipped, Span, Wanted
from mailwitness.sources.stamp import stamp, unread

LINE = 32
CHUNK = 8 * LINE
START = datetime(2026, 3, 1, tzinfo=UTC)
COMMAND = (sys.executable, "-P", __file__)


def file_of(lines, kind="FAKE"):
    return b"".join(line.encode().ljust(LINE) for line in [kind, *lines])


def record(at, number):
    return Record(
        format="fake",
        offset=at,
        provider="Fake",
        event_code=1,
        computer="dc1",
        channel="Security",
        record_id=number,
        occurred_at=START + timedelta(seconds=number),
        time_quality="exact",
    )


def _module(name, magic, *, splits):
    module = types.ModuleType(name)
    module.NAME = name
    module.recognise = lambda head, _: head.startswith(magic)
    module.spans = lambda path: [Span(0, path.stat().st_size)]
    module.read = lambda path, span, _: _read(path, span, hostile=True)
    if splits:
        module.chunk_spans = lambda _, span: [
            Span(at, min(at + CHUNK, span.end)) for at in range(span.start, span.end, CHUNK)
        ]
        module.read_with_libevtx = lambda path, span, _: _read(path, span, hostile=False)
    return module


def _read(path, span, *, hostile):
    with path.open("rb") as file:
        file.seek(span.start)
        data = file.read(span.end - span.start)
    for start in range(0, len(data), LINE):
        at = span.start + start
        word, _, rest = data[start : start + LINE].decode().strip().partition(" ")
        number = int(rest.split(" ")[0] or 0) if rest else 0
        if word in {"event", "pair", "none", "foreign", "unread", "raise"}:
            yield WordedRecord(record(at, number), word, rest)
        elif word == "skip":
            yield Skipped(number, "dc1", "Security")
        elif word in {"damaged", "remark"}:
            yield Problem(code="damaged", where=Place(offset=at), expected="a", found="b", records=number)
        elif not word.startswith("FAKE"):
            if not hostile and word != "die2":
                yield Problem(code="damaged", where=Place(offset=at), expected="a", found=word, records=1)
            else:
                _misbehave(word)


def _misbehave(word):
    if word == "hang":
        while True:
            pass
    if word.startswith("die"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "eat":
        bytearray(2**40)
    raise ArithmeticError(f"what is {word}?")


def WordedRecord(plain, word, rest):  # noqa: N802 - it stands for a type
    """A Record that carries its line."""
    return Record(**{name: getattr(plain, name) for name in plain.__struct_fields__} | {"values": (word, rest)})


class Source:
    NAME = "fake"

    @staticmethod
    def recognise(said) -> bool:
        return said.values[0] != "foreign"

    @staticmethod
    def read(said, context) -> Iterator[Event | Problem]:
        word, rest = said.values
        if word == "raise":
            raise LookupError("a defect")
        if word == "unread":
            yield unread(said, context, "unparsable", "x", "y")
        for part in range({"event": 1, "pair": 2}.get(word, 0)):
            yield Event(
                **stamp(said, context, "fake", part), kind="access", action="logon", actor_name=rest.partition(" ")[2]
            )


def install(monkeypatch=None):
    """Put the fake formats and source in the place of all others, for one test or for the whole process."""
    modules = [_module("fake", b"FAKE ", splits=True), _module("fakestream", b"FAKESTREAM", splits=False)]
    put = setattr if monkeypatch is None else monkeypatch.setattr
    put(formats, "discover", lambda: modules)
    put(sources, "discover", lambda: (Source,))
    put(sources, "_readers_of", lambda _: (Source,))
    put(sources, "wanted", Wanted)


if __name__ == "__main__":
    install()
    from mailwitness.intake import limits, reader

    limits.CPU_SECONDS = 1
    reader.main()
