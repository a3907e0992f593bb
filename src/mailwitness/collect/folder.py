"""The folder collector: follows files as they come, grow, are rotated, packed and renamed, by looking again and again.

It looks (and waits for no message of the kernel), so folders of other machines, mounted over SMB, work the same. What
it has taken in of each file stands in bookmarks; a file is known again by its inode, and by what stands at its
beginning and before the place reached, so that a rotated one is followed under its new name and one that was replaced
is read from its beginning. Where that cannot be told, it is read again: records count once.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness.collect.bookmarks import Bookmarks
from mailwitness.collect.folder_files import Mark, Seen, Watched, first_mark, goes_on, is_same, kind_of, next_piece
from mailwitness.collect.folder_settings import FolderSettings
from mailwitness.collect.heartbeats import EVERY, Heartbeats
from mailwitness.collect.interface import Batch, Deposit, NotAcknowledged, Notice, NotTaken, Receipt
from mailwitness.collect.wire import Evidence
from mailwitness.collect.writer_client import WriterClient
from mailwitness.state.database import open_state

settings = FolderSettings
SETTLED = 12
"""A file is settled when nobody has written for so many quiet times: then a last line without an end counts."""
_BEAT_SECONDS = EVERY.total_seconds() / 4
PIECES = 16
"""Pieces taken from one file before the others have their turn."""
_COUNTED = ("seen", "recorded", "duplicates", "filtered", "unread", "problems")


class FolderCollector:
    """The collector of one folder."""

    def __init__(self, settings: FolderSettings, writer: WriterClient, state: Path) -> None:
        """Deliver to `writer`; `state` is the trail's folder. Nothing is opened before `run`."""
        self.name = settings.name
        self._settings = settings
        self._root = settings.path.absolute()
        self._writer = writer
        self._state = state
        self._trail = state.resolve()
        self._marks: dict[str, Mark] = {}
        self._watched: dict[str, Watched] = {}
        self._refused: set[str] = set()
        self._silent_since: datetime | None = None
        self._unlisted: list[str] = []
        self._settled = SETTLED
        self._stop = threading.Event()
        self._counts: dict[str, int] = {}
        self._last_error: str | None = None
        self._data_at: datetime | None = None
        self._bookmarks: Bookmarks | None = None
        self.on_counts: Callable[[dict[str, int]], None] | None = None
        """Called with what was counted, after every look that brought something."""

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set."""
        self._stop = stop
        connection = open_state(self._state)
        try:
            beats = self._begin(connection)
            self._tell("began")
            beaten_at = 0.0
            while not stop.is_set():
                before = dict(self._counts)
                has_taken = self._look()
                if has_taken and self.on_counts is not None:
                    self.on_counts({name: count - before.get(name, 0) for name, count in self._counts.items()})
                if time.monotonic() - beaten_at >= _BEAT_SECONDS:
                    beaten_at = time.monotonic()
                    self._beat(beats)
                if not has_taken:
                    stop.wait(self._settings.poll_seconds)
            self._beat(beats)
            with contextlib.suppress(NotAcknowledged):  # the writer may have ended before
                self._writer.notice(self._notice("ended", "", ""))
        finally:
            connection.close()

    def run_once(self, stop: threading.Event) -> dict[str, int]:
        """Collect until everything that is there now is taken in, or `stop` is set; return what was counted.

        A last line without an end counts as one when nobody has written for `quiet_seconds`.
        """
        self._stop = stop
        self._settled = 1
        connection = open_state(self._state)
        try:
            self._begin(connection)
            while (self.look() or not self._is_done()) and not stop.is_set():
                stop.wait(min(self._settings.poll_seconds, self._settings.quiet_seconds / 2))
        finally:
            connection.close()
        return dict(self._counts)

    def _is_done(self) -> bool:
        return all(watched.is_done for watched in self._watched.values())

    def _begin(self, connection: sqlite3.Connection) -> Heartbeats:
        self._bookmarks = Bookmarks(connection)
        for stream, value in self._bookmarks.all(self.name).items():
            self._marks[stream] = msgspec.json.decode(value, type=Mark)
        beats = Heartbeats(connection)
        beats.began(self.name, _now(), EVERY)
        return beats

    def _beat(self, beats: Heartbeats) -> None:
        if beats.beat(self.name, _now(), self._counts, self._last_error, data_at=self._data_at):
            self._counts, self._last_error = {}, None

    def _look(self) -> bool:
        """Look once; a full disk under the bookmarks is no reason to end."""
        try:
            return self.look()
        except sqlite3.OperationalError as error:
            self._last_error = f"bookmarks cannot be written: {error}"
            return False

    def look(self) -> bool:
        """Look once at everything there is and take in what is new; return whether anything was."""
        try:
            found = dict(self._files())
        except OSError as error:
            self._unreachable(f"the folder cannot be listed: {error.strerror}")
            return False
        if not found and (self._watched or self._marks) and not self._unlisted:
            self._unreachable("the folder is empty, and was not: is it mounted?")
            return False
        self._reachable()
        self._follow_renames(found)
        has_taken = False
        for name in sorted(found, key=lambda name: (found[name].modified_ns, name)):
            if self._stop.is_set():
                break
            try:
                has_taken |= self._file(name, found[name])
            except OSError as error:  # it was renamed or removed since it was listed, or is locked: next time
                self._last_error = f"{name}: {error.strerror}"
        return has_taken

    def _files(self) -> Iterator[tuple[str, Seen]]:
        """Yield the regular files that are meant, by their path below the folder. Raises OSError if there is none."""
        self._unlisted = []
        pending = [self._root]
        while pending:
            for entry in self._listed(pending.pop()):
                name = os.path.relpath(entry.path, self._root)
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:  # gone since it was listed
                    continue
                if stat.S_ISDIR(status.st_mode):
                    pending.append(Path(entry.path))
                elif not stat.S_ISREG(status.st_mode):
                    self._refuse(name, "it is no regular file; links are not followed")
                elif any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in self._settings.include):
                    yield name, Seen(status.st_ino, status.st_size, status.st_mtime_ns)

    def _listed(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return what a folder holds but for what is left alone; nothing, and say so, where it cannot be listed."""
        if folder.resolve() == self._trail:  # the trail is no evidence
            return []
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if folder == self._root:
                raise
            name = os.path.relpath(folder, self._root)
            self._unlisted.append(name + os.sep)
            self._refuse(name, f"it cannot be listed: {error.strerror}")
            return []
        unfinished = self._settings.unfinished
        return [e for e in entries if not any(fnmatch.fnmatchcase(e.name, pattern) for pattern in unfinished)]

    def _follow_renames(self, found: dict[str, Seen]) -> None:
        """Carry the marks of files that bear another name now; say what is gone and was not read to its end."""
        gone = {name: mark for name, mark in self._marks.items() if self._is_gone(name, mark, found)}
        carried: dict[str, Mark] = {}
        for name in [name for name in found if name not in self._marks or name in gone]:
            old = next((old for old, mark in gone.items() if self._is_moved(name, found[name], mark)), None)
            if old is not None:
                carried[name] = gone.pop(old)
                self._drop(old)
        for name, mark in gone.items():
            at = self._watched[name].at if name in self._watched else mark.seen
            self._drop(name)
            if (unread := mark.unread(at.size)) > 0:
                self._tell("lost", name, f"{unread} bytes were not read before it was gone or replaced")
        for name, mark in carried.items():
            self._watched.pop(name, None)
            self._keep(name, mark)
        inodes = {at.inode for at in found.values()}
        for name in [name for name in self._watched if name not in found and not self._is_hidden(name)]:
            watched = self._watched.pop(name)
            if watched.at.size and watched.at.inode not in inodes and not watched.is_done:
                self._tell("lost", name, f"{watched.at.size} bytes were not read before it was gone")

    def _is_gone(self, name: str, mark: Mark, found: dict[str, Seen]) -> bool:
        """Return whether a name is no more that of the file that was marked."""
        at = found.get(name)
        if at is None:
            return not self._is_hidden(name)
        return at.inode != mark.seen.inode and not goes_on(self._root / name, mark)

    def _is_hidden(self, name: str) -> bool:
        """Return whether a file may be there and cannot be seen: its folder cannot be listed now."""
        return any(name.startswith(folder) for folder in self._unlisted)

    def _drop(self, name: str) -> None:
        self._marks.pop(name)
        self._watched.pop(name, None)
        assert self._bookmarks is not None  # noqa: S101 - _begin has run
        self._bookmarks.forget(self.name, [_stream(name)])

    def _keep(self, name: str, mark: Mark) -> None:
        """Write the mark of a file as it is called, or numbered, now: everything up to it is durable."""
        self._marks[name] = mark
        assert self._bookmarks is not None  # noqa: S101 - _begin has run
        self._bookmarks.move([(self.name, _stream(name), _value(mark))], _now())

    def _is_moved(self, name: str, at: Seen, mark: Mark) -> bool:
        """Return whether a file is the one that was marked under another name."""
        if mark.kind == "whole":
            return at == mark.seen
        if at.size < mark.offset or not mark.head_length:
            return at.inode == mark.seen.inode and not mark.offset
        return is_same(self._root / name, mark)

    def _file(self, name: str, at: Seen) -> bool:
        """Take in what is new of one file; return whether anything was."""
        watched = self._watched.setdefault(name, Watched(at))
        watched.look(at)
        mark = self._marks.get(name)
        if watched.is_done and watched.done_at == at:
            return False
        path = self._root / name
        quiet = watched.quiet_for()
        is_quiet = quiet >= self._settings.quiet_seconds or self._settings.atomic
        if mark is None:
            kind = kind_of(path, is_quiet=is_quiet)
            if kind is None:
                return False
            mark = first_mark(kind, at)
        if mark.kind == "whole":
            return is_quiet and self._whole(name, at, mark, watched)
        if at.size < mark.offset or not is_same(path, mark):
            self._tell("reset", name, f"{at.size} bytes; {mark.offset} were read: it was cut or written anew")
            mark = first_mark(mark.kind, at)
        return self._lines(name, at, mark, watched, is_settled=quiet >= self._settled * self._settings.quiet_seconds)

    def _whole(self, name: str, at: Seen, mark: Mark, watched: Watched) -> bool:
        after = Mark(kind="whole", seen=at)
        if (mark.seen.size, mark.seen.modified_ns) == (at.size, at.modified_ns):
            if mark.seen.inode != at.inode:
                self._keep(name, after)
            watched.done(at)
            return False
        deposit = Deposit(
            path=str(self._root / name),
            name=_shown(name),
            collector=self.name,
            received_at=_now(),
            claimed_host=self._host(name),
            time_zone=self._settings.time_zone,
            bookmark=(_stream(name), _value(after)),
        )
        return self._submit(name, deposit, after, watched, at)

    def _lines(self, name: str, at: Seen, mark: Mark, watched: Watched, *, is_settled: bool) -> bool:
        has_taken = False
        for _ in range(PIECES):
            piece = next_piece(self._root / name, mark, at, is_settled=is_settled)
            if piece is None:
                if max(mark.offset, mark.told) >= at.size or is_settled:
                    watched.done(at)
                return has_taken
            batch = Batch(
                name=f"{_shown(name)}@{piece.offset}",
                data=b"\n" + piece.data,
                collector=self.name,
                received_at=_now(),
                format=mark.kind,
                claimed_host=self._host(name),
                time_zone=self._settings.time_zone,
                bookmark=(_stream(name), _value(piece.mark)),
            )
            if not self._submit(name, batch, piece.mark, watched, None):
                return has_taken
            has_taken, mark = True, piece.mark
        return has_taken

    def _submit(self, name: str, evidence: Evidence, after: Mark, watched: Watched, at: Seen | None) -> bool:
        """Have evidence made durable; return whether it is. `at`: the file is done with then."""
        try:
            receipt = self._writer.submit_patiently(evidence, self._stop)
        except NotTaken as error:
            self._refuse(name, error.what)
            watched.done(watched.at)
            return False
        if receipt is None:
            return False
        self._count(receipt)
        self._marks[name] = after
        if at is not None:
            watched.done(at)
        return True

    def _count(self, receipt: Receipt) -> None:
        for name in _COUNTED:
            self._counts[name] = self._counts.get(name, 0) + getattr(receipt, name)
        self._data_at = _now()

    def _host(self, name: str) -> str | None:
        folders = Path(name).parts[:-1]
        level = self._settings.host_level
        return folders[level - 1] if 0 < level <= len(folders) else None

    def _refuse(self, name: str, why: str) -> None:
        if name not in self._refused:
            self._refused.add(name)
            self._last_error = f"{_shown(name)}: {why}"
            self._tell("refused", name, why)

    def _unreachable(self, why: str) -> None:
        if self._silent_since is None:
            self._silent_since = _now()
            self._last_error = why
            self._tell("silent", found=why)

    def _reachable(self) -> None:
        if self._silent_since is not None:
            since, self._silent_since = self._silent_since, None
            notice = self._notice("resumed", "", "the folder can be read again")
            self._writer.notice_patiently(
                msgspec.structs.replace(notice, since_at=since, until_at=notice.at), self._stop
            )

    def _tell(self, what: str, name: str = "", found: str = "") -> None:
        self._writer.notice_patiently(self._notice(what, name, found), self._stop)

    def _notice(self, what: str, name: str, found: str) -> Notice:
        where = _shown(os.path.join(self._root, name) if name else str(self._root))  # noqa: PTH118 - keeps bytes as they are
        said = {"collector": self.name, "what": what, "at": _now(), "where": where, "found": found}
        return msgspec.convert(said, Notice)


def _stream(name: str) -> str:
    """Return a bookmark's key: SQLite takes no text that is not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _value(mark: Mark) -> str:
    return msgspec.json.encode(mark).decode()


def _now() -> datetime:
    return datetime.now(UTC)


def make(settings: FolderSettings, writer: WriterClient, state: Path) -> FolderCollector:
    """Return the collector of one table [intake.folder.NAME]."""
    return FolderCollector(settings, writer, state)
