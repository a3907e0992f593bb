"""What is hidden by default, and why: acts of services and of the system (noise.yaml).

Noise is derived, never sealed: the events stay, and a later version of the rules marks them anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import Event
from mailwitness.knowledge.loader import Mark, load

FILE = "noise.yaml"


class NoiseRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule: the fields an event must be like, and the reason shown for hiding it."""

    name: str
    reason: str
    source: str
    mark: Mark
    when: dict[str, tuple[str, ...]]
    unless: dict[str, tuple[str, ...]] = {}


class NoiseKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as a whole."""

    source: str
    rules: tuple[NoiseRule, ...]


@cache
def noise_rules() -> tuple[NoiseRule, ...]:
    """Return the rules; raises KnowledgeError on an unknown field or a rule without an actor and a second field."""
    rules = load(FILE, NoiseKnowledge).rules
    for rule in rules:
        unknown = (set(rule.when) | set(rule.unless)) - set(Event.__struct_fields__)
        if unknown:
            raise KnowledgeError(f"unknown fields: {sorted(unknown)}", where=f"{FILE}: {rule.name}")
        if len(rule.when) < 2 or not any(field.startswith("actor_") for field in rule.when):  # noqa: PLR2004 - two
            raise KnowledgeError(
                "a rule names no actor, or nothing but an actor",
                where=f"{FILE}: {rule.name}",
                remedy="name the actor and what it does",
            )
    return rules


def noise_of(event: Mapping[str, Any]) -> str | None:
    """Return the reason why an event (its fields by name) is noise, or None."""
    for reason, required, excluded in _compiled():
        if all(_like(event.get(field), likes) for field, likes in required) and not any(
            _like(event.get(field), likes) for field, likes in excluded
        ):
            return reason
    return None


@cache
def noise_sql() -> str:
    """Return an SQL expression over the events' columns that gives the reason, or NULL: the same as `noise_of`."""
    cases = [f"WHEN {_condition(rule)} THEN {_literal(rule.reason)}" for rule in noise_rules()]
    return f"CASE {' '.join(cases)} END"


_Likes = tuple[tuple[str, ...], ...]
"""Patterns cut at their stars: a value is like one if its pieces stand in it in order, first and last at the ends."""

_Fields = tuple[tuple[str, _Likes], ...]


@cache
def _compiled() -> tuple[tuple[str, _Fields, _Fields], ...]:
    return tuple((rule.reason, _pieces(rule.when), _pieces(rule.unless)) for rule in noise_rules())


def _pieces(fields: dict[str, tuple[str, ...]]) -> _Fields:
    return tuple((field, tuple(tuple(like.casefold().split("*")) for like in likes)) for field, likes in fields.items())


def _like(value: object, likes: _Likes) -> bool:
    if not isinstance(value, str):
        return False
    text = value.casefold()
    return any(_is_like(text, pieces) for pieces in likes)


def _is_like(text: str, pieces: tuple[str, ...]) -> bool:
    first, *others = pieces
    if not others:
        return text == first
    last = others.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in others:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _condition(rule: NoiseRule) -> str:
    parts = [_any_like(field, likes) for field, likes in rule.when.items()]
    parts += [f"NOT coalesce({_any_like(field, likes)}, false)" for field, likes in rule.unless.items()]
    return " AND ".join(parts)


def _any_like(field: str, likes: tuple[str, ...]) -> str:
    either = " OR ".join(f"lower({field}) LIKE {_literal(_sql_like(like))} ESCAPE '!'" for like in likes)
    return f"({either})"


def _sql_like(like: str) -> str:
    escaped = like.casefold().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return escaped.replace("*", "%")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
