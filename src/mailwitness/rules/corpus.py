"""Rules from folders: each converted, or listed with the reason why it cannot be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from mailwitness.event import canonical
from mailwitness.knowledge.sigma_fields import logsource_of
from mailwitness.rules.asleep import asleep
from mailwitness.rules.backend import DuckdbBackend
from mailwitness.rules.correlation import base_tables, correlation_of
from mailwitness.rules.documents import Document, documents, rule_files
from mailwitness.rules.finding import LEVELS, Level
from mailwitness.rules.rule import Condition, Corpus, Refused, Rule
from mailwitness.rules.tables import DERIVED, EVENTS, OWN_PRODUCT
from mailwitness.trail.schema import EVENTS_SCHEMA

Parsed = tuple[str, Document, SigmaRule | SigmaCorrelationRule]


def load_rules(folders: Iterable[Path] = (), *, builtin: bool = True) -> Corpus:
    """Return the rules of `folders` (searched through) and, unless told otherwise, those that come with the product.

    A rule that cannot be taken stands in `refused` with its reason, never nowhere. A user's rule with the name or id
    of one that was there before is refused: two rules under one name would be one finding.
    """
    refused: list[Refused] = []
    files: list[tuple[str, Path]] = []
    if builtin:
        here = Path(str(resources.files(__package__).joinpath("builtin")))
        files += [(f"builtin/{path.name}", path) for path in rule_files([here], refused)]
    files += [(str(path), path) for path in rule_files(list(folders), refused)]
    parsed: list[Parsed] = []
    for shown, path in files:
        for document in documents(path, refused):
            rule = _parsed(shown, document, refused)
            if rule is not None:
                parsed.append((shown, document, rule))
    return _Converter(refused).corpus(parsed)


def _parsed(path: str, document: Document, refused: list[Refused]) -> SigmaRule | SigmaCorrelationRule | None:
    rule, errors = _read(document)
    if errors:
        rule, left = _read(_without_asides(document))  # what says nothing of what it finds costs no rule
        errors = errors if left else []
    if errors:
        refused.append(Refused(path=path, title=str(document["title"]), reason=f"no Sigma rule: {_line(errors[0])}"))
        return None
    return rule


def _read(document: Document) -> tuple[SigmaRule | SigmaCorrelationRule | None, list[Any]]:
    try:
        kind = SigmaCorrelationRule if "correlation" in document else SigmaRule
        rule: SigmaRule | SigmaCorrelationRule = kind.from_dict(document, collect_errors=True)
    except (SigmaError, *_DEFECTS) as error:
        return None, [error]
    return rule, list(rule.errors)


_ASIDES = frozenset({"author", "date", "license", "modified", "references", "related", "scope"})
"""What a rule says of itself and nothing here uses."""
_TAG = re.compile(r"[^.\s]+\.\S+")


def _without_asides(document: Document) -> Document:
    """Return a rule without what nothing here uses, and without tags that have no namespace (`bloodhound`)."""
    left = {name: value for name, value in document.items() if name not in _ASIDES}
    if isinstance(left.get("tags"), list):
        left["tags"] = [tag for tag in left["tags"] if isinstance(tag, str) and _TAG.fullmatch(tag)]
    return left


_DEFECTS = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, OverflowError)
"""What pySigma raises on documents that are wrong in ways it does not expect."""


class _Converter:
    def __init__(self, refused: list[Refused]) -> None:
        self._refused = refused
        self._taken: dict[str, str] = {}
        self._converted: dict[str, tuple[Rule, SigmaRule]] = {}
        self._check = _Check()
        self._number = 0

    def corpus(self, parsed: list[Parsed]) -> Corpus:
        """Return every rule converted, correlations after the rules they ask for."""
        rules: list[Rule] = []
        for path, document, sigma in parsed:
            if isinstance(sigma, SigmaRule) and (rule := self._try(path, document, sigma)) is not None:
                rules.append(rule)
        correlations = [
            rule
            for path, document, sigma in parsed
            if isinstance(sigma, SigmaCorrelationRule) and (rule := self._try(path, document, sigma)) is not None
        ]
        silent = self._only_asked_for(parsed, correlations)
        rules = [msgspec.structs.replace(rule, output=False) if rule.rule_id in silent else rule for rule in rules]
        return Corpus((*rules, *correlations), tuple(self._refused))

    def _try(self, path: str, document: Document, sigma: SigmaRule | SigmaCorrelationRule) -> Rule | None:
        names = [str(name) for name in (sigma.name, sigma.id) if name]
        rule_id = names[0] if names else "unnamed-" + hashlib.sha256(canonical(_texts(document))).hexdigest()[:16]
        reason = next((f"its name is taken by {self._taken[n]}: {n}" for n in names if n in self._taken), None)
        try:
            if reason is None:
                rule = msgspec.structs.replace(self._rule(path, rule_id, sigma), asleep=asleep(document))
                self._taken |= dict.fromkeys([rule_id, *names], path)
                if isinstance(sigma, SigmaRule):
                    self._converted |= dict.fromkeys([rule_id, *names], (rule, sigma))
                return rule
        except (SigmaError, NotImplementedError, duckdb.Error, *_DEFECTS) as error:
            reason = _line(error)
        self._refused.append(Refused(path=path, title=str(sigma.title), reason=reason or "unknown"))
        return None

    def _rule(self, path: str, rule_id: str, sigma: SigmaRule | SigmaCorrelationRule) -> Rule:
        self._number += 1
        prefix = f"r{self._number}_"
        rule = Rule(
            rule_id=rule_id,
            title=str(sigma.title),
            level=_level(sigma),
            tags=tuple(str(tag) for tag in sigma.tags),
            description=str(sigma.description or ""),
            status=sigma.status.name.lower() if sigma.status else "",
            path=path,
            table=EVENTS,
            noise=sigma.custom_attributes.get("noise") == "include",
            fields=tuple(str(field) for field in sigma.fields or ()),
            false_positives=tuple(str(text) for text in sigma.falsepositives or ()),
        )
        if isinstance(sigma, SigmaCorrelationRule):
            correlation = correlation_of(sigma, self._converted, prefix)
            (table,) = base_tables(correlation)
            return msgspec.structs.replace(rule, table=table, correlation=correlation)
        table = _table_of(sigma)
        condition = DuckdbBackend(prefix).condition_of(sigma, table)
        self._check.runs(condition)
        return msgspec.structs.replace(rule, table=table, condition=condition)

    def _only_asked_for(self, parsed: list[Parsed], correlations: list[Rule]) -> set[str]:
        """Return the rules that only a correlation asks for, and that make no finding by themselves."""
        told = {c.rule_id for c in correlations}
        asked = {base.rule_id for rule in correlations if rule.correlation for base in rule.correlation.bases}
        spoken: set[str] = set()
        for _path, _document, sigma in parsed:
            if isinstance(sigma, SigmaCorrelationRule) and sigma.generate and str(sigma.name or sigma.id) in told:
                named = [reference.reference for reference in sigma.rules or ()]
                spoken |= {self._converted[name][0].rule_id for name in named if name in self._converted}
        return asked - spoken


class _Check:
    """Runs a condition over an empty table, so that what the engine refuses is known when the rules are read."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1, "autoload_known_extensions": False})
        self._connection.register("events", EVENTS_SCHEMA.empty_table())
        for name, schema in DERIVED.items():
            self._connection.register(name, schema.empty_table())
        self._connection.execute(
            "CREATE VIEW records AS SELECT *, MAP {'': ['']} AS record, '' AS record_text FROM events"
        )

    def runs(self, condition: Condition) -> None:
        """Raise duckdb.Error where the engine does not take `condition`, its regular expressions included."""
        table = "records" if condition.of_record else condition.table
        sql = f"SELECT count(*) FROM {table} WHERE {condition.sql}"  # noqa: S608 - every value is a parameter
        self._connection.execute(sql, condition.parameters)
        for value in condition.parameters.values():
            if isinstance(value, str) and "regexp_matches" in condition.sql:
                self._connection.execute("SELECT try(regexp_matches('', $value))", {"value": value})


def _table_of(sigma: SigmaRule) -> str:
    logsource = sigma.logsource
    if logsource.product == OWN_PRODUCT:
        table = logsource.service or EVENTS
        if table != EVENTS and table not in DERIVED:
            raise ValueError(f"no table {table}: give one of {', '.join((EVENTS, *DERIVED))}")
        return table
    if logsource.category is not None or logsource_of(logsource.product, logsource.service) is None:
        named = "/".join(filter(None, (logsource.product, logsource.category, logsource.service)))
        raise ValueError(f"no records of the logsource {named} are taken in")
    return EVENTS


def _level(sigma: SigmaRule | SigmaCorrelationRule) -> Level:
    named = sigma.level.name.lower() if sigma.level else "medium"
    return next((level for level in LEVELS if level == named), "medium")


def _texts(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _texts(inner) for name, inner in value.items()}
    return [_texts(inner) for inner in value] if isinstance(value, list) else str(value)


def _line(error: Any) -> str:  # noqa: ANN401 - whatever pySigma gives
    return " ".join(str(error).split())[:300] or type(error).__name__
