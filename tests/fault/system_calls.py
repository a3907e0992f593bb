"""Which bytes and names a process left to luck: a reading of strace's log."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

TRACED = "openat,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
_HANDLE = re.compile(r"(?:AT_FDCWD|\d+)<(?P<path>[^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WRITES = {"write", "pwrite64", "writev", "ftruncate"}
_NAMES = {"rename", "renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat"}


class Unsynced(msgspec.Struct, frozen=True):
    """What would not survive the power going at a moment: files with bytes, folders with names, in the cache only."""

    files: frozenset[Path]
    folders: frozenset[Path]


class Disk:
    """Follows the calls of a process below a folder."""

    def __init__(self, root: Path, existing: set[Path]) -> None:
        self._root = root
        self._known = set(existing)
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        self._begun: dict[str, str] = {}

    def unsynced(self) -> Unsynced:
        """Return what is in the cache only."""
        return Unsynced(frozenset(self._files), frozenset(self._folders))

    def follow(self, line: str) -> tuple[str, list[Path]] | None:
        """Take in a line of the log; return the call that ended with it, and its paths."""
        if resumed := _RESUMED.match(line):
            text = self._begun.pop(resumed["pid"], "") + resumed["rest"]
            name = resumed["name"]
        elif call := _CALL.match(line):
            text, name = call["rest"], call["name"]
            if text.endswith("<unfinished ...>"):
                self._begun[call["pid"]] = text.removesuffix("<unfinished ...>")
                return None
        else:
            return None
        if " = -1 " in text:
            return None
        paths = self._paths(name, text)
        if paths:
            self._apply(name, text, paths)
        return name, paths

    def _paths(self, name: str, text: str) -> list[Path]:
        found = _TEXT.findall(text) if name in _NAMES or name == "openat" else _HANDLE.findall(text)[:1]
        return [Path(path) for path in found if Path(path).is_relative_to(self._root)]

    def _apply(self, name: str, text: str, paths: list[Path]) -> None:
        if name in {"fsync", "fdatasync"}:
            self._files.discard(paths[0])
            self._folders.discard(paths[0])
        elif name in _WRITES:
            self._files.add(paths[0])
        elif name in _NAMES:
            self._folders.add(paths[-1].parent)
            self._known.add(paths[-1])
            if paths[0] in self._files and len(paths) > 1:  # bytes that were not synced go on under the new name
                self._files.add(paths[-1])
                self._files.discard(paths[0])  # the same file: it is synced by either name
        elif "O_CREAT" in text and paths[0] not in self._known:
            self._known.add(paths[0])
            self._folders.add(paths[0].parent)
