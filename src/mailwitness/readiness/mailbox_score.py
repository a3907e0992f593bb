"""How much of the time each question about each mailbox has an answer: the score, for ten thousand of them at once.

Mailboxes of which the same is known share one timeline; what holds for all hosts is worked out once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from mailwitness.knowledge.audit_settings import Question
from mailwitness.readiness.host_log import HostLog
from mailwitness.readiness.proof import OfObject, Proof
from mailwitness.readiness.spans import Stretch, Timeline, Word, covered_share, joined, laid_over, worst
from mailwitness.readiness.verdict import concerns

if TYPE_CHECKING:
    from datetime import datetime


class MailboxScore(msgspec.Struct, frozen=True, kw_only=True):
    """One mailbox: the share of the time that is proven or configured, over all questions and for each."""

    mailbox: str
    score: float
    questions: dict[Question, float]


class Scores(msgspec.Struct, frozen=True):
    """All mailboxes, the worst first, and the share of mailbox x question x hour that is proven or configured."""

    score: float | None
    questions: dict[Question, float]
    mailboxes: tuple[MailboxScore, ...]


def scores(mailboxes: Mapping[int, OfObject], logs: Iterable[HostLog], proof: Proof) -> Scores:
    """Return how much of the window of `logs` is covered, by mailbox and question.

    A question is covered at a time where every host that could hold the answer is: a change can be made on any domain
    controller. An account that no mailbox records leaves the accesses to every mailbox uncovered.
    """
    board = _Board(list(logs), proof)
    found = tuple(
        sorted(
            (board.of(each) for each in mailboxes.values()),
            key=lambda each: (each.score, each.mailbox.casefold()),
        )
    )
    parts = [(question, share) for each in found for question, share in each.questions.items()]
    by_question: dict[Question, list[float]] = {}
    for question, share in parts:
        by_question.setdefault(question, []).append(share)
    means: dict[Question, float] = {name: sum(shares) / len(shares) for name, shares in by_question.items()}
    return Scores(sum(share for _name, share in parts) / len(parts) if parts else None, means, found)


class _Board:
    """The worst of all hosts for each check, and what has been worked out so far."""

    def __init__(self, logs: list[HostLog], proof: Proof) -> None:
        self._by_check: dict[str, list[HostLog]] = {}
        for log in logs:
            self._by_check.setdefault(log.check.name, []).append(log)
        self._shown = {name: worst([log.shown for log in own]) for name, own in self._by_check.items()}
        self._held = {name: worst([log.held for log in own]) for name, own in self._by_check.items()}
        for off in proof.offs:
            for name in off.checks if off.of == "account" else ():
                if self._shown.get(name):
                    run = self._shown[name]
                    since, until = off.since or run[0].since, off.until or run[-1].until
                    by_nobody = (Stretch(since, until, "absent", "bypassed", off.why),)
                    self._shown[name] = laid_over(run, by_nobody)
                    self._held[name] = laid_over(self._held[name], by_nobody)
        self._of_check: dict[tuple[str, tuple[tuple[datetime, Word], ...]], Timeline] = {}
        self._shares: dict[tuple[int, ...], float] = {}
        self._kept: list[list[Timeline]] = []  # they are compared by identity, so they must live as long as this

    def of(self, mailbox: OfObject) -> MailboxScore:
        timelines: dict[Question, list[Timeline]] = {}
        for name, logs in self._by_check.items():
            check = logs[0].check
            if not concerns(check, mailbox):
                continue
            runs = self._joined(name, logs[0], mailbox)
            blind = [
                Stretch(each.since or runs[0].since, each.until or runs[-1].until, "absent", each.cause, each.why)
                for each in mailbox.blind
                if each.source == check.source_of_records and check.question == "accesses"
            ]
            timelines.setdefault(check.question, []).append(laid_over(runs, blind) if blind else runs)
        shares: dict[Question, float] = {question: self._share(runs) for question, runs in timelines.items()}
        mean = sum(shares.values()) / len(shares) if shares else 0.0
        return MailboxScore(mailbox=mailbox.label, score=mean, questions=shares)

    def _joined(self, name: str, log: HostLog, mailbox: OfObject) -> Timeline:
        if not log.check.per_object:
            return self._shown[name]
        own = log.own(mailbox)
        pattern = tuple((run.since, _rough(run.word)) for run in own)
        if (name, pattern) not in self._of_check:
            self._of_check[name, pattern] = joined(self._shown[name], self._held[name], own)
        return self._of_check[name, pattern]

    def _share(self, timelines: list[Timeline]) -> float:
        key = tuple(id(runs) for runs in timelines)
        if key not in self._shares:
            self._shares[key] = covered_share(worst(timelines))
            self._kept.append(timelines)
        return self._shares[key]


def _rough(word: Word) -> Word:
    """Return a word as far as the score tells words apart: proven or configured is covered."""
    return "configured" if word == "proven" else word
