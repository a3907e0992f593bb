"""The values of a record by name, for rules that ask for fields no column holds.

A record's own names are kept (case disregarded); what is nested is named with dots; a list gives several values, of
which a rule may match any. The JSON that Microsoft 365 exports carry in one cell is read as the record it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from mailwitness.engine.interface import Engine
from mailwitness.trail.projection import is_reference

VALUES_LIMIT = 2_000
"""Values of one record that rules see: a hostile record must not cost more."""
TEXT_LIMIT = 262_144
"""Characters of one record that a search for words looks through."""
_DEPTH = 8
_SCHEMA = pa.schema(
    [
        ("record_seq", pa.int64()),
        ("record", pa.map_(pa.string(), pa.list_(pa.string()))),
        ("record_text", pa.string()),
    ]
)
_NESTED_JSON = frozenset({"auditdata"})
_PAIR = {"Name", "Value"}

Values = dict[str, list[str]]


def record_table(rows: Iterable[Mapping[str, Any]], engine: Engine) -> pa.Table:
    """Return a table of record_seq, record (values by name in lower case) and record_text for rows of seq and entry."""
    seqs: list[int] = []
    records: list[list[tuple[str, list[str]]]] = []
    texts: list[str] = []
    for row in rows:
        values = values_of(_raw(row["entry"], engine))
        seqs.append(row["seq"])
        records.append(list(values.items()))
        texts.append(" ".join(text for several in values.values() for text in several)[:TEXT_LIMIT])
    return pa.table([pa.array(c, f.type) for c, f in zip((seqs, records, texts), _SCHEMA, strict=True)], schema=_SCHEMA)


def values_of(raw: Mapping[str, Any]) -> Values:
    """Return the values of a record as its format gave it (`raw` of an entry), at most VALUES_LIMIT."""
    values: Values = {}
    for count, (name, text) in enumerate(_named(raw)):
        if count >= VALUES_LIMIT:
            break
        values.setdefault(name.casefold(), []).append(text)
    return values


def _raw(entry: bytes, engine: Engine) -> Mapping[str, Any]:
    raw = orjson.loads(entry).get("raw") or {}
    if is_reference(raw):
        raw = orjson.loads(engine.long_value(raw["sha256"]))
    return raw if isinstance(raw, dict) else {}


def _named(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in raw.items():
        if name == "fields" and isinstance(value, dict):
            yield from _fields(value)
        elif name == "data" and isinstance(value, list):
            for each in value:
                if isinstance(each, list) and len(each) == 2:  # noqa: PLR2004 - a name and its value
                    yield str(each[0] or "Data"), _text(each[1])
                else:
                    yield "Data", _text(each)
        else:
            yield from _leaves(name, value, _DEPTH)


def _fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name.casefold() in _NESTED_JSON and isinstance(value, str):
            try:
                inner = orjson.loads(value)
            except orjson.JSONDecodeError:
                yield name, value
                continue
            if isinstance(inner, dict):
                yield from _fields(inner)
                continue
        yield from _leaves(name, value, _DEPTH)


def _leaves(name: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Yield a value under its name, what is nested under dotted names, and a list of objects also as its JSON."""
    if isinstance(value, dict):
        for key, inner in value.items() if depth else ():
            yield from _leaves(f"{name}.{key}", inner, depth - 1)
    elif isinstance(value, list):
        yield from _listed(name, value, depth)
    elif value is not None:
        yield name, _text(value)


def _listed(name: str, value: list[Any], depth: int) -> Iterator[tuple[str, str]]:
    if any(isinstance(each, dict | list) for each in value):
        yield name, _text(value)
    for each in value:
        if isinstance(each, dict) and depth:
            if each.keys() >= _PAIR:
                yield from _leaves(f"{name}.{each['Name']}", each["Value"], depth - 1)
            yield from _leaves(name, each, depth - 1)
        elif not isinstance(each, list | dict) and each is not None:
            yield name, _text(each)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else str(value)
