"""Which events the log holds already: what makes an import idempotent and a conflict visible.

Per month, sorted runs of 24 bytes an event: the first 16 bytes of its event_id and the first 8 of its content
digest. A month is read from the table when a batch first touches it and dropped when the memory is needed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Words = npt.NDArray[np.uint64]

MEMORY_LIMIT = 192 << 20
"""Bytes of runs held before the months longest unused are dropped (8 million events)."""
_RUNS = 6
_HEX = np.full(256, 255, dtype=np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16, dtype=np.uint8)
_ID_DIGITS = 64


class Keys(msgspec.Struct, frozen=True):
    """Event ids and content digests, cut to machine words; one element an event."""

    high: Words
    low: Words
    digest: Words

    def __len__(self) -> int:
        """Number of events."""
        return len(self.high)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Keys:
        """Return the chosen events."""
        return Keys(self.high[index], self.low[index], self.digest[index])

    def sorted(self) -> Keys:
        """Return the events in the order of their ids."""
        return self.take(np.lexsort((self.low, self.high)))


def keys_of(event_ids: pa.Array, digests: pa.Array) -> Keys:
    """Cut columns to keys. Raises ValueError where an id is no lower-case hex SHA-256 or a digest has no 32 bytes."""
    count = len(event_ids)
    if event_ids.null_count or digests.null_count:
        raise ValueError("an event without event_id or content_digest")
    digits = _fixed(event_ids, _ID_DIGITS, "event_id")
    nibbles = _HEX[digits]
    if count and nibbles.max() > 15:  # noqa: PLR2004 - no hexadecimal digit
        raise ValueError("an event_id that is no lower-case hexadecimal")
    data = (nibbles[:, 0:32:2] << 4) | nibbles[:, 1:32:2]
    words = np.ascontiguousarray(data).view(">u8").astype(np.uint64).reshape(count, 2)
    digest = np.ascontiguousarray(_fixed(digests, 32, "content_digest")[:, :8]).view(">u8").astype(np.uint64)
    return Keys(words[:, 0].copy(), words[:, 1].copy(), digest.reshape(count))


def _fixed(column: pa.Array, width: int, name: str) -> npt.NDArray[np.uint8]:
    joined = column.cast(pa.binary())
    offsets = np.frombuffer(joined.buffers()[1], dtype=np.int32)[joined.offset : joined.offset + len(joined) + 1]
    if not len(joined):
        return np.empty((0, width), dtype=np.uint8)
    if (np.diff(offsets) != width).any():
        raise ValueError(f"a {name} that has not {width} bytes")
    data = np.frombuffer(joined.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(len(joined), width)


UNKNOWN, DUPLICATE, CONFLICT = 0, 1, 2


class Month:
    """The events of one month, as a few sorted runs."""

    def __init__(self, base: Keys) -> None:
        self._runs = [base.sorted()] if len(base) else []

    @property
    def bytes(self) -> int:
        """Bytes of memory in the runs."""
        return sum(24 * len(run) for run in self._runs)

    def add(self, keys: Keys) -> None:
        """Hold more events."""
        if len(keys):
            self._runs.append(keys.sorted())
        while len(self._runs) > 1 and (len(self._runs) > _RUNS or len(self._runs[-2]) <= 2 * len(self._runs[-1])):
            last, before = self._runs.pop(), self._runs.pop()
            merged = Keys(*(np.concatenate([getattr(before, n), getattr(last, n)]) for n in Keys.__struct_fields__))
            self._runs.append(merged.sorted())

    def look_up(self, keys: Keys) -> npt.NDArray[np.int8]:
        """Return UNKNOWN, DUPLICATE (same id and content) or CONFLICT (same id, other content) for each key."""
        found = np.zeros(len(keys), dtype=np.int8)
        for run in self._runs:
            left = np.minimum(np.searchsorted(run.high, keys.high), len(run) - 1)
            candidates = np.flatnonzero(run.high[left] == keys.high)
            at = left[candidates]
            # Equal first words with different second ones are no accident, but no reason to be wrong either.
            while len(candidates):
                same = (run.high[at] == keys.high[candidates]) & (run.low[at] == keys.low[candidates])
                hit = candidates[same]
                found[hit] = np.where(run.digest[at[same]] == keys.digest[hit], DUPLICATE, CONFLICT)
                onward = ~same & (at + 1 < len(run))
                candidates, at = candidates[onward], at[onward] + 1
                still = run.high[at] == keys.high[candidates]
                candidates, at = candidates[still], at[still]
        return found


class Identities:
    """The events of a log by month, read when asked for."""

    def __init__(self, load: Callable[[str], Keys], limit: int = MEMORY_LIMIT) -> None:
        """Read a month's committed events with `load`; `limit` is the memory to keep to, in bytes."""
        self._load = load
        self._limit = limit
        self._months: OrderedDict[str, Month] = OrderedDict()
        self._uncommitted: set[str] = set()

    def month(self, name: str) -> Month:
        """Return the events of a month. Months longest unused are dropped from memory to make room."""
        month = self._months.get(name)
        if month is None:
            month = self._months[name] = Month(self._load(name))
            self._make_room(name)
        self._months.move_to_end(name)
        return month

    def add(self, name: str, keys: Keys) -> None:
        """Hold events that are appended but not committed: their month stays in memory until `committed`."""
        self.month(name).add(keys)
        self._uncommitted.add(name)

    def forget(self, name: str) -> None:
        """Read a month anew when it is asked for next; nothing of it may be uncommitted."""
        self._months.pop(name, None)

    def committed(self) -> None:
        """Say that everything added stands in the table now."""
        self._uncommitted.clear()
        self._make_room()

    def _make_room(self, wanted: str = "") -> None:
        total = sum(month.bytes for month in self._months.values())
        for name in list(self._months):
            if total <= self._limit:
                return
            if name != wanted and name not in self._uncommitted:
                total -= self._months.pop(name).bytes
