"""Writing so that it survives the power going: the file, then the directory that names it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

T = TypeVar("T")
R = TypeVar("R")

TEMPORARY = ".tmp"
"""Suffix of a file that is being written. What still carries it after a crash was never acknowledged."""

_WRITERS = 8


def write_synced(path: Path, data: bytes | memoryview, *, mode: int = 0o644) -> None:
    """Write a new file and fsync it. Its name is durable only after `sync_directory` of its folder."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def put(path: Path, data: bytes | memoryview, *, mode: int = 0o644) -> None:
    """Write `path` by a synced temporary file and a rename: readers see the old bytes or the new, never a part.

    The rename is durable only after `sync_directory` of the folder.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    write_synced(temporary, data, mode=mode)
    temporary.replace(path)


def replace_durably(path: Path, data: bytes | memoryview, *, mode: int = 0o644) -> None:
    """Write `path` as `put` does and make the rename durable."""
    put(path, data, mode=mode)
    sync_directory(path.parent)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError for whatever is none: a hostile pipe would keep its reader waiting."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return os.fdopen(handle, "rb")


def all_at_once(write: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return `write` of every item, several at a time: a file system syncs many files together in the time of one."""
    if len(items) < 2:  # noqa: PLR2004 - one needs no thread
        return [write(item) for item in items]
    with ThreadPoolExecutor(_WRITERS) as pool:
        return list(pool.map(write, items))


def sync_file(path: Path) -> None:
    """Make the bytes of a file that somebody else wrote durable."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directories(paths: Iterable[Path]) -> None:
    """Make the names in each folder durable, each folder once."""
    for path in sorted(set(paths)):
        sync_directory(path)


def make_directory(path: Path) -> None:
    """Make a folder and every missing parent, each name durable."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_directory(folder.parent)
