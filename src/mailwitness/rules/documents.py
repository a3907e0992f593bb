"""Sigma documents from files: read with limits, since rules from outside are hostile input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mailwitness.rules.rule import Refused

FILE_LIMIT = 262_144
"""Bytes of one file of rules."""
FILES_LIMIT = 20_000
"""Files of all folders together: SigmaHQ has about 4,300."""
DOCUMENTS_LIMIT = 200
"""Rules in one file."""
CONDITION_LIMIT = 2_000
"""Characters of a condition, and NESTED_LIMIT its parentheses: the parser's time grows with both."""
NESTED_LIMIT = 8
_SUFFIXES = frozenset({".yml", ".yaml"})
Document = dict[str, Any]


class _Refusal(Exception):
    """Why a document is not taken."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain values only; a key that stands twice is refused, since one of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return mapping


def rule_files(folders: list[Path], refused: list[Refused]) -> Iterator[Path]:
    """Yield the files of rules in `folders` (or the files named), in order; links out of a folder are not followed."""
    count = 0
    for folder in folders:
        names = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        for name in names:
            if name.suffix.lower() not in _SUFFIXES or not name.is_file():
                continue
            if name != folder and not name.resolve().is_relative_to(folder.resolve()):
                refused.append(Refused(path=str(name), title="", reason="a link that leads out of its folder"))
                continue
            count += 1
            if count > FILES_LIMIT:
                refused.append(Refused(path=str(name), title="", reason=f"more than {FILES_LIMIT} files of rules"))
                return
            yield name


def documents(path: Path, refused: list[Refused]) -> list[Document]:
    """Return the documents of one file that can be rules; what is refused is added to `refused`."""
    try:
        return list(_checked(path, refused))
    except (_Refusal, yaml.YAMLError, OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        refused.append(Refused(path=str(path), title="", reason=f"does not read: {_line(error)}"))
        return []


def _checked(path: Path, refused: list[Refused]) -> Iterator[Document]:
    if path.stat().st_size > FILE_LIMIT:
        raise _Refusal(f"larger than {FILE_LIMIT} bytes")
    text = path.read_bytes().decode("utf-8-sig")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
        raise _Refusal("an alias (*name): write the value out")
    for number, document in enumerate(yaml.load_all(text, Loader=_Loader)):
        if number >= DOCUMENTS_LIMIT:
            raise _Refusal(f"more than {DOCUMENTS_LIMIT} rules")
        if document is None:
            continue
        reason = _objection(document)
        if reason is None:
            yield document
        else:
            title = document.get("title") if isinstance(document, dict) else None
            refused.append(Refused(path=str(path), title=str(title or ""), reason=reason))


def _objection(document: object) -> str | None:
    if not isinstance(document, dict):
        return "no mapping of names and values"
    if "filter" in document:
        return "a Sigma filter: filters are not applied"
    if "action" in document:
        return "a collection of the old form (action): write each rule out"
    if not isinstance(document.get("title"), str):
        return "has no title"
    conditions: list[object] = []
    for part in ("detection", "correlation"):
        said = document.get(part)
        if isinstance(said, dict):
            condition = said.get("condition")
            conditions += condition if isinstance(condition, list) else [condition]
    for condition in conditions:
        if isinstance(condition, str) and (len(condition) > CONDITION_LIMIT or _nested(condition) > NESTED_LIMIT):
            return f"a condition of more than {CONDITION_LIMIT} characters or {NESTED_LIMIT} nested parentheses"
    return None


def _nested(condition: str) -> int:
    depth = deepest = 0
    for character in condition:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
