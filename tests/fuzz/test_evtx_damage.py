"""Damaged .evtx files: either every record of the intact file comes out unchanged, or a Problem says that it does not.

The files are read in a child process, because the first library hangs on some: the kernel kills the child, and the
second library reads that file, as intake does it.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import resource
import signal
import struct
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import evtx as evtx_library
import pytest

from mailwitness.event import Problem
from mailwitness.formats import evtx
from mailwitness.formats.evtx_chunk import CHUNK, FILE_HEADER
from mailwitness.formats.interface import Record, Wanted

SECONDS = 10  # what one file may take; the kernel kills a reader that takes longer
MEMORY = (512 - 128) << 20
"""What a reader may add to the 128 MiB of an interpreter with the libraries. A forked child is born with the pages of
the process that tests run in, which are not its own."""
BATCH = 25

Said = Counter[tuple[object, ...]]

PERSISTENCE = "mdecrevoisier/TA0003-Persistence"
SMALL = (
    "omerbenamram/samples/issue_201.evtx",
    "omerbenamram/samples/new-user-security.evtx",
    "velocidex/testdata/Security_1_record.evtx",
    f"{PERSISTENCE}/T1505-Server Software Component/ID6-Failed to install an Exchange transport agent.evtx",
    f"{PERSISTENCE}/T1098.xxx-Account manipulation/ID4756-Exchange admin group change.evtx",
    f"{PERSISTENCE}/T1098.xxx-Account manipulation/ID5136-4662 AD object owner changed.evtx",
)
LARGE = (
    "omerbenamram/samples/post-Security.evtx",
    "dfirmuseum/Windows/EventLogs/Win2012R2/StolenSzechuan/StolenSzechuanEventLogs/Security.chunks00-11.evtx",
    "omerbenamram/samples/Security_with_size_t.evtx",
)


def said(record: Record) -> tuple[object, ...]:
    """Return all that a record says, without its place."""
    return tuple(getattr(record, field) for field in record.__struct_fields__ if field != "offset")


def read(path: Path, reader=evtx.read) -> tuple[Said, Said]:
    """Return the live records of a file, and the Problems that came with them."""
    records: Said = Counter()
    problems: Said = Counter()
    for span in evtx.spans(path):
        for reading in reader(path, span, Wanted()):
            if isinstance(reading, Record):
                records[said(reading)] += not reading.recovered
            elif isinstance(reading, Problem):
                problems[reading.code, reading.where.offset, reading.expected, reading.found] += 1
    return +records, problems


def _resident() -> int:
    """Return the bytes of memory this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Readings:
    """Reads files one after the other in children that the kernel kills when they hang or grow."""

    def __init__(self, path: Path, read=read) -> None:
        self._path = path
        self._read = read
        self.deaths = 0
        self.largest = 0

    def of(self, files: Iterable[bytes]) -> Iterator[tuple[Said, Said]]:
        coming = iter(files)
        while batch := list(islice(coming, BATCH)):
            yield from self._batch(batch)

    def _batch(self, files: list[bytes]) -> Iterator[tuple[Said, Said]]:
        at = 0
        while at < len(files):
            for result in self._run(files[at:], evtx.read):
                yield result
                at += 1
            if at < len(files):  # the child died on this one
                self.deaths += 1
                again = list(self._run(files[at : at + 1], evtx.read_with_libevtx))
                assert again, f"the second reader died on file {at}"
                yield self._after_death(again[0])
                at += 1

    @staticmethod
    def _after_death(result: tuple[Said, Said]) -> tuple[Said, Said]:
        records, problems = result
        return (records, problems + Counter([("reader_died",)])) if isinstance(problems, Counter) else result

    def _run(self, files: list[bytes], reader) -> Iterator[tuple[Said, Said]]:
        come, go = os.pipe()
        with warnings.catch_warnings():  # Python 3.12 warns of forking beside numpy's threads; this child uses none
            warnings.simplefilter("ignore", DeprecationWarning)
            born_with = _resident()
            child = os.fork()
        if child == 0:
            try:
                self._child(files, reader, go)
            except BaseException:  # noqa: BLE001 - nothing may leave the child but its result
                traceback.print_exc()
            os._exit(1)
        os.close(go)
        with os.fdopen(come, "rb") as results:
            while True:
                try:
                    yield pickle.load(results)  # noqa: S301 - from our own child
                except (EOFError, pickle.UnpicklingError):
                    break
        _, status, usage = os.wait4(child, 0)
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the reader raised: see above"
        self.largest = max(self.largest, usage.ru_maxrss * 1024 - born_with)

    def _child(self, files: list[bytes], reader, go: int) -> None:
        gc.freeze()  # what other tests left is not ours to collect: its finalizers expect their own threads
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(go, "wb") as results:
            for data in files:
                signal.alarm(SECONDS)
                self._path.write_bytes(data)
                pickle.dump(self._read(self._path, reader), results)
                results.flush()
        os._exit(0)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the file with some of its used bytes changed: one bit, some bytes, a run, or a few words."""
    changed = bytearray(data)
    slots = [at for at in range(FILE_HEADER, len(data) - 511, CHUNK) if data[at : at + 8] == b"ElfChnk\0"]
    slot = rng.choice(slots)
    used = struct.unpack_from("<I", data, slot + 48)[0]
    places = [*range(120), *range(slot, min(slot + used, len(data) - 8))]
    at = rng.choice(places)
    match rng.randrange(4):
        case 0:
            changed[at] ^= 1 << rng.randrange(8)
        case 1:
            for place in rng.choices(places, k=rng.randint(2, 8)):
                changed[place] = rng.randrange(256)
        case 2:
            length = min(rng.randint(1, 64), len(data) - at)
            changed[at : at + length] = rng.choice([bytes(length), rng.randbytes(length), b"\xff" * length])
        case _:
            changed[at : at + 4] = rng.choice([b"**\0\0", b"\xff\xff\xff\xff", bytes(4), rng.randbytes(4)])
    return bytes(changed)


def resealed(data: bytes, rng: random.Random) -> bytes:
    """Return the file mutated by someone who made the checksums fit again."""
    changed = bytearray(mutated(data, rng))
    for at in range(FILE_HEADER, len(changed) - CHUNK + 1, CHUNK):
        free = struct.unpack_from("<I", changed, at + 48)[0]
        if changed[at : at + 8] == b"ElfChnk\0" and free <= CHUNK:
            struct.pack_into("<I", changed, at + 52, zlib.crc32(changed[at + 512 : at + free]))
            header = zlib.crc32(changed[at + 128 : at + 512], zlib.crc32(changed[at : at + 120]))
            struct.pack_into("<I", changed, at + 124, header)
    struct.pack_into("<I", changed, 124, zlib.crc32(changed[:120]))
    return bytes(changed)


def truncated(data: bytes, rng: random.Random) -> bytes:
    """Return the file cut off somewhere in its used part."""
    last = max(at for at in range(FILE_HEADER, len(data) - 511, CHUNK) if data[at : at + 8] == b"ElfChnk\0")
    used = struct.unpack_from("<I", data, last + 48)[0]
    return data[: rng.randrange(1, min(last + used, len(data)))]


def damaged(
    samples: Path, names: tuple[str, ...], seed: int, count: int, damage
) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """Yield each sample with `count` damaged copies of it."""
    for name in names:
        data = (samples / name).read_bytes()
        rng = random.Random(f"{seed} {name}")
        yield samples / name, (damage(data, rng) for _ in range(count))


def silent(intact: Path, copies: Iterable[bytes], readings: Readings) -> list[int]:
    """Return which damaged copies came out as something else than the intact file without a Problem."""
    expected, remarks = read(intact)
    return [
        i for i, (found, problems) in enumerate(readings.of(copies)) if found != expected and not problems - remarks
    ]


@pytest.mark.samples
@pytest.mark.parametrize(("damage", "count"), [(mutated, 30), (truncated, 8)])
def test_a_damaged_log_is_never_read_as_something_else_in_silence(samples, tmp_path, damage, count):
    readings = Readings(tmp_path / "damaged.evtx")
    for intact, copies in damaged(samples, SMALL + LARGE, 11, count, damage):
        assert silent(intact, copies, readings) == [], intact
    assert readings.largest < MEMORY


@pytest.mark.samples
@pytest.mark.slow
@pytest.mark.parametrize(("damage", "count"), [(mutated, 1500), (truncated, 300)])
def test_10000_damaged_logs(samples, tmp_path, damage, count):
    readings = Readings(tmp_path / "damaged.evtx")
    for intact, copies in damaged(samples, SMALL, 12, count, damage):
        assert silent(intact, copies, readings) == [], intact
    for intact, copies in damaged(samples, LARGE, 13, count // 3, damage):
        assert silent(intact, copies, readings) == [], intact
    assert readings.largest < MEMORY


def counted(path: Path, wanted: Wanted) -> int:
    """Return how many live records are accounted for: read, passed over, or left unread with a Problem."""
    count = 0
    for span in evtx.spans(path):
        for reading in evtx.read(path, span, wanted):
            count += not reading.recovered if isinstance(reading, Record) else reading.records
    return count


def counts(path: Path, reader) -> tuple[int, int]:  # noqa: ARG001 - the shape of `read`
    """Return the count of all records, and the count where most are passed over."""
    return counted(path, Wanted()), counted(path, Wanted(frozenset({4624, 5136, 1})))


@pytest.mark.samples
@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_whoever_makes_the_checksums_fit_breaks_no_reader_and_no_count(samples, tmp_path, count):
    readings = Readings(tmp_path / "forged.evtx", counts)
    for name in SMALL + LARGE[:1]:
        for _path, copies in damaged(samples, (name,), 17, count, resealed):
            for everything, chosen in readings.of(copies):
                assert everything == chosen, name
    assert readings.largest < MEMORY


def noise(rng: random.Random) -> bytes:
    """Return bytes that look like pieces of a log, behind what may or may not be the beginning of one."""
    words = [b"**\0\0", bytes(8), b"\x30\0\0\0", b"ElfChnk\0", b"\x0f\1\1\0\x0c\1"]
    begin = rng.choice([b"ElfFile\0", bytes(FILE_HEADER) + b"ElfChnk\0", b""])
    return begin + b"".join(rng.choice([*words, rng.randbytes(8)]) for _ in range(rng.randrange(300)))


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_bytes_are_records_or_problems(tmp_path, count):
    rng = random.Random(f"noise {count}")
    readings = Readings(tmp_path / "random.evtx")
    for records, problems in readings.of(noise(rng) for _ in range(count)):
        assert problems or not records
    assert readings.largest < MEMORY


@pytest.mark.samples
def test_the_first_library_alone_is_silent_on_some(samples, tmp_path):
    """The control: the same damage, read without our own checks, must show silent losses."""
    path = tmp_path / "damaged.evtx"
    lost = 0
    for name in SMALL[1:2] + SMALL[4:6]:
        expected = _plain(samples / name)
        for _intact, copies in damaged(samples, (name,), 11, 12, truncated):
            for copy in copies:
                path.write_bytes(copy)
                try:
                    lost += _plain(path) != expected
                except (RuntimeError, OSError):
                    continue  # reported
    assert lost > 0


def _plain(path: Path) -> list[str]:
    return [record["data"] for record in evtx_library.PyEvtxParser(str(path)).records_json()]
