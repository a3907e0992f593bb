"""The verbs that make, fill and prove a trail: init, import, verify."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.errors import UsageError
from mailwitness.faces.exit_codes import FINE, FOUND, NOT_COVERED, PROBLEMS, accepted, strongest
from mailwitness.faces.options import AcceptOption, FormatOption, TrailOption, instant_of
from mailwitness.faces.output import Answer, Format, dumps, plain, write
from mailwitness.faces.progress import Bar
from mailwitness.faces.text import for_terminal
from mailwitness.faces.verbs_integrity import CertificateOption, certificates_of
from mailwitness.intake.importing import import_paths
from mailwitness.trail.anchors import anchors_in
from mailwitness.trail.create import create_trail
from mailwitness.trail.settings import load_settings
from mailwitness.trail.verdict import Verdict
from mailwitness.trail.verify import verify as verify_trail

IMPORT_COLUMNS = {
    "evidence": "Evidence",
    "format": "Format",
    "seen": "Seen",
    "recorded": "Recorded",
    "duplicates": "Duplicates",
    "filtered": "Filtered",
    "unread": "Unread",
    "events": "Events",
    "problem_count": "Problems",
}
FINDING_COLUMNS = {
    "file": "File",
    "log_id": "Log",
    "first_seq": "First entry",
    "last_seq": "Last entry",
    "what": "What is wrong",
}
LISTED_PROBLEMS = 20


class Keep(StrEnum):
    """What becomes of the evidence files."""

    keep = "keep"
    hash = "hash"


def init(
    trail: TrailOption,
    organization: Annotated[str, typer.Option(help="The forest or tenant this trail is of.")] = "",
    origin: Annotated[str | None, typer.Option(help="The log's name in its checkpoints.", show_default=False)] = None,
    key_dir: Annotated[
        Path | None, typer.Option(help="Where the private key goes; never inside the trail.", show_default=False)
    ] = None,
    evidence: Annotated[Keep, typer.Option(help="Keep the evidence files, or only their hashes.")] = Keep.keep,
    salt: Annotated[
        bool, typer.Option("--salt", help="Salt entries, so that an erased one cannot be guessed.")
    ] = False,
) -> None:
    """Make an empty trail and its key, and print the verifier key to keep elsewhere."""
    made = create_trail(
        trail, organization=organization, origin=origin, key_dir=key_dir, keep_evidence=evidence.value, salt=salt
    )
    sys.stdout.write(
        f"Made the trail {for_terminal(str(trail))}\n"
        f"  private key:  {for_terminal(str(made.key_path))} (keep it off this machine's backups of the trail)\n"
        f"  verifier key: {made.verifier_key}\n"
        "Keep the verifier key and a copy of each checkpoint where those who run this machine cannot write:\n"
        "only against them can `mailwitness verify --key KEY --checkpoint FILE` say that nothing was rolled back.\n"
    )


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Event logs, folders of them, or zip, gz and tar of these.")],
    trail: TrailOption,
    key: Annotated[Path | None, typer.Option(help="The private key's file.", show_default=False)] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(help="IANA zone of times that name none (Event Viewer's CSV).", show_default=False),
    ] = None,
    collected_at: Annotated[
        str | None,
        typer.Option(help="When exports of rights, roles or a directory were made that do not say so."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Reading processes.")] = 2,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Bring evidence in: read it, seal what matters, and account for every record."""
    with Bar("reading") as bar:
        report = import_paths(
            trail,
            paths,
            key_path=key,
            workers=workers,
            time_zone=time_zone,
            collected_at=instant_of(collected_at, "--collected-at"),
            progress=bar.show,
        )
    said = report.as_json()
    if form is Format.json:
        sys.stdout.buffer.write(dumps(said, indent=True))
    else:
        items = [{**item, "problem_count": len(item["problems"]) + item["problems_omitted"]} for item in said["items"]]
        write(Answer(verb="import", items=items, columns=IMPORT_COLUMNS), form)
    if form is Format.table:
        for remark in report.recovery:
            text = f"recovered: {remark['what']} ({remark['where']}; {remark['leaves']} leaves to be taken in again)"
            sys.stdout.write(for_terminal(text) + "\n")
        for problem in report.problems[:LISTED_PROBLEMS]:
            text = f"{problem.code}: {problem.where}: expected {problem.expected}, found {problem.found}"
            sys.stdout.write(for_terminal(text) + "\n")
        total = report.totals
        if total.problems > LISTED_PROBLEMS:
            sys.stdout.write(f"... and {total.problems - LISTED_PROBLEMS} more problems (--format json lists them)\n")
        sys.stdout.write(
            f"seen {total.seen} = recorded {total.recorded} + duplicates {total.duplicates} + filtered"
            f" {total.filtered} + unread {total.unread}; {total.events} events, {total.problems} problems\n"
        )
    codes = {PROBLEMS} if report.totals.problems else set()
    raise typer.Exit(strongest(codes, accepted(accept)))


def verify(
    trail: TrailOption,
    deep: Annotated[bool, typer.Option("--deep", help="Recompute every column from its entry as well.")] = False,
    key: Annotated[str | None, typer.Option(help="The verifier key, kept elsewhere.", show_default=False)] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint kept elsewhere.", show_default=False)] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="A folder of checkpoints that `anchor` kept elsewhere.", show_default=False)
    ] = None,
    tsa_certificate: CertificateOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Check that nothing in the trail was altered: tiles, checkpoint, entries, sealed files and kept evidence."""
    if anchors is not None and not anchors_in(anchors, load_settings(trail).log_id):
        raise UsageError(
            "there is no anchor of this trail", where=str(anchors), remedy="name the folder given to `anchor`"
        )
    with Bar("verifying") as bar:
        verdict = verify_trail(
            trail,
            deep=deep,
            key=key,
            checkpoint=checkpoint,
            anchors=anchors,
            certificates=certificates_of(tsa_certificate),
            progress=lambda done, total: bar.show(done, total, "verifying"),
        )
    items = [item for item in map(plain, verdict.findings) if isinstance(item, dict)]
    answer = Answer(
        verb="verify",
        items=items,
        columns=FINDING_COLUMNS,
        trail={"size": verdict.size, "root": verdict.root.hex(), "anchored": verdict.state == "valid"},
        notes=verdict_sentences(verdict),
        more={"state": verdict.state, "stamped": [plain(stamp) for stamp in verdict.stamped]},
    )
    if form is Format.table and not items:
        sys.stdout.write("".join(for_terminal(note) + "\n" for note in answer.notes))
    else:
        write(answer, form)
    code = {"invalid": FOUND, "not_anchored": NOT_COVERED}.get(verdict.state, FINE)
    raise typer.Exit(strongest({code}, accepted(accept)))


def verdict_sentences(verdict: Verdict) -> list[str]:
    """Return the verdict for a person."""
    size = f"{verdict.size} leaves, root {verdict.root.hex()}"
    if verdict.state == "invalid":
        return [f"INVALID: {len(verdict.findings)} findings ({size})"]
    stamps = [
        f"stamped: an authority saw the first {stamp.size} leaves at {stamp.at:%Y-%m-%d %H:%M:%S} UTC"
        for stamp in verdict.stamped
    ]
    if verdict.state == "not_anchored":
        return [
            f"NOT ANCHORED: everything in the trail agrees with itself ({size}), but nothing kept elsewhere was given",
            "to check against: a rolled-back or rebuilt trail would look the same. Give --key and --checkpoint.",
            *stamps,
        ]

    return [f"ANCHORED and valid: the trail extends the checkpoint kept elsewhere ({size})", *stamps]


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(init)
    app.command("import")(import_)
    app.command()(verify)
