"""What a record of Entra ID in the unified audit log did: roles of applications and people, consents, memberships."""

from __future__ import annotations

import re
from typing import Any

import orjson

from mailwitness.knowledge.mailbox_operations import Operation
from mailwitness.sources.audit_fields import Fields

_NAME, _UPN = "1", "5"
"""Kinds of identity in Target and Actor (O365API, IdentityTypes): the name, the user principal name."""

_SCOPE = re.compile(r"\bScope: ([^,\]]{1,4000})")


def fields_of_directory(operation: Operation, said: Fields) -> list[dict[str, Any]]:
    """Return the fields of the event a directory operation makes."""
    properties = _Properties(said, old=operation.old_values)
    rights = list(operation.rights)
    named = properties.first(operation.rights_from)
    if named is not None:
        rights += named.split() if operation.words else [named]
    if operation.consent is not None:
        rights += _consented(properties.first((operation.consent,)) or "")
    trustee = properties.first(operation.trustee)
    if operation.trustee_is_target:
        trustee = _target(said) or trustee
    return [
        {
            "kind": operation.kind,
            "action": operation.action,
            "scope": "organization",
            "rights": tuple(dict.fromkeys(rights)),
            "trustee_name": trustee or said.text("ObjectId"),
            "group_name": properties.first(operation.group),
            "app_id": properties.first(operation.app),
            "object_dn": properties.first(operation.resource),
            "object_class": operation.object_class,
            "attribute": operation.attribute,
            "after": properties.first(operation.after_from),
        }
    ]


class _Properties:
    """ModifiedProperties by name; where a thing is taken away its properties stand in OldValue."""

    def __init__(self, said: Fields, *, old: bool) -> None:
        new_values = {name.casefold(): value for name, value in said.pairs("ModifiedProperties", "NewValue")}
        old_values = {name.casefold(): value for name, value in said.pairs("ModifiedProperties", "OldValue")}
        self._kept = (old_values, new_values) if old else (new_values,)

    def first(self, names: tuple[str, ...]) -> str | None:
        """Return the first of these properties that says something."""
        for name in names:
            for values in self._kept:
                text = _plain(values.get(name.casefold(), ""))
                if text:
                    return text
        return None


def _plain(text: str) -> str:
    """Return a value without the JSON list or quotes Entra ID may put around it."""
    stripped = text.strip()
    if stripped[:1] not in {"[", '"'}:
        return stripped
    try:
        value = orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return stripped
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "; ".join(value)
    return value if isinstance(value, str) else stripped if value else ""


def _consented(text: str) -> list[str]:
    """Return the scopes after a consent: `[before] => [[Id: ..., Scope: a b], ...]`."""
    _before, _arrow, after = text.rpartition("=>")
    return [scope for scopes in _SCOPE.findall(after) for scope in scopes.split()]


def _target(said: Fields) -> str | None:
    """Return the name of what was changed: its user principal name, else its name."""
    identities = [(row.text("Type"), row.text("ID")) for row in said.rows("Target")]
    for wanted in (_UPN, _NAME):
        for kind, name in identities:
            if kind == wanted and name is not None:
                return name
    return None
