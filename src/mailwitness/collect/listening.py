"""The socket that an intake listens at."""

from __future__ import annotations

import socket

from mailwitness.collect.http_settings import address_of
from mailwitness.errors import UsageError

BACKLOG = 1024
"""Connections that may wait to be taken: agents come back all at once after an outage."""


def listening(address: str, what: str, table: str) -> socket.socket:
    """Return a socket that listens at `address`, HOST:PORT. Raises UsageError, naming `what` and its `table`, else."""
    host, port = address_of(address)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"{what} cannot listen: {error}",
            where=address,
            remedy=f"choose another address in [{table}] listen, or end what uses it",
        ) from error
