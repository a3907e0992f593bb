"""Delivers what the outbox holds: one thread a destination, so that a slow one keeps nobody else waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from mailwitness.alerts.alert import Alert
from mailwitness.alerts.failure import DeliveryFailed
from mailwitness.alerts.outbox import Outbox, Waiting
from mailwitness.alerts.sending import send
from mailwitness.alerts.settings import AlertSettings, Destination
from mailwitness.alerts.telling import held_back
from mailwitness.state.database import open_state

MINUTE = timedelta(minutes=1)
LOOK_AGAIN = 0.5
"""Seconds after which a sender looks into the outbox by itself: retries come due without anybody saying so."""
Heard = Callable[[str, str, str | None], None]
"""Is told of each try: the destination, the alert's key, and what failed or None."""


class Sender:
    """Delivers to one destination."""

    def __init__(
        self,
        name: str,
        destination: Destination,
        outbox: Outbox,
        *,
        deliver: Callable[[Destination, Alert], None] = send,
        heard: Heard = lambda _name, _key, _error: None,
    ) -> None:
        self._name = name
        self._destination = destination
        self._outbox = outbox
        self._deliver = deliver
        self._heard = heard

    def step(self, now: datetime) -> int:
        """Deliver what is due and within the rate limit; return how many messages the receiver took.

        Where more is due than the limit leaves room for, the last message of the minute tells of all the rest.
        """
        due = self._outbox.due(self._name, now)
        room = self._destination.per_minute - self._outbox.sent_since(self._name, now - MINUTE)
        if room <= 0 or not due:
            return 0
        if len(due) > room:
            rest = due[room - 1 :]
            if len(rest) > 1:
                self._outbox.hold_back(rest, held_back(rest, now), now)
                due = self._outbox.due(self._name, now)
        return sum(self._try(delivery, now) for delivery in due[:room])

    def _try(self, delivery: Waiting, now: datetime) -> bool:
        try:
            self._deliver(self._destination, delivery.alert)
        except DeliveryFailed as failure:
            self._outbox.failed(delivery, str(failure), now)
            self._heard(self._name, delivery.alert.key, str(failure))
            return False
        self._outbox.delivered(delivery, now)
        self._heard(self._name, delivery.alert.key, None)
        return True


class Dispatcher:
    """All senders of a service, each in a thread of its own. Use it as a context manager."""

    def __init__(self, trail: Path, settings: AlertSettings, heard: Heard = lambda _name, _key, _error: None) -> None:
        self._trail = trail
        self._destinations = settings.destinations()
        self._heard = heard
        self._stop = threading.Event()
        self._wake = {name: threading.Event() for name in self._destinations}
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"alerts {name}", daemon=True)
            for name in self._destinations
        ]

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        for event in self._wake.values():
            event.set()

    def _run(self, name: str) -> None:
        connection = open_state(self._trail)
        try:
            sender = Sender(name, self._destinations[name], Outbox(connection), heard=self._heard)
            while not self._stop.is_set():
                self._wake[name].clear()
                if sender.step(datetime.now(UTC)) == 0:
                    self._wake[name].wait(LOOK_AGAIN)
        finally:
            connection.close()

    def __enter__(self) -> Self:
        """Start the senders."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End them; a delivery that is under way ends first. What is not delivered is delivered at the next start."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join()
