"""What an engine owes: run the questions over one trail."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import pyarrow as pa

from mailwitness.engine.query import Query
from mailwitness.trail.custody import Summary

S = TypeVar("S", bound=Summary)


class Engine(Protocol):
    """Runs questions. The view `events` holds every event of every log once (the first by event_id)."""

    def table(self, query: Query, **parameters: Any) -> pa.Table:  # noqa: ANN401 - SQL values
        """Return the answer as an Arrow table."""
        ...

    def rows(self, query: Query, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Return the answer as dicts of Python values; times are aware UTC."""
        ...

    def register(self, name: str, table: pa.Table) -> None:
        """Make `table` known to the questions as `name`."""
        ...

    def long_value(self, sha256: str) -> bytes:
        """Return a value that was too long for its entry. Raises EvidenceError where it is gone or was changed."""
        ...

    def custody(self, kind: type[S]) -> S:
        """Return what all custody leaves of the trail come to. Raises TrailError, EvidenceError as `summarised`."""
        ...
