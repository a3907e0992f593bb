"""libevt as the second reader of .evt files, and as the oracle of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyevt

from mailwitness.formats.evt_record import AUDIT, CODE, NAME, channel_of
from mailwitness.formats.interface import Record


def records_by_libevt(path: Path, file_channel: str) -> Iterator[Record]:
    """Yield every record libevt reads, the live ones first, then those it recovered."""
    file = pyevt.file()
    try:
        file.open(str(path))
    except OSError:
        return
    try:
        for count, get, recovered in (
            (file.get_number_of_records(), file.get_record, False),
            (file.get_number_of_recovered_records(), file.get_recovered_record, True),
        ):
            for i in range(count):
                try:
                    yield _record(get(i), file_channel, recovered=recovered)
                except OSError:
                    continue  # what neither reader reads becomes a Problem where the frame is walked
    finally:
        file.close()


def _record(found: Any, file_channel: str, *, recovered: bool) -> Record:  # noqa: ANN401 - the library has no types
    provider = found.get_source_name() or ""
    return Record(
        format=NAME,
        offset=found.get_offset(),
        provider=provider,
        event_code=found.get_event_identifier() & CODE,
        computer=found.get_computer_name() or "",
        channel=channel_of(provider, file_channel),
        record_id=found.get_identifier(),
        occurred_at=datetime.fromtimestamp(found.get_creation_time_as_integer(), UTC),
        time_quality="second",
        values=tuple(found.get_string(i) or "" for i in range(found.get_number_of_strings())),
        audit=AUDIT.get(found.get_event_type()),
        user_sid=found.get_user_security_identifier(),
        data=_data(found),
        recovered=recovered,
    )


def _data(found: Any) -> bytes | None:  # noqa: ANN401 - as above
    try:
        return found.get_data() or None
    except OSError:  # how the library says that there is none
        return None
