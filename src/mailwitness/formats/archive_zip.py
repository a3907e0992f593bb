"""The members of a zip. Its directory is checked before Python reads it: a forged one would fill the memory."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mailwitness.event import Problem
from mailwitness.formats.archive_limits import MEMBERS, TOTAL_BYTES, Archive, Member, copied, shown

_DIRECTORY_BYTES = 16 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    struct.error,
    IndexError,
)
"""What zipfile raises on bytes that are no sound zip."""
_SEE_ZIP64 = 0xFFFFFFFF
_END_OF_DIRECTORY_64 = re.compile(rb"PK\x06\x06.{52}", re.DOTALL)
_END_OF_DIRECTORY = re.compile(rb"PK\x05\x06.{18}", re.DOTALL)
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
"""LZMA's dictionary may be gigabytes; deflate64 (Explorer beyond 2 GiB) nobody reads in Python."""
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30


def zip_members(archive: Archive, file: BinaryIO) -> Iterator[Member | Problem]:
    """Yield the files of a zip, in the order of their bytes, and what is refused."""
    if _directory_size(file) > _DIRECTORY_BYTES:
        yield archive.problem("limit", f"at most {MEMBERS} members", "a directory far larger")
        return
    try:
        opened = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        yield archive.problem("damaged", "a zip with its directory", str(error))
        return
    infos = sorted(opened.infolist(), key=lambda info: info.header_offset)
    if len(infos) > MEMBERS:
        yield archive.problem("limit", f"at most {MEMBERS} members", str(len(infos)))
        return
    declared = sum(info.file_size for info in infos)
    if declared > TOTAL_BYTES:
        yield archive.problem("limit", f"at most {TOTAL_BYTES} bytes unpacked", f"{declared} declared")
        return
    taken_to = 0
    for info in infos:
        if info.is_dir():
            continue
        refused = archive.admits(info.orig_filename) or _zip_refusal(archive, info, taken_to)
        taken_to = max(taken_to, info.header_offset + _LOCAL_HEADER + info.compress_size)
        yield refused or Member(shown(info.filename), info.file_size, _zip_copy(archive, opened, info))


def _directory_size(file: BinaryIO) -> int:
    """Return how many bytes of directory the end of a zip declares (the larger of its two forms)."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 66_000))
    tail = file.read()
    file.seek(0)
    ends = [int.from_bytes(match.group()[12:16], "little") for match in _END_OF_DIRECTORY.finditer(tail)]
    zip64 = [int.from_bytes(match.group()[40:48], "little") for match in _END_OF_DIRECTORY_64.finditer(tail)]
    return max([size for size in ends if size != _SEE_ZIP64] + zip64, default=0)


def _zip_refusal(archive: Archive, info: zipfile.ZipInfo, taken_to: int) -> Problem | None:
    name = info.orig_filename
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        return archive.problem("refused", "a file", "a link or a device", name)
    if info.flag_bits & _ENCRYPTED:
        return archive.problem("refused", "a file without a password", "an encrypted one", name)
    if info.compress_type not in _COMPRESSIONS:
        return archive.problem("unknown_format", "stored, deflate or bzip2", f"compression {info.compress_type}", name)
    if info.header_offset < taken_to:
        return archive.problem("refused", "bytes of its own", "bytes that belong to another member too", name)
    return None


def _zip_copy(archive: Archive, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[BinaryIO], Problem | None]:
    def copy(target: BinaryIO) -> Problem | None:
        try:
            source = opened.open(info)
        except _UNREADABLE as error:
            return archive.problem("damaged", "a sound member", str(error), info.orig_filename)
        with source:

            def counted(count: int) -> bytes:
                chunk = source.read(count)
                archive.unpack(len(chunk))
                return chunk

            return copied(archive, counted, info.orig_filename, target)

    return copy
