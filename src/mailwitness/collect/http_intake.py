"""The HTTP intake: Elasticsearch's `_bulk`, Splunk's HTTP Event Collector and plain NDJSON, answered after the commit.

Needs the extra `live`. One process serves it; what it takes goes to the writer and is durable when the sender hears
so. A sender that hears 429 or 503 sends again, which its protocol has it do anyway; a repeat counts as duplicates.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from mailwitness.collect.heartbeats import EVERY, Heartbeats
from mailwitness.collect.http_application import Intake, application
from mailwitness.collect.http_settings import HttpSettings
from mailwitness.collect.interface import Notice
from mailwitness.collect.listening import listening
from mailwitness.collect.writer_client import AsyncWriterClient, WriterClient
from mailwitness.errors import UsageError
from mailwitness.state.database import open_state

settings = HttpSettings
_STOP_SECONDS = 8


class HttpIntake:
    """The collector: serves until it is told to stop."""

    def __init__(self, settings: HttpSettings, writer: WriterClient, state: Path) -> None:
        """Deliver to `writer`; `state` is the trail's folder. Nothing is opened before `run` or `bind`."""
        self.name = settings.name
        self._settings = settings
        self._writer = writer
        self._state = state
        self._socket: socket.socket | None = None

    def bind(self) -> tuple[str, int]:
        """Open the listening socket and return its address. Raises UsageError where that cannot be."""
        self._socket = listening(self._settings.listen, "the HTTP intake", "intake.http")
        bound = self._socket.getsockname()
        return str(bound[0]), int(bound[1])

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; requests under way are answered."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None  # noqa: S101 - bound just now
        connection = open_state(self._state)
        beats = Heartbeats(connection)
        beats.began(self.name, _now())
        began = Notice(collector=self.name, what="began", at=_now(), where=self._settings.listen)
        self._writer.notice_patiently(began, stop)
        try:
            asyncio.run(self._serve(stop, beats))
        except (sqlite3.Error, ssl.SSLError) as error:
            raise UsageError(f"the HTTP intake cannot go on: {error}", where=self._settings.listen) from error
        finally:
            connection.close()
            self._socket.close()
            self._socket = None

    async def _serve(self, stop: threading.Event, beats: Heartbeats) -> None:
        client = AsyncWriterClient(self._writer.path)
        intake = Intake(self._settings, client)
        server = uvicorn.Server(self._configuration(intake))
        serving = asyncio.create_task(server.serve(sockets=[self._socket] if self._socket else None))
        try:
            beaten_at = time.monotonic()
            while not stop.is_set() and not serving.done():
                await asyncio.sleep(0.2)
                if time.monotonic() - beaten_at >= EVERY.total_seconds() / 4:
                    beaten_at = time.monotonic()
                    self._beat(beats, intake)
            server.should_exit = True
            await serving
        finally:
            self._beat(beats, intake)
            await client.close()

    def _beat(self, beats: Heartbeats, intake: Intake) -> None:
        intake.tell(lambda counts, error, data_at: beats.beat(self.name, _now(), counts, error, data_at=data_at))

    def _configuration(self, intake: Intake) -> uvicorn.Config:
        given = self._settings
        tls: dict[str, Any] = {}
        if given.certificate is not None:
            tls = {"ssl_certfile": str(given.certificate), "ssl_keyfile": str(given.certificate_key)}
            if given.client_ca is not None:
                tls |= {"ssl_ca_certs": str(given.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
        try:
            configuration = uvicorn.Config(
                application(intake),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                h11_max_incomplete_event_size=64 << 10,
                limit_concurrency=512,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_STOP_SECONDS,
                **tls,
            )
            configuration.load()
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the certificate cannot be used: {error}",
                where=str(given.certificate),
                remedy="name PEM files of a certificate and its key in [intake.http]",
            ) from error
        if configuration.ssl is not None:
            configuration.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        return configuration


def _now() -> datetime:
    return datetime.now(UTC)


def make(settings: HttpSettings, writer: WriterClient, state: Path) -> HttpIntake:
    """Return the collector of [intake.http]."""
    return HttpIntake(settings, writer, state)
