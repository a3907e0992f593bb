"""How what the trail tells is written in the schemas of others (knowledge/exports/*.yaml)."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.knowledge.loader import load

Shape = Literal["text", "milliseconds", "microseconds", "list", "objects", "ip"]
"""How a value is written: as it is; as time since 1970; as a list of texts; as a list of objects with a name; as an
address, and not at all where it is none."""
Value = str | int | bool


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from", "as_": "as"}):
    """Where one field comes from: a constant, or the first of `from` that has a value, its words put into `map`.

    Words that `map` lacks become `other`; without `other` they stay as they are.
    """

    value: Value | list[str] | None = None
    from_: list[str] = []
    map: dict[str, Value | list[str]] | None = None
    other: Value | list[str] | None = None
    as_: Shape = "text"


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of some records: those `of` a table and, if named, of these kinds, and where `needs` are told."""

    of: Literal["change", "access", "finding"]
    fields: dict[str, Field]
    kinds: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One schema: which version, where it is described, fields of every record, and those of each kind."""

    version: str
    source: str
    remarks: str
    common: dict[str, Field]
    records: tuple[Records, ...]

    def fields_for(self, of: str, kind: str, told: frozenset[str]) -> dict[str, Field]:
        """Return the fields of a record: the common ones and those of the first `records` that fits it."""
        for each in self.records:
            if each.of == of and (not each.kinds or kind in each.kinds) and told.issuperset(each.needs):
                return self.common | each.fields
        return self.common


FORMS = ("ecs", "ocsf", "cef", "timesketch")


@cache
def export_mapping(form: str) -> Mapping:
    """Return the mapping to one of FORMS."""
    return load(f"exports/{form}.yaml", Mapping)
