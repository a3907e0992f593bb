"""What every writer of Windows records has: a path, a count, `write`, `close`, and use in a with statement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from mailwitness.simulate.windows_record import WindowsRecord


class RecordWriter(ABC):
    """A file of Windows records being written; `written` counts them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def write(self, record: WindowsRecord) -> None:
        """Append a record."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; a second call does nothing."""
