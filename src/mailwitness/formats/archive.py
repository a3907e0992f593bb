"""What is inside a zip, tar, tar.gz or gz: each member streamed under limits on what it really unpacks to.

Names are shown and never used as paths. Refused are archives within archives, links, devices, encrypted members, names
that are absolute, climb or come twice, and what unpacks to more than the limits say. Nothing here writes a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Problem
from mailwitness.formats.archive_limits import TAR_BLOCK, Archive, Kind, Member, kind_of
from mailwitness.formats.archive_stream import gz_members, tar_members
from mailwitness.formats.archive_zip import zip_members

__all__ = ["Member", "kind", "kind_of", "members"]


def kind(path: Path) -> Kind | None:
    """Return which kind of archive the file at `path` is, by its first bytes, or None."""
    with path.open("rb") as file:
        return kind_of(file.read(TAR_BLOCK))


def members(path: Path) -> Iterator[Member | Problem]:
    """Yield what the archive at `path` holds, and a Problem for each thing in it that is refused or damaged.

    A Problem about one member has `records` 1: the file it stands for stays unread.
    """
    with path.open("rb") as file:
        found = kind_of(file.read(TAR_BLOCK))
        file.seek(0)
        archive = Archive(path.name, path.stat().st_size)
        if found == "zip":
            yield from zip_members(archive, file)
        elif found == "gz":
            yield from gz_members(archive, file)
        elif found == "tar":
            yield from tar_members(archive, file)
        else:
            yield archive.problem("unknown_format", "a zip, tar or gz", "something else")
