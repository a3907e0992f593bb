"""Legal holds: what blocks a purge. Setting one is a custody leaf, ending it takes two persons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwitness.errors import TrailError, UsageError
from mailwitness.trail.delta_log import DataFile, read_snapshot
from mailwitness.trail.evidence import EvidenceStore
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import resolve_blobs
from mailwitness.trail.purged import long_value
from mailwitness.trail.reader import RESTORE
from mailwitness.trail.schema import NO_EVENTS

SET, ASKED, LIFTED = "hold_set", "hold_lift_asked", "hold_lifted"
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_ABOUT_MAILBOXES = ["mailbox_ref", "object_dn"]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold in force. `months` empty: all. With `mailbox` only months in which it has events."""

    case: str
    by: str
    reason: str
    months: tuple[str, ...] = ()
    mailbox: str | None = None
    lift_asked_by: str | None = None

    def statement(self) -> dict[str, Any]:
        """Return what the custody leaf says that sets it."""
        said: dict[str, Any] = {"act": SET, "case": self.case, "by": self.by, "reason": self.reason}
        if self.months:
            said["months"] = list(self.months)
        if self.mailbox is not None:
            said["mailbox"] = self.mailbox
        return said


def new_hold(hold: Hold, standing: Iterable[Hold]) -> Hold:
    """Return `hold` if it can be set. Raises UsageError for a case that is no name, is held already, or no reason."""
    if not _CASE.fullmatch(hold.case):
        raise UsageError(f"{hold.case!r} is no case: letters, digits, and . _ / -")
    if not hold.reason.strip():
        raise UsageError("a hold needs a reason")
    if any(other.case == hold.case for other in standing):
        raise UsageError(f"the case {hold.case} has a hold already", remedy="name another case, or lift that one first")
    return hold


def lifting(case: str, by: str, reason: str, standing: Iterable[Hold]) -> dict[str, Any]:
    """Return the statement of a person who wants a hold lifted: the first asks for it, the second does it.

    Raises UsageError where there is no such hold, without a reason, or where both are the same person.
    """
    hold = next((hold for hold in standing if hold.case == case), None)
    if hold is None:
        raise UsageError(f"there is no hold of the case {case[:100]!r}")
    if not reason.strip():
        raise UsageError("lifting a hold needs a reason")
    if hold.lift_asked_by is None:
        return {"act": ASKED, "case": case, "by": by, "reason": reason}
    if hold.lift_asked_by == by:
        raise UsageError(f"{by} asked for it: another person has to lift the hold of {case}")
    return {"act": LIFTED, "case": case, "by": by, "asked_by": hold.lift_asked_by, "reason": reason}


def holds_in(trail: Trail, files: Iterable[DataFile]) -> list[Hold]:
    """Return the holds in force by the leaves in `files`. Raises TrailError where one cannot be read."""
    standing: dict[str, Hold] = {}
    for said in _statements(trail, files):
        case = str(said["case"])
        if said["act"] == SET:
            standing[case] = msgspec.convert({n: v for n, v in said.items() if n != "act"}, Hold)
        elif said["act"] == ASKED and case in standing:
            standing[case] = msgspec.structs.replace(standing[case], lift_asked_by=str(said["by"]))
        elif said["act"] == LIFTED:
            standing.pop(case, None)
    return list(standing.values())


def holds_of(trail: Trail) -> list[Hold]:
    """Return the holds in force by the leaves that are committed. Raises TrailError where the table cannot be read."""
    return holds_in(trail, read_snapshot(trail.delta_log).files.values())


def _statements(trail: Trail, files: Iterable[DataFile]) -> list[Mapping[str, Any]]:
    store = EvidenceStore(trail, "hash")
    found: list[tuple[int, Mapping[str, Any]]] = []
    for file in files:
        if file.month != NO_EVENTS:
            continue
        path = trail.events / file.path
        wanted = [("leaf_kind", "=", "custody")]
        try:
            table = pq.read_table(path, columns=["seq", "entry"], filters=wanted, partitioning=None)
            for seq, entry in zip(table.column("seq").to_pylist(), table.column("entry").to_pylist(), strict=True):
                said = resolve_blobs(orjson.loads(entry), lambda sha256: long_value(store, sha256)).get("statement")
                if isinstance(said, dict) and said.get("act") in (SET, ASKED, LIFTED):
                    found.append((seq, said))
        except (OSError, pa.ArrowException, ValueError) as cause:
            raise TrailError(f"the holds cannot be read: {cause}", where=str(path), remedy=RESTORE) from cause
    return [said for _seq, said in sorted(found, key=lambda one: one[0])]


def blocking(trail: Trail, files: Iterable[DataFile], month: str) -> Hold | None:
    """Return a hold that stands against a purge of `month`, None where none does."""
    files = list(files)
    for hold in holds_in(trail, files):
        if hold.months and month not in hold.months:
            continue
        if hold.mailbox is None or _concerns(trail, [f for f in files if f.month == month], hold.mailbox):
            return hold
    return None


def _concerns(trail: Trail, files: Iterable[DataFile], mailbox: str) -> bool:
    """Return whether a file names the mailbox, however: its leading name anywhere in a reference is enough.

    Namesakes are held as well: to keep too much can be put right later.
    """
    core = leading_name(mailbox)
    for file in files:
        table = pq.read_table(trail.events / file.path, columns=_ABOUT_MAILBOXES, partitioning=None)
        for column in table.columns:
            names = pa.compute.unique(column).drop_null().to_pylist()
            if any(core in name.casefold() for name in names):
                return True
    return False


def leading_name(reference: str) -> str:
    r"""Return what a mailbox is called in every form: `director` of EXAMPLE\director, director@..., CN=director,..."""
    text = reference.strip().casefold().rpartition("\\")[2].partition("@")[0].rpartition("/")[2]
    return text.partition(",")[0].rpartition("=")[2].removeprefix("smtp:")
