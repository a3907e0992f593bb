"""The Microsoft 365 collector: the tenant's audit log, from the feed of seven days and, where asked for, over Graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.collect.m365_activity import ActivityFeed
from mailwitness.collect.m365_graph import GraphQueries
from mailwitness.collect.m365_service import Service, StoppedError, client
from mailwitness.collect.m365_settings import Settings, credential_of
from mailwitness.collect.m365_sign_in import SignIn, SignInError
from mailwitness.collect.m365_state import M365State
from mailwitness.collect.m365_way import Tally
from mailwitness.collect.writer_client import WriterClient
from mailwitness.knowledge.m365_clouds import m365
from mailwitness.state.database import open_state

settings = Settings
_SKEW_SECONDS = 300.0
_BACKFILL = "backfill"
"""The name under which it is kept that the first backfill was asked for."""


class M365Collector:
    """Collects one tenant's audit log; `run` it in a thread or process of its own."""

    def __init__(
        self,
        settings: Settings,
        writer: WriterClient,
        state: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        http: httpx.Client | None = None,
    ) -> None:
        """Read the credential; nothing is asked for yet. `state` is the trail's folder.

        Raises UsageError where the credential cannot be used.
        """
        self.name = settings.name
        self._settings = settings
        self._credential = credential_of(settings)
        self._writer = writer
        self._state = state
        self._now = now
        self._http = http

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set."""
        ca = self._settings.ca
        http = self._http or client(None if ca is None else str(ca))
        with closing(open_state(self._state)) as connection, http:
            heartbeats = Heartbeats(connection)
            every = timedelta(seconds=max(60.0, self._settings.interval_seconds))
            heartbeats.began(self.name, datetime.now(UTC), every)
            looks = self._looks(http, M365State(connection, self.name), stop)
            while not stop.is_set():
                try:
                    tally = looks()
                except StoppedError:
                    return
                heartbeats.beat(
                    self.name, datetime.now(UTC), tally.counts(), tally.last_error, every=every, data_at=tally.data_at
                )
                stop.wait(self._settings.interval_seconds)

    def _looks(self, http: httpx.Client, state: M365State, stop: threading.Event) -> Callable[[], Tally]:
        """Return what carries out one look."""
        settings = self._settings
        sign_in = SignIn(settings, self._credential, http, lambda: self._now().timestamp())
        management = Service(settings.endpoints.management, sign_in, http, stop, now=self._now)
        feed = ActivityFeed(settings, management, self._writer, state, stop)
        graph = Service(settings.endpoints.graph, sign_in, http, stop, now=self._now)
        queries = GraphQueries(settings, graph, self._writer, state, stop)

        def look() -> Tally:
            tally = Tally()
            try:
                if settings.contents:
                    tally = feed.look()
                if settings.graph:
                    self._backfill(queries, state)
                    queries.look(tally)
            except SignInError as error:
                tally.last_error = str(error)
            for service in (management, graph):
                ahead = service.clock_ahead_seconds
                if abs(ahead) > _SKEW_SECONDS and tally.last_error is None:
                    tally.last_error = f"this machine's clock is {ahead:.0f} seconds ahead of {service.root}"
            return tally

        return look

    def _backfill(self, queries: GraphQueries, state: M365State) -> None:
        """Ask once for the time before the feed reaches back."""
        if not self._settings.backfill_days or state.feed(_BACKFILL).subscribed_at is not None:
            return
        now = self._now()
        feed = state.feed(_BACKFILL)
        days = min(self._settings.backfill_days, float(m365().graph.days_back))
        queries.ask_for(now - timedelta(days=days), now - timedelta(days=m365().activity.days_back - 1))
        state.keep_feed(_BACKFILL, type(feed)(subscribed_at=now))


def make(settings: Settings, writer: WriterClient, state: Path) -> M365Collector:
    """Return the collector of one table [intake.m365.NAME]. Raises UsageError for a credential that cannot be used."""
    return M365Collector(settings, writer, state)
