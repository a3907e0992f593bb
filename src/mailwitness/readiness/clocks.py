"""How far the clocks of hosts are apart, by acts that two of them recorded."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from statistics import median
from typing import Any

import msgspec

from mailwitness.analysis.roles import CMDLET_SOURCES
from mailwitness.engine.interface import Engine
from mailwitness.engine.query import load_query
from mailwitness.readiness.people import People

ACTS = 3
"""Acts that two hosts must have recorded before their clocks are compared."""
NOTICED = timedelta(seconds=2)
"""From this offset on people are told: records of one act are joined within it."""


class ClockOffset(msgspec.Struct, frozen=True, kw_only=True):
    """How many seconds the domain controller's clock is ahead of the server's, by the median of so many acts."""

    server: str
    controller: str
    seconds: float
    acts: int

    @property
    def is_noticed(self) -> bool:
        """Return whether it is more than a person need not know of."""
        return abs(self.seconds) >= NOTICED.total_seconds()


def clock_offsets(engine: Engine, people: People) -> tuple[ClockOffset, ...]:
    """Return the offsets between Exchange servers and the domain controllers through which they wrote.

    A cmdlet is recorded by its server when it has run, the write by the controller: the last 500 cmdlets are compared
    with the nearest write to the same object, at most ten minutes away. A second is no offset: the write comes first.
    """
    sources = sorted(set(CMDLET_SOURCES))
    rows = engine.rows(load_query("mailwitness.readiness.sql", "acts_on_two_hosts"), cmdlet_sources=sources)
    apart: dict[tuple[str, str], list[float]] = {}
    for (server, controller, _ran_at, _mailbox), nearest in _nearest(rows, people).items():
        apart.setdefault((server, controller), []).append(nearest.total_seconds())
    return tuple(
        ClockOffset(server=server, controller=controller, seconds=round(median(seconds), 3), acts=len(seconds))
        for (server, controller), seconds in sorted(apart.items())
        if len(seconds) >= ACTS
    )


def _nearest(rows: Iterable[dict[str, Any]], people: People) -> dict[tuple[Any, ...], timedelta]:
    """Return for each cmdlet how long after it the nearest write to its mailbox stands in the controller's log."""
    found: dict[tuple[Any, ...], timedelta] = {}
    for row in rows:
        mailbox = people.one(row["mailbox_ref"], row["mailbox_ref_form"])
        written = people.one(row["object_guid"] or row["object_dn"], "guid" if row["object_guid"] else "dn")
        if mailbox is None or mailbox != written:
            continue
        key = (row["server"], row["controller"], row["ran_at"], row["mailbox_ref"])
        after = row["written_at"] - row["ran_at"]
        if key not in found or abs(after) < abs(found[key]):
            found[key] = after
    return found
