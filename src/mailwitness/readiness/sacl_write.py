"""Write the audit entries a plan names, over LDAP, and take them back. Needs the extra `directory`.

Only the SACL is sent (LDAP_SERVER_SD_FLAGS): owner and DACL of an object are never touched. Before each write the
SACL is read again and compared; what somebody changed meanwhile is left alone. What stood there before is in the undo
file, durably, before the first write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import orjson

from mailwitness.descriptors.ace import INHERITED, Ace
from mailwitness.descriptors.binary import parse_binary, write_binary
from mailwitness.descriptors.descriptor import (
    SACL_AUTO_INHERITED,
    SACL_PRESENT,
    SACL_PROTECTED,
    SELF_RELATIVE,
    Acl,
    Descriptor,
)
from mailwitness.descriptors.sddl import parse_sddl, write_ace, write_sddl
from mailwitness.directory.ldap_connection import Connection, DirectoryError
from mailwitness.directory.ldap_controls import SACL, sd_flags
from mailwitness.directory.values import guid as guid_of
from mailwitness.errors import UsageError
from mailwitness.readiness.audit_entries import explicit, missing
from mailwitness.readiness.sacl_plan import DESCRIPTOR, Plan, Target, held, read_sacl
from mailwitness.trail.durable import sync_directory, write_synced

UNDO_FORMAT = 1
State = Literal["written", "changed meanwhile", "gone", "not kept", "restored", "entries taken away", "as before"]
FAILED_STATES: frozenset[State] = frozenset({"changed meanwhile", "gone", "not kept"})
"""After these an object does not hold what it should."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one object."""

    dn: str
    state: State
    entries: int


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object of an undo file: its SACL before, and the entries that were added."""

    dn: str
    object_guid: str
    reason: str
    before: bytes
    before_sddl: str
    added: tuple[str, ...]


class UndoFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an undo file says."""

    format: int
    host: str
    domain: str
    domain_guid: str
    made_at: datetime
    objects: tuple[Kept, ...]


def apply(
    connection: Connection, plan: Plan, undo_path: Path, progress: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Write what `plan` lacks and return what became of each object. The undo file must not exist yet.

    Raises UsageError for the undo file, DirectoryError where the server refuses: what was written until then stays
    written, and the undo file takes it back.
    """
    _keep(plan, undo_path)
    outcomes = []
    for target in plan.targets:
        outcomes.append(_write(connection, target, plan))
        if progress is not None:
            progress(outcomes[-1])
    return outcomes


def _keep(plan: Plan, path: Path) -> None:
    if path.exists():
        raise UsageError("the undo file exists already", where=str(path), remedy="name another: it is not written over")
    kept = UndoFile(
        format=UNDO_FORMAT,
        host=plan.host,
        domain=plan.domain,
        domain_guid=plan.domain_guid,
        made_at=datetime.now(UTC),
        objects=tuple(_kept(target) for target in plan.targets),
    )
    try:
        write_synced(
            path, orjson.dumps(orjson.loads(msgspec.json.encode(kept)), option=orjson.OPT_INDENT_2), mode=0o600
        )
        sync_directory(path.absolute().parent)
    except OSError as cause:
        raise UsageError("the undo file cannot be written", where=str(path), remedy="give --undo-file") from cause


def _kept(target: Target) -> Kept:
    added = tuple(write_ace(ace) for ace in target.add)
    before = write_sddl(parse_binary(target.before))
    return Kept(target.dn, target.object_guid, target.reason, target.before, before, added)


def _write(connection: Connection, target: Target, plan: Plan) -> Outcome:
    dn, now = _current(connection, target.object_guid)
    if dn is None or now is None:
        return Outcome(target.dn, "gone", 0)
    old = parse_binary(now)
    if not _says_the_same(old, parse_binary(target.before)):
        return Outcome(dn, "changed meanwhile", 0)
    _send(connection, dn, _with(old, [*explicit(held(old)), *target.add, *_inherited(old)]))
    _dn, after = _current(connection, target.object_guid)
    lacking = missing(target.add, held(parse_binary(after)) if after else (), plan.entries.sets)
    return Outcome(dn, "not kept" if lacking else "written", len(target.add))


def undo(connection: Connection, path: Path) -> list[Outcome]:
    """Take back what the undo file says was added, and return what became of each object.

    Where nothing else changed the SACL is again, byte for byte, what it was; else only the entries added are taken
    away. Raises UsageError for a file that is none, or of another domain.
    """
    kept = read_undo(path)
    base = connection.entry(connection.root.domain, ["objectGUID"])
    if base is None or guid_of(base[1]["objectGUID"][0]) != kept.domain_guid:
        raise UsageError(
            f"the undo file is of {kept.domain}, the server of {connection.root.domain}",
            where=str(path),
            remedy=f"connect to a domain controller of {kept.domain}",
        )
    return [_restore(connection, each) for each in reversed(kept.objects)]  # parents first: they hand down


def read_undo(path: Path) -> UndoFile:
    """Return an undo file. Raises UsageError where it does not read."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=UndoFile)
        for each in kept.objects:
            parse_binary(each.before)
            _aces(each.added)
    except (OSError, msgspec.DecodeError, ValueError, DirectoryError) as cause:
        raise UsageError(
            f"this is no undo file: {cause}", where=str(path), remedy="give the file written by --apply-sacl"
        ) from cause
    if kept.format != UNDO_FORMAT:
        raise UsageError(f"an undo file of format {kept.format}; {UNDO_FORMAT} is known", where=str(path))
    return kept


def _aces(texts: Sequence[str]) -> list[Ace]:
    return list(held(parse_sddl("S:" + "".join(texts))))


def _restore(connection: Connection, kept: Kept) -> Outcome:
    dn, now = _current(connection, kept.object_guid)
    if dn is None or now is None:
        return Outcome(kept.dn, "gone", 0)
    if now == kept.before:
        return Outcome(dn, "as before", 0)
    current = parse_binary(now)
    added = Counter(_aces(kept.added))
    rest, taken = [], 0
    for ace in explicit(held(current)):
        if added[ace]:
            added[ace] -= 1
            taken += 1
        else:
            rest.append(ace)
    if not taken:
        return Outcome(dn, "as before", 0)
    without = _with(current, [*rest, *_inherited(current)])
    if _says_the_same(parse_binary(without), parse_binary(kept.before)):
        _send(connection, dn, kept.before)
        if _current(connection, kept.object_guid)[1] == kept.before:
            return Outcome(dn, "restored", taken)
    _send(connection, dn, without)
    return Outcome(dn, "entries taken away", taken)


def _says_the_same(one: Descriptor, other: Descriptor) -> bool:
    """Return whether two SACLs hold the same entries of their own; what is handed down to them is the parents'."""
    return Counter(explicit(held(one))) == Counter(explicit(held(other))) and not (
        (one.control ^ other.control) & SACL_PROTECTED
    )


def _inherited(descriptor: Descriptor) -> list[Ace]:
    return [ace for ace in held(descriptor) if ace.flags & INHERITED]


def _with(descriptor: Descriptor, aces: Sequence[Ace]) -> bytes:
    """Return a descriptor of a SACL alone, with the entries given and the flags it had."""
    kept = descriptor.control & (SACL_PROTECTED | SACL_AUTO_INHERITED)
    return write_binary(Descriptor(kept | SACL_PRESENT | SELF_RELATIVE, sacl=Acl(tuple(aces))))


def _send(connection: Connection, dn: str, descriptor: bytes) -> None:
    connection.replace(dn, DESCRIPTOR, descriptor, [sd_flags(SACL)])


def _current(connection: Connection, guid: str) -> tuple[str | None, bytes | None]:
    """Return an object's DN and SACL now: by its GUID, for it may have been renamed."""
    found = read_sacl(connection, f"<GUID={guid}>")
    return (None, None) if found is None else (found[0], next(iter(found[1].get(DESCRIPTOR, ())), None))
