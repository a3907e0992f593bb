"""Following a directory in the service: looks by DirSync, handed to the writer; tried again while a server is away.

The cookie moves when what it stands for is durable, so a look that was cut off is taken again. Needs the extra
`directory`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from mailwitness.collect import spool
from mailwitness.collect.heartbeats import EVERY, Heartbeats
from mailwitness.collect.interface import NotAcknowledged, Notice, NotTaken, Observation, Receipt
from mailwitness.collect.writer_client import WriterClient
from mailwitness.directory.dirsync import Follower
from mailwitness.directory.ldap_connection import DirectoryError, Server
from mailwitness.directory.ldap_snapshot import Reading, Taken
from mailwitness.directory.store import Recorded
from mailwitness.errors import UsageError
from mailwitness.state.database import open_state

LONGEST_PAUSE = 60.0


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[intake.directory]: which domain controller is followed, as whom, and how often it is looked at.

    `server` is ldaps://HOST, or ldap://HOST (StartTLS, or with `gssapi` Kerberos that signs and seals). `bind` with
    `password_file` or `password_env` (the name of an environment variable) is a simple bind; `gssapi` uses the Kerberos
    ticket or client keytab (KRB5_CLIENT_KTNAME) of the service's account.
    """

    name: str = "directory"
    server: str
    bind: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    gssapi: bool = False
    start_tls: bool = False
    ca: Path | None = None
    interval_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not self.server.startswith(("ldaps://", "ldap://")):
            raise ValueError(f"{self.server!r} is no LDAP server: write ldaps://HOST or ldap://HOST")
        if self.gssapi is (self.bind is not None):
            raise ValueError("say how to bind: either bind with a password, or gssapi")
        if not self.gssapi and (self.password_file is None) is (self.password_env is None):
            raise ValueError("bind needs a password: give password_file or password_env")
        if not 0.5 <= self.interval_seconds <= 3600:  # noqa: PLR2004 - from twice a second to once an hour
            raise ValueError("interval_seconds is 0.5 to 3600")

    def target(self) -> Server:
        """Return the server with the password read. Raises UsageError where there is none."""
        password = None
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as cause:
                raise UsageError("the password's file cannot be read", where=str(self.password_file)) from cause
        elif self.password_env is not None:
            password = os.environ.get(self.password_env)
        if not self.gssapi and not password:
            raise UsageError("there is no password", where=str(self.password_file or self.password_env))
        return Server(
            url=self.server,
            name=self.bind,
            password=password,
            gssapi=self.gssapi,
            start_tls=self.start_tls,
            ca=self.ca,
        )


settings = DirectorySettings


class _StoppedError(Exception):
    """The collector is to end before what was read is durable; the cookie stays."""


class DirectoryFollower:
    """The collector: looks at one domain controller until it is told to stop."""

    def __init__(self, settings: DirectorySettings, writer: WriterClient, state: Path) -> None:
        """Deliver to `writer`; `state` is the trail's folder. Nothing is read before `run`."""
        self.name = settings.name
        self._settings = settings
        self._writer = writer
        self._trail = state
        self._last_good_at: datetime | None = None
        self._is_away = False

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set. Raises UsageError where there is no password to be had."""
        server = self._settings.target()
        spool.clear(self._trail, self.name)
        with closing(open_state(self._trail)) as connection:
            beats = Heartbeats(connection)
            every = max(EVERY, timedelta(seconds=2 * self._settings.interval_seconds))
            beats.began(self.name, _now(), every)
            self._say("began", stop)
            follower = Follower(self._trail, None, server, hand_over=lambda reading: self._hand_over(reading, stop))
            pause = self._settings.interval_seconds
            while not stop.is_set():
                try:
                    counts, data_at = self._look(follower)
                except _StoppedError:
                    break
                except (DirectoryError, NotTaken) as error:
                    self._went_away(str(error), stop)
                    beats.beat(self.name, _now(), {"failed": 1}, str(error), every=every)
                    pause = min(LONGEST_PAUSE, max(1.0, 2 * pause))
                else:
                    self._is_back(stop)
                    beats.beat(self.name, _now(), counts, every=every, data_at=data_at)
                    pause = self._settings.interval_seconds
                stop.wait(pause)
            with contextlib.suppress(NotAcknowledged):  # without a writer nobody can be told
                self._writer.notice(self._notice("ended"))

    def _look(self, follower: Follower) -> tuple[dict[str, int], datetime | None]:
        taken = follower.look()
        counts = {"looks": 1}
        if taken is not None:
            counts |= {"objects": taken.objects, "problems": taken.problems.count}
            counts["observations"] = sum(taken.recorded.rows.values())
        return {name: count for name, count in counts.items() if count}, None if taken is None else _now()

    def _hand_over(self, reading: Reading, stop: threading.Event) -> Taken:
        """Give what was read to the writer; durable when this returns."""
        reading.evidence.close()
        reader = reading.reader
        rows = dict(reader.rows.counts)
        path = reading.evidence.path
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        snapshot = msgspec.structs.replace(reading.snapshot(), evidence_sha256=sha256)
        tables = tuple((name, batch.serialize().to_pybytes()) for name, batch in reader.rows.take_batches())
        observation = Observation(
            collector=self.name,
            name=snapshot.name,
            data=b"",
            received_at=_now(),
            tables=(),
            snapshot=snapshot,
            problems=tuple(reader.problems.listed),
            observed_origin=self._settings.server,
        )
        if path.stat().st_size + sum(len(message) for _name, message in tables) <= spool.IN_A_REQUEST:
            whole = msgspec.structs.replace(observation, data=path.read_bytes(), tables=tables)
            receipt = self._writer.submit_patiently(whole, stop)
        else:
            with spool.written(self._trail, self.name, path, tables) as spooled:
                there = msgspec.structs.replace(observation, spool=spooled.name)
                receipt = self._writer.submit_patiently(there, stop)
        if receipt is None:
            raise _StoppedError
        return self._taken(receipt, reading, sha256, rows)

    def _taken(self, receipt: Receipt, reading: Reading, sha256: str, rows: dict[str, int]) -> Taken:
        recorded = Recorded(sha256, rows, receipt.recorded > 0 or not receipt.duplicates)
        distinct = reading.reader.distinct
        reader = reading.reader
        return Taken(recorded, reading.snapshot(), reader.objects, distinct.uses, distinct.count, reader.problems)

    def _went_away(self, why: str, stop: threading.Event) -> None:
        if not self._is_away:
            self._is_away = True
            self._say("silent", stop, found=why)

    def _is_back(self, stop: threading.Event) -> None:
        """Say so where the server was away: what stood there meanwhile and was changed again was not seen."""
        now = _now()
        if self._is_away:
            self._is_away = False
            found = "what was changed and changed back meanwhile was not seen"
            self._say("resumed", stop, found=found, since_at=self._last_good_at, until_at=now)
        self._last_good_at = now

    def _say(self, what: str, stop: threading.Event, **more: object) -> None:
        self._writer.notice_patiently(self._notice(what, **more), stop)

    def _notice(self, what: str, **more: object) -> Notice:
        said = {"collector": self.name, "what": what, "at": _now(), "where": self._settings.server} | more
        return msgspec.convert(said, Notice)


def _now() -> datetime:
    return datetime.now(UTC)


def make(settings: DirectorySettings, writer: WriterClient, state: Path) -> DirectoryFollower:
    """Return the collector of [intake.directory]."""
    return DirectoryFollower(settings, writer, state)
