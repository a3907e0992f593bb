"""The steps of the kit's README, in the order of work, as templates/steps.yaml has them."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from mailwitness.knowledge.audit_settings import Generation
from mailwitness.knowledge.loader import parse

_FILE = "steps.yaml"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step: of the kits that hold its file, or done by hand for the generations named; and how it is undone."""

    title: str
    doing: str
    undo: str
    file: str | None = None
    by_hand_in: tuple[Generation, ...] = ()


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file. `behind` stands behind the steps of a generation."""

    steps: tuple[Step, ...]
    behind: dict[Generation, str]

    def of(self, generation: Generation, names: list[str]) -> list[Step]:
        """Return the steps of a kit that holds the files `names`."""
        return [step for step in self.steps if step.file in names or generation in step.by_hand_in]


@cache
def steps() -> Steps:
    """Return the file; raises KnowledgeError where it does not read."""
    text = resources.files("mailwitness.readiness.templates").joinpath(_FILE).read_text(encoding="utf-8")
    return parse(text, Steps, where=_FILE)
