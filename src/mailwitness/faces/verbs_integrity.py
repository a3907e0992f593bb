"""The verbs of question 6 besides verify: anchor, evidence, export-log."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from mailwitness import __version__
from mailwitness.errors import TrailError, UsageError
from mailwitness.faces.options import FormatOption, TrailOption
from mailwitness.faces.output import Answer, Format, write
from mailwitness.faces.text import for_terminal
from mailwitness.trail.anchors import STAMP_LIMIT, Authority
from mailwitness.trail.anchors import anchor as keep_anchor
from mailwitness.trail.evidence_bundle import FILE_LIMIT, write_bundle
from mailwitness.trail.export_log import export_log as write_log

ANCHOR_COLUMNS = {"path": "Kept as", "size": "Leaves", "root": "Root", "stamped_at": "Stamped"}
BUNDLE_COLUMNS = {"leaves": "Leaves", "files": "Files", "left_out": "Left out", "path": "Bundle"}
LOG_COLUMNS = {"path": "Log", "size": "Leaves", "bundles": "Entry bundles", "tiles": "Tiles"}
TSA_SECONDS = 30
CertificateOption = Annotated[
    Path | None,
    typer.Option("--tsa-certificate", help="Root certificates (PEM) of time-stamping authorities.", show_default=False),
]


def anchor(
    trail: TrailOption,
    to: Annotated[Path, typer.Option("--to", help="A folder that those who run this machine cannot write later.")],
    tsa: Annotated[
        str | None, typer.Option("--tsa", help="URL of an RFC 3161 time-stamping authority.", show_default=False)
    ] = None,
    tsa_certificate: CertificateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Keep the present checkpoint elsewhere, once those kept before hold, and have an authority stamp it."""
    authority = _authority(tsa) if tsa is not None else None
    made = keep_anchor(trail, to, ask=authority, certificates=certificates_of(tsa_certificate))
    item = {
        "path": str(made.path),
        "size": made.checkpoint.size,
        "root": made.checkpoint.root.hex(),
        "stamped_at": made.stamped_at,
    }
    notes = [f"Check against it with: mailwitness verify --key KEY --anchors {to}"]
    write(Answer(verb="anchor", items=[item], columns=ANCHOR_COLUMNS, notes=notes), form)


def evidence(
    events: Annotated[list[str], typer.Argument(help="Ids of events, as --format json shows them.")],
    trail: TrailOption,
    out: Annotated[Path, typer.Option("--out", help="The bundle to write, a new ZIP file.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Prove towards this checkpoint, kept elsewhere.", show_default=False)
    ] = None,
    files: Annotated[bool, typer.Option(help="Put the evidence files in, those that the trail keeps.")] = True,
    form: FormatOption = Format.table,
) -> None:
    """Write events with their proofs, custody and evidence files to one bundle that anyone can check offline."""
    made = write_bundle(trail, events, out, kept=checkpoint, with_files=files)
    item = {
        "path": str(out),
        "leaves": list(made.leaves),
        "files": list(made.files),
        "left_out": list(made.left_out),
        "size": made.checkpoint.size,
        "root": made.checkpoint.root.hex(),
    }
    notes = ["Check it with: python verifier/mailwitness_verify.py BUNDLE --key KEY [--checkpoint FILE]"]
    if made.left_out:
        notes.append(
            f"{len(made.left_out)} files are named and not in it: the trail does not keep them, they are larger than"
            f" {FILE_LIMIT >> 20} MiB, or --no-files was given."
        )
    write(Answer(verb="evidence", items=[item], columns=BUNDLE_COLUMNS, notes=notes), form)


def export_log(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    trail: TrailOption,
    form: FormatOption = Format.table,
) -> None:
    """Write the log as C2SP tlog-tiles with entry bundles, for standard tools and for the second verifier."""
    made = write_log(trail, out)
    item = {"path": str(out), "size": made.checkpoint.size, "bundles": made.bundles, "tiles": made.tiles}
    notes = ["Check it with: python verifier/mailwitness_verify.py LOG --key KEY [--checkpoint FILE]"]
    write(Answer(verb="export-log", items=[item], columns=LOG_COLUMNS, notes=notes), form)


def certificates_of(path: Path | None) -> list[x509.Certificate]:
    """Return the certificates in a PEM file, none without one. Raises UsageError where it holds none."""
    if path is None:
        return []
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as cause:
        raise UsageError(f"the certificates cannot be read: {cause.strerror}", where=str(path)) from cause
    except ValueError as cause:
        raise UsageError("this holds no certificate", where=str(path), remedy="give certificates as PEM") from cause


def _authority(url: str) -> Authority:
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise UsageError(f"{for_terminal(url)} is no http or https URL", remedy="name the authority's RFC 3161 address")
    headers = {"Content-Type": "application/timestamp-query", "User-Agent": f"mailwitness/{__version__}"}

    def ask(query: bytes) -> bytes:
        request = urllib.request.Request(url, data=query, headers=headers)  # noqa: S310 - http and https only, see above
        try:
            with urllib.request.urlopen(request, timeout=TSA_SECONDS) as reply:  # noqa: S310 - as above
                data: bytes = reply.read(STAMP_LIMIT + 1)
        except (urllib.error.URLError, OSError, http.client.HTTPException) as cause:
            raise TrailError(
                f"the time-stamping authority does not answer: {cause}",
                where=url,
                remedy="nothing was anchored: try again, or anchor without --tsa",
            ) from cause
        return data

    return ask


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(anchor)
    app.command()(evidence)
    app.command("export-log")(export_log)
