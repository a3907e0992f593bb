"""How the names in Sigma rules are understood (sigma_fields.yaml): logsources, and fields that are columns here."""

from __future__ import annotations

from functools import cache

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import Event
from mailwitness.knowledge.loader import load

FILE = "sigma_fields.yaml"


class Logsource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The records a logsource means: those whose columns hold one of the values, case disregarded."""

    product: str
    service: str | None = None
    when: dict[str, tuple[str, ...]]
    source: str


class SigmaField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A field of a rule: the column it is here, or the name it has in the record; `product` narrows where."""

    name: str
    column: str | None = None
    record: str | None = None
    product: str | None = None


class SigmaKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as a whole."""

    source: str
    logsources: tuple[Logsource, ...]
    fields: tuple[SigmaField, ...]


@cache
def sigma_knowledge() -> SigmaKnowledge:
    """Return the file; raises KnowledgeError on a column no event has or a field that means nothing, or two things."""
    known = load(FILE, SigmaKnowledge)
    columns = [name for each in known.logsources for name in each.when]
    columns += [field.column for field in known.fields if field.column is not None]
    unknown = set(columns) - set(Event.__struct_fields__)
    if unknown:
        raise KnowledgeError(f"no column of an event: {', '.join(sorted(unknown))}", where=FILE)
    for field in known.fields:
        if (field.column is None) == (field.record is None):
            raise KnowledgeError(f"{field.name} is to be a column or a name of the record", where=FILE)
    return known


def logsource_of(product: str | None, service: str | None) -> Logsource | None:
    """Return what records a rule's logsource means, or None where none of them are taken in."""
    asked = ((product or "").casefold(), (service or "").casefold())
    for each in sigma_knowledge().logsources:
        if (each.product, each.service or "") == asked:
            return each
    return None


def sigma_field(name: str, product: str | None) -> SigmaField | None:
    """Return what a field's name means in rules of a product, or None: then it is a name of the record."""
    wanted = name.casefold()
    for field in sigma_knowledge().fields:
        if field.name.casefold() == wanted and field.product in (None, (product or "").casefold()):
            return field
    return None
