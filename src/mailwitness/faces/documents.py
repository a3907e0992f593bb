"""Writes the tables of docs/ that follow from knowledge/, so that a page cannot say other than the program does.

`python -m mailwitness.faces.documents docs` rewrites, in every page of that folder, what stands between
`<!-- table: NAME -->` and `<!-- end -->`. A test compares the pages with it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from mailwitness import formats, sources
from mailwitness.errors import UsageError
from mailwitness.knowledge.event_table import attribute_rows, cmdlet_rows, event_rows
from mailwitness.knowledge.mailbox_operations import operation_knowledge
from mailwitness.knowledge.noise import noise_rules
from mailwitness.knowledge.state_exports import state_exports

_BLOCK = re.compile(r"(<!-- table: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def format_table() -> str:
    """Return the formats that are read."""
    modules = sorted(formats.discover(), key=lambda module: module.NAME)
    return _table(("format", "what is read"), ((module.NAME, module.DOC) for module in modules))


def source_table() -> str:
    """Return the sources and what each proves."""
    return _table(("source", "what it proves"), ((source.NAME, source.DOC) for source in sources.discover()))


def event_table() -> str:
    """Return every form of every event id that is read."""
    return _table(
        ("provider", "id", "strings", "versions", "title", "becomes", "mark", "source"),
        ((r.provider, str(r.id), r.strings, r.versions, r.title, r.becomes, r.mark, r.source) for r in event_rows()),
    )


def attribute_table() -> str:
    """Return the directory attributes whose change is more than a change of an account."""
    return _table(
        ("attribute", "value added", "value deleted", "written", "source"),
        ((r.name, r.added, r.deleted, r.written, r.source) for r in attribute_rows()),
    )


def cmdlet_table() -> str:
    """Return the cmdlets that are read."""
    return _table(
        ("cmdlet", "becomes", "versions", "mark"),
        ((r.name, r.becomes, r.versions, r.mark) for r in cmdlet_rows()),
    )


def operation_table() -> str:
    """Return the operations of the mailbox and unified audit logs that are read."""
    return _table(
        ("operation", "becomes", "strength", "mark", "source"),
        (
            (name, f"{operation.kind} {operation.action}", operation.strength or "", operation.mark, operation.source)
            for name, operation in sorted(operation_knowledge().operations.items())
        ),
    )


def noise_table() -> str:
    """Return the rules by which acts of services are hidden."""
    return _table(
        ("rule", "reason shown", "mark", "source"),
        ((rule.name, rule.reason, rule.mark, rule.source) for rule in noise_rules()),
    )


def state_table() -> str:
    """Return the exports of states that are read; of a cmdlet with several shapes the fullest."""
    by_cmdlet = {export.cmdlet: export for export in reversed(state_exports().exports)}
    return _table(
        ("cmdlet", "proves, for the time it was run", "does not prove", "versions", "mark", "source"),
        (
            (name, export.proves, export.cannot, _products(export.valid_from), export.mark, export.source)
            for name, export in sorted(by_cmdlet.items())
        ),
    )


def _products(valid_from: dict[str, str]) -> str:
    names = {"exchange": "Exchange", "exchange_online": "Exchange Online"}
    return ", ".join(f"{names[product]} from {year}" for product, year in sorted(valid_from.items()))


TABLES: dict[str, Callable[[], str]] = {
    "formats": format_table,
    "sources": source_table,
    "events": event_table,
    "attributes": attribute_table,
    "cmdlets": cmdlet_table,
    "operations": operation_table,
    "states": state_table,
    "noise": noise_table,
}


def rewritten(page: str) -> str:
    """Return `page` with every table made anew; raises UsageError on a table nobody makes."""

    def block(found: re.Match[str]) -> str:
        make = TABLES.get(found[2])
        if make is None:
            raise UsageError(f"no such table: {found[2]}", remedy=f"use one of {', '.join(TABLES)}")
        return f"{found[1]}{make()}{found[3]}"

    return _BLOCK.sub(block, page)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Rewrite the pages of the folder given; return the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m mailwitness.faces.documents FOLDER\n")
        return UsageError.exit_code
    for path in sorted(Path(arguments[0]).glob("*.md")):
        page = path.read_text(encoding="utf-8")
        new = rewritten(page)
        if new != page:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"rewritten: {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
