"""What the ways to a tenant's audit records have in common: whom they ask, what they hand over, what they say."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Literal

import msgspec

from mailwitness.collect.interface import Batch, Notice, Receipt
from mailwitness.collect.m365_service import Service, StoppedError
from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import M365State
from mailwitness.collect.writer_client import WriterClient


class Tally(msgspec.Struct):
    """What came of one look."""

    blobs: int = 0
    records: int = 0
    recorded: int = 0
    duplicates: int = 0
    problems: int = 0
    lost: int = 0
    failed: int = 0
    last_error: str | None = None
    data_at: datetime | None = None

    def take(self, receipt: Receipt) -> None:
        """Add what became of one blob or page."""
        self.blobs += 1
        self.records += receipt.seen
        self.recorded += receipt.recorded
        self.duplicates += receipt.duplicates
        self.problems += receipt.problems
        self.data_at = datetime.now(UTC)

    def counts(self) -> dict[str, int]:
        """Return the counts of the look, for a heartbeat."""
        return {
            field.name: count
            for field in msgspec.structs.fields(Tally)
            if isinstance(count := getattr(self, field.name), int) and count
        }


class Way:
    """One way to the records of one tenant; a subclass says which."""

    def __init__(
        self, settings: Settings, service: Service, writer: WriterClient, state: M365State, stop: threading.Event
    ) -> None:
        """Nothing is asked for yet."""
        self._settings = settings
        self._service = service
        self._writer = writer
        self._state = state
        self._stop = stop

    def _batch(self, name: str, body: bytes) -> Batch:
        """Return what the service answered, as it came, as evidence called `name`."""
        settings = self._settings
        return Batch(
            name=f"{settings.name}/{name}.json",
            data=body,
            collector=settings.name,
            received_at=datetime.now(UTC),
            format="json",
            observed_origin=self._service.root.removeprefix("https://"),
            delivered_by=f"application {settings.client} of tenant {settings.tenant}",
        )

    def _say(
        self,
        what: Literal["began", "lost"],
        where: str,
        *,
        found: str,
        since_at: datetime | None = None,
        until_at: datetime | None = None,
    ) -> None:
        """Have sealed what is known of a time of the tenant's records. Raises StoppedError."""
        notice = Notice(
            collector=self._settings.name,
            what=what,
            at=datetime.now(UTC),
            where=f"{self._settings.tenant} {where}".rstrip(),
            found=found,
            since_at=since_at,
            until_at=until_at,
        )
        if self._writer.notice_patiently(notice, self._stop) is None:
            raise StoppedError
