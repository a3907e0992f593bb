"""Sigma's correlation rules: what they ask of which rules, converted.

The windows in which that is so are the business of mailwitness.rules.beginnings.
"""

from __future__ import annotations

from collections.abc import Mapping

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.rule import SigmaRule

from mailwitness.rules.backend import DuckdbBackend
from mailwitness.rules.rule import Base, Correlation, CorrelationType, Operator, Rule

TIMESPAN_LIMIT = 400 * 86_400
"""Seconds of a timespan: more than a year back is a question for analysis, not for a rule."""
RULES_LIMIT = 50
"""Rules of one correlation."""
Known = Mapping[str, tuple[Rule, SigmaRule]]


def correlation_of(sigma: SigmaCorrelationRule, known: Known, prefix: str) -> Correlation:
    """Return the correlation of a rule whose own rules are `known`. Raises ValueError for what it cannot be."""
    references = _references(sigma)
    if not references or len(references) > RULES_LIMIT:
        raise ValueError(f"a correlation of {len(references)} rules")
    if sigma.timespan.seconds > TIMESPAN_LIMIT:
        raise ValueError(f"a timespan of more than {TIMESPAN_LIMIT // 86_400} days")
    group_by = tuple(sigma.group_by or ())
    condition = sigma.condition
    fields: list[str] = []
    if isinstance(condition, SigmaCorrelationCondition) and condition.fieldref:
        fields = [condition.fieldref] if isinstance(condition.fieldref, str) else condition.fieldref
    bases = tuple(
        _base(sigma, name, known, group_by, fields, f"{prefix}{number}_") for number, name in enumerate(references)
    )
    named: CorrelationType = sigma.type.name.lower()  # type: ignore[assignment]
    plain = Correlation(type=named, bases=bases, group_by=group_by, seconds=sigma.timespan.seconds)
    if len(base_tables(plain)) > 1:
        raise ValueError("its rules ask of different tables")
    return _with_condition(plain, condition, references)


def _with_condition(
    plain: Correlation, condition: SigmaCorrelationCondition | SigmaExtendedCorrelationCondition, references: list[str]
) -> Correlation:
    parts = {name: getattr(plain, name) for name in ("type", "bases", "group_by", "seconds")}
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        if plain.type == "temporal_ordered":
            raise ValueError("an order and a condition in words do not go together: list the rules in their order")
        return Correlation(**parts, wanted=_wanted(condition.parsed, references))
    percentile = None if condition.percentile is None else condition.percentile / 100
    return Correlation(**parts, operator=_OPERATORS[condition.op], count=condition.count, percentile=percentile)


def base_tables(correlation: Correlation) -> frozenset[str]:
    """Return the tables its rules ask of."""
    return frozenset(base.condition.table for base in correlation.bases)


def _references(sigma: SigmaCorrelationRule) -> list[str]:
    if sigma.rules is not None:
        return [reference.reference for reference in sigma.rules]
    if isinstance(sigma.condition, SigmaExtendedCorrelationCondition):
        return sigma.condition.get_referenced_rules()
    return []


def _base(
    sigma: SigmaCorrelationRule, name: str, known: Known, group_by: tuple[str, ...], fields: list[str], prefix: str
) -> Base:
    if name not in known:
        raise ValueError(f"the rule {name} is not here, was refused, or is itself a correlation")
    rule, plain = known[name]
    if rule.condition is None:
        raise ValueError(f"the rule {name} has no condition")
    backend = DuckdbBackend(prefix)
    backend.enter(rule.table, plain.logsource.product)
    aliases = {
        alias.alias: field
        for alias in sigma.aliases
        for reference, field in alias.mapping.items()
        if reference.reference in {name, rule.rule_id}
    }
    groups = tuple(backend.field(aliases.get(field, field)).single for field in group_by)
    values = [backend.field(aliases.get(field, field)).single for field in fields]
    value = values[0] if len(values) == 1 else f"concat_ws(chr(31), {', '.join(values)})" if values else None
    condition = type(rule.condition)(
        rule.table,
        rule.condition.sql,
        rule.condition.parameters | backend.parameters,
        rule.condition.of_record or backend.of_record,
    )
    return Base(rule_id=rule.rule_id, condition=condition, groups=groups, value=value, noise=rule.noise)


_OPERATORS: dict[SigmaCorrelationConditionOperator, Operator] = {
    SigmaCorrelationConditionOperator.LT: "<",
    SigmaCorrelationConditionOperator.LTE: "<=",
    SigmaCorrelationConditionOperator.GT: ">",
    SigmaCorrelationConditionOperator.GTE: ">=",
    SigmaCorrelationConditionOperator.EQ: "=",
    SigmaCorrelationConditionOperator.NEQ: "<>",
}


def _wanted(node: CorrelationConditionItem | SigmaRuleReference, references: list[str]) -> str:
    if isinstance(node, SigmaRuleReference):
        return f"has_{references.index(node.reference)}"
    inner = [_wanted(each, references) for each in node.args]
    if isinstance(node, CorrelationConditionNOT):
        return f"(NOT {inner[0]})"
    return "(" + (" AND " if isinstance(node, CorrelationConditionAND) else " OR ").join(inner) + ")"
