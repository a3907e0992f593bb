"""Which controls of which rule each report is evidence for (report_packs.yaml)."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.knowledge.loader import load


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One control: its id and name as the rule has them, the reports that serve it, and what they show for it."""

    id: str
    title: str
    reports: tuple[str, ...]
    shows: str
    source: str

    def sentence(self) -> str:
        """Return the control as a report names it."""
        return f"{self.id} {self.title}: {self.shows}"


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reports for one rule. `limits` says what no report of ours can show for it."""

    title: str
    rule: str
    limits: str
    source: str
    controls: tuple[Control, ...]

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of report that the controls name, each once, in their order."""
        return tuple(dict.fromkeys(kind for control in self.controls for kind in control.reports))

    def sentences(self) -> tuple[str, ...]:
        """Return what a reader has to know of the pack."""
        return (f"Evidence for: {self.rule}.", self.limits)


@cache
def packs() -> dict[str, Pack]:
    """Return every pack by its name."""
    return load("report_packs.yaml", dict[str, Pack])
