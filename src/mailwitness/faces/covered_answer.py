"""What every answer about a time carries: the coverage it rests on, and the size and root it was made at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import typer

from mailwitness.analysis.coverage import Coverage
from mailwitness.faces.exit_codes import NOT_COVERED, accepted, strongest
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.trail.reader import TrailReader


def covered_answer(
    verb: str,
    items: list[dict[str, Any]],
    columns: dict[str, str],
    coverage: Coverage,
    reader: TrailReader,
    *,
    hidden: Mapping[str, int] | None = None,
    notes: Iterable[str] = (),
) -> Answer:
    """Return the answer; the sentences on its coverage follow `notes`. `hidden` always says how much is noise."""
    return Answer(
        verb=verb,
        items=items,
        columns=columns,
        hidden={"noise": 0, **(hidden or {})},
        coverage=[part for part in map(plain, coverage.parts) if isinstance(part, dict)],
        trail={"size": reader.size, "root": reader.root.hex(), "anchored": False},
        notes=[*notes, *coverage.sentences(empty=not items)],
    )


def finish(answer: Answer, coverage: Coverage, form: Format, accept: str) -> NoReturn:
    """Write the answer and exit: with NOT_COVERED where a part of what was asked is known to be blind."""
    write(answer, form)
    codes = {NOT_COVERED} if coverage.uncovered else set()
    raise typer.Exit(strongest(codes, accepted(accept)))
