"""A tenant of Microsoft 365 and its collector, for the tests: it looks when it is told, and no wait takes time."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import httpx
from tests.collect.m365_server import CLIENT, SECRET, TENANT

from mailwitness.collect.interface import Receipt
from mailwitness.collect.m365 import M365Collector
from mailwitness.collect.m365_settings import Settings
from mailwitness.collect.m365_state import M365State
from mailwitness.state.database import open_state

EXCHANGE = "Audit.Exchange"
HOUR = timedelta(hours=1)


class Impatient(threading.Event):
    """An event whose waits take no time; they are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


class Writer:
    """A writer that keeps what it is handed, and knows records by their Id."""

    def __init__(self) -> None:
        self.batches = []
        self.notices = []
        self.ids = set()

    def submit_patiently(self, batch, _stop):
        ids = [record["Id"] for record in _records(batch.data)]
        new = set(ids) - self.ids
        self.ids |= new
        self.batches.append(batch)
        return Receipt(seen=len(ids), recorded=len(new), duplicates=len(ids) - len(new))

    def notice_patiently(self, notice, _stop):
        self.notices.append(notice)
        return Receipt()

    def told(self, what):
        return [notice for notice in self.notices if notice.what == what]


def _records(data):
    value = httpx.Response(200, content=data).json()
    return [one.get("auditData", one) for one in (value["value"] if isinstance(value, dict) else value)]


class Lab:
    """A tenant, and a collector of it that looks when told."""

    def __init__(self, server, folder) -> None:
        self.server = server
        self.trail = folder  # the state database is all that is used of it
        self.secret_file = folder / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.writer = Writer()
        self.stop = Impatient()
        self.local_ahead = timedelta(0)
        self.http = httpx.Client(verify=False)  # noqa: S501 - making a TLS context takes longer than a test

    def settings(self, **changed):
        url = self.server.url
        given = {"contents": (EXCHANGE,), "secret_file": self.secret_file}
        given |= {"tenant": TENANT, "client": CLIENT, "management_url": url, "graph_url": url, "sign_in_url": url}
        return Settings(**(given | changed))

    def collector(self, **changed):
        return M365Collector(
            self.settings(**changed), self.writer, self.trail, now=lambda: self.server.now + self.local_ahead
        )

    def look(self, collector=None, **changed):
        """Carry out one look of a collector that was just started."""
        collector = collector or self.collector(**changed)
        with closing(open_state(self.trail)) as connection:
            return collector._looks(self.http, M365State(connection, collector.name), self.stop)()

    def later(self, by):
        self.server.now += by


TROUBLES = [
    {"status": 429, "code": "AF429", "retry_after": "7"},
    {"status": 403, "code": "AF429", "retry_after": "7"},
    {"status": 500, "code": "AF50000"},
    {"status": 503, "body": b"<html>Service Unavailable</html>", "content_type": "text/html"},
    {"status": 200, "body": b"<html>Sign in</html>", "content_type": "text/html"},
    {"status": 200, "body": b'[{"contentId": "x", '},
    {"half": True},
    {"hang_up": True},
    {"status": 408},
]
