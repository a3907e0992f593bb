"""A live snapshot: everything of knowledge/directory_objects.yaml that one domain controller shows its reader."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mailwitness.directory.ldap_connection import Connection, Found, NoSuchEntry, Server
from mailwitness.directory.ldap_controls import READABLE, SACL, extended_dn, sd_flags
from mailwitness.directory.ldap_evidence import EvidenceFile
from mailwitness.directory.model import Origin, Snapshot
from mailwitness.directory.problems import Problems
from mailwitness.directory.rows import Rows
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.directory.store import Recorded, record_file
from mailwitness.directory.values import named, range_of
from mailwitness.knowledge.directory_objects import Below, directory_objects

Progress = Callable[[int], None]
"""Is called with the number of objects read so far."""
SCHEMA = ("objectClass", "lDAPDisplayName", "schemaIDGUID", "attributeSecurityGUID", "searchFlags")
RIGHTS = ("objectClass", "cn", "rightsGuid", "validAccesses")
_NAMED_DOMAINS = "(nETBIOSName=*)"
DOMAINS = ("objectClass", "nCName", "nETBIOSName")


class Taken(msgspec.Struct, frozen=True):
    """A snapshot that was taken: what became of it, what was read, and what was not understood."""

    recorded: Recorded
    snapshot: Snapshot
    objects: int
    descriptors: int
    distinct: int
    problems: Problems


def take_snapshot(
    trail_path: Path,
    key_path: Path | None,
    server: Server,
    *,
    said: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Taken:
    """Read the directory of `server` and take it into the trail; durable when it returns.

    Raises UsageError and DirectoryError for the server, and what the trail's writer raises.
    """
    with Connection(server) as connection, tempfile.TemporaryDirectory(prefix="mailwitness-") as folder:
        reading = Reading(connection, Path(folder) / "snapshot.ldif.zst", progress)
        reading.everything()
        return finish(trail_path, key_path, reading, said)


def finish(trail_path: Path, key_path: Path | None, reading: Reading, said: Mapping[str, Any] | None) -> Taken:
    """Take what was read into the trail."""
    reading.evidence.close()
    reader = reading.reader
    recorded = record_file(
        trail_path,
        key_path,
        reader.rows,
        reading.snapshot(),
        reading.evidence.path,
        content=reading.evidence.content,
        problems=reader.problems,
        said=said,
    )
    distinct = reader.distinct
    return Taken(recorded, reading.snapshot(), reader.objects, distinct.uses, distinct.count, reader.problems)


class Reading:
    """One reading of one server: what it answers goes into the evidence and becomes observations."""

    def __init__(
        self, connection: Connection, evidence: Path, progress: Progress | None = None, *, origin: Origin = "ldap"
    ) -> None:
        """Read over `connection` and write the evidence to the file named. "dirsync" is what changed alone."""
        self.origin: Origin = origin
        self.connection = connection
        self.root = connection.root
        self.began_at = datetime.now(UTC)
        self.url = f"{connection.server.url.rstrip('/')} ({self.root.host})"
        self.attributes = directory_objects().asked()
        asked = frozenset(name.casefold() for name in self.attributes)
        self.reader = SnapshotReader(Rows(), self.url, asked=asked)
        self.flags = self._flags()
        self.controls = [sd_flags(self.flags), extended_dn()]
        self.bases: list[str] = []
        self.evidence = EvidenceFile(
            evidence,
            [f"read from {self.url}", f"with SD_FLAGS {self.flags}", f"attributes {' '.join(self.attributes)}"],
        )
        self._progress = progress

    def _flags(self) -> int:
        """Ask for the SACL where the reader has the privilege: else no descriptor would come at all."""
        everything = READABLE | SACL
        found = self.connection.entry(self.root.domain, ["nTSecurityDescriptor"], [sd_flags(everything)])
        return everything if found is not None and found[1].get("nTSecurityDescriptor") else READABLE

    def snapshot(self) -> Snapshot:
        """Return what the reading covers. Its time is when it began: what changed later may be in it or not."""
        self.reader.finish()
        is_cut = "truncated" in self.reader.problems.by_code
        remark = "values of some attributes are missing" if is_cut else None
        if self.origin == "dirsync":
            remark = "only what changed since the last look"
        return Snapshot(
            observed_at=self.began_at,
            evidence_sha256="",
            complete=not remark,
            remark=remark,
            origin=self.origin,
            name=self.url,
            bases=tuple(self.bases),
        )

    def everything(self) -> None:
        """Read domains, schema and rights, the domain's objects, its sites, and Exchange's tree."""
        self.names()
        self.below(self.root.domain, "domain")
        self.below(sites_tree(self.root.configuration), "sites")
        exchange = exchange_tree(self.root.configuration)
        try:
            self.below(exchange, "exchange")
        except NoSuchEntry:
            self.bases.append(exchange)  # there is no Exchange organization, and that is all there is to know of it

    def names(self) -> None:
        """Read what names other things: domains, schema, extended rights."""
        schema = directory_objects().schema
        configuration = self.root.configuration
        self._search(f"CN=Partitions,{configuration}", _NAMED_DOMAINS, DOMAINS)
        classes = f"(|(objectClass={schema.attribute_class})(objectClass={schema.class_class}))"
        self._search(self.root.schema, classes, SCHEMA)
        self._search(f"CN=Extended-Rights,{configuration}", f"(objectClass={schema.right_class})", RIGHTS)

    def domains(self) -> Iterator[Found]:
        """Yield what tells the short names of the domains, without taking it in."""
        for page in self.connection.pages(f"CN=Partitions,{self.root.configuration}", _NAMED_DOMAINS, DOMAINS):
            yield from page

    def _search(self, base: str, search: str, attributes: Sequence[str]) -> None:
        for page in self.connection.pages(base, search, attributes):
            self._take(page)

    def below(self, base: str, below: Below) -> None:
        """Read every object below a base that is of the classes looked for there."""
        for page in self.connection.pages(base, search_of(below), self.attributes, self.controls):
            self._take(page)
        self.bases.append(base)

    def _take(self, page: Iterable[Found]) -> None:
        for dn, values in page:
            self.take(dn, values)
        if self._progress is not None:
            self._progress(self.reader.objects)

    def take(self, dn: str, values: dict[str, list[bytes]], only: frozenset[str] | None = None) -> None:
        """Take one entry in, the rest of long attributes read first."""
        if ";" in "".join(values):
            self.complete(dn, values)
        self.evidence.write(dn, values)
        self.reader.take(dn, values, only=only)

    def complete(self, dn: str, values: dict[str, list[bytes]]) -> None:
        """Read the ranges that an entry leaves out (MS-ADTS 3.1.1.3.1.3.3)."""
        for name in [name for name in values if "range=" in name.lower()]:
            attribute, _, option = name.partition(";")
            found = range_of(option.lower())
            while found is not None and found.end is not None:
                asked = f"{attribute};range={found.end + 1}-*"
                entry = self.connection.entry(_base(dn), [asked], [extended_dn()])
                more = {k: v for k, v in (entry[1] if entry else {}).items() if "range=" in k.lower()}
                if not more:
                    break  # the reader says which values are missing
                values |= more
                following = range_of(next(iter(more)).partition(";")[2].lower())
                found = following if following is not None and following.start > found.start else None


def exchange_tree(configuration: str) -> str:
    """Return the DN below which Exchange keeps its organization."""
    return f"CN=Microsoft Exchange,CN=Services,{configuration}"


def sites_tree(configuration: str) -> str:
    """Return the DN below which the directory keeps its sites and, in them, its domain controllers."""
    return f"CN=Sites,{configuration}"


def search_of(below: Below) -> str:
    """Return the filter for the classes looked for in a part of the directory."""
    names = [each.name for each in directory_objects().classes if each.below == below]
    if below == "exchange":  # old versions keep their parts in containers of no class of their own
        names.append("container")
    return "(|" + "".join(f"(objectClass={name})" for name in names) + ")"


def _base(dn: str) -> str:
    """Return what an entry is read again by: its GUID where it came with one, for it may be renamed meanwhile."""
    own = named(dn)
    return own.dn if own.guid is None else f"<GUID={own.guid}>"
