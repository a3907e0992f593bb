"""Watchlists: mailboxes and accounts whose cases weigh more, or less. CSV files that a person keeps."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.alerts.alert import level_of, rank, shifted
from mailwitness.analysis.names import names
from mailwitness.errors import UsageError
from mailwitness.rules.finding import LEVELS, Level

COLUMNS = ("kind", "name", "level", "comment")
SIZE_LIMIT = 4 << 20
_STEPS = {"+1": 1, "+2": 2, "-1": -1, "-2": -2}


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a mailbox or an account, and what its cases weigh: a level outright, or steps up or down."""

    watchlist: str
    kind: Literal["mailbox", "account"]
    name: str
    level: str
    comment: str

    def weigh(self, level: Level) -> Level:
        """Return what a case of this level weighs."""
        return shifted(level, _STEPS[self.level]) if self.level in _STEPS else level_of(self.level)


class Watchlists:
    """All watchlists of a service."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        self._by_name: dict[tuple[str, str], list[Watched]] = {}
        for one in watched:
            self._by_name.setdefault((one.kind, one.name.casefold()), []).append(one)

    def __len__(self) -> int:
        """Return how many lines there are."""
        return sum(map(len, self._by_name.values()))

    def matching(self, mailbox: str | None, actor: str | None) -> list[Watched]:
        """Return the lines that mean this mailbox or this actor, by the whole reference or by its leading name."""
        found = []
        for kind, reference in (("mailbox", mailbox), ("account", actor)):
            for name in sorted(names(reference)):
                found += self._by_name.get((kind, name), [])
        return found

    def weigh(self, level: Level, mailbox: str | None, actor: str | None) -> tuple[Level, list[Watched]]:
        """Return what a case weighs, and the lines that say so. A line that raises wins over one that lowers."""
        lines = self.matching(mailbox, actor)
        weights = [rank(line.weigh(level)) for line in lines]
        highest, lowest = max(weights, default=rank(level)), min(weights, default=rank(level))
        return LEVELS[highest if highest > rank(level) else lowest], lines


def load_watchlists(paths: Iterable[Path]) -> Watchlists:
    """Read watchlists. Raises UsageError that names file and line where one cannot be used."""
    watched: list[Watched] = []
    for path in paths:
        watched += _load(path)
    return Watchlists(watched)


def _load(path: Path) -> list[Watched]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(SIZE_LIMIT + 1)
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"the watchlist cannot be read: {cause}", where=str(path)) from cause
    if len(text) > SIZE_LIMIT:
        raise UsageError("the watchlist is larger than 4 MiB", where=str(path))
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UsageError(
                f"a watchlist has the columns {','.join(COLUMNS)}",
                where=f"{path}, line 1",
                remedy="correct the heading",
            )
        return [_watched(path, reader.line_num, row) for row in reader]
    except csv.Error as cause:
        raise UsageError(f"this is no CSV: {cause}", where=f"{path}, line {reader.reader.line_num}") from cause


def _watched(path: Path, line: int, row: dict[str, str | None]) -> Watched:
    where = f"{path}, line {line}"
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if None in row:
        raise UsageError("there are more values than columns", where=where, remedy="quote values that hold a comma")
    if values["kind"] not in ("mailbox", "account"):
        raise UsageError(f"kind is mailbox or account, not {values['kind']!r}", where=where)
    if not values["name"]:
        raise UsageError("name is empty", where=where)
    if values["level"] not in (*_STEPS, *LEVELS):
        raise UsageError(f"level is one of {', '.join([*_STEPS, *LEVELS])}, not {values['level']!r}", where=where)
    if values["level"].startswith("-") and not values["comment"]:
        raise UsageError("what weighs less needs a comment that says why", where=where)
    return msgspec.convert({"watchlist": path.stem, **values}, Watched)
