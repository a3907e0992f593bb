"""The progress bar of long work, on standard error and only where a person looks at it."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from mailwitness.faces.text import for_terminal


class Bar:
    """A bar over bytes, with what is being done beside it. A context manager; silent if not on a terminal."""

    def __init__(self, doing: str) -> None:
        """Show `doing` before the bar."""
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(doing, total=None)

    def __enter__(self) -> Self:
        """Start showing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._progress.stop()

    def show(self, done: int, total: int, what: str) -> None:
        """Say that `done` of `total` bytes are done and that `what` is at hand."""
        name = for_terminal(what)
        shown = Text(name if len(name) <= 40 else "..." + name[-37:]).plain  # noqa: PLR2004 - a line's room
        self._progress.update(self._task, completed=done, total=total, description=shown.replace("[", r"\["))
