"""What opens mailboxes without standing on any of them, as exchange_roles.yaml tells it."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.loader import Mark, load

FILE = "exchange_roles.yaml"

Opens = Literal["open", "export", "search", "send"]
"""What a role or an application permission lets its holder do with every mailbox in its scope."""


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One management role."""

    name: str
    opens: Opens
    mark: Mark
    source: str
    valid_from: dict[str, str] = {}
    valid_until: dict[str, date] = {}


class ApplicationPermission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One permission that an application holds by itself, on every mailbox of the tenant."""

    name: str
    opens: Opens
    mark: Mark
    source: str


class DefaultRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rights on the organization that set-up gives a trustee, by name, relative identifier or SID."""

    name: str
    mark: Mark
    source: str
    rid: int | None = None
    sid: str | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    valid_from: dict[str, str] = {}
    valid_until: dict[str, str] = {}


class ExchangeRoles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    source: str
    roles: tuple[Role, ...]
    applications: tuple[ApplicationPermission, ...]
    defaults: tuple[DefaultRights, ...]


@cache
def exchange_roles() -> ExchangeRoles:
    """Return the file; raises KnowledgeError for a role named twice."""
    file = load(FILE, ExchangeRoles)
    for entries in (file.roles, file.applications, file.defaults):
        names = [entry.name.casefold() for entry in entries]
        if len(set(names)) != len(names):
            raise KnowledgeError(f"a name stands twice: {sorted(names)}", where=FILE)
    return file


def holds_in(rights: DefaultRights, version: int) -> bool:
    """Return whether set-up of Exchange `version` (a year) gives these rights."""
    since, until = rights.valid_from.get("exchange"), rights.valid_until.get("exchange")
    return (since is None or int(since) <= version) and (until is None or version < int(until))


@cache
def role_named(name: str) -> Role | None:
    """Return the role that `name` (any case) is, None where it opens nothing."""
    return _roles().get(name.strip().casefold())


@cache
def application_permission(name: str) -> ApplicationPermission | None:
    """Return the application permission that `name` (any case) is, None where it opens nothing."""
    return {p.name.casefold(): p for p in exchange_roles().applications}.get(name.strip().casefold())


@cache
def _roles() -> dict[str, Role]:
    return {role.name.casefold(): role for role in exchange_roles().roles}
