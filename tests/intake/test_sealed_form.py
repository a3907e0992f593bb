"""The fast way to an entry writes the same bytes as the plain one: they are sealed and cannot change."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mailwitness.event import (
    Event,
    Item,
    canonical,
    content_digest,
    entry_of,
    escape_text,
    fields_of,
    instant,
    sealed_form,
)

_EVIDENCE = (
    "event_id schema_version supersedes evidence_sha256 offset observed_origin recovered time_quality occurred_at "
    "occurred_until_at"
).split()

_times = st.datetimes(
    min_value=datetime(1601, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
_text = st.text(max_size=12) | st.sampled_from(["\ud800x", "\ufdd0", '"\\\x00\x1f', "x" * 500])
_optional = st.none() | _text
_items = st.builds(Item, item_id=_optional, subject=_optional)
_events = st.builds(
    Event,
    event_id=_text,
    organization=_text,
    kind=_text,
    action=_text,
    occurred_at=_times,
    time_quality=st.sampled_from(["exact", "second"]),
    source=_text,
    evidence_sha256=_text,
    offset=st.integers(0, 2**62),
    outcome=st.sampled_from(["success", "unknown"]),
    rights=st.lists(_text, max_size=3).map(tuple),
    items=st.lists(_items, max_size=2).map(tuple),
    occurred_until_at=st.none() | _times,
    before=_optional,
    actor_sid=_optional,
    record_id=st.none() | st.integers(0, 2**62),
    recovered=st.booleans(),
)
_raw = st.fixed_dictionaries({"format": _text, "data": st.lists(_text, max_size=3)})


def _plain_fields(event: Event) -> dict[str, Any]:
    """The definition, field by field, as slow as it reads."""
    fields: dict[str, Any] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value is None or value == () or value is False:
            continue
        if isinstance(value, datetime):
            value = instant(value)
        elif name in {"offset", "record_id"}:
            value = str(value)
        elif name == "items":
            value = [msgspec.to_builtins(item) for item in value]
        fields[name] = value
    return fields


def _escaped(value):
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, dict):
        return {name: _escaped(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(part) for part in value]
    return value


@given(_events, _raw, st.none() | st.just("salt"))
def test_entry_and_digest_are_rfc_8785_of_the_plain_definition(event, raw, salt):
    fields = _plain_fields(event)
    said = {name: value for name, value in fields.items() if name not in _EVIDENCE}
    expected = fields | {"raw": raw} | ({"salt": salt} if salt else {})

    entry, digest, blobs = sealed_form(event, raw, salt)

    assert canonical(fields_of(event)) == rfc8785.dumps(_escaped(fields))
    assert entry == rfc8785.dumps(_escaped(expected))
    assert digest == hashlib.sha256(rfc8785.dumps(_escaped(said))).digest()
    assert blobs == ()
    assert entry_of(event, raw, salt) == (entry, ())
    assert content_digest(event) == digest


def test_values_too_long_leave_the_entry_and_not_the_digest():
    short = Event(
        event_id="1",
        organization="o",
        kind="permission",
        action="changed",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        time_quality="exact",
        source="s",
        evidence_sha256="e",
        offset=1,
    )
    long = msgspec.structs.replace(short, before="x" * 70_000)

    entry, digest, blobs = sealed_form(long, {"format": "evtx"})

    assert len(entry) < 65_536
    assert [blob.data for blob in blobs] == [b'"' + b"x" * 70_000 + b'"']
    assert blobs[0].sha256.encode() in entry
    assert digest == content_digest(long) != content_digest(short)
