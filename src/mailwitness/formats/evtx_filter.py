"""Which records of a range of chunks are worth rendering, told from the bytes, a whole range at a time.

Rendering costs ten times what looking costs, and of a Security log nine records in ten are of no interest here. The
event id, the record number, the channel and the computer are read where the record's template puts them. Whatever
cannot be told cheaply is rendered: the filter fails open. It decides what is normalised, never what evidence is kept,
and runs behind the checksums.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mailwitness.formats.evtx_chunk import CHUNK, RECORD_HEADER, RECORD_SMALLEST, RECORDS_AT, Spot, walk
from mailwitness.formats.evtx_template import NO_LAYOUT, Layout, layout_of
from mailwitness.formats.interface import Skipped, Wanted

Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

_RECORD_MAGIC = 0x2A2A
_FRAGMENT = 0x0001010F
_TEMPLATE = 0x0C
_INSTANCE = 14  # fragment header, token, one byte, template id, offset of the definition
_DEFINITION = 24  # next definition, GUID, size
_TEXT, _UINT16, _UINT64 = 0x01, 0x06, 0x0A  # types of BinXML values
_VALUES_LIMIT = 64  # substitutions looked at; Windows puts its own among the first 20
_CHANNEL_LIMIT = 512  # bytes of a channel's name
_CACHE_LIMIT = 4096


class Block:
    """The bytes of whole chunks, readable as integers at any offset."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.words = np.frombuffer(data, "<u4")
        self.u8 = np.frombuffer(data, "u1")
        # Overlapping views: element i is the integer that begins at byte i.
        self.u16 = np.ndarray((len(data) - 1,), "<u2", data, strides=(1,))
        self.u32 = np.ndarray((len(data) - 3,), "<u4", data, strides=(1,))
        self.u64 = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))

    def at32(self, where: Integers) -> Integers:
        """Return the 32-bit integers at `where`; places outside the block give 0."""
        inside = (where >= 0) & (where < len(self.u32))
        return np.where(inside, self.u32[np.where(inside, where, 0)], 0).astype(np.int64)


class Frames:
    """The records of those chunks whose records stand one behind the other without a hole, in the order of the file."""

    def __init__(self, block: Block, free: Sequence[int]) -> None:
        """Find them. `free` is where each chunk's records end; 0 leaves the chunk out."""
        self.block = block
        at = np.flatnonzero(block.words[::2] == _RECORD_MAGIC).astype(np.int64) * 8
        ends = np.asarray(free, np.int64)
        chunk = at // CHUNK
        size = block.at32(at + 4)
        end = chunk * CHUNK + ends[chunk]
        # What looks like a record and whose end says the same size: of old content within a record few do.
        fits = (at % CHUNK >= RECORDS_AT) & (size >= RECORD_SMALLEST) & (at + size <= end)
        fits &= block.at32(at + size - 4) == size
        at, size, chunk, end = at[fits], size[fits], chunk[fits], end[fits]
        is_last = np.diff(chunk, append=-1) != 0
        holds = at + size == np.where(is_last, end, np.append(at[1:], 0))
        holds &= (np.diff(chunk, prepend=-1) == 0) | (at % CHUNK == RECORDS_AT)
        broken = ends > RECORDS_AT
        broken[chunk] = False
        broken[chunk[~holds]] = True
        keep = ~broken[chunk]
        walked = [_walked(block, i, free[i]) for i in np.flatnonzero(broken).tolist()]
        at = np.concatenate([at[keep], *(found for found, _ in walked)])
        size = np.concatenate([size[keep], *(sizes for _, sizes in walked)])
        order = np.argsort(at, kind="stable") if walked else slice(None)
        self.at, self.size = at[order], size[order]
        self.chunk = self.at // CHUNK
        self.file_ids = block.u64[self.at + 8]
        self.starts = np.searchsorted(self.chunk, np.arange(len(ends) + 1))

    def count(self, chunk: int) -> int:
        """Return how many records one chunk has."""
        return int(self.starts[chunk + 1] - self.starts[chunk])

    def spots(self, chunk: int, keep: Truths) -> list[Spot]:
        """Return those records of one chunk that are of `keep`, as places within the chunk."""
        part = slice(self.starts[chunk], self.starts[chunk + 1])
        kept = keep[part]
        at, size, file_id = self.at[part][kept] % CHUNK, self.size[part][kept], self.file_ids[part][kept]
        return list(map(Spot._make, zip(at.tolist(), size.tolist(), file_id.tolist(), strict=True)))


def _walked(block: Block, chunk: int, free: int) -> tuple[Integers, Integers]:
    """Return places and sizes of a chunk's records found one by one; none where they do not end at `free`."""
    spots, is_complete = walk(block.data[chunk * CHUNK : (chunk + 1) * CHUNK], free)
    found = np.array([spot[:2] for spot in spots] if is_complete else [], np.int64).reshape(-1, 2)
    return found[:, 0] + chunk * CHUNK, found[:, 1]


class Values:
    """The first values of each record's template instance: where each stands, how long it is, of what type."""

    def __init__(self, frames: Frames) -> None:
        """Find the template instances; `valid` tells for which records there is one that holds together."""
        self.block = block = frames.block
        start = frames.at + RECORD_HEADER
        self.end = frames.at + frames.size - 4
        base = frames.chunk * CHUNK
        offset = block.at32(start + 10)
        self.definition = base + offset
        valid = (block.at32(start) == _FRAGMENT) & (block.u8[start + 4] == _TEMPLATE) & (offset <= CHUNK - _DEFINITION)
        valid &= self.end - start >= _INSTANCE
        stands_here = self.definition == start + _INSTANCE
        skip = np.where(stands_here, _DEFINITION + block.at32(self.definition + 20), 0)
        self.descriptors = start + _INSTANCE + skip + 4
        self.count = block.at32(self.descriptors - 4)
        self.first = self.descriptors + 4 * self.count
        self.valid = valid & (self.first <= self.end)

    def find(self, numbers: Integers, kind: int, size: int | None) -> tuple[Integers, Integers, Truths]:
        """Return where value `numbers[i]` of record i stands, its size, and whether it is of that type and size."""
        found = self.valid & (numbers >= 0) & (numbers < self.count) & (numbers < _VALUES_LIMIT)
        where, length, of_kind = self.first.copy(), np.zeros_like(self.first), found.copy()
        for i in range(int(numbers[found].max(initial=-1)) + 1):
            descriptor = np.where(found & (i <= numbers), self.descriptors + 4 * i, 0)
            sizes = self.block.u16[descriptor].astype(np.int64)
            where += np.where(found & (i < numbers), sizes, 0)
            here = found & (i == numbers)
            length[here] = sizes[here]
            of_kind &= ~here | (self.block.u8[descriptor + 2] == kind)
        found &= of_kind & (where + length <= self.end)
        if size is not None:
            found &= length == size
        return where, length, found


class _Layouts:
    """The layouts of templates already met, by GUID and size; a copy must agree in the bytes that matter."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Layout, tuple[bytes, ...]]] = {}

    def of(self, data: bytes, definition: int) -> Layout:
        """Return the layout of the definition that stands at `definition` of the block."""
        key = data[definition + 4 : definition + _DEFINITION]
        known = self.known.get(key)
        if known is not None:
            layout, sample = known
            if all(
                data[definition + a : definition + b] == text
                for (a, b), text in zip(layout.stable, sample, strict=True)
            ):
                return layout
        base = definition - definition % CHUNK
        layout = layout_of(data[base : base + CHUNK], definition - base)
        if len(self.known) >= _CACHE_LIMIT:
            self.known.clear()
        self.known[key] = (layout, tuple(data[definition + a : definition + b] for a, b in layout.stable))
        return layout


_LAYOUTS = _Layouts()


def choose(frames: Frames, wanted: Wanted) -> tuple[Truths, dict[int, list[Skipped]]]:
    """Return which records are to be rendered, and for each chunk what is passed over."""
    if wanted.codes is None or not len(frames.at):
        return np.ones(len(frames.at), bool), {}
    block = frames.block
    values = Values(frames)
    definitions, which = np.unique(np.where(values.valid, values.definition, -1), return_inverse=True)
    layouts = [_LAYOUTS.of(block.data, d) if d >= 0 else NO_LAYOUT for d in definitions.tolist()]

    def number(field: str) -> Integers:
        return np.array([getattr(layout, field) for layout in layouts], np.int64)[which]

    where, _, is_known = values.find(number("event_code"), _UINT16, 2)
    code = block.u16[np.where(is_known, where, 0)]
    keep = ~is_known | np.isin(code, np.array(sorted(wanted.codes), np.int64))
    where, _, is_numbered = values.find(number("record_number"), _UINT64, 8)
    numbers = block.u64[np.where(is_numbered, where, 0)]
    computers, computer = _labels([layout.computer_text for layout in layouts])
    channels, channel = _labels([layout.channel_text for layout in layouts])
    channel_of = channel[which]
    _name_channels(values, number("channel"), ~keep, channels, channel_of)
    return keep, _skipped(frames, ~keep, numbers, is_numbered, (computers, computer[which]), (channels, channel_of))


def _labels(texts: list[str]) -> tuple[list[str], Integers]:
    """Return the distinct texts and, for each given one, its place among them."""
    distinct = list(dict.fromkeys(texts))
    places = {text: i for i, text in enumerate(distinct)}
    return distinct, np.array([places[text] for text in texts], np.int64)


def _name_channels(values: Values, numbers: Integers, asked: Truths, channels: list[str], channel_of: Integers) -> None:
    """Add to `channels` the names that stand among the values, and write into `channel_of` which record has which."""
    where, length, found = values.find(np.where(asked, numbers, -1), _TEXT, None)
    found &= (length > 0) & (length <= _CHANNEL_LIMIT)
    for size in np.unique(length[found]).tolist():
        rows = np.flatnonzero(found & (length == size))
        texts = values.block.u8[where[rows][:, None] + np.arange(size)]
        if bool((texts == texts[0]).all()):
            distinct, place = texts[:1], np.zeros(len(rows), np.int64)
        else:
            distinct, place = np.unique(texts, axis=0, return_inverse=True)
        channel_of[rows] = len(channels) + place.reshape(-1)
        channels.extend(text.tobytes().decode("utf-16-le", "replace").rstrip("\0") for text in distinct)


def _skipped(
    frames: Frames,
    skip: Truths,
    numbers: npt.NDArray[np.uint64],
    is_numbered: Truths,
    computers: tuple[list[str], Integers],
    channels: tuple[list[str], Integers],
) -> dict[int, list[Skipped]]:
    """Sum up what is passed over by chunk, computer and channel."""
    skipped: dict[int, list[Skipped]] = {}
    rows = np.flatnonzero(skip)
    if not len(rows):
        return skipped
    names, computer = computers
    logs, channel = channels
    group = (frames.chunk[rows] * len(names) + computer[rows]) * len(logs) + channel[rows]
    group = group * 2 + is_numbered[rows]
    order = np.argsort(group, kind="stable")
    rows, group = rows[order], group[order]
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=-1)).tolist()
    for first, last in pairwise(edges):
        row = rows[first]
        name, log = names[int(computer[row])], logs[int(channel[row])]
        is_continuous = bool(is_numbered[row]) and bool(name) and bool(log)
        said = tuple(numbers[rows[first:last]].tolist()) if is_continuous else ()
        skipped.setdefault(int(frames.chunk[row]), []).append(Skipped(last - first, name, log, said))
    return skipped
