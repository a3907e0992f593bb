"""What each Windows and Exchange version writes, as data: event layouts, directory names, descriptors.

These files are the simulated systems' own. They share nothing with knowledge/, by which records are read: a layout
written down wrongly there must not be confirmed by the same mistake here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
import yaml

from mailwitness.errors import KnowledgeError
from mailwitness.simulate.windows_record import RESERVED, WindowsRecord


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: int
    names: str
    category: int = 0
    version: int = 0
    level: int = 0
    audit: Literal["success", "none"] | None = None
    qualifiers: int | None = None
    values: dict[str, str] = {}
    message: str | None = None
    user_data: str | None = None
    namespace: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    provider: str
    channel: str
    default: str
    events: dict[str, _Entry]
    provider_guid: str | None = None
    audit: Literal["success", "none"] = "success"
    qualifiers: int | None = None
    process_id: int = 0
    keyword_bits: int = RESERVED


class Layouts:
    """The events of one provider by their words."""

    def __init__(self, name: str, *, named: bool) -> None:
        self._file = msgspec.convert(_yaml(name), _File)
        self._named = named
        self._words = {word: tuple(entry.names.split()) for word, entry in self._file.events.items()}

    def record(
        self,
        word: str,
        computer: str,
        at: datetime,
        given: Mapping[str, str],
        *,
        outcome: Literal["success", "failure"] = "success",
        user_sid: str | None = None,
        activity_id: str | None = None,
    ) -> WindowsRecord:
        """Return the event `word` as a record without its number yet; `given` are its values by name.

        Raises KnowledgeError for a name the layout does not have.
        """
        entry, names = self._file.events[word], self._words[word]
        audited = (entry.audit or self._file.audit) == "success"
        unknown = given.keys() - set(names)
        if unknown:
            raise KnowledgeError(f"{word} has no value named {', '.join(sorted(unknown))}", where="simulate/layouts")
        values = tuple(given.get(n, entry.values.get(n, self._file.default)) for n in names)
        return WindowsRecord(
            provider=self._file.provider,
            provider_guid=self._file.provider_guid,
            event_code=entry.code,
            computer=computer,
            channel=self._file.channel,
            record_id=0,
            occurred_at=at,
            values=values,
            names=names if self._named else (),
            audit=outcome if audited else None,
            level=entry.level,
            version=entry.version,
            task=entry.category,
            qualifiers=self._qualifiers(entry),
            message=None if entry.message is None else _fill(entry.message, names, values),
            user_data=None if entry.user_data is None else (entry.user_data, entry.namespace),
            process_id=self._file.process_id,
            keyword_bits=self._file.keyword_bits,
            user_sid=user_sid,
            activity_id=activity_id,
        )

    def _qualifiers(self, entry: _Entry) -> int | None:
        if self._named:
            return None
        return entry.qualifiers if entry.qualifiers is not None else (self._file.qualifiers or 0)


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A directory attribute: schemaIDGUID, syntax, and the property set it belongs to in each schema."""

    guid: str
    syntax: str
    set: str | None = None
    set_2003: str | None = None


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An access right as Security records name it: message token and mask."""

    token: str
    mask: int


class _Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    directory_changes: dict[str, str]
    success_removed: str
    success_added: str


class _UserDescriptor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner_group: str
    dacl_flags: str
    dacl: tuple[str, ...]
    sacl: str


class DirectoryNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes, attributes, rights and descriptors of the simulated directory."""

    source: str
    classes: dict[str, str]
    attributes: dict[str, Attribute]
    rights: dict[str, str]
    app_roles: dict[str, str]
    app_ids: dict[str, str]
    discovery_mailbox: str
    mailbox_letters: dict[str, str]
    accesses: dict[str, Access]
    operations: dict[str, str]
    policy: _Policy
    mailbox_descriptor: str
    user_descriptor: _UserDescriptor


@cache
def layouts(name: str) -> Layouts:
    """Return the layouts of one file: windows_2003, windows_2008, windows_eventlog, exchange_store, ..."""
    return Layouts(name, named=name in {"windows_2008", "windows_eventlog"})


@cache
def directory_names() -> DirectoryNames:
    """Return the directory's names and numbers."""
    return msgspec.convert(_yaml("directory"), DirectoryNames)


def _yaml(name: str) -> object:
    return yaml.safe_load(files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))


_PLACE = re.compile(r"\{(\w+)\}")


def _fill(message: str, names: tuple[str, ...], values: tuple[str, ...]) -> str:
    given = dict(zip(names, values, strict=True))
    return _PLACE.sub(lambda m: given[m.group(1)], message)
