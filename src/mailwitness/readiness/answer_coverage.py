"""What stands beside every answer: which part of the asked time, and of what was asked, would not have been seen.

It is of the same engine as the verb coverage, narrowed to the questions that an answer rests on.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mailwitness.analysis.coverage import Coverage, Part, coverage_of
from mailwitness.analysis.filters import Filters
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.knowledge.audit_settings import QUESTIONS, Question
from mailwitness.readiness.mailboxes import Mailboxes
from mailwitness.readiness.people import People
from mailwitness.readiness.proof import proof_of
from mailwitness.readiness.spans import Cause
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, score, verdicts

CHANGES: tuple[Question, ...] = ("changes", "groups", "auditing")
ACCESSES: tuple[Question, ...] = ("accesses",)
EVERYTHING: tuple[Question, ...] = QUESTIONS
_SAID_OTHERWISE: frozenset[Cause] = frozenset({"records_missing", "throttled"})
"""Told by the logs themselves, with record numbers (analysis.coverage)."""


def answer_coverage(
    engine: Engine, observations: Observations, filters: Filters, questions: tuple[Question, ...]
) -> Coverage:
    """Return the coverage of an answer: logs at hand, holes, and what was not recorded of what the answer is about.

    `uncovered` is set where something asked for is known to be blind; what is unknown is said and sets nothing.
    """
    told = coverage_of(engine, filters)
    people = People(engine, observations)
    proof = proof_of(engine, observations=observations, people=people)
    asked = Asked(since=filters.since, until=filters.until)
    of = None
    if filters.mailbox is not None:
        of = Mailboxes(engine, observations, proof, people, alone=True).one(filters.mailbox, filters.known_mailbox)
    found = [verdict for verdict in verdicts(proof, State(), asked, of) if verdict.question in questions]
    parts = [*blind_parts(found), *_shares(found, questions)]
    return Coverage((*told.parts, *parts), uncovered=told.uncovered or any(p.verdict == "absent" for p in parts))


def blind_parts(found: Iterable[Verdict]) -> list[Part]:
    """Return one part for each time that is absent, however many checks of a host it silences.

    What the logs tell of themselves, with record numbers, is left to `analysis.coverage`.
    """
    parts: dict[tuple[object, ...], Part] = {}
    for verdict in found:
        if verdict.verdict != "absent" or verdict.cause in _SAID_OTHERWISE:
            continue
        whose = verdict.account or verdict.mailbox or verdict.computer
        key = (verdict.cause, whose, verdict.since, verdict.until)
        known = parts.get(key)
        questions = dict.fromkeys((*(known.questions if known is not None else ()), verdict.question))
        parts[key] = Part(
            verdict="absent",
            what=f"{whose}: {verdict.why}",
            computer=verdict.computer,
            since=verdict.since,
            until=verdict.until,
            cause=verdict.cause,
            questions=tuple(questions),
            mailbox=verdict.mailbox,
            account=verdict.account,
            fix=verdict.fix,
        )
    return list(parts.values())


def _shares(found: list[Verdict], questions: tuple[Question, ...]) -> list[Part]:
    parts = []
    for question in questions:
        own = [verdict for verdict in found if verdict.question == question]
        share = score(own)
        if share is None:
            continue
        what = f"{question}: {share:.1%} of host x check x hour is proven or configured"
        window = {"since": min(v.since for v in own), "until": max(v.until for v in own)}
        verdict = "proven" if share == 1 else "unknown"
        parts.append(msgspec.structs.replace(Part(verdict=verdict, what=what, questions=(question,)), **window))
    return parts
