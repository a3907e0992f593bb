"""The subcategories of the audit policy by GUID, as audit_policy.yaml lists them."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.knowledge.loader import load


class AuditPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: names by GUID (lower case, no braces)."""

    source: str
    subcategories: dict[str, str]


@cache
def audit_policy() -> AuditPolicy:
    """Return the file."""
    return load("audit_policy.yaml", AuditPolicy)


def subcategory(guid: str) -> str | None:
    """Return the English name of the subcategory of that GUID (lower case, no braces), or None."""
    return audit_policy().subcategories.get(guid)
