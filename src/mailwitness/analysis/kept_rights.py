"""Rights over time, kept beside the trail: a question from the command line reads only what concerns it.

Working out every interval of a large organisation takes the better part of a minute; who can open one mailbox needs
some hundred of them. What was worked out is kept in `derived/rights/`, an SQLite file, with the size and the root it
belongs to. It is no evidence: a file of another size, root or version, one that is damaged, and one that an account
may write which is neither this one nor root nor the owner of the checkpoint, is left aside, and everything is worked
out anew. Deleting it costs time only.
"""

from __future__ import annotations

import hashlib
import operator
import os
import secrets
import sqlite3
import stat
import time
import zlib
from collections.abc import Iterable
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from mailwitness import __version__
from mailwitness.analysis.kept_standing import RUN, KeptEntry, KeptLink, KeptRights, KeptStanding, Rest
from mailwitness.analysis.presence import Run
from mailwitness.analysis.right_entry import Entry
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.directory.closure import Link
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.trail.durable import open_regular
from mailwitness.trail.reader import TrailReader

FORMAT = 1
"""Raised whenever what is kept, or how it is worked out, changes within a version of the program."""
WORTH_KEEPING = 3.0
"""Seconds of work from which on it is kept: below, working it out is as quick as reading it."""
_HEADER_LIMIT = 4_096
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE things (kind TEXT, thing INTEGER, value BLOB, PRIMARY KEY (kind, thing)) WITHOUT ROWID;
CREATE TABLE names (form TEXT, name TEXT, value BLOB, PRIMARY KEY (form, name)) WITHOUT ROWID;
"""


def standing_of(reader: TrailReader, engine: Engine, observations: Observations) -> Standing:
    """Return what `rights_over_time` finds for `who_can_open` and `reach`: what was kept, else worked out now.

    Other questions (explanations, findings) need it whole and do not come here.
    """
    path = reader.trail.derived / "rights" / f"{reader.settings.log_id}.sqlite"
    kept = _opened(reader, path)
    if kept is not None:
        return kept
    began = time.process_time()
    standing = rights_over_time(engine, observations)
    if time.process_time() - began >= WORTH_KEEPING:
        keep(reader, path, standing)
    return standing


def _header(reader: TrailReader, file: BinaryIO) -> bytes:
    """Return what stands beside the file: what it is of, and what tells that it is whole."""
    of = [__version__, FORMAT, reader.settings.log_id, reader.origin, reader.size, reader.root.hex()]
    return msgspec.json.encode([*of, hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()])


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _opened(reader: TrailReader, path: Path) -> Standing | None:
    """Return what was kept of this very trail, None where nothing of use was."""
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            writer = reader.trail.checkpoint(reader.settings.log_id).stat().st_uid
            if status.st_uid not in (os.geteuid(), 0, writer) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            with open_regular(_beside(path)) as beside:
                if beside.read(_HEADER_LIMIT) != _header(reader, file):
                    return None
        return KeptStanding(KeptRights(path))
    except (OSError, sqlite3.Error, msgspec.MsgspecError):
        return None  # whatever is wrong with it, the trail is what counts


def keep(reader: TrailReader, path: Path, standing: Standing) -> None:
    """Keep what was worked out, where this process may write: what is not kept costs time only."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    beside = part.with_suffix(".head")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with closing(sqlite3.connect(part)) as connection:
                connection.executescript(_TABLES)
                _Writer(connection).write(standing)
                connection.commit()
            with open_regular(part) as file:
                header = _header(reader, file)
            part.replace(path)
            beside.write_bytes(header)
            beside.replace(_beside(path))
        finally:
            part.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
    except (OSError, sqlite3.Error, UnicodeEncodeError):
        return  # a trail that may only be read, or a name no file can hold: the next question works it out again


_NUMBER = operator.itemgetter(0)
"""By what rows are written in order: a file written at random is three times as large."""


class _Writer:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs: dict[Run, int] = {}

    def write(self, standing: Standing) -> None:
        identities, facts = standing.identities, standing.facts
        members = standing.memberships
        self._things("thing", ((n, (t.kind, t.spans)) for n, t in enumerate(identities.things())))
        self._things("on", ((n, [self._entry(e) for e in each]) for n, each in standing.on.items()))
        self._things("of", ((n, [self._entry(e) for e in each]) for n, each in standing.of.items()))
        self._things("above", ((n, [self._link(link) for link in each]) for n, each in members.above().items()))
        self._things("below", ((n, [self._link(link) for link in each]) for n, each in members.below().items()))
        homes = facts.homes
        self._things("home", ((n, [(held.value, self._run(held.run)) for held in homes[n]]) for n in homes))
        self._things("protection", facts.protection.items())
        self._things("powerless", facts.powerless.items())
        self._things("disabled", facts.disabled.items())
        for form, names in identities.indexes().items():
            rows = ((form, name, msgspec.msgpack.encode(things)) for name, things in sorted(names.items()))
            self._connection.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)
        policies = [(p.application, p.group, p.right, self._run(p.run)) for p in facts.policies]
        rest = Rest(
            things=len(identities),
            everywhere=[self._entry(entry) for entry in standing.everywhere],
            mailboxes=list(facts.mailboxes),
            former_sids=facts.former_sids,
            scopes=facts.scopes,
            policies=policies,
            databases=standing.databases,
            moves=standing.moves,
            moments=members.moments,
        )
        self._things("run", ((number, run) for run, number in self._runs.items()))
        self._connection.execute("INSERT INTO kept VALUES ('rest', ?)", (msgspec.msgpack.encode(rest),))

    def _things(self, kind: str, values: Iterable[tuple[int, Any]]) -> None:
        encode = msgspec.msgpack.encode
        rows = ((kind, number, zlib.compress(encode(value), 1)) for number, value in sorted(values, key=_NUMBER))
        self._connection.executemany("INSERT INTO things VALUES (?, ?, ?)", rows)

    def _run(self, run: Run) -> int:
        return self._runs.setdefault(run, len(self._runs))

    def _entry(self, entry: Entry) -> KeptEntry:
        values = msgspec.structs.astuple(entry)
        return KeptEntry((*values[:RUN], *values[RUN + 1 :]), self._run(entry.run))

    def _link(self, link: Link[Run]) -> KeptLink:
        return link.member, link.group, link.since, link.until, self._run(link.evidence)
