"""Would we have seen it? Each check, the worst first: what is lost meanwhile, the fix, what the kit writes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.faces.views.people import Named
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.knowledge.audit_settings import GENERATIONS, QUESTIONS, Generation, Question
from mailwitness.readiness.kit import kit_files
from mailwitness.readiness.proof import OfObject
from mailwitness.readiness.spans import Cause
from mailwitness.readiness.survey import Survey
from mailwitness.readiness.verdict import WORST_FIRST, Asked, Verdict, score

WORST = 20
"""Mailboxes with the lowest share that are listed."""


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """What mends one cause for which a check is not covered."""

    cause: Cause
    fix: str


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check over all hosts: its worst verdict, what is lost, the fixes, and every stretch with its verdict.

    `fix` is that of the worst stretch, `fixes` are those of every cause, the worst first.
    """

    check: str
    title: str
    question: str
    worst: str
    lost: str | None
    fix: str | None
    experimental: bool
    stretches: tuple[Verdict, ...]
    hosts: int
    fixes: tuple[Fix, ...] = ()


class CoverageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; None: as far as the trail reaches (without `until`, `since` is 30 days before its latest record).

    `mailbox` is a thing of the picture's.
    """

    since: datetime | None = None
    until: datetime | None = None
    question: Question | None = None
    host: str = ""
    mailbox: int | None = None


class MailboxShare(msgspec.Struct, frozen=True, kw_only=True):
    """One mailbox: how much of the time is covered, over all questions and for each."""

    mailbox: Named
    score: float
    questions: dict[Question, float]


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of coverage."""

    score: float | None
    """The share of mailbox x question x hour that is proven or configured; of host x check x hour without mailboxes."""
    score_by_host: float | None
    """The share of host x check x hour."""
    by_question: dict[Question, float]
    mailboxes: tuple[MailboxShare, ...]
    """Those with the lowest share, the lowest first."""
    mailbox_count: int
    mailbox: Named | None
    is_named: bool
    """Whether any record names the mailbox asked for."""
    since: datetime
    until: datetime
    checks: tuple[CheckView, ...]
    counts: tuple[tuple[str, int], ...]
    """How many stretches of each verdict."""
    holes: tuple[str, ...]
    entries: tuple[str, ...]
    """Which mailboxes' audit entries lack what, as the directory last showed them."""
    clocks: tuple[str, ...]
    questions: tuple[str, ...]
    generations: tuple[str, ...]
    as_of: AsOf


class KitView(msgspec.Struct, frozen=True, kw_only=True):
    """What the set-up kit would write: each file with its text."""

    generation: Generation
    files: tuple[tuple[str, int, tuple[str, ...]], ...]


def coverage_view(picture: Picture, asked: CoverageAsked) -> CoverageView:
    """Return what would have been seen in a window: the answer of the verb `coverage`."""
    lately = picture.covered.lately
    since = asked.since or (lately.since if asked.until is None else None)
    until = asked.until or (lately.until if asked.since is None else None)
    if since is not None and until is not None:
        until = max(since, until)
    hosts = (asked.host,) if asked.host else ()
    of = None if asked.mailbox is None else of_thing(picture, asked.mailbox)
    told = picture.covered.survey(Asked(since=since, until=until, question=asked.question, hosts=hosts), of)
    by_check: dict[str, list[Verdict]] = {}
    for verdict in told.verdicts:
        by_check.setdefault(verdict.check, []).append(verdict)
    by_host = score(told.verdicts)
    shares = told.scores.mailboxes if of is None else ()
    return CoverageView(
        score=by_host if told.scores.score is None else told.scores.score,
        score_by_host=by_host,
        by_question=dict(told.scores.questions),
        mailboxes=tuple(_share(picture, told, place) for place in range(min(len(shares), WORST))),
        mailbox_count=len(shares),
        mailbox=None if asked.mailbox is None else picture.people.mailbox(asked.mailbox),
        is_named=told.is_named,
        since=min((v.since for v in told.verdicts), default=since or picture.first_at),
        until=max((v.until for v in told.verdicts), default=until or picture.last_at),
        checks=tuple(_check(each) for each in by_check.values()),
        counts=tuple((word, sum(v.verdict == word for v in told.verdicts)) for word in WORST_FIRST),
        holes=tuple(part.what for part in picture.coverage.parts if part.verdict == "absent"),
        entries=picture.covered.entries if asked.question in (None, "changes", "refusals") and of is None else (),
        clocks=tuple(
            f"{each.controller} is {each.seconds:+.1f} s from {each.server} ({each.acts} acts)"
            for each in told.clocks
            if each.is_noticed
        ),
        questions=tuple(QUESTIONS),
        generations=tuple(GENERATIONS),
        as_of=as_of(picture),
    )


def of_thing(picture: Picture, thing: int) -> OfObject:
    """Return what the coverage knows of a thing's mailbox, also where that is nothing."""
    people = picture.people
    names = (people.key(thing), *people.references_of(thing))
    found = picture.covered.of(names)
    label = people.identities.label(thing)
    return OfObject(label=label) if found is None else msgspec.structs.replace(found, label=label)


def _share(picture: Picture, told: Survey, place: int) -> MailboxShare:
    found = told.scores.mailboxes[place]
    return MailboxShare(
        mailbox=picture.people.refer(found.mailbox, page="mailbox"), score=found.score, questions=found.questions
    )


def _check(found: list[Verdict]) -> CheckView:
    first = found[0]
    lacking = [verdict for verdict in found if verdict.fix is not None]
    fixes: dict[Cause, str] = {}
    for verdict in lacking:
        fixes.setdefault(verdict.cause, verdict.fix or "")
    return CheckView(
        check=first.check,
        title=first.title,
        question=first.question,
        worst=first.verdict,
        lost=lacking[0].lost if lacking else None,
        fix=lacking[0].fix if lacking else None,
        experimental=first.experimental,
        stretches=tuple(found),
        hosts=len({verdict.computer for verdict in found}),
        fixes=tuple(Fix(cause=cause, fix=fix) for cause, fix in fixes.items()),
    )


def kit_view(generation: Generation) -> KitView:
    """Return what the kit of a generation would write. Nothing is written."""
    files = kit_files(generation)
    return KitView(
        generation=generation,
        files=tuple((name, len(data), tuple(_text(data).splitlines())) for name, data in files.items()),
    )


def _text(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return data.decode(encoding, "replace")
