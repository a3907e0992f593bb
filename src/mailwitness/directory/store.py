"""Observations in a trail: taken in with the custody leaf of their evidence, and read back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import orjson

from mailwitness.directory.model import (
    DescriptorOf,
    Member,
    Observation,
    Principal,
    RoleAssignment,
    SchemaGuid,
    Setting,
    Snapshot,
    StatedRight,
)
from mailwitness.directory.problems import Problems
from mailwitness.directory.rows import DESCRIPTOR_BYTES, OBSERVED, Rows
from mailwitness.directory.tables import (
    DirectoryTables,
    TableFile,
    read_file,
    read_observations,
    read_principals_called,
)
from mailwitness.errors import EvidenceError, TrailError
from mailwitness.event import canonical, instant
from mailwitness.knowledge.guids import Guids, NamedGuid, guids
from mailwitness.trail.custody import Summary, summarised
from mailwitness.trail.evidence import EvidenceStore, Taken
from mailwitness.trail.layout import Trail
from mailwitness.trail.projection import parse_instant
from mailwitness.trail.reader import RESTORE, open_reader
from mailwitness.trail.writer import Writer

ACT = "directory_observed"
"""What tells the custody leaf of observations from the others, in its field `act`."""
PROBLEMS = 50
"""Problems a leaf lists; the others are counted by code."""


class Observations:
    """Everything the trail knows of the directory, each list by the time of observation.

    Rows belong to an evidence, and stand once under the first time it was seen: `snapshots` tells every time at which
    the directory was found to be as that evidence says.
    """

    def __init__(self, trail: Path, snapshots: Sequence[Snapshot], files: Sequence[TableFile]) -> None:
        """Use `load_observations`."""
        self._trail = trail
        self._files = files
        self.snapshots: list[Snapshot] = sorted(snapshots, key=lambda s: s.observed_at)

    @cached_property
    def principals(self) -> list[Principal]:
        """Objects and their names."""
        return self._read("principals")

    @cached_property
    def members(self) -> list[Member]:
        """Links: who belongs to which group, who may send on whose behalf, ... ."""
        return self._read("members")

    @cached_property
    def descriptors(self) -> list[DescriptorOf]:
        """Which descriptor which object had."""
        return self._read("descriptors")

    @cached_property
    def settings(self) -> list[Setting]:
        """Attributes that decide what is recorded, where mail goes, who holds which role."""
        return self._read("settings")

    @cached_property
    def schema_guids(self) -> list[SchemaGuid]:
        """The schema of the directory itself."""
        return self._read("schema_guids")

    @cached_property
    def stated_rights(self) -> list[StatedRight]:
        """Rights as cmdlets show them."""
        return self._read("stated_rights")

    @cached_property
    def role_assignments(self) -> list[RoleAssignment]:
        """Management roles as cmdlets show them."""
        return self._read("role_assignments")

    def principals_called(self, names: Sequence[str]) -> list[Principal]:
        """Return every observation of the objects that one of `names` can mean, without reading all of them."""
        return read_principals_called(self._trail, self._files, names)

    def times_of(self, evidence_sha256: str) -> list[datetime]:
        """Return the times at which the directory was found to be as an evidence says."""
        return [each.observed_at for each in self.snapshots if each.evidence_sha256 == evidence_sha256]

    def _read(self, name: str) -> list[Any]:
        return read_observations(self._trail, self._files, name)

    def descriptor(self, sha256: str) -> bytes:
        """Return the bytes of a distinct descriptor. Raises KeyError for one that no observation names."""
        return self._bytes[sha256]

    @cached_property
    def _bytes(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for file in self._files:
            if file.table == DESCRIPTOR_BYTES:
                table = read_file(self._trail, file)
                found |= zip(table.column("sha256").to_pylist(), table.column("data").to_pylist(), strict=True)
        return found

    @cached_property
    def guids(self) -> Guids:
        """What GUIDs mean in this directory: its own schema, read last, over the built-in names."""
        source = "the directory's own schema"
        sets = {row.guid: row.name for row in self.schema_guids if row.kind == "property_set"}
        members: dict[str, set[str]] = {}
        for row in self.schema_guids:
            if row.property_set in sets:
                members.setdefault(sets[row.property_set], set()).add(row.name)
        named = (NamedGuid(row.guid, row.name, row.kind, source, "verified") for row in self.schema_guids)
        return guids().extended(named, {name: frozenset(group) for name, group in members.items()})


class Recorded(msgspec.Struct, frozen=True):
    """What became of observations: how many rows of each table, or that the trail had them already."""

    evidence_sha256: str
    rows: dict[str, int]
    is_new: bool
    """Whether this state of the directory was not known; if it was, only another time of observation was noted."""


def load_observations(trail_path: Path) -> Observations:
    """Return what the trail knows of the directory; the rows are read when they are asked for.

    Raises UsageError where there is no trail, and TrailError where it is damaged.
    """
    snapshots, files = [], {}
    for statement in _statements(trail_path):
        snapshots.append(_snapshot(statement))
        for said in statement.get("files", ()):
            file = msgspec.convert(said, TableFile)
            files[file.name] = file
    return Observations(trail_path, snapshots, list(files.values()))


class StatesObserved(Summary):
    """What the custody leaves of observations say, in their order."""

    name = "directory-observed"
    marks = (f'"act":"{ACT}"'.encode(),)

    statements: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def take(self, said: Mapping[str, Any]) -> None:
        """Keep the statement of an observation, but for the Problems it lists: whoever reads the leaf sees those."""
        if said.get("act") == ACT:
            self.statements.append({name: value for name, value in said.items() if name != "problems"})


def _statements(trail_path: Path) -> list[dict[str, Any]]:
    try:
        return summarised(open_reader(trail_path), StatesObserved).statements
    except EvidenceError as cause:
        raise TrailError("a long value of an entry is not kept", where=cause.where, remedy=RESTORE) from cause


def _snapshot(said: Mapping[str, Any]) -> Snapshot:
    evidence = said["evidence"][0]
    return Snapshot(
        observed_at=parse_instant(said["observed_at"]),
        origin=said["origin"],
        evidence_sha256=evidence["sha256"],
        name=evidence["name"],
        complete=said["complete"],
        bases=tuple(said["bases"]),
        remark=said.get("remark"),
    )


def write_observations(
    trail_path: Path,
    key_path: Path | None,
    observations: Iterable[Observation],
    descriptors: Mapping[str, bytes],
    snapshot: Snapshot,
    *,
    evidence: Path | None = None,
    problems: Problems | None = None,
    said: Mapping[str, Any] | None = None,
) -> Recorded:
    """Take observations in durably: evidence, tables, then the custody leaf that makes them count.

    The time and the evidence of each row are those of `snapshot` and of the file `evidence`; without such a file the
    observations themselves, as JSON lines, are the evidence. `said` is added to the leaf (who, where, which version).
    The same evidence again adds only a leaf with the new time.
    """
    rows, lines = Rows(), bytearray()
    for observation in observations:
        rows.add(observation)
        if evidence is None:
            lines += _line(observation)
    for sha256, data in sorted(descriptors.items()):
        rows.add_descriptor(sha256, data)
        if evidence is None:
            lines += orjson.dumps({"descriptor": data.hex()}) + b"\n"
    with tempfile.TemporaryDirectory(prefix="mailwitness-") as folder, Writer.open(trail_path, key_path) as writer:
        if evidence is None:
            evidence = Path(folder) / "observations.jsonl"
            evidence.write_bytes(lines)
        taken = EvidenceStore(Trail(trail_path)).take(evidence)
        return record(writer, rows, snapshot, taken, problems=problems, said=said)


def record_file(
    trail_path: Path,
    key_path: Path | None,
    rows: Rows,
    snapshot: Snapshot,
    evidence: Path,
    *,
    content: str | None = None,
    problems: Problems | None = None,
    said: Mapping[str, Any] | None = None,
) -> Recorded:
    """Take the file `evidence` and the rows read from it in; durable when it returns.

    `content` is a hash of what the evidence says, whatever its bytes: where the trail has an evidence of the same
    content, that one was observed again, and the file is not kept.
    """
    with Writer.open(trail_path, key_path) as writer:
        recorder = Recorder(writer)
        taken = recorder.of_content(content) or EvidenceStore(writer.trail).take(evidence)
        said = ({} if content is None else {"content": content}) | dict(said or {})
        return recorder.record(rows, snapshot, taken, problems=problems, said=said)


def _line(observation: Observation) -> bytes:
    fields = msgspec.to_builtins(observation)
    said = {name: value for name, value in fields.items() if name not in ("observed_at", "evidence_sha256")}
    return canonical({"table": type(observation).__name__} | said) + b"\n"


def record(
    writer: Writer,
    rows: Rows,
    snapshot: Snapshot,
    taken: Taken,
    *,
    problems: Problems | None = None,
    said: Mapping[str, Any] | None = None,
) -> Recorded:
    """Write the tables and the custody leaf of an evidence that was taken in; durable when it returns."""
    return Recorder(writer).record(rows, snapshot, taken, problems=problems, said=said)


class Recorder:
    """Takes in what one piece of evidence after the other says, with a writer that is open."""

    def __init__(self, writer: Writer) -> None:
        """Learn from the trail what it holds already."""
        self._writer = writer
        self._rows: dict[str, dict[str, int]] = {}
        self._times: dict[str, set[str]] = {}
        self._files: list[TableFile] = []
        self._contents: dict[str, Taken] = {}
        self._is_settled = False
        for statement in _statements(writer.trail.path):
            files = [msgspec.convert(file, TableFile) for file in statement["files"]]
            evidence = statement["evidence"][0]
            self._note(evidence["sha256"], statement["observed_at"], files)
            if "content" in statement:
                kept_at = writer.trail.evidence if evidence["kept"] else None
                self._contents[statement["content"]] = Taken(evidence["sha256"], evidence["size"], kept_at)

    def _note(self, sha256: str, observed_at: str, files: Iterable[TableFile]) -> None:
        self._times.setdefault(sha256, set()).add(observed_at)
        rows = self._rows.setdefault(sha256, {})
        for file in files:
            self._files.append(file)
            rows[file.table] = file.rows

    def of_content(self, content: str | None) -> Taken | None:
        """Return the evidence in the trail whose content has this hash, as if it had been taken in once more."""
        return None if content is None else self._contents.get(content)

    def holds(self, sha256: str, rows: Rows, observed_at: datetime) -> bool:
        """Return whether the trail holds these rows of an evidence.

        It does not where a later version reads more in it, nor where rows with times of their own have other ones now.
        """
        counts = {name: count for name, count in rows.counts.items() if count}
        if self._rows.get(sha256) != counts:
            return False
        return rows.have_one_time or instant(observed_at) in self._times[sha256]

    def times_of(self, sha256: str) -> frozenset[str]:
        """Return the times (`event.instant`) as of which the trail holds an evidence."""
        return frozenset(self._times.get(sha256, ()))

    def record(
        self,
        rows: Rows,
        snapshot: Snapshot,
        taken: Taken,
        *,
        problems: Problems | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> Recorded:
        """Write the tables and the custody leaf of an evidence that was taken in; durable when it returns."""
        counts = {name: rows.counts[name] for name in (*OBSERVED, DESCRIPTOR_BYTES)}
        is_new = not self.holds(taken.sha256, rows, snapshot.observed_at)
        files: list[TableFile] = []
        if is_new:
            tables = DirectoryTables(self._writer.trail.path)
            if not self._is_settled:
                tables.settle(self._files)
                self._is_settled = True
            files = tables.write(rows, snapshot.observed_at, taken.sha256)
        self._writer.custody(_statement(snapshot, taken, files, problems or Problems()) | dict(said or {}))
        self._writer.commit()
        self._note(taken.sha256, instant(snapshot.observed_at), files)
        return Recorded(taken.sha256, counts, is_new)


def _statement(snapshot: Snapshot, taken: Taken, files: Sequence[TableFile], problems: Problems) -> dict[str, Any]:
    return ({} if snapshot.remark is None else {"remark": snapshot.remark}) | {
        "act": ACT,
        "evidence": [
            {"name": snapshot.name, "sha256": taken.sha256, "size": taken.size, "kept": taken.path is not None}
        ],
        "observed_at": instant(snapshot.observed_at),
        "origin": snapshot.origin,
        "complete": snapshot.complete,
        "bases": list(snapshot.bases),
        "files": [msgspec.structs.asdict(file) for file in files],
        "problems": [msgspec.to_builtins(problem, str_keys=True) for problem in problems.listed[:PROBLEMS]],
        "problems_by_code": dict(sorted(problems.by_code.items())),
    }
