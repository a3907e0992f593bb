"""An act of the story: who does what to whom, and what comes of it.

`Told` is what an act leaves: rows of truth, whose evidence is among the drafts, and drafts that stand for themselves
(the logon beside an access, the everyday).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.simulate.truth import Draft, TruthRow


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a story. Which fields an act needs depends on its verb (the methods of the generations)."""

    at: datetime
    verb: str
    by: str
    mailbox: str | None = None
    trustee: str | None = None
    right: str | None = None
    group: str | None = None
    to: str | None = None  # a forwarding address
    folder: str | None = None
    role: str | None = None
    client: str | None = None  # the kind of client: owa, outlook, ews, ...
    items: int = 1
    noise: bool = False
    everyday: bool = False  # may be left out where a history is bounded
    station: str | None = None  # the computer the act came from
    through: str | None = None  # the domain controller it goes through
    server: str | None = None  # the Exchange server it goes through
    lost: int = 0
    case: str | None = None  # the attack it belongs to
    says: str | None = None  # the sentence the demo tells


class Told(msgspec.Struct):
    """What an act leaves behind. `ended` are gaps that it ends: rows of truth whose evidence was told before."""

    rows: list[TruthRow] = []
    drafts: list[Draft] = []
    ended: list[TruthRow] = []

    def all_drafts(self) -> list[Draft]:
        """Return every record to be written, those of the rows' evidence included, once each."""
        seen: dict[int, Draft] = {id(d): d for d in self.drafts}
        for row in self.rows:
            seen |= {id(d): d for d in row.evidence}
        return list(seen.values())


def one(row: TruthRow, *beside: Draft) -> Told:
    """Return a single row with records that stand beside its evidence."""
    return Told([row], list(beside))
