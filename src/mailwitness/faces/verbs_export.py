"""The verb export: changes, accesses or findings in the schema of another program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.analysis.filters import Filters
from mailwitness.analysis.naming import with_names
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.exit_codes import NOT_COVERED, accepted, strongest
from mailwitness.faces.exports.forms import WRITERS
from mailwitness.faces.exports.telling import Told, told_accesses, told_changes, told_findings
from mailwitness.faces.options import (
    AcceptOption,
    ActorOption,
    MailboxOption,
    NoiseOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_findings import corpus_of
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES, EVERYTHING, answer_coverage
from mailwitness.trail.reader import TrailReader, open_reader

TABLES = {"changes": CHANGES, "accesses": ACCESSES, "findings": EVERYTHING}


def export(
    table: Annotated[str, typer.Argument(help=f"What: {', '.join(TABLES)}.")],
    trail: TrailOption,
    form: Annotated[str, typer.Option("--as", help=f"In which schema: {', '.join(WRITERS)}.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file. Default: standard output.", show_default=False)
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    actor: ActorOption = None,
    noise: NoiseOption = False,
    accept: AcceptOption = "",
) -> None:
    """Write changes, accesses or findings as ECS, OCSF, CEF or Timesketch read them, one line each."""
    if table not in TABLES or form not in WRITERS:
        raise UsageError(
            f"export {table} --as {form} is not understood",
            remedy=f"give one of {', '.join(TABLES)}, and --as one of {', '.join(WRITERS)}",
        )
    filters = Filters(
        since=instant_of(since, "--since"),
        until=instant_of(until, "--until"),
        mailbox=mailbox,
        actor=actor,
        noise=noise,
    )
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        observations = load_observations(trail)
        filters = with_names(engine, observations, filters)
        count = _write(WRITERS[form](_told(table, reader, engine, filters)), out)
        coverage = answer_coverage(engine, observations, filters, TABLES[table])
    said = [f"{count} lines; made at {reader.origin}, {reader.size} leaves, root {reader.root.hex()}."]
    for line in (*said, *coverage.sentences(empty=count == 0)):
        sys.stderr.write(for_terminal(line) + "\n")
    raise typer.Exit(strongest({NOT_COVERED} if coverage.uncovered else set(), accepted(accept)))


def _told(table: str, reader: TrailReader, engine: Embedded, filters: Filters) -> Iterator[Told]:
    if table == "changes":
        return told_changes(engine, filters)
    if table == "accesses":
        return told_accesses(engine, filters)
    if filters.mailbox or filters.actor:
        raise UsageError("findings are exported by time only", remedy="leave --mailbox and --actor out")
    corpus = corpus_of(None)
    from mailwitness.rules.detect import detect  # noqa: PLC0415 - pySigma is an extra

    found = detect(engine, corpus, 0, reader.size, observations=load_observations(reader.trail.path))
    return told_findings(
        [
            each
            for each in found
            if (filters.since is None or each.occurred_at >= filters.since)
            and (filters.until is None or each.occurred_at < filters.until)
        ]
    )


def _write(lines: Iterator[bytes], out: Path | None) -> int:
    count = 0
    if out is None:
        for line in lines:
            sys.stdout.buffer.write(line)
            count += 1
        sys.stdout.buffer.flush()
        return count
    try:
        with out.open("xb") as file:
            for line in lines:
                file.write(line)
                count += 1
    except OSError as cause:
        raise UsageError(f"the export cannot be written: {cause.strerror}", where=str(out)) from cause
    return count


def add_to(app: typer.Typer) -> None:
    """Add this verb to `app`."""
    app.command()(export)
