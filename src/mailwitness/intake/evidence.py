"""Finds evidence: files and folders as a person names them, archives opened into their members."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mailwitness.errors import UsageError
from mailwitness.event import Place, Problem

Refused = Problem


class Found(msgspec.Struct, frozen=True):
    """A regular file to take in; `name` is how the report, the Problems and the custody leaf name it."""

    path: Path
    name: str
    size: int


def find(paths: Iterable[Path], trail: Path) -> Iterator[Found | Refused]:
    """Yield the files under `paths`: in the order given, folders by name, byte order, depth first.

    A link that a person names is followed; links inside a folder are not, they are refused and said, like devices,
    pipes and sockets. The trail itself is no evidence and left out. Raises UsageError for a path that is not there.
    """
    trail = trail.resolve()
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            raise UsageError(
                "there is no such file or folder", where=str(path), remedy="name evidence that exists"
            ) from error
        if path.resolve().is_relative_to(trail):
            raise UsageError("the trail is no evidence", where=str(path), remedy="name the evidence's own folder")
        if stat.S_ISDIR(mode):
            yield from _folder(path, trail)
        elif stat.S_ISREG(mode):
            yield Found(path, printable(path.name), path.stat().st_size)
        else:
            yield refused(printable(path.name), "a regular file or a folder", _kind(mode))


def _folder(top: Path, trail: Path) -> Iterator[Found | Refused]:
    pending = [top]
    while pending:
        here = pending.pop()
        name = _name(here, top)
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            yield refused(name, "a folder that can be listed", str(error.strerror))
            continue
        folders = []
        for entry in entries:
            path = Path(entry.path)
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                if path.resolve() != trail:
                    folders.append(path)
            elif stat.S_ISREG(mode):
                yield Found(path, _name(path, top), entry.stat(follow_symlinks=False).st_size)
            else:
                yield refused(_name(path, top), "a regular file or a folder", _kind(mode))
        pending.extend(reversed(folders))


def refused(name: str, expected: str, found: str) -> Refused:
    """Return the Problem of a file that is not taken in."""
    return Problem(code="refused", where=Place(evidence=name), expected=expected, found=found)


def printable(name: str) -> str:
    """Return a file name as text that every output can carry: bytes that are no UTF-8 as U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def _name(path: Path, top: Path) -> str:
    return printable(str(Path(top.name) / path.relative_to(top)))


def _kind(mode: int) -> str:
    for test, kind in (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISCHR, "a character device"),
    ):
        if test(mode):
            return kind
    return "something else"
