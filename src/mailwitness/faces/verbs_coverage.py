"""The verb coverage: would we have seen it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mailwitness.analysis.filters import Filters
from mailwitness.analysis.naming import with_names
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
from mailwitness.readiness.sacl_state import Group, SaclState, groups_of, sacl_states
from mailwitness.readiness.state import State
from mailwitness.readiness.survey import Survey, survey
from mailwitness.readiness.verdict import Asked, score
from mailwitness.trail.reader import TrailReader, open_reader

COLUMNS = {
    "verdict": "Verdict",
    "of": "Host or mailbox",
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
        observations = load_observations(trail)
        known = with_names(engine, observations, Filters(mailbox=mailbox)).known_mailbox
        surveyed = survey(engine, observations, files, asked, mailbox, known)
    answer = _answer(surveyed, files, reader)
    if question in (None, "changes", "refusals"):
        wanted = None if mailbox is None else known.spellings if known else frozenset({mailbox.casefold()})
        _add_entries(answer, groups_of(_named(sacl_states(observations, asked.until), wanted)))
    if mailbox is not None and not surveyed.is_named:
        answer.notes.append(f"No record in this trail names {mailbox}: nothing is proven for it.")
    write(answer, form)
    found = surveyed.verdicts
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


def _answer(surveyed: Survey, files: State, reader: TrailReader) -> Answer:
    found, scores = surveyed.verdicts, surveyed.scores
    items: list[dict[str, Any]] = [
        {name: value for name in verdict.__struct_fields__ if (value := getattr(verdict, name)) is not None}
        for verdict in found
    ]
    for item in items:
        item["of"] = item.get("mailbox") or item.get("account") or item["computer"]
    notes = _sentences(surveyed)
    open_checks = {(verdict.check, verdict.cause): verdict for verdict in found if verdict.fix is not None}
    notes += [
        f"{check}: not seen is {verdict.lost}. Fix: {verdict.fix}." for (check, _), verdict in open_checks.items()
    ]
    notes += [f"{log.computer}: {log.why}. Fix: {log.fix}." for log in surveyed.logs if log.fix]
    notes += [
        f"Clocks: {each.controller} is {each.seconds:+.1f} s from {each.server} ({each.acts} acts)."
        for each in surveyed.clocks
        if each.is_noticed
    ]
    notes += [f"Problem: {p.where}: expected {p.expected}, found {p.found}" for p in files.problems]
    more = {
        "score": score(found) if scores.score is None else scores.score,
        "score_by_host": score(found),
        "questions": dict(scores.questions),
        "mailboxes": [plain(each) for each in scores.mailboxes],
        "clocks": [plain(each) for each in surveyed.clocks],
        "logs": [plain(each) for each in surveyed.logs],
        "problems": [plain(problem) for problem in files.problems],
    }
    return Answer(
        verb="coverage",
        items=items,
        columns=COLUMNS,
        trail={"size": reader.size, "root": reader.root.hex(), "anchored": False},
        notes=notes,
        more=more,
    )


def _named(states: list[SaclState], wanted: frozenset[str] | None) -> list[SaclState]:
    if wanted is None:
        return states
    return [
        s for s in states if not wanted.isdisjoint(each.casefold() for each in (s.dn, s.object_guid, s.sid) if each)
    ]


def _add_entries(answer: Answer, groups: list[Group]) -> None:
    """Say which mailboxes' audit entries lack what, as the directory last showed them."""
    answer.notes += [group.sentence() for group in groups[:LISTED]]
    answer.more["audit_entries"] = [plain(group) for group in groups]


LISTED = 10
"""Mailboxes a person is told of one by one."""


def _sentences(surveyed: Survey) -> list[str]:
    found, scores = surveyed.verdicts, surveyed.scores
    by_host = score(found)
    if by_host is None:
        return ["Nothing can be said: this trail holds no record that calls for a check."]
    blind = sum(not verdict.covered for verdict in found)
    if scores.score is None:
        return [
            f"Score: {by_host:.1%} of host x check x hour is proven or configured; {blind} stretches are not covered."
        ]
    said = [
        f"Score: {scores.score:.1%} of mailbox x question x hour is proven or configured; {blind} stretches are not."
    ]
    said.append("By question: " + ", ".join(f"{name} {share:.1%}" for name, share in scores.questions.items()) + ".")
    worst = [f"{each.mailbox} {each.score:.1%}" for each in scores.mailboxes[:LISTED]]
    return [*said, f"Worst of {len(scores.mailboxes)} mailboxes: {', '.join(worst)}."]
