"""Would we have seen it? Each check, the worst first: what is lost meanwhile, the fix, what the kit writes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.knowledge.audit_settings import GENERATIONS, QUESTIONS, Generation, Question
from mailwitness.readiness.kit import kit_files
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import WORST_FIRST, Asked, Verdict, score, verdicts


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check over all hosts: its worst verdict, what is lost, the fix, and every stretch that is not covered."""

    check: str
    title: str
    question: str
    worst: str
    lost: str | None
    fix: str | None
    experimental: bool
    stretches: tuple[Verdict, ...]
    hosts: int


class CoverageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; None: as far as the trail reaches (`since`: from 30 days before its latest record)."""

    since: datetime | None = None
    until: datetime | None = None
    question: Question | None = None
    host: str = ""


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of coverage."""

    score: float | None
    since: datetime
    until: datetime
    checks: tuple[CheckView, ...]
    counts: tuple[tuple[str, int], ...]
    """How many stretches of each verdict."""
    holes: tuple[str, ...]
    questions: tuple[str, ...]
    generations: tuple[str, ...]
    as_of: AsOf


class KitView(msgspec.Struct, frozen=True, kw_only=True):
    """What the set-up kit would write: each file with its text."""

    generation: Generation
    files: tuple[tuple[str, int, tuple[str, ...]], ...]


def coverage_view(picture: Picture, asked: CoverageAsked) -> CoverageView:
    """Return the verdicts of a window."""
    since = asked.since or picture.verdict_window.since or picture.first_at
    until = asked.until or picture.last_at
    hosts = (asked.host,) if asked.host else ()
    question = Asked(since=since, until=max(since, until), question=asked.question, hosts=hosts)
    found = picture.verdicts if question == picture.verdict_window else verdicts(picture.proof, State(), question)
    by_check: dict[str, list[Verdict]] = {}
    for verdict in found:
        by_check.setdefault(verdict.check, []).append(verdict)
    checks = [_check(each) for each in by_check.values()]
    return CoverageView(
        score=score(found),
        since=since,
        until=until,
        checks=tuple(checks),
        counts=tuple((word, sum(v.verdict == word for v in found)) for word in WORST_FIRST),
        holes=tuple(part.what for part in picture.coverage.parts if part.verdict == "absent"),
        questions=tuple(QUESTIONS),
        generations=tuple(GENERATIONS),
        as_of=as_of(picture),
    )


def _check(found: list[Verdict]) -> CheckView:
    first = found[0]
    fix = next((v for v in found if v.fix), None)
    return CheckView(
        check=first.check,
        title=first.title,
        question=first.question,
        worst=first.verdict,
        lost=fix.lost if fix else None,
        fix=fix.fix if fix else None,
        experimental=first.experimental,
        stretches=tuple(found),
        hosts=len({verdict.computer for verdict in found}),
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
