"""What the readers of export files share: when an export is complete, and what tells that it is not."""

from __future__ import annotations

from datetime import UTC, datetime

from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.event import Place

_WHEN_CHANGED = "%Y%m%d%H%M%S"


class Export:
    """One export being read. After `finish`, `remark` says why it is not complete, None: it is."""

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader
        self.remark: str | None = None

    def leave_out(self, what: str) -> None:
        """Note that the export does not hold everything of the objects it names."""
        self.remark = self.remark or what

    def finish(self) -> None:
        """Settle what only the end tells."""
        reader = self._reader
        reader.finish()
        cut = {"truncated": "the file is cut off, or values are missing in it", "limit": "a part was beyond a limit"}
        for code, what in cut.items():
            if code in reader.problems.by_code:
                self.leave_out(what)
        if reader.problems.unread:
            self.leave_out(f"{reader.problems.unread} records could not be read")
        if reader.groups and "member" not in reader.seen:
            self.leave_out("the members of groups were not exported")

    def check_time(self, observed_at: datetime, name: str) -> None:
        """Note where objects were changed after the time at which the export is said to have been made."""
        changed = self._reader.last_changed[:14]
        if len(changed) != 14 or not changed.isdigit():  # noqa: PLR2004 - a GeneralizedTime to the second
            return
        try:
            at = datetime.strptime(changed.decode(), _WHEN_CHANGED).replace(tzinfo=UTC)
        except ValueError:
            return
        if at > observed_at:
            found = f"an object changed at {at.isoformat()}"
            self._reader.note(Place(evidence=name), "clock", f"an export made at {observed_at.isoformat()}", found, 0)
