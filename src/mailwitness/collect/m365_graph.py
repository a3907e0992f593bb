"""Audit log queries over Microsoft Graph: what the feed of seven days does not have any more.

A query is made for a stretch of time, answered some minutes later, and read page by page. One that came to more
records than a query gives is halved.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from mailwitness.collect.m365_service import RefusedError, Service, StoppedError, UnavailableError
from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import M365State, Range
from mailwitness.collect.m365_way import Tally, Way
from mailwitness.collect.writer_client import WriterClient
from mailwitness.event import instant
from mailwitness.knowledge.m365_clouds import m365

SPAN = timedelta(days=1)
"""The longest stretch of one query."""
SHORTEST = timedelta(minutes=5)
"""A stretch that is not halved any more."""
PATIENCE = timedelta(hours=24)
"""How long a query may be under way before it is made anew."""
UNDER_WAY = 4
"""Queries under way at a time."""
_NOT_FOUND = 404
_PAGES_A_LOOK = 200


class GraphQueries(Way):
    """The audit log queries of one tenant. `look` once in a while moves the one under way on."""

    def __init__(
        self, settings: Settings, service: Service, writer: WriterClient, state: M365State, stop: threading.Event
    ) -> None:
        """Nothing is asked for yet."""
        super().__init__(settings, service, writer, state, stop)
        self._api = m365().graph
        self._url = f"{service.root}{self._api.path}"

    def ask_for(self, since: datetime, until: datetime) -> None:
        """Have a stretch queried, in parts of a day at most."""
        for service in self._settings.query_services or ("",):
            start = since
            while start < until:
                end = min(until, start + SPAN)
                self._state.add_range(service, start, end)
                start = end

    def look(self, tally: Tally) -> None:
        """Move the queries under way on, and make new ones; what fails is said and tried again at the next look."""
        for stretch in self._state.next_ranges(UNDER_WAY):
            if stretch.until_at - stretch.since_at > SPAN:  # asked for as one: a day at a time
                self._state.done(stretch.number)
                self.ask_for(stretch.since_at, stretch.until_at)
                continue
            try:
                self._move_on(stretch, tally)
            except UnavailableError as error:
                tally.last_error = f"Graph: {error}"
            except RefusedError as error:
                tally.last_error = f"Graph: {error}; it needs the permission {self._api.permission}"
                if error.status == _NOT_FOUND and stretch.query_id is not None:  # the service forgot it
                    self._state.asked(stretch.number, None, self._service.now())

    def _move_on(self, stretch: Range, tally: Tally) -> None:
        if self._is_too_old(stretch, tally):
            return
        if stretch.query_id is None:
            self._ask(stretch)
            return
        if stretch.next_page is not None:
            self._read(stretch, stretch.next_page, tally)
            return
        query = self._service.get(f"{self._url}/{stretch.query_id}").value
        status = query.get("status") if isinstance(query, dict) else None
        if status in self._api.done:
            if query.get("isRecordCountLimitExceeded") is True and self._halve(stretch, tally):
                return
            self._read(stretch, f"{self._url}/{stretch.query_id}/records", tally)
        elif status in self._api.under_way:
            if stretch.asked_at is not None and self._service.now() - stretch.asked_at > PATIENCE:
                self._state.asked(stretch.number, None, self._service.now())
        else:
            tally.last_error = f"Graph: the query of {instant(stretch.since_at)} ended as {status!r}; it is made anew"
            self._state.asked(stretch.number, None, self._service.now())

    def _is_too_old(self, stretch: Range, tally: Tally) -> bool:
        kept_since = self._service.now() - timedelta(days=self._api.days_back)
        if stretch.until_at > kept_since:
            return False
        self._lost(stretch, f"older than the {self._api.days_back} days the service keeps", tally)
        self._state.done(stretch.number)
        return True

    def _ask(self, stretch: Range) -> None:
        asked: dict[str, Any] = {
            "displayName": f"Mailwitness {self._settings.name} {instant(stretch.since_at)[:16]}",
            "filterStartDateTime": _iso(stretch.since_at),
            "filterEndDateTime": _iso(stretch.until_at),
        }
        if stretch.service:
            asked["serviceFilter"] = stretch.service
        said = self._service.ask("POST", self._url, asked).value
        query_id = said.get("id") if isinstance(said, dict) else None
        if not isinstance(query_id, str) or not query_id:
            raise UnavailableError("a query was made without a name", where=self._url)
        self._state.asked(stretch.number, query_id, self._service.now())

    def _halve(self, stretch: Range, tally: Tally) -> bool:
        """Have the halves of a stretch queried instead; False where it is too short for that, which is said."""
        length = stretch.until_at - stretch.since_at
        if length <= SHORTEST:
            self._lost(stretch, "more records than a query gives within five minutes", tally)
            return False
        middle = stretch.since_at + length / 2
        self._state.add_range(stretch.service, stretch.since_at, middle)
        self._state.add_range(stretch.service, middle, stretch.until_at)
        self._state.done(stretch.number)
        return True

    def _read(self, stretch: Range, url: str, tally: Tally) -> None:
        """Take pages in; where reading stops, the next look goes on behind the last one that is durable."""
        for _page in range(_PAGES_A_LOOK):
            answer = self._service.get(url)
            if not isinstance(answer.value, dict) or not isinstance(answer.value.get("value"), list):
                raise UnavailableError("a page that is none", where=self._url)
            if answer.value["value"]:
                self._take(stretch, answer.body, tally)
            following = answer.value.get("@odata.nextLink")
            if not isinstance(following, str):
                self._state.done(stretch.number)
                return
            if following == url:
                raise UnavailableError("pages that do not come to an end", where=self._url)
            url = following
            self._state.asked(stretch.number, stretch.query_id, self._service.now(), url)

    def _take(self, stretch: Range, body: bytes, tally: Tally) -> None:
        batch = self._batch(f"graph/{instant(stretch.since_at)[:16].replace(':', '')}", body)
        receipt = self._writer.submit_patiently(batch, self._stop)
        if receipt is None:
            raise StoppedError
        tally.take(receipt)

    def _lost(self, stretch: Range, found: str, tally: Tally) -> None:
        tally.lost += 1
        where = f"audit log over Graph {stretch.service}"
        self._say("lost", where, found=found, since_at=stretch.since_at, until_at=stretch.until_at)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
