"""Records as lines of bytes in another program's form. One line a record, nothing kept in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mailwitness import __version__
from mailwitness.faces.exports.mapping import mapped, nested
from mailwitness.faces.exports.telling import Told
from mailwitness.faces.output import cell, dumps
from mailwitness.faces.text import for_spreadsheet, for_terminal
from mailwitness.knowledge.export_mappings import Mapping, export_mapping

_HEADER = ("signature", "name", "severity")
CEF_VALUE = 1023
"""Characters of a value of a CEF extension."""


def ecs(told: Iterable[Told]) -> Iterator[bytes]:
    """Yield documents of the Elastic Common Schema, one JSON object a line."""
    return _json(told, export_mapping("ecs"))


def ocsf(told: Iterable[Told]) -> Iterator[bytes]:
    """Yield events of the Open Cybersecurity Schema Framework, one JSON object a line."""
    return _json(told, export_mapping("ocsf"))


def timesketch(told: Iterable[Told]) -> Iterator[bytes]:
    """Yield JSON lines that Timesketch imports."""
    mapping = export_mapping("timesketch")
    return (dumps(mapped(each, mapping)) for each in told)


def timesketch_csv(told: Iterable[Told]) -> Iterator[bytes]:
    """Yield CSV that Timesketch imports, inert in spreadsheets; its columns are the same whatever is in it."""
    mapping = export_mapping("timesketch")
    columns = list(mapping.common)
    yield _csv(columns)
    for each in told:
        fields = mapped(each, mapping)
        yield _csv([for_spreadsheet(for_terminal(cell(fields.get(name)))) for name in columns])


def cef(told: Iterable[Told]) -> Iterator[bytes]:
    """Yield lines of the Common Event Format, without a syslog header."""
    mapping = export_mapping("cef")
    for each in told:
        fields = mapped(each, mapping)
        header = ["CEF:0", "Mailwitness", "Mailwitness", __version__, *(cell(fields.pop(name)) for name in _HEADER)]
        extension = " ".join(f"{name}={_cef_value(value)}" for name, value in _labelled(fields))
        yield ("|".join([*map(_cef_header, header), extension]) + "\n").encode()


def _labelled(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an extension; a label without its value is left out."""
    for name, value in fields.items():
        if not name.endswith("Label") or name.removesuffix("Label") in fields:
            yield name, value


def _cef_header(text: str) -> str:
    return for_terminal(text).replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(value: object) -> str:
    return for_terminal(cell(value))[:CEF_VALUE].replace("\\", "\\\\").replace("=", "\\=")


def _json(told: Iterable[Told], mapping: Mapping) -> Iterator[bytes]:
    return (dumps(nested(mapped(each, mapping))) for each in told)


def _csv(row: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(row)
    return out.getvalue().encode()


WRITERS: dict[str, Callable[[Iterable[Told]], Iterator[bytes]]] = {
    "ecs": ecs,
    "ocsf": ocsf,
    "cef": cef,
    "timesketch": timesketch,
    "timesketch-csv": timesketch_csv,
}
