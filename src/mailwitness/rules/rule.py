"""A rule as it runs: what it looks for, in which table, and what a person is told when it is found."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mailwitness.rules.finding import Level

CorrelationType = Literal[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
]
Operator = Literal["<", "<=", ">", ">=", "=", "<>"]


class Condition(msgspec.Struct, frozen=True):
    """A condition over one table as SQL, with its parameters; `of_record` says that it asks for the record's values."""

    table: str
    sql: str
    parameters: dict[str, Any]
    of_record: bool = False


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """One rule a correlation counts: its condition, and the SQL of what it is grouped by and of the value counted."""

    rule_id: str
    condition: Condition
    groups: tuple[str, ...] = ()
    value: str | None = None
    noise: bool = False


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """What acts must have in common, and within how many seconds.

    `wanted` is an extended condition as SQL over the columns has_0, has_1, ... of its rules in order.
    """

    type: CorrelationType
    bases: tuple[Base, ...]
    group_by: tuple[str, ...]
    seconds: int
    operator: Operator = ">="
    count: float = 1
    percentile: float | None = None
    wanted: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `output` is off where only a correlation asks for it; `noise` says that it looks at noise too.

    `asleep` says why a rule that runs finds nothing: the events it asks for are never taken in.
    """

    rule_id: str
    title: str
    level: Level
    tags: tuple[str, ...] = ()
    description: str = ""
    status: str = ""
    path: str = ""
    table: str
    condition: Condition | None = None
    correlation: Correlation | None = None
    output: bool = True
    noise: bool = False
    asleep: str | None = None
    fields: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was not taken: where it stands, its title as far as it could be read, and why."""

    path: str
    title: str
    reason: str


class Corpus(msgspec.Struct, frozen=True):
    """The rules that run, and those that do not with the reason for each."""

    rules: tuple[Rule, ...]
    refused: tuple[Refused, ...] = ()

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of this id, or None."""
        return next((rule for rule in self.rules if rule.rule_id == rule_id), None)

    def only(self, wanted: dict[str, Any] | set[str] | frozenset[str]) -> Corpus:
        """Return the corpus with these rules alone."""
        return Corpus(tuple(rule for rule in self.rules if rule.rule_id in wanted), self.refused)
