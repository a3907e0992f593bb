"""What the parts of every generation have in common: accounts by name, rows with their ids, explanations."""

from __future__ import annotations

from typing import Any, ClassVar

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.act import Act, Told
from mailwitness.simulate.ledger import Explanation
from mailwitness.simulate.organisation import Account, Host, number_of
from mailwitness.simulate.truth import Draft, TruthKind, TruthRow, who, whose
from mailwitness.simulate.world import World


class Part:
    """A group of verbs. Each verb is a method that takes an act and returns what it leaves behind."""

    whole_seconds: ClassVar[bool] = False
    """Whether the records of this generation know no more than the second, and so its truth."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _of(self, name: str | None) -> Account:
        if name is None:
            raise KnowledgeError("an act lacks an account", where="scenario")
        return self.world.organisation.account(name)

    def _station(self, act: Act, default: Host) -> Host:
        return self.world.organisation.hosts[act.station] if act.station else default

    def _row(self, act: Act, kind: TruthKind, what: str, evidence: list[Draft], **fields: Any) -> TruthRow:  # noqa: ANN401 - fields of a row
        return TruthRow(
            kind=kind,
            at=fields.pop("at", act.at.replace(microsecond=0) if self.whole_seconds else act.at),
            what=what,
            id=self.world.next_id(),
            organization=self.world.organisation.dns,
            noise=act.noise,
            says=act.says,
            evidence=evidence,
            **fields,
        )

    def _switched(
        self,
        act: Act,
        told: TruthRow,
        switch: tuple[str, str],
        *,
        on: bool,
        **fields: Any,  # noqa: ANN401 - fields of a row
    ) -> list[TruthRow]:
        """Begin a gap where auditing goes off, and return it when auditing goes on again."""
        if not on:
            if switch not in self.world.gaps:
                self.world.gaps[switch] = self._row(act, "gap", told.what, told.evidence, **fields)
                self.world.gaps[switch].says = None
            return []
        gap = self.world.gaps.pop(switch, None)
        if gap is None:
            return []
        gap.until = act.at.replace(microsecond=0) if self.whole_seconds else act.at
        return [gap]

    def _explained(self, act: Act, access: TruthRow, *beside: Draft, found: Explanation | None = None) -> Told:
        """Return a foreign access with its explanation, or with the finding that nothing explains it."""
        if found is None:
            found = self.world.ledger.explain(act.mailbox or "", act.by)
        mailbox, actor = self._of(act.mailbox), self._of(act.by)
        common = {"access": access.id} | whose(mailbox) | who(actor)
        if found is not None:
            rows = [self._row(act, "explanation", "explanation.right", [], path=found.path, by=found.by, **common)]
        else:
            rule = "unexplained_access"
            rows = [
                self._row(act, "explanation", "explanation.unexplained", [], **common),
                self._row(act, "finding", f"finding.{rule}", access.evidence, rule=rule, **common),
            ]
        for row in rows:
            row.says = None
        return Told([access, *rows], list(beside))

    def _sent(self, act: Act, access: TruthRow, right: str) -> Told:
        """Return a message sent for another with its explanation: the right itself, or nothing known."""
        change = self.world.ledger.change_of(act.mailbox or "", act.by, right)
        common = {"access": access.id} | whose(self._of(act.mailbox)) | who(self._of(act.by))
        if change is None:
            row = self._row(act, "explanation", "explanation.unexplained", [], **common)
        else:
            by = (change,) if change else ()
            row = self._row(act, "explanation", "explanation.right", [], path=(right,), by=by, **common)
        row.says = None
        return Told([access, row])

    def _pick(self, act: Act, count: int) -> int:
        """Return which of `count` equal servers an act goes through: always the same one for the same act."""
        return number_of(act.by, act.verb, act.at.isoformat(), below=count)


class Teller:
    """A generation: parts whose verbs do not overlap."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def knows(self, verb: str) -> bool:
        """Return whether this generation has the verb."""
        return any(hasattr(part, verb) for part in self._parts)

    def tell(self, act: Act) -> Told:
        """Return what an act leaves; raises KnowledgeError for a verb that no part has."""
        for part in self._parts:
            verb = getattr(part, act.verb, None)
            if verb is not None:
                told: Told = verb(act)
                return told
        raise KnowledgeError(f"no generation part has the verb {act.verb}", where="scenario")
