"""The Management Activity API: subscriptions, and the blobs of audit records that they list for seven days.

Content is listed in windows of 24 hours at most, cut by the service's clock, each beginning before the end of the one
before; once in a while the last day is listed anew. A blob is taken in as it came. What was listed counts as listed
when every blob of it is durable.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec

from mailwitness.collect.interface import Receipt
from mailwitness.collect.m365_service import Answer, RefusedError, Service, StoppedError, UnavailableError
from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import Feed, M365State
from mailwitness.collect.m365_way import Tally, Way
from mailwitness.collect.writer_client import WriterClient
from mailwitness.formats.instants import parse_iso
from mailwitness.knowledge.m365_clouds import m365

RELIST_EVERY = timedelta(hours=1)
SUBSCRIPTIONS_EVERY = timedelta(hours=1)
FETCHES = 4
"""Blobs fetched at a time."""
_MARGIN = timedelta(minutes=10)
"""Content this close to the end of its seven days may be gone before it is fetched."""
_PAGES = 10_000
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Blob(msgspec.Struct, frozen=True):
    """One listed blob."""

    content_id: str
    uri: str
    created_at: datetime
    expires_at: datetime


class ActivityFeed(Way):
    """The feed of one tenant. `look` once in a while takes in what is new."""

    def __init__(
        self, settings: Settings, service: Service, writer: WriterClient, state: M365State, stop: threading.Event
    ) -> None:
        """Nothing is asked for yet."""
        super().__init__(settings, service, writer, state, stop)
        self._api = m365().activity
        self._root = f"{service.root}{self._api.path.format(tenant=settings.tenant)}"
        self._subscriptions_at: datetime | None = None

    def look(self) -> Tally:
        """List every content and take in its new blobs.

        What fails is said in `last_error` and tried again at the next look. Raises StoppedError, and SignInError where
        Entra ID refuses.
        """
        tally = Tally()
        try:
            self._see_to_subscriptions()
        except (RefusedError, UnavailableError) as error:
            tally.last_error = self._explained(error)
            return tally
        for content in self._settings.contents:
            try:
                self._content(content, tally)
            except RefusedError as error:
                if self._api.meaning(error.code) == "not_subscribed":
                    self._subscriptions_at = None  # stopped since: the next look starts it again and says so
                tally.last_error = f"{content}: {self._explained(error)}"
            except UnavailableError as error:
                tally.last_error = f"{content}: {error}"
        self._state.forget_blobs(self._service.now() - timedelta(days=1))
        return tally

    def _url(self, operation: str, **query: str) -> str:
        publisher = self._settings.publisher or self._settings.tenant
        return f"{self._root}/{operation}?{urlencode({**query, 'PublisherIdentifier': publisher})}"

    def _see_to_subscriptions(self) -> None:
        """Start subscriptions that are not; one that was started before and is not any more has lost content."""
        now = self._service.now()
        if self._subscriptions_at is not None and now - self._subscriptions_at < SUBSCRIPTIONS_EVERY:
            return
        listed = self._service.get(self._url("subscriptions/list")).value
        now = self._service.now()
        enabled = {
            one.get("contentType")
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and one.get("status") == "enabled"
        }
        for content in self._settings.contents:
            feed = self._state.feed(content)
            if content in enabled and feed.subscribed_at is not None:
                continue
            if content not in enabled:
                self._start(content)
            self._say_subscribed(content, feed, now, was_enabled=content in enabled)
            self._state.keep_feed(content, msgspec.structs.replace(feed, subscribed_at=now))
        self._subscriptions_at = now

    def _start(self, content: str) -> None:
        try:
            self._service.ask("POST", self._url("subscriptions/start", contentType=content))
        except RefusedError as error:
            if self._api.meaning(error.code) != "already_subscribed":
                raise

    def _say_subscribed(self, content: str, feed: Feed, now: datetime, *, was_enabled: bool) -> None:
        if feed.subscribed_at is None:
            hours = self._api.first_content_hours
            found = "subscribed already" if was_enabled else f"subscribed now; first content within {hours} hours"
            self._say("began", content, found=found)
            return
        since = feed.listed_until or feed.subscribed_at
        self._say(
            "lost",
            content,
            found="the subscription was stopped; content of the time until it was started again cannot be had",
            since_at=since,
            until_at=now,
        )
        self._ask_graph(since, now)

    def _content(self, content: str, tally: Tally) -> None:
        feed = self._state.feed(content)
        now = self._service.now()
        earliest = now - timedelta(days=self._api.days_back) + _MARGIN
        start = earliest
        if feed.listed_until is not None:
            feed = self._without_what_is_gone(content, feed, earliest, tally)
            start = (feed.listed_until or earliest) - timedelta(minutes=self._settings.overlap_minutes)
        is_relisting = feed.relisted_at is None or now - feed.relisted_at >= RELIST_EVERY
        if is_relisting:
            start = min(start, now - timedelta(hours=self._settings.relist_hours))
        start = max(start, earliest)
        is_whole = True
        while start < now:
            end = min(now, start + timedelta(hours=self._api.window_hours))
            is_whole = self._window(content, start, end, tally) and is_whole
            if is_whole:  # what a window before could not give is listed again by the next look
                feed = msgspec.structs.replace(feed, listed_until=max(end, feed.listed_until or end))
                if end < now:
                    self._state.keep_feed(content, feed)
            start = end
        if is_relisting and is_whole:
            feed = msgspec.structs.replace(feed, relisted_at=now)
        self._state.keep_feed(content, feed)

    def _without_what_is_gone(self, content: str, feed: Feed, earliest: datetime, tally: Tally) -> Feed:
        """Say so where content expired before it could be listed, and go on behind it."""
        until = feed.listed_until
        if until is None or until >= earliest:
            return feed
        tally.lost += 1
        found = f"content older than {self._api.days_back} days cannot be had; nobody listed it in time"
        self._say("lost", content, found=found, since_at=until, until_at=earliest)
        self._ask_graph(until, earliest)
        feed = msgspec.structs.replace(feed, listed_until=earliest)
        self._state.keep_feed(content, feed)
        return feed

    def _ask_graph(self, since: datetime, until: datetime) -> None:
        """Have Graph asked for what the feed does not have any more: records may be a day older than their blob."""
        if self._settings.graph:
            for service in self._settings.query_services or ("",):
                self._state.add_range(service, since - timedelta(days=1), until)

    def _window(self, content: str, start: datetime, end: datetime, tally: Tally) -> bool:
        """Take in the blobs of a window; return whether all of them are durable or known to be gone."""
        is_whole = True
        for page in self._listed(content, start, end):
            new = [blob for blob in page if not self._state.has_blob(blob.content_id)]
            if not new:
                continue
            with ThreadPoolExecutor(FETCHES) as pool:  # several at a time: they share the trail's commits
                for blob, outcome in zip(new, pool.map(lambda blob: self._fetched(content, blob), new), strict=True):
                    is_whole = self._noted(content, blob, outcome, tally) and is_whole
        return is_whole

    def _listed(self, content: str, start: datetime, end: datetime) -> Iterator[list[Blob]]:
        """Yield what the service lists, page by page."""
        times = {"startTime": _second(start), "endTime": _second(end)}
        url: str | None = self._url("subscriptions/content", contentType=content, **times)
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= _PAGES:
                raise UnavailableError("the list of content does not come to an end", where=content)
            seen.add(url)
            answer = self._service.get(url)
            yield list(self._blobs(answer, content))
            url = answer.next_page

    def _blobs(self, answer: Answer, content: str) -> Iterator[Blob]:
        if not isinstance(answer.value, list):
            raise UnavailableError("a list of content that is no list", where=content)
        for said in answer.value:
            blob = _blob(said)
            if blob is None:
                raise UnavailableError(f"an entry of the list that cannot be read: {str(said)[:200]}", where=content)
            yield blob

    def _fetched(self, content: str, blob: Blob) -> Receipt | RefusedError | UnavailableError:
        """Fetch a blob and have it durable, in any thread; what was in the way of that is returned."""
        try:
            answer = self._service.get(blob.uri)
        except (UnavailableError, RefusedError) as error:
            return error
        if not isinstance(answer.value, list):
            return UnavailableError("a blob that is no list of records", where=blob.content_id[:200])
        receipt = self._writer.submit_patiently(
            self._batch(f"{content}/{_NAME.sub('_', blob.content_id)[-150:]}", answer.body), self._stop
        )
        if receipt is None:
            raise StoppedError
        return receipt

    def _noted(
        self, content: str, blob: Blob, outcome: Receipt | RefusedError | UnavailableError, tally: Tally
    ) -> bool:
        """Note what became of a blob; return whether it need not be asked for again."""
        if isinstance(outcome, RefusedError):
            return self._refused(content, blob, outcome, tally)
        if isinstance(outcome, UnavailableError):
            tally.failed += 1
            tally.last_error = f"{content}: {outcome}"
            return False
        self._state.keep_blob(blob.content_id, blob.expires_at)
        tally.take(outcome)
        return True

    def _refused(self, content: str, blob: Blob, error: RefusedError, tally: Tally) -> bool:
        """Take note of a blob that cannot be had. Only one that is gone for good is given up."""
        is_gone = self._api.meaning(error.code) == "expired" or blob.expires_at <= self._service.now()
        tally.last_error = f"{content}: {self._explained(error)}"
        if not is_gone:
            tally.failed += 1
            return False
        tally.lost += 1
        self._say(
            "lost",
            content,
            found=f"a blob expired before it was fetched ({error.code}): {blob.content_id[:200]}",
            since_at=blob.created_at - timedelta(days=1),
            until_at=blob.created_at,
        )
        self._ask_graph(blob.created_at, blob.created_at)
        self._state.keep_blob(blob.content_id, blob.expires_at)
        return True

    def _explained(self, error: RefusedError | UnavailableError) -> str:
        meaning = self._api.meaning(error.code) if isinstance(error, RefusedError) else None
        remedy = {
            "permission": f"; grant the application {self._api.permission} and the administrator's consent",
            "tenant": "; check the tenant's GUID and cloud, and that the unified audit log is switched on",
        }.get(meaning or "", "")
        return f"{error}{remedy}"


def _second(at: datetime) -> str:
    """Return a time as the API takes it: to the second. Windows meet, as each begins where the one before ended."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _blob(said: object) -> Blob | None:
    if not isinstance(said, dict):
        return None
    content_id, uri = said.get("contentId"), said.get("contentUri")
    created, expires = (parse_iso(str(said.get(name))) for name in ("contentCreated", "contentExpiration"))
    if not (isinstance(content_id, str) and isinstance(uri, str) and content_id and created and expires):
        return None
    return Blob(content_id, uri, created[0], expires[0])
