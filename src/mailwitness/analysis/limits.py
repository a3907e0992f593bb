"""To which mailboxes a right that stands on none of them is limited: scopes of role assignments, and their reading.

Which words and parameters say what is knowledge/exchange_roles.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

import msgspec

from mailwitness.knowledge.exchange_roles import exchange_roles

LimitKind = Literal["unstated", "scope", "unit", "nobody_else", "text"]


class Limit(msgspec.Struct, frozen=True):
    """What an assignment is limited to.

    `scope`: a management scope of that name; `unit`: what lies below an organizational unit; `nobody_else`: the
    holder's own mailbox; `text`: something nobody evaluates here; `unstated`: the record does not tell.
    """

    kind: LimitKind
    name: str = ""

    @property
    def words(self) -> str:
        """Return it as people read it."""
        if self.kind == "unstated":
            return "the record does not tell the scope of the assignment"
        return f"limited to: {self.name}"


UNSTATED = Limit("unstated")


def limit_of_export(word: str | None, custom: str | None) -> Limit | None:
    """Return the limit that an exported assignment states: RecipientWriteScope, and the scope or unit it names."""
    if word is None:
        return UNSTATED if custom is None else Limit("text", custom)
    means = exchange_roles().recipient_scopes.get(word.casefold())
    if means == "all":
        return None
    if means == "nobody_else":
        return Limit("nobody_else", word)
    if means in ("scope", "unit") and custom:
        return Limit("scope" if means == "scope" else "unit", custom)
    return Limit("text", f"{word} {custom or ''}".strip())


def limit_of_parameters(told: Mapping[str, tuple[str, ...]], *, is_new: bool) -> Limit | None:
    """Return the limit that the parameters of a cmdlet give an assignment, `unstated` where they name none.

    A new assignment that names no scope has its role's own, which for the roles known here is the organization.
    """
    for parameter in exchange_roles().scope_parameters:
        values = told.get(parameter.name.casefold())
        if not values:
            continue
        value = " or ".join(values)
        if len(values) > 1:  # somebody wrote a value that reads as another parameter
            return Limit("text", value)
        if parameter.means == "word":
            return limit_of_export(value, None)
        return Limit("text" if parameter.means == "text" else parameter.means, value)
    return None if is_new and told else UNSTATED


@cache
def _parameters(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:^|, )({'|'.join(map(re.escape, sorted(names)))})=", re.IGNORECASE)


def parameters_of(text: str | None, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the parameters of `names` (lower case) in the text events keep of a cmdlet's (sources.cmdlet_parameters).

    A name that stands there twice keeps both values: one of them may stand inside another parameter's value.
    """
    found: dict[str, tuple[str, ...]] = {}
    marks = list(_parameters(frozenset(names)).finditer(text or ""))
    ends = [*(mark.start() for mark in marks[1:]), len(text or "")]
    for mark, end in zip(marks, ends, strict=False):
        value = (text or "")[mark.end() : end].strip()
        key = mark[1].casefold()
        found[key] = (*found.get(key, ()), *((value,) if value else ()))
    return found
