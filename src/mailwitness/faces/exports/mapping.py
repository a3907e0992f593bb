"""Puts a record into the fields of another schema, by the mappings of knowledge/exports."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

from mailwitness.event import instant
from mailwitness.faces.exports.telling import Told
from mailwitness.knowledge.export_mappings import Field, Mapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mapped(told: Told, mapping: Mapping) -> dict[str, Any]:
    """Return the fields of the schema that the record has a value for, by their dotted names."""
    fields = mapping.fields_for(told.of, told.kind, frozenset(told.fields))
    values = {name: _value(field, told.fields) for name, field in fields.items()}
    if "class_uid" in values:  # OCSF: the type follows from class and activity
        values["type_uid"] = values["class_uid"] * 100 + values["activity_id"]
    return {name: value for name, value in values.items() if value is not None}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Return dotted names as objects within objects."""
    made: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        place = made
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return made


def _value(field: Field, told: dict[str, Any]) -> Any:  # noqa: ANN401 - of whatever type the schema wants
    if field.value is not None:
        return field.value
    raw = next((told[name] for name in field.from_ if name in told), None)
    if field.map is not None:
        known = field.map.get(str(raw)) if raw is not None else None
        return known if known is not None else field.other if field.other is not None else raw
    return None if raw is None else _shaped(raw, field)


def _shaped(raw: Any, field: Field) -> Any:  # noqa: ANN401 - as above
    if field.as_ in ("milliseconds", "microseconds"):
        return (raw - EPOCH) // timedelta(**{field.as_: 1})
    if field.as_ == "list":
        return [str(each) for each in ([raw] if isinstance(raw, str) else raw)]
    if field.as_ == "objects":
        return [{"name": str(raw)}]
    if field.as_ == "ip":
        return _address(str(raw))
    return instant(raw) if isinstance(raw, datetime) else str(raw)


def _address(text: str) -> str | None:
    """Return an IP address as schemas want it, None where the record's text is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return str(address)
