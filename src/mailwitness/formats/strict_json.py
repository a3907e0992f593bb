"""JSON as evidence: nothing dropped, nothing rounded.

Python's own decoder keeps the last of two equal keys, accepts NaN, rounds numbers and dies of depth; here each of
these is refused and said.
"""

from __future__ import annotations

import json
from typing import Any

from mailwitness.event import ProblemCode

DEPTH = 64
VALUES = 2_000_000
"""Values of one document: each costs up to a hundred bytes of memory, however few it has in the text."""
EXACT_INTEGER = (1 << 53) - 1
"""Integers beyond this are not the same number in every JSON reader (RFC 8259, 6): entries carry them as text."""


class JsonRefusedError(ValueError):
    """JSON that is not read: `code` says whether it is damaged, hostile by form or beyond a limit."""

    def __init__(self, code: ProblemCode, found: str) -> None:
        """Keep the Problem's code and what was found."""
        super().__init__(found)
        self.code: ProblemCode = code
        self.found = found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonRefusedError("refused", f"the key {twice[:80]!r} given twice in one object")
    return members


def _no_constant(name: str) -> Any:  # noqa: ANN401 - never returns
    raise JsonRefusedError("damaged", f"{name}, which is no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=str, parse_constant=_no_constant)
"""Numbers with a fraction or an exponent stay the text they are."""


def decode(document: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a JSON document, numbers with a fraction as text; raises JsonRefusedError and nothing else.

    Bytes that are no UTF-8 stay in their strings as lone surrogates (`surrogateescape`).
    """
    text = document if isinstance(document, str) else document.decode("utf-8", "surrogateescape")
    try:
        return DECODER.decode(text)
    except JsonRefusedError:
        raise
    except RecursionError:
        raise JsonRefusedError("limit", f"values nested deeper than {DEPTH} levels") from None
    except ValueError as error:
        raise JsonRefusedError("damaged", f"no JSON: {error}") from None


def shown(value: object) -> str:
    """Return a value as a Problem shows it: its first two hundred characters."""
    try:
        return repr(value)[:200]
    except RecursionError:
        return f"a {type(value).__name__} nested without end"


def value_count(document: bytes | str) -> int:
    """Return at least how many values a document would come to, without decoding it; commas in texts count too."""
    if isinstance(document, str):
        return document.count(",") + document.count("[") + document.count("{")
    return document.count(b",") + document.count(b"[") + document.count(b"{")


def as_exported(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """Return a decoded value with the integers written as text that not every reader has exactly.

    Raises JsonRefusedError where it is nested deeper than 64 levels.
    """
    if depth > DEPTH:
        raise JsonRefusedError("limit", f"values nested deeper than {DEPTH} levels")
    if isinstance(value, dict):
        return {name: as_exported(member, depth + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [as_exported(member, depth + 1) for member in value]
    if isinstance(value, int) and not -EXACT_INTEGER <= value <= EXACT_INTEGER:
        return str(value)
    return value
