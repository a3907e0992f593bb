"""Has the record been altered? The checkpoint, anchors kept elsewhere, the last verification, and what came in."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mailwitness.errors import MailwitnessError
from mailwitness.event import instant
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.state.database import opened, transaction
from mailwitness.trail.anchors import check_anchors
from mailwitness.trail.projection import parse_instant
from mailwitness.trail.verdict import Verdict
from mailwitness.trail.verify import verify

STEPS = (
    """
    CREATE TABLE verifications_done (
        number INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, seconds REAL NOT NULL, state TEXT NOT NULL,
        size INTEGER NOT NULL, root TEXT NOT NULL, deep INTEGER NOT NULL, findings TEXT NOT NULL, remarks TEXT NOT NULL
    ) STRICT;
    """,
)
FINDINGS = 200
KEPT = 20


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a verification found wrong."""

    file: str
    what: str
    first_seq: int | None = None
    last_seq: int | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A verification that was done, and what it found."""

    at: datetime
    who: str
    seconds: float
    state: str
    size: int
    root: str
    deep: bool
    findings: tuple[Fault, ...]
    remarks: tuple[str, ...]


class AnchorView(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint kept elsewhere, and whether the trail is its history."""

    file: str
    size: int | None
    stamped_at: datetime | None = None
    fault: str | None = None


class IntegrityView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of integrity."""

    as_of: AsOf
    note: tuple[str, ...]
    """The signed checkpoint, line by line: what to keep elsewhere."""
    verifier_key: str
    log_id: str
    anchors: tuple[AnchorView, ...]
    anchors_asked: bool
    """Whether a folder of anchors is set; without one the trail vouches for itself alone."""
    anchored_size: int | None
    """Leaves under the largest anchor that holds."""
    verifications: tuple[Verification, ...]


def integrity_view(picture: Picture, anchors: Path | None, key: str | None = None) -> IntegrityView:
    """Return the page; `anchors` is the folder of checkpoints kept elsewhere, `key` a verifier key kept elsewhere."""
    reader = picture.reader
    listed: list[AnchorView] = []
    if anchors is not None:
        held, faults = check_anchors(reader.trail.path, anchors, key=key)
        listed += [
            AnchorView(file=a.path.name, size=a.checkpoint.size, stamped_at=a.stamped_at) for a in reversed(held)
        ]
        listed = [AnchorView(file=f.path.name, size=None, fault=f.what) for f in faults] + listed
    return IntegrityView(
        as_of=as_of(picture),
        note=tuple(reader.note.decode("utf-8", "replace").splitlines()),
        verifier_key=reader.settings.verifier_key,
        log_id=reader.settings.log_id,
        anchors=tuple(listed),
        anchors_asked=anchors is not None,
        anchored_size=max((a.size for a in listed if a.size is not None), default=None),
        verifications=tuple(verifications(reader.trail.path)),
    )


def verifications(trail: Path) -> list[Verification]:
    """Return the verifications done from here, the latest first."""
    with opened(trail, "verifications", STEPS) as connection:
        rows = connection.execute("SELECT * FROM verifications_done ORDER BY number DESC LIMIT ?", (KEPT,)).fetchall()
    return [_verification(row) for row in rows]


class Verifier:
    """Verifies one trail, one at a time, in a thread; tells how far it is, and notes what it found."""

    def __init__(self, trail: Path, *, anchors: Path | None = None, key: str | None = None) -> None:
        """Verify the trail at `trail`, against `anchors` and `key` kept elsewhere where given."""
        self._trail, self._anchors, self._key = trail, anchors, key
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self.done = 0
        self.total = 0
        self.failure: str | None = None

    @property
    def is_running(self) -> bool:
        """Return whether a verification is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, who: str, *, deep: bool) -> bool:
        """Begin, unless one is under way already; return whether it began."""
        with self._guard:
            if self.is_running:
                return False
            self.done, self.total, self.failure = 0, 0, None
            self._thread = threading.Thread(target=self._run, args=(who, deep), name="verify", daemon=True)
            self._thread.start()
            return True

    def wait(self) -> None:
        """Return when none is under way."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, who: str, deep: bool) -> None:  # noqa: FBT001 - the thread's arguments
        began = datetime.now(UTC)
        try:
            verdict = verify(self._trail, deep=deep, key=self._key, anchors=self._anchors, progress=self._progress)
            self._note(verdict, who, began, deep=deep)
        except MailwitnessError as cause:
            self.failure = str(cause)

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def _note(self, verdict: Verdict, who: str, began: datetime, *, deep: bool) -> None:
        faults = [
            Fault(file=f.file, what=f.what, first_seq=f.first_seq, last_seq=f.last_seq)
            for f in verdict.findings[:FINDINGS]
        ]
        with opened(self._trail, "verifications", STEPS) as connection, transaction(connection):
            connection.execute(
                "INSERT INTO verifications_done (at, who, seconds, state, size, root, deep, findings, remarks)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    instant(began),
                    who,
                    (datetime.now(UTC) - began).total_seconds(),
                    verdict.state,
                    verdict.size,
                    verdict.root.hex(),
                    int(deep),
                    msgspec.json.encode(faults).decode(),
                    msgspec.json.encode(verdict.remarks).decode(),
                ),
            )


def _verification(row: sqlite3.Row) -> Verification:
    return Verification(
        at=parse_instant(row["at"]),
        who=row["who"],
        seconds=row["seconds"],
        state=row["state"],
        size=row["size"],
        root=row["root"],
        deep=bool(row["deep"]),
        findings=tuple(msgspec.json.decode(row["findings"], type=list[Fault])),
        remarks=tuple(msgspec.json.decode(row["remarks"], type=list[str])),
    )
