"""Makes the reports that people ask the console for: one at a time, in a thread, below TRAIL/derived/reports."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec

from mailwitness.errors import MailwitnessError
from mailwitness.faces.reports.ground import Wish
from mailwitness.faces.reports.kept import note, register
from mailwitness.faces.reports.making import make_report
from mailwitness.faces.reports.writing import write_report
from mailwitness.state.database import transaction
from mailwitness.trail.layout import Trail


class ReportAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A report somebody asks for: a kind or a pack, its period (the usual one where `since` is None), its forms."""

    report: str
    until: datetime
    since: datetime | None = None
    mailbox: str | None = None
    days: int = 90
    forms: tuple[str, ...] = ("html",)


class ReportMaker:
    """Makes reports of one trail. The files may be deleted: the register says then that they are gone."""

    def __init__(self, trail: Path, *, anchors: Path | None = None, key: str | None = None) -> None:
        """Make reports of the trail at `trail`; those of its integrity use `anchors` and `key` kept elsewhere."""
        self._trail, self._anchors, self._key = trail, anchors, key
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self.asked: ReportAsked | None = None
        self.number: int | None = None
        """The last report that was made."""
        self.failure: str | None = None
        """Why the last one came to nothing."""

    @property
    def is_running(self) -> bool:
        """Return whether a report is being made."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, asked: ReportAsked, who: str) -> bool:
        """Begin a report, unless one is being made; return whether it began."""
        with self._guard:
            if self.is_running:
                return False
            self.asked, self.failure = asked, None
            self._thread = threading.Thread(target=self._run, args=(asked, who), name="report", daemon=True)
            self._thread.start()
            return True

    def wait(self) -> None:
        """Return when none is being made."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, asked: ReportAsked, who: str) -> None:
        try:
            self.number = self._make(asked, who)
        except MailwitnessError as cause:
            self.failure = f"{cause.what}. {cause.remedy}".strip()
        except (duckdb.Error, OSError, ValueError) as cause:
            self.failure = f"{type(cause).__name__}: {cause}"

    def _make(self, asked: ReportAsked, who: str) -> int:
        wish = Wish(
            since=asked.since,
            until=asked.until,
            mailbox=asked.mailbox,
            days=asked.days,
            anchors=self._anchors,
            key=self._key,
        )
        now = datetime.now(UTC)
        report = make_report(self._trail, asked.report, wish, now)
        folder = Trail(self._trail).derived / "reports" / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        written = write_report(report, folder, asked.forms)
        with register(self._trail) as connection, transaction(connection):
            return note(connection, report, written, who)
