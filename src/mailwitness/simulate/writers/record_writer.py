"""What every writer of evidence has: a path, a count, `write`, `close`, and use in a with statement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

Written_contra = TypeVar("Written_contra", contravariant=True)


class RecordWriter(ABC, Generic[Written_contra]):
    """A file being written, record by record; `written` counts them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def current(self) -> Path:
        """Return the file that the next record goes into."""
        return self.path

    @property
    def files(self) -> list[Path]:
        """Return all files written so far."""
        return [self.path]

    @abstractmethod
    def write(self, record: Written_contra) -> None:
        """Append a record."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; a second call does nothing."""
