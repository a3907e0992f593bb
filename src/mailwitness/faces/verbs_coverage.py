"""The verb coverage: would we have seen it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces import verbs_kit
from mailwitness.faces.exit_codes import NOT_COVERED, PROBLEMS, accepted, strongest
from mailwitness.faces.options import (
    AcceptOption,
    FormatOption,
    MailboxOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.output import Answer, Format, plain, write
from mailwitness.knowledge.audit_settings import QUESTIONS, Question
from mailwitness.readiness.gather import gather
from mailwitness.readiness.policy_order import ordered
from mailwitness.readiness.proof import proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, score, verdicts
from mailwitness.trail.reader import TrailReader, open_reader

COLUMNS = {
    "verdict": "Verdict",
    "computer": "Host",
    "question": "Question",
    "check": "Check",
    "since": "From (UTC)",
    "until": "Until (UTC)",
    "why": "Why",
}


def coverage(
    trail: TrailOption,
    at: Annotated[str | None, typer.Option("--at", help="Only this moment (UTC), or 30d, 12h back.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    question: Annotated[str | None, typer.Option("--question", help=f"Only one of: {', '.join(QUESTIONS)}.")] = None,
    host: Annotated[list[str] | None, typer.Option("--host", help="Only this host, seen in the trail or not.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="A SYSVOL folder, audit.csv, auditpol's output; HOST=FILE for registry exports."),
    ] = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show what would have been seen: proven, configured, unknown or absent, with the fix."""
    asked = _asked(at, since, until, question, tuple(host or ()))
    files = gather(state or [])
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        proof = proof_of(engine, mailbox, load_observations(trail))
        hosts = {reach.computer for reach in proof.reaches if reach.computer} | files.hosts() | set(asked.hosts)
        files = ordered(files, load_observations(trail), hosts)
        found = verdicts(proof, files, asked)
    answer = _answer(found, files, reader)
    if mailbox is not None and not proof.of_mailbox:
        answer.notes.append(f"No record in this trail names {mailbox}: nothing is proven for it.")
    write(answer, form)
    codes = {NOT_COVERED} if not found or any(not verdict.covered for verdict in found) else set()
    codes |= {PROBLEMS} if files.problems else set()
    raise typer.Exit(strongest(codes, accepted(accept)))


def add_to(app: typer.Typer) -> None:
    """Add this verb to `app`, and with it setup-kit, which mends what this one finds."""
    app.command()(coverage)
    verbs_kit.add_to(app)


def _asked(at: str | None, since: str | None, until: str | None, question: str | None, hosts: tuple[str, ...]) -> Asked:
    if at is not None and (since is not None or until is not None):
        raise UsageError("--at is one moment, --since and --until a window", remedy="give one or the other")
    moment = instant_of(at, "--at")
    first, last = instant_of(since, "--since"), instant_of(until, "--until")
    if first is not None and last is not None and last < first:
        raise UsageError("--until lies before --since", remedy="exchange them")
    return Asked(since=moment or first, until=moment or last, question=_question_of(question), hosts=hosts)


def _question_of(text: str | None) -> Question | None:
    if text is None:
        return None
    for question in QUESTIONS:
        if question == text:
            return question
    raise UsageError(f"--question {text} is not understood", remedy=f"give one of {', '.join(QUESTIONS)}")


def _answer(found: list[Verdict], files: State, reader: TrailReader) -> Answer:
    share = score(found)
    items: list[dict[str, Any]] = [
        {name: value for name in verdict.__struct_fields__ if (value := getattr(verdict, name)) is not None}
        for verdict in found
    ]
    notes = [_sentence(found, share)]
    open_checks = {verdict.check: verdict for verdict in found if verdict.fix is not None}
    notes += [f"{check}: not seen is {verdict.lost}. Fix: {verdict.fix}." for check, verdict in open_checks.items()]
    notes += [f"Problem: {p.where}: expected {p.expected}, found {p.found}" for p in files.problems]
    return Answer(
        verb="coverage",
        items=items,
        columns=COLUMNS,
        trail={"size": reader.size, "root": reader.root.hex(), "anchored": False},
        notes=notes,
        more={"score": share, "problems": [plain(problem) for problem in files.problems]},
    )


def _sentence(found: list[Verdict], share: float | None) -> str:
    if share is None:
        return "Nothing can be said: this trail holds no record that calls for a check."
    blind = sum(not verdict.covered for verdict in found)
    return f"Score: {share:.1%} of host x check x hour is proven or configured; {blind} stretches are not covered."
