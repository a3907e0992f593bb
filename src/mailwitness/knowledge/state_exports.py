"""Exports of cmdlets that show how things stand, as state_exports.yaml tells them: by which columns one knows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import MailboxRefForm
from mailwitness.knowledge.loader import Mark, load

FILE = "state_exports.yaml"

Rule = Literal[
    "mailbox_rights",
    "directory_rights",
    "recipient_rights",
    "folder_rights",
    "role_assignment",
    "role_group_member",
    "settings",
    "recipient",
    "database",
    "collection",
]
"""How the rows of an export are read."""


class StateExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One export: the columns that tell it, the rule that reads it, and what it is worth.

    `needs`: the columns one of which must name the object; none: any that names one. `of_organization`: its one row is
    about the organization and need not say so.
    """

    cmdlet: str
    reads: Rule
    columns: tuple[str, ...]
    proves: str
    cannot: str
    mark: Mark
    source: str
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    of_organization: bool = False
    valid_from: dict[str, str] = {}
    valid_until: dict[str, str] = {}


class NameColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column that names an object; `form` None: the text tells it."""

    column: str
    form: MailboxRefForm | None = None


class StateExports(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    source: str
    exports: tuple[StateExport, ...]
    attributes: dict[str, str]
    names: tuple[NameColumn, ...]
    kinds: dict[Literal["group", "contact", "computer"], tuple[str, ...]]
    lost: tuple[str, ...]
    not_a_user: tuple[str, ...]
    delegating: tuple[str, ...]
    online: tuple[str, ...]


@cache
def state_exports() -> StateExports:
    """Return the file; raises KnowledgeError for an export no column tells, or one that another one hides."""
    file = load(FILE, StateExports)
    shadows: list[tuple[frozenset[str], frozenset[str]]] = []
    for export in file.exports:
        columns = folded(export.columns)
        if not columns or not export.valid_from:
            raise KnowledgeError("an export without columns or products", where=f"{FILE}: {export.cmdlet}")
        if any(before <= columns and not without & columns for before, without in shadows):
            raise KnowledgeError("an export that an earlier one hides", where=f"{FILE}: {export.cmdlet}")
        shadows.append((columns, folded(export.without)))
    return file


def folded(names: tuple[str, ...]) -> frozenset[str]:
    """Return names as they are compared."""
    return frozenset(name.casefold() for name in names)


@cache
def shapes() -> tuple[tuple[frozenset[str], frozenset[str], StateExport], ...]:
    """Return each export behind the columns it must have and those it must not have, in lower case."""
    return tuple((folded(export.columns), folded(export.without), export) for export in state_exports().exports)


def export_of_columns(names: Iterable[str]) -> StateExport | None:
    """Return which export has columns of these names (any case), None where none has."""
    columns = frozenset(name.casefold() for name in names)
    return next((export for has, without, export in shapes() if has <= columns and not without & columns), None)


@cache
def kind_of_recipient() -> dict[str, Literal["group", "contact", "computer"]]:
    """Return what a word of RecipientTypeDetails (lower case) says an object is; a missing one is an account."""
    return {word.casefold(): kind for kind, words in state_exports().kinds.items() for word in words}


@cache
def lost_values() -> re.Pattern[str]:
    """Return what matches a text that names the type of a value instead of the value."""
    likes = (re.escape(like).replace(r"\*", r"[\w.`+\[\],=]*") for like in state_exports().lost)
    return re.compile(rf"(?:{'|'.join(likes)})(?:\[\])?", re.IGNORECASE)
