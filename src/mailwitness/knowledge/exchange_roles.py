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
    """One permission that an application holds by itself, on every mailbox of the tenant.

    `narrowed_by_policies`: an application access policy can keep it to some mailboxes, or from some.
    """

    name: str
    opens: Opens
    mark: Mark
    source: str
    narrowed_by_policies: bool = False


class ScopeParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter that limits a role assignment, and to what: `word` is one of the words of recipient_scopes."""

    name: str
    means: Literal["scope", "unit", "word", "text"]


class FilterProperty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of a recipient in filters, and which form of its names it is; `addresses`: one of several, or all."""

    name: str
    form: Literal["alias", "display_name", "dn", "upn", "account", "legacy_dn", "guid", "mailbox_guid", "smtp"]
    addresses: Literal["one", "all"] | None = None


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
    recipient_scopes: dict[str, Literal["all", "scope", "unit", "nobody_else"]]
    scope_parameters: tuple[ScopeParameter, ...]
    filter_properties: tuple[FilterProperty, ...]


@cache
def exchange_roles() -> ExchangeRoles:
    """Return the file; raises KnowledgeError for a role named twice."""
    file = load(FILE, ExchangeRoles)
    for entries in (file.roles, file.applications, file.defaults, file.scope_parameters, file.filter_properties):
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


@cache
def filter_property(name: str) -> FilterProperty | None:
    """Return what the property `name` (any case) of a filter is, None where no name of a recipient answers it."""
    return {p.name.casefold(): p for p in exchange_roles().filter_properties}.get(name.casefold())
