"""Original files, batches and long values, each under its SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeGuard

import msgspec

from mailwitness.errors import EvidenceError, TrailError
from mailwitness.event import Blob
from mailwitness.trail.durable import TEMPORARY, make_directory, sync_directory, sync_file, write_synced
from mailwitness.trail.layout import Trail
from mailwitness.trail.settings import KeepEvidence, load_settings

_CHUNK = 1 << 20
_NO_KERNEL_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ETXTBSY}
_READ_ONLY = 0o440


class Taken(msgspec.Struct, frozen=True):
    """A file that was taken in: what it is, and where its copy stands (None where only the hash is kept)."""

    sha256: str
    size: int
    path: Path | None


class EvidenceStore:
    """The folder evidence/: `<first two digits>/<SHA-256>`, contents never changed once there."""

    def __init__(self, trail: Trail, keep: KeepEvidence | None = None) -> None:
        """Use the folder of `trail`; `keep` overrides its setting."""
        self.root = trail.evidence
        self.keep = keep or load_settings(trail).keep_evidence

    def path_of(self, sha256: str) -> Path:
        """Return where the content of that hash stands or would stand. Raises ValueError for what is no hash."""
        if not is_sha256(sha256):
            raise ValueError(f"no SHA-256: {sha256[:80]!r}")
        return self.root / sha256[:2] / sha256

    def take(self, source: Path) -> Taken:
        """Copy a file in, durably, and hash the bytes that were kept; or only hash it, by the trail's setting.

        Memory stays flat. Raises EvidenceError where the file cannot be read and TrailError where the copy cannot be
        written.
        """
        if self.keep == "hash":
            try:
                with source.open("rb") as file:
                    sha256, size = _hash(file)
            except OSError as cause:
                raise EvidenceError(f"the evidence cannot be read: {cause.strerror}", where=str(source)) from cause
            return Taken(sha256, size, None)
        make_directory(self.root)
        temporary = self.root / f"{secrets.token_hex(8)}{TEMPORARY}"
        try:
            self._copy(source, temporary)
            with temporary.open("rb") as file:
                sha256, size = _hash(file)
            return Taken(sha256, size, self._keep(temporary, sha256, size))
        except OSError as cause:
            raise TrailError(f"the evidence cannot be kept: {cause.strerror}", where=str(temporary)) from cause
        finally:
            temporary.unlink(missing_ok=True)

    def take_bytes(self, data: bytes) -> Taken:
        """Keep bytes durably, or only hash them, by the setting. Raises TrailError where they cannot be kept."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.keep == "hash":
            return Taken(sha256, len(data), None)
        path = self.path_of(sha256)
        if path.is_file() and path.stat().st_size == len(data):
            return Taken(sha256, len(data), path)
        temporary = self.root / f"{secrets.token_hex(8)}{TEMPORARY}"
        try:
            make_directory(path.parent)
            write_synced(temporary, data, mode=_READ_ONLY)
            temporary.rename(path)
            sync_directory(path.parent)
        except OSError as cause:
            raise TrailError(f"the evidence cannot be kept: {cause.strerror}", where=str(path)) from cause
        finally:
            temporary.unlink(missing_ok=True)
        return Taken(sha256, len(data), path)

    def _copy(self, source: Path, target: Path) -> None:
        try:
            reading = source.open("rb", buffering=0)
        except OSError as cause:
            raise EvidenceError(f"the evidence cannot be read: {cause.strerror}", where=str(source)) from cause
        with reading, target.open("xb", buffering=0) as writing:
            target.chmod(_READ_ONLY)
            try:
                while os.copy_file_range(reading.fileno(), writing.fileno(), 64 * _CHUNK):
                    pass
            except OSError as cause:
                if cause.errno not in _NO_KERNEL_COPY:
                    raise
                _copy_by_hand(reading.fileno(), writing.fileno())
            else:
                _copy_by_hand(reading.fileno(), writing.fileno())  # files of /proc and the like report no size

    def _keep(self, temporary: Path, sha256: str, size: int) -> Path:
        path = self.path_of(sha256)
        if path.is_file() and path.stat().st_size == size:
            return path
        sync_file(temporary)
        make_directory(path.parent)
        temporary.rename(path)
        sync_directory(path.parent)
        return path

    def put(self, blob: Blob) -> Path:
        """Keep a long value durably, whatever the setting: an entry refers to it. Raises ValueError on a wrong hash."""
        if hashlib.sha256(blob.data).hexdigest() != blob.sha256:
            raise ValueError("a blob's bytes do not have its SHA-256")
        path = self.path_of(blob.sha256)
        if path.is_file() and path.stat().st_size == len(blob.data):
            return path
        make_directory(path.parent)
        temporary = path.with_name(path.name + TEMPORARY)
        temporary.unlink(missing_ok=True)
        write_synced(temporary, blob.data, mode=_READ_ONLY)
        temporary.rename(path)
        sync_directory(path.parent)
        return path

    def open(self, sha256: str) -> BinaryIO:
        """Open kept content for reading. Raises EvidenceError where it is not kept."""
        path = self.path_of(sha256)
        try:
            return path.open("rb")
        except OSError as cause:
            raise EvidenceError("this evidence is not kept in the trail", where=str(path)) from cause

    def __iter__(self) -> Iterator[str]:
        """Yield the hashes of everything kept, sorted."""
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir():
                yield from sorted(p.name for p in folder.iterdir() if is_sha256(p.name) and p.name[:2] == folder.name)


def is_sha256(text: object) -> TypeGuard[str]:
    """Return whether `text` is 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and len(text) == 64 and not text.strip("0123456789abcdef")  # noqa: PLR2004 - the form


def _hash(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        digest.update(view[:count])
        size += count
    return digest.hexdigest(), size


def _copy_by_hand(reading: int, writing: int) -> None:
    while data := os.read(reading, _CHUNK):
        view = memoryview(data)
        while view:
            view = view[os.write(writing, view) :]
