"""What the collectors themselves said they did not get: content that expired, messages refused, servers that were away.

Collectors have that sealed in custody leaves (docs/collectors.md). It says what of the evidence never reached this
trail, whoever's fault it was; it says nothing of what was never recorded in the first place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from mailwitness.engine.interface import Engine
from mailwitness.trail.custody import Summary
from mailwitness.trail.projection import parse_instant

_GONE = frozenset({"lost", "refused"})


class Uncollected(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of which a collector lacks something. Without `until` it is not over; both alike: known by that time.

    `records` is how many are missing, where that is known.
    """

    collector: str
    where: str
    found: str
    since: datetime
    until: datetime | None
    records: int | None = None

    def sentence(self) -> str:
        """Return it for a person."""
        what = self.found or "nothing could be collected"
        count = "" if self.records is None else f" ({self.records} records)"
        if self.until == self.since:
            when = f"noticed {_time(self.since)}"
        else:
            when = f"{_time(self.since)} to {'now' if self.until is None else _time(self.until)}"
        return f"{self.collector}, {self.where}: {what}{count}; {when}"


class Notices(Summary):
    """What collectors said they lack, as they said it; and who was away and did not come back yet."""

    name = "collectors-notices"
    marks = (b'"act":"collection"',)

    gone: list[dict[str, Any]] = msgspec.field(default_factory=list)
    away: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def take(self, said: Mapping[str, Any]) -> None:
        """Take in one notice."""
        if said.get("act") != "collection":
            return
        if said["what"] in _GONE:
            self.gone.append(dict(said))
            return
        key = (said["collector"], said.get("where", ""))
        known = next((each for each in self.away if (each["collector"], each.get("where", "")) == key), None)
        if said["what"] == "silent":
            if known is None:
                self.away.append(dict(said))
        elif known is not None:
            self.away.remove(known)


def uncollected(engine: Engine) -> list[Uncollected]:
    """Return what collectors said they lack, in the order in which they said it; absences that last come last.

    An absence that is over is none: whoever came back collects what came meanwhile, and says what it could not.
    """
    notices = engine.custody(Notices)
    found = [_stretch(said, until=_at(said, "until_at")) for said in notices.gone]
    return found + [_stretch(said, until=None) for said in notices.away]


def _at(said: Mapping[str, Any], name: str) -> datetime:
    """Return a time of a notice, or when it was given where it names none."""
    return parse_instant(said.get(name) or said["at"])


def _stretch(said: Mapping[str, Any], *, until: datetime | None) -> Uncollected:
    count = said.get("records")
    return Uncollected(
        collector=said["collector"],
        where=said.get("where", ""),
        found=said.get("found", ""),
        since=_at(said, "since_at"),
        until=until,
        records=None if count is None else int(count),
    )


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
