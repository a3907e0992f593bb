"""The sealed event, schema version 1: what one record says, plus its place in the evidence.

`Event` holds one flat set of names. `entry_of` gives the bytes that are hashed into the trail; `windows_event_id` and
its sisters give the identity that makes an import idempotent. Nothing here interprets: resolved names, merged
changes and explanations are derived elsewhere and never sealed.

This file cannot change in what it writes: trails of every released version must verify for ever
(tests/data/trail/golden-v1).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import orjson

SCHEMA_VERSION = 1
ENTRY_LIMIT = 65_535
"""Bytes of one entry at most: C2SP tlog-tiles prefixes each entry with a uint16 length."""

Outcome = Literal["success", "failure", "unknown"]
TimeQuality = Literal["exact", "second", "aggregated", "zone_assumed"]
Strength = Literal["attempted", "opened", "read", "acted"]
ActorKind = Literal["user", "computer", "service", "application", "system", "unknown"]
Scope = Literal["mailbox", "folder", "database", "server", "organization", "directory"]
MailboxRefForm = Literal["dn", "sid", "guid", "legacy_dn", "smtp", "upn", "account", "display_name", "canonical"]


class Item(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One mailbox item an access touched, as the record names it. Bodies are never taken in."""

    item_id: str | None = None
    folder: str | None = None
    subject: str | None = None
    internet_message_id: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one record of evidence says, in the words of the design's event table.

    Times are aware UTC with microseconds. Values the record does not give are None (or empty), never guessed.
    """

    # identity
    event_id: str
    organization: str
    # what
    kind: str
    action: str
    # when
    occurred_at: datetime
    time_quality: TimeQuality
    # evidence
    source: str
    evidence_sha256: str
    offset: int

    schema_version: int = SCHEMA_VERSION
    supersedes: str | None = None
    outcome: Outcome = "unknown"
    rights: tuple[str, ...] = ()
    scope: Scope | None = None
    folder: str | None = None
    database: str | None = None
    object_dn: str | None = None
    object_guid: str | None = None
    object_class: str | None = None
    attribute: str | None = None
    before: str | None = None
    after: str | None = None
    items: tuple[Item, ...] = ()
    occurred_until_at: datetime | None = None
    # who
    actor_sid: str | None = None
    actor_name: str | None = None
    actor_kind: ActorKind = "unknown"
    # whose
    mailbox_ref: str | None = None
    mailbox_ref_form: MailboxRefForm | None = None
    trustee_sid: str | None = None
    trustee_name: str | None = None
    group_sid: str | None = None
    group_name: str | None = None
    # from where
    client_ip: str | None = None
    client_host: str | None = None
    client_app: str | None = None
    app_id: str | None = None
    session_id: str | None = None
    logon_id: str | None = None
    through_server: str | None = None
    # strength
    strength: Strength | None = None
    logon_type: str | None = None
    # evidence
    computer: str | None = None
    observed_origin: str | None = None
    channel: str | None = None
    provider: str | None = None
    event_code: str | None = None
    record_id: int | None = None
    recovered: bool = False
    # ties
    op_correlation_id: str | None = None
    transaction_id: str | None = None
    request_id: str | None = None


class Place(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where in the evidence something stands: the file's name, the byte offset or line, the record's number."""

    evidence: str = ""
    offset: int | None = None
    line: int | None = None
    record_id: int | None = None
    computer: str | None = None
    channel: str | None = None

    def __str__(self) -> str:
        """Return the place as one phrase."""
        parts = [self.evidence] if self.evidence else []
        if self.offset is not None:
            parts.append(f"offset 0x{self.offset:x}")
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.record_id is not None:
            parts.append(f"record {self.record_id}")
        return ", ".join(parts) or "unknown place"


ProblemCode = Literal[
    "damaged",  # bytes that break the format's own rules or checksum
    "truncated",  # the file ends before its own header says
    "not_checkable",  # the file carries no checksums: integrity cannot be shown
    "unknown_format",  # no reader recognises the file
    "unknown_layout",  # a known event with a number of strings nobody described
    "unparsable",  # a field that does not read as what it should be
    "limit",  # larger, deeper or slower than the stated limit
    "refused",  # hostile by form: DOCTYPE, path names, nested archives
    "conflict",  # same identity, other content
    "ambiguous",  # a time or delimiter that cannot be told without a word from the user
    "reader_died",  # the reading process was killed or ran out of its limits
    "clock",  # a time outside what a log can hold
]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Evidence that was not understood, as a value: where, what was expected, what was found.

    `records` counts the records seen that this Problem leaves unread; 0 where it is a remark beside a record that
    was taken in (or about the file as a whole).
    """

    code: ProblemCode
    where: Place
    expected: str
    found: str
    records: int = 0


def windows_event_id(  # noqa: PLR0913 - the parts of the identity
    organization: str,
    provider: str,
    computer: str,
    channel: str,
    record_id: int,
    occurred_at: datetime,
    event_code: str,
    part: int = 0,
    *,
    recovered: bool = False,
) -> str:
    """Return the identity of a Windows record, the same from .evtx, XML, JSON, CSV or .evt.

    The time counts to the whole second (some forms know no more) and names without regard to case. `part` numbers
    the events of a record that says several things (0 first). A
    `recovered` record has an identity apart: what was found in slack neither hides a live record nor contradicts it.
    """
    seconds = instant(occurred_at)[:19] + "Z"
    identity: list[Any] = [
        "windows",
        organization,
        provider.casefold(),
        computer.casefold(),
        channel.casefold(),
        str(record_id),
        seconds,
        event_code,
    ]
    if recovered:
        identity.append("recovered")
    return _identity(identity, part)


def m365_event_id(tenant: str, record: str, part: int = 0) -> str:
    """Return the identity of a Microsoft 365 record: its tenant and its Id."""
    return _identity(["m365", tenant.casefold(), record.casefold()], part)


def content_event_id(organization: str, source: str, normalised: object, part: int = 0) -> str:
    """Return the identity of a record that carries no id of its own: the normalised record itself."""
    return _identity(["content", organization, source, normalised], part)


def conflict_event_id(event_id: str, content: bytes) -> str:
    """Return the identity under which a second, different record of the same identity is kept."""
    return _identity(["conflict", event_id, content.hex()], 0)


def _identity(identity: list[Any], part: int) -> str:
    if part:
        identity.append(part)
    return hashlib.sha256(canonical(identity)).hexdigest()


def canonical(value: object) -> bytes:
    """Return RFC 8785 bytes of `value`: dicts with ASCII keys, lists, strings, booleans, small integers.

    Lone surrogates, which JSON cannot carry, are escaped reversibly: U+FDD0 (a noncharacter) introduces four hex
    digits of the code unit, and a literal U+FDD0 becomes U+FDD0 followed by "fdd0". Integers beyond 2^53 are the
    caller's to write as strings.
    """
    try:
        data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(_escape(value), option=orjson.OPT_SORT_KEYS)
    if data.isascii() or _ESCAPE_UTF8 not in data:
        return data
    return orjson.dumps(_escape(value), option=orjson.OPT_SORT_KEYS)


_ESCAPE = "\ufdd0"
_ESCAPE_UTF8 = _ESCAPE.encode()


def _escape(value: object) -> object:
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, dict):
        return {escape_text(k): _escape(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_escape(v) for v in value]
    return value


def escape_text(text: str) -> str:
    """Return `text` with lone surrogates (and the escape character itself) written as U+FDD0 and four hex digits."""
    if _ESCAPE not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return "".join(f"{_ESCAPE}{ord(c):04x}" if c == _ESCAPE or "\ud800" <= c <= "\udfff" else c for c in text)


def unescape_text(text: str) -> str:
    """Undo `escape_text`."""
    if _ESCAPE not in text:
        return text
    head, *rest = text.split(_ESCAPE)
    return head + "".join(chr(int(part[:4], 16)) + part[4:] for part in rest)


def instant(at: datetime) -> str:
    """Return the one way a time is written in an entry: UTC, six digits, Z."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


class Blob(msgspec.Struct, frozen=True):
    """A value too long for an entry, kept under evidence/ by its SHA-256."""

    sha256: str
    data: bytes


def fields_of(event: Event) -> dict[str, Any]:
    """Return the entry's fields of `event`: nulls and empties omitted, times as text, 64-bit integers as strings."""
    fields: dict[str, Any] = msgspec.to_builtins(event, builtin_types=(datetime,))
    for name, value in _SAID_DEFAULTS:
        fields.setdefault(name, value)
    fields["occurred_at"] = instant(event.occurred_at)
    fields["offset"] = str(event.offset)
    if event.occurred_until_at is not None:
        fields["occurred_until_at"] = instant(event.occurred_until_at)
    if event.record_id is not None:
        fields["record_id"] = str(event.record_id)
    return fields


_SAID_DEFAULTS = tuple(
    (field.name, field.default)
    for field in msgspec.structs.fields(Event)
    if field.default not in (msgspec.NODEFAULT, None, False, ())
)
"""Fields whose default says something: msgspec leaves defaults out, an entry leaves out only what says nothing."""
_EVIDENCE_FIELDS = frozenset(
    {
        "event_id",
        "schema_version",
        "supersedes",
        "evidence_sha256",
        "offset",
        "observed_origin",
        "recovered",
        "time_quality",
        "occurred_at",
        "occurred_until_at",
    }
)


def content_digest(event: Event) -> bytes:
    """Return SHA-256 over what the event says, leaving out where the evidence stood and sub-second time.

    Two records of one identity with different digests are a `conflict`.
    """
    return _digest_of(fields_of(event))


def _digest_of(fields: dict[str, Any]) -> bytes:
    said = {name: value for name, value in fields.items() if name not in _EVIDENCE_FIELDS}
    return hashlib.sha256(canonical(said)).digest()


def entry_of(event: Event, raw: dict[str, Any], salt: str | None = None) -> tuple[bytes, tuple[Blob, ...]]:
    """Return the entry's bytes and the blobs that hold values too long for it.

    `raw` is the record as its format gave it (dicts, lists and strings). The largest values leave first, each
    replaced by `{"sha256": ..., "size": ...}`, until the entry is within ENTRY_LIMIT.
    """
    return _entry_of(fields_of(event), raw, salt)


def _entry_of(fields: dict[str, Any], raw: dict[str, Any], salt: str | None) -> tuple[bytes, tuple[Blob, ...]]:
    fields["raw"] = raw
    if salt is not None:
        fields["salt"] = salt
    return bounded_entry(fields)


def sealed_form(event: Event, raw: dict[str, Any], salt: str | None = None) -> tuple[bytes, bytes, tuple[Blob, ...]]:
    """Return `entry_of` and `content_digest` of one event in one pass: entry, digest, blobs."""
    fields = fields_of(event)
    digest = _digest_of(fields)
    entry, blobs = _entry_of(fields, raw, salt)
    return entry, digest, blobs


def bounded_entry(fields: dict[str, Any]) -> tuple[bytes, tuple[Blob, ...]]:
    """Return canonical bytes of `fields` within ENTRY_LIMIT, and the blobs taken out of it to get there."""
    entry = canonical(fields)
    if len(entry) <= ENTRY_LIMIT:
        return entry, ()
    blobs: list[Blob] = []
    sizes = sorted(((len(canonical(v)), k) for k, v in fields.items()), reverse=True)
    for _size, name in sizes:
        data = canonical(fields[name])
        blob = Blob(hashlib.sha256(data).hexdigest(), data)
        fields[name] = {"sha256": blob.sha256, "size": str(len(data))}
        blobs.append(blob)
        entry = canonical(fields)
        if len(entry) <= ENTRY_LIMIT:
            return entry, tuple(blobs)
    raise ValueError("an entry of references alone exceeds the limit")  # cannot be: ~60 fields of ~120 bytes


def leaf_hash(entry: bytes) -> bytes:
    """Return the RFC 6962 leaf hash of an entry: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()
