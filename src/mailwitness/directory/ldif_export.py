"""LDIF exports of a directory: ldifde, ldapsearch, ldbsearch. A file to observations."""

from __future__ import annotations

from pathlib import Path

from mailwitness.directory.export import Export
from mailwitness.directory.model import Origin
from mailwitness.directory.snapshot import SnapshotReader
from mailwitness.event import Place, Problem
from mailwitness.formats import ldif

NAME = "ldif"
ORIGIN: Origin = "ldif"
_DOMAIN_NAME = b"netbiosname"
_NO_STATE = {"modify", "delete", "rename"}


def recognise(head: bytes, name: str) -> bool:  # noqa: ARG001 - content decides
    """Return whether a file begins like LDIF."""
    return ldif.recognise(head)


def read(path: Path, name: str, reader: SnapshotReader) -> Export:
    """Read the export at `path`, called `name`, into `reader`."""
    export = Export(reader)
    _learn_domains(path, reader)
    for found in ldif.read(path):
        if isinstance(found, Problem):
            where = Place(evidence=name, line=found.where.line)
            reader.note(where, found.code, found.expected, found.found, found.records)
        elif found.change in _NO_STATE:
            where = Place(evidence=name, line=found.line)
            reader.note(where, "unparsable", "an entry as it stands", f"changetype {found.change} of {found.dn[:200]}")
        elif found.dn:  # the one without is the server's own: rootDSE
            reader.take(found.dn, found.values, found.line)
    export.finish()
    return export


def _learn_domains(path: Path, reader: SnapshotReader) -> None:
    """Look for the domains' NetBIOS names first: they may stand behind the accounts that need them."""
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(1 << 20):
            if _DOMAIN_NAME in (tail + chunk).lower().replace(b"\x00", b""):
                break
            tail = chunk[-64:]
        else:
            return
    for found in ldif.read(path):
        if not isinstance(found, Problem) and _DOMAIN_NAME.decode() in found.values:
            reader.learn_domain(found.values)
