"""The custody leaf of an evidence file: what came in, from whom, by which version, and what was seen in it."""

from __future__ import annotations

import getpass
import os
import platform
from typing import Any

import msgspec

from mailwitness import __version__
from mailwitness.intake.continuity import RecordNumbers
from mailwitness.intake.messages import Clear, Delivery
from mailwitness.intake.preparing import Prepared
from mailwitness.intake.report import Counts

ACT = "imported"
"""What tells the custody leaf of an import from the others, in its field `act`."""
PROBLEMS = 50
"""Problems the leaf lists; the others are counted by code."""


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """Who brings evidence in, and where."""

    person: str
    host: str
    version: str = __version__


def taking() -> Taking:
    """Return who runs this process: behind sudo the person who called it."""
    try:
        person = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in a container
        person = f"uid {os.getuid()}"
    return Taking(person=person, host=platform.node())


class Ledger:
    """What was seen in one evidence file, beside its counts."""

    def __init__(self) -> None:
        self.numbers = RecordNumbers()
        self.clears: list[Clear] = []

    def take(self, delivery: Delivery) -> None:
        """Take in what a delivery says of the logs."""
        for numbers in delivery.numbers:
            self.numbers.merge(numbers)
        self.clears.extend(delivery.clears)


def statement(prepared: Prepared, ledger: Ledger, by: Taking, *, observed_origin: str | None = None) -> dict[str, Any]:
    """Return what the custody leaf says; numbers that JSON readers may round are decimal strings."""
    file = prepared.file
    logs = ledger.numbers.settle()
    counts = {name: getattr(file.counts, name) for name in Counts.__struct_fields__}
    said: dict[str, Any] = {
        "act": ACT,
        "evidence": [{"name": file.evidence, "sha256": file.sha256, "size": file.size, "kept": prepared.kept}],
        "found_at": prepared.found_at,
        "modified_at": prepared.modified_at,
        "parent_sha256": file.parent,
        "format": file.format,
        "computers": sorted({log.computer for log in logs if log.computer}),
        "observed_origin": observed_origin,
        "person": by.person,
        "host": by.host,
        "version": by.version,
        "counts": counts,
        "problems": [msgspec.to_builtins(problem, str_keys=True) for problem in file.listed[:PROBLEMS]],
        "problems_by_code": dict(sorted(file.by_code.items())),
        "continuity": [
            {"computer": log.computer, "channel": log.channel, "ranges": [str(number) for number in log.ranges]}
            for log in logs
        ],
        "clears": [
            {"computer": clear.computer, "channel": clear.channel, "at": clear.at}
            | ({} if clear.record_id is None else {"record_id": str(clear.record_id)})
            for clear in ledger.clears
        ],
    }
    return {name: _plain(value) for name, value in said.items() if value is not None}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Write integers that a reader of JSON may round as decimal strings."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value
