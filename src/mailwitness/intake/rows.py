"""Events as the columns a trail takes: built once per delivery, not once per event."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa

from mailwitness.event import Blob, Event, escape_text, sealed_form
from mailwitness.trail.schema import BATCH_SCHEMA

_POSITION = {name: at for at, name in enumerate(Event.__struct_fields__)}
_ESCAPED = "\ufdd0".encode()
_WIDEST = 2**63


class Rows:
    """Gathers events with their entries; `take` gives them as one record batch and begins anew."""

    def __init__(self) -> None:
        self._events: list[tuple[Any, ...]] = []
        self._entries: list[bytes] = []
        self._digests: list[bytes] = []
        self._rows_of = array("I")
        self._blobs_of: list[tuple[Blob, ...]] = []
        self.bytes = 0
        """Bytes of the entries and blobs held."""

    def __len__(self) -> int:
        """Return the number of events held."""
        return len(self._events)

    def add(self, events: Sequence[Event], raw: dict[str, Any], salt: str | None) -> None:
        """Add the events of one record, all or none: raises ValueError or TypeError where one cannot be sealed."""
        first, size = len(self._events), 0
        try:
            for event in events:
                size += self._seal(event, raw, salt)
        except BaseException:
            for column in (self._events, self._entries, self._digests, self._blobs_of):
                del column[first:]
            raise
        self._rows_of.append(len(self._events) - first)
        self.bytes += size

    def _seal(self, event: Event, raw: dict[str, Any], salt: str | None) -> int:
        if event.record_id is not None and not 0 <= event.record_id < _WIDEST:
            raise ValueError(f"a record number no log can hold: {event.record_id}")
        entry, digest, blobs = sealed_form(event, raw, salt)
        row = msgspec.structs.astuple(event)
        self._events.append(row if entry.isascii() or _ESCAPED not in entry else tuple(map(_escape, row)))
        self._entries.append(entry)
        self._digests.append(digest)
        self._blobs_of.append(blobs)
        return len(entry) + sum([len(blob.data) for blob in blobs])

    def take(self) -> tuple[pa.RecordBatch | None, bytes, tuple[Blob, ...]]:
        """Return the batch (None: no rows), the number of rows of each record (empty: one each) and the blobs."""
        if not self._events:
            return None, b"", ()
        columns = list(zip(*self._events, strict=True))
        count = len(self._events)
        batch = pa.RecordBatch.from_arrays(
            [self._column(field, columns, count) for field in BATCH_SCHEMA], schema=BATCH_SCHEMA
        )
        rows_of = b"" if len(self._rows_of) == count else self._rows_of.tobytes()
        blobs = tuple(chain.from_iterable(self._blobs_of))
        self.__init__()  # type: ignore[misc] # begins anew
        return batch, rows_of, blobs

    def _column(self, field: pa.Field, columns: list[tuple[Any, ...]], count: int) -> pa.Array:
        at = _POSITION.get(field.name)
        if at is None:
            own = {"entry": self._entries, "content_digest": self._digests, "leaf_kind": ["event"] * count}
            return pa.array(own[field.name], field.type)
        values: Sequence[Any] = columns[at]
        if field.name == "items":
            values = [[msgspec.structs.asdict(item) for item in items] for items in values]
        elif not any(values) and values.count(None) == count:
            return pa.nulls(count, field.type)
        return pa.array(values, field.type)


def _escape(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    """Return `value` as the entry writes it: columns are the entry's projection."""
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, tuple):
        return tuple(map(_escape, value))
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{k: _escape(v) for k, v in msgspec.structs.asdict(value).items()})
    return value
