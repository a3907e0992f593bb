"""The verbs that invent: demo tells the story of two organisations, simulate writes the history of any."""

from __future__ import annotations

import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwitness.analysis.accesses import accesses
from mailwitness.analysis.changes import changes
from mailwitness.analysis.coverage import coverage_of
from mailwitness.analysis.filters import Filters
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_console import PORT, need_console, serve_console
from mailwitness.faces.verbs_questions import access_item, change_item
from mailwitness.faces.verbs_trail import verdict_sentences
from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.simulate.simulation import simulate as write_history
from mailwitness.trail.create import create_trail
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import open_reader
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verify import verify

SHORT_CHANGES = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "what": "What",
    "target": "Where",
    "trustee": "For whom",
    "which": "Rights",
    "proof": "Witnesses",
}
SHORT_ACCESSES = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "target": "Mailbox",
    "strength": "Strength",
    "proof": "Event",
}


def demo(
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Leave everything in this new folder.", show_default=False),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it in a browser on this machine, too.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The console's port; 0: a free one.")] = PORT,
) -> None:
    """Make a trail of two invented organisations and tell what happened in them."""
    if serve:
        need_console()
    if keep is not None and keep.exists():
        raise UsageError(f"{keep} is there already", remedy="name a folder that does not exist yet")
    folder = keep or Path(tempfile.mkdtemp(prefix="mailwitness-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _tell(folder)
        if serve:
            serve_console(folder / "trail", port=port, key=next((folder / "keys").glob("*.key")))
    finally:
        if keep is None:
            shutil.rmtree(folder)
    if keep is not None:
        _say(f"Evidence, trail and key are kept in {keep}.")


def _tell(folder: Path) -> None:
    files = write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    report = import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    total = report.totals
    _say(
        f"{len(files)} event logs of two organisations (Exchange 2003 and Exchange 2019) went in:",
        f"seen {total.seen} = recorded {total.recorded} + duplicates {total.duplicates} + filtered {total.filtered}"
        f" + unread {total.unread}",
    )
    trail = Trail(folder / "trail")
    shutil.copyfile(trail.checkpoint(load_settings(trail).log_id), folder / "kept-elsewhere.checkpoint")
    _answers(folder)
    _integrity(folder, made.verifier_key)


def _answers(folder: Path) -> None:
    reader = open_reader(folder / "trail")
    with Embedded(reader) as engine:
        changed, hidden = changes(engine, Filters())
        opened, hidden_accesses = accesses(engine, Filters(non_owner=True))
        coverage = coverage_of(engine, Filters())
    shown = [change for change in changed if change.kind in ("permission", "membership", "role", "routing")]
    _say("", "1. Who changed which right?  (mailwitness changes)")
    _table("changes", [change_item(change) for change in shown], SHORT_CHANGES)
    _say("", "2. Who opened a mailbox that is not theirs?  (mailwitness accesses --non-owner)")
    _table("accesses", [access_item(row) for row in opened], SHORT_ACCESSES)
    noise = hidden.get("noise", 0) + hidden_accesses.get("noise", 0)
    _say(f"hidden as noise of systems and services: {noise} (--noise shows them)")
    _say("", "3. Would we have seen it?")
    _say(*coverage.sentences(empty=False))


def _integrity(folder: Path, key: str) -> None:
    trail = folder / "trail"
    _say("", "4. Has the record been altered?  (mailwitness verify)")
    _say(*verdict_sentences(verify(trail)))
    kept = folder / "kept-elsewhere.checkpoint"
    _say("With the verifier key and a checkpoint that was kept elsewhere:")
    _say(*verdict_sentences(verify(trail, key=key, checkpoint=kept)))
    _say("And in a copy of which one byte was changed:")
    copy = folder / "altered-copy"
    shutil.copytree(trail, copy)
    largest = max((path for path in open_reader(copy).event_files()), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    verdict = verify(copy, key=key, checkpoint=kept)
    _say(*verdict_sentences(verdict))
    for finding in verdict.findings[:1]:
        name = Path(finding.file).name
        _say(f"  {name}, entries {finding.first_seq} to {finding.last_seq}: {finding.what}")
    shutil.rmtree(copy)


def _table(verb: str, items: list[dict[str, object]], columns: dict[str, str]) -> None:
    write(Answer(verb=verb, items=items, columns=columns), Format.table)


def _say(*lines: str) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False, file=sys.stdout)
    for line in lines:
        console.print(for_terminal(line))


class Generation(StrEnum):
    """The generations of organisations that can be simulated."""

    exchange_2003 = "2003"
    exchange_2007 = "2007"
    exchange_2019 = "2019"
    online = "online"
    hybrid = "hybrid"
    all = "all"


def simulate(
    folder: Annotated[Path, typer.Argument(help="A new folder for evidence and truth.jsonl.")],
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    mailboxes: Annotated[int, typer.Option(min=8, help="Mailboxes of each organisation.")] = 30,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 30,
    generation: Annotated[Generation, typer.Option(help="Which organisation.")] = Generation.all,
    max_records: Annotated[int, typer.Option(min=1, help="Records of each organisation at most.")] = 3_000,
) -> None:
    """Write an organisation's history in the real file formats, and beside it what truly happened (truth.jsonl)."""
    if folder.exists():
        raise UsageError(f"{folder} is there already", remedy="name a folder that does not exist yet")
    written = write_history(folder, seed, mailboxes, days, generation.value, max_records)
    _say(f"{len(written.files)} files with {written.records} records, and {written.rows} rows of truth, in {folder}")


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(demo)
    app.command()(simulate)
