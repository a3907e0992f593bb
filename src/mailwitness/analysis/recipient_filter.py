"""Filters on recipients as Exchange writes them (OPATH): whether one mailbox passes, where that can be known.

Read are comparisons (-eq, -ne, -like, -notlike with wildcards at either end) joined by -and, -or, -not and brackets.
A property nobody looked up here, or a text of another form, leaves the answer open (None): never yes, never no.
Source: Microsoft Learn, "Filterable properties for the RecipientFilter parameter" and "Filters in Exchange PowerShell".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import msgspec

Verdict = bool | None
"""Yes, no, or nobody can tell."""
Compare = Callable[[str, str, Callable[[str], bool]], Verdict]
"""Asked for a property, the value as it stands in the filter, and what it takes to match: whether any value does."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<operator>-[A-Za-z]+|!)|'(?P<single>(?:[^']|'')*)'|"(?P<double>(?:[^"]|"")*)"
    |(?P<word>[^\s()'"!]+))""",
    re.VERBOSE,
)
_LONGEST, _DEEPEST = 8192, 32
_COMPARISONS = frozenset({"eq", "ne", "like", "notlike"})


class Test(msgspec.Struct, frozen=True):
    """One comparison."""

    name: str
    comparison: str
    value: str


class Both(msgspec.Struct, frozen=True):
    """Filters joined: all of them (-and), or any (-or)."""

    how: Literal["and", "or"]
    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """The contrary of a filter."""

    part: Node


Node = Test | Both | Not


@lru_cache(maxsize=1024)
def parse_filter(text: str) -> Node | None:
    """Return a filter as its parts, None where it is of a form that is not read here."""
    stripped = text.strip()
    if stripped.startswith("{") and stripped.endswith("}"):
        stripped = stripped[1:-1].strip()
    if len(stripped) > _LONGEST:
        return None
    tokens = _tokens(stripped)
    if not tokens:
        return None
    try:
        node, end = _joined(tokens, 0, 0)
    except _OtherFormError:
        return None
    return node if end == len(tokens) else None


def passes(node: Node | None, compare: Compare) -> Verdict:
    """Return whether an object passes, asking `compare` for each property."""
    if node is None:
        return None
    if isinstance(node, Not):
        inner = passes(node.part, compare)
        return None if inner is None else not inner
    if isinstance(node, Both):
        found = [passes(part, compare) for part in node.parts]
        deciding = node.how == "or"
        return deciding if deciding in found else None if None in found else not deciding
    verdict = compare(node.name, node.value, _matcher(node))
    return verdict if node.comparison in ("eq", "like") or verdict is None else not verdict


def _matcher(test: Test) -> Callable[[str], bool]:
    wanted = test.value.casefold()
    if test.comparison in ("like", "notlike"):
        pattern = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", wanted)), re.DOTALL)
        return lambda value: pattern.fullmatch(value.casefold()) is not None
    return lambda value: value.casefold() == wanted


class _OtherFormError(Exception):
    """A text that is no filter of the form read here."""


_Token = tuple[str, str]


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at:
            return [] if text[at:].strip() else found
        at = match.end()
        kind = match.lastgroup or ""
        value = match[kind]
        if kind in ("single", "double"):
            quote = "'" if kind == "single" else '"'
            found.append(("value", value.replace(quote * 2, quote)))
        elif kind == "operator":
            found.append(("operator", "not" if value == "!" else value[1:].casefold()))
        else:
            found.append((kind, value))
    return found


def _joined(tokens: list[_Token], at: int, depth: int) -> tuple[Node, int]:
    """Read parts joined by -or of parts joined by -and."""
    if depth > _DEEPEST:
        raise _OtherFormError
    any_of: list[Node] = []
    while True:
        all_of: list[Node] = []
        while True:
            part, at = _part(tokens, at, depth)
            all_of.append(part)
            if at >= len(tokens) or tokens[at] != ("operator", "and"):
                break
            at += 1
        any_of.append(all_of[0] if len(all_of) == 1 else Both("and", tuple(all_of)))
        if at >= len(tokens) or tokens[at] != ("operator", "or"):
            return any_of[0] if len(any_of) == 1 else Both("or", tuple(any_of)), at
        at += 1


def _part(tokens: list[_Token], at: int, depth: int) -> tuple[Node, int]:
    if depth > _DEEPEST or at >= len(tokens):
        raise _OtherFormError
    if tokens[at] == ("operator", "not"):
        part, at = _part(tokens, at + 1, depth + 1)
        return Not(part), at
    if tokens[at] == ("bracket", "("):
        part, at = _joined(tokens, at + 1, depth + 1)
        if at >= len(tokens) or tokens[at] != ("bracket", ")"):
            raise _OtherFormError
        return part, at + 1
    if len(tokens) < at + 3:
        raise _OtherFormError
    (kind, name), (how, comparison), (is_value, value) = tokens[at : at + 3]
    if kind != "word" or how != "operator" or comparison not in _COMPARISONS or is_value not in ("value", "word"):
        raise _OtherFormError
    if value.startswith("$"):  # $true, $null and variables
        raise _OtherFormError
    return Test(name.casefold(), comparison, value), at + 3
