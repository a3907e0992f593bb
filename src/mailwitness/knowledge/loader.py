"""Reads one knowledge file into its type, and refuses what it does not know."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import msgspec
import yaml

from mailwitness.errors import KnowledgeError

Mark = Literal["verified", "partly", "experimental"]
"""How well a fact is established: read in the source or decoded from real logs; the fact but not every detail; or
from general knowledge, shown as experimental wherever it is used."""

T = TypeVar("T")


def load(file_name: str, shape: type[T]) -> T:
    """Return the knowledge file `file_name` (of this package) as `shape`, a msgspec type that forbids unknown keys.

    Raises KnowledgeError with file and path inside it.
    """
    text = resources.files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    return parse(text, shape, where=file_name)


def parse(text: str, shape: type[T], where: str) -> T:
    """Return YAML `text` as `shape`; raises KnowledgeError naming `where`."""
    try:
        return msgspec.convert(yaml.load(text, Loader=_SafeLoader), shape)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise KnowledgeError(
            f"a knowledge file does not read: {error}", where=where, remedy="correct the entry"
        ) from error


_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words an event may use: kinds and their actions."""

    source: str
    kinds: dict[str, tuple[str, ...]]

    def check(self, kind: str, action: str, where: str) -> None:
        """Raise KnowledgeError unless `action` is a word of `kind`."""
        if action not in self.kinds.get(kind, ()):
            raise KnowledgeError(f"unknown word: {kind} {action}", where=where, remedy="use a word of vocabulary.yaml")


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of kinds and actions."""
    return load("vocabulary.yaml", Vocabulary)
