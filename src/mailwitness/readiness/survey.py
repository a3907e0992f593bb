"""The whole answer of `coverage`: verdicts by host and check, and the score by mailbox and question."""

from __future__ import annotations

from functools import cached_property

import msgspec

from mailwitness.analysis.filters import Known
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.readiness.clocks import ClockOffset, clock_offsets
from mailwitness.readiness.host_log import ORGANIZATION, HostLog
from mailwitness.readiness.log_settings import LogSetting, log_settings
from mailwitness.readiness.mailbox_score import Scores, scores
from mailwitness.readiness.mailboxes import Mailboxes
from mailwitness.readiness.people import People
from mailwitness.readiness.policy_order import ordered
from mailwitness.readiness.proof import OfObject, Proof, proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, logs_asked, verdicts_of, window_of


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts, the worst first; the scores; clocks and settings of logs; whether any record names the mailbox."""

    verdicts: list[Verdict]
    scores: Scores
    proof: Proof
    clocks: tuple[ClockOffset, ...] = ()
    logs: tuple[LogSetting, ...] = ()
    is_named: bool = True


class Surveyor:
    """What a trail and its directory tell of the coverage, gathered once and asked for any window.

    Everything is read from the engine when it is made, but what `survey` is asked of one mailbox by name. Threads ask
    one at a time.
    """

    def __init__(self, engine: Engine, observations: Observations) -> None:
        """Gather it; on a large trail that takes seconds."""
        self._observations = observations
        self._people = People(engine, observations)
        self.proof = proof_of(engine, observations=observations, people=self._people)
        self._mailboxes = Mailboxes(engine, observations, self.proof, self._people)
        self._mailboxes.gather()
        self._clocks = clock_offsets(engine, self._people)

    @cached_property
    def everyone(self) -> dict[int, OfObject]:
        """Every mailbox there is."""
        return self._mailboxes.everyone()

    def of(self, name: str) -> OfObject | None:
        """Return what is known of the mailbox that `name` means, None where that is not one thing for certain."""
        thing = self._people.one(name)
        if thing is None:
            return None
        return self.everyone.get(thing) or self._mailboxes.of(thing)

    def logs(self, asked: Asked, files: State | None = None) -> list[HostLog]:
        """Return each host and check with what is known of it in a window; empty where the window holds nothing."""
        window = window_of(self.proof, asked)
        return logs_asked(self.proof, files or State(), asked, window) if window is not None else []

    def survey(self, files: State, asked: Asked, mailbox: str | None = None, known: Known | None = None) -> Survey:
        """Return what would have been seen, of everybody or of one `mailbox`; see the function `survey`."""
        of = None if mailbox is None else self._mailboxes.one(mailbox, known)
        return self.survey_of(files, asked, of)

    def survey_of(self, files: State, asked: Asked, of: OfObject | None) -> Survey:
        """Return what would have been seen, of everybody or of the mailbox `of`, which may be one of `everyone`."""
        proof = self.proof
        hosts = {reach.computer for reach in proof.reaches if reach.computer} | files.hosts() | set(asked.hosts)
        files = ordered(files, self._observations, hosts | set(proof.hosts.controllers))
        logs = self.logs(asked, files)
        by_host = sorted({log.host for log in logs if log.host != ORGANIZATION})
        window = window_of(proof, asked)
        return Survey(
            verdicts=verdicts_of(logs, proof, window, of) if window is not None else [],
            scores=scores(self.everyone if of is None else {0: of}, logs, proof),
            proof=proof,
            clocks=self._clocks,
            logs=tuple(log_settings(files, by_host, {g for log in logs for g in log.check.generations})),
            is_named=of is None or bool(of.seen),
        )


def survey(
    engine: Engine,
    observations: Observations,
    files: State,
    asked: Asked,
    mailbox: str | None = None,
    known: Known | None = None,
) -> Survey:
    """Return what would have been seen, of everybody or of one `mailbox`.

    `files` are settings read from files; `known` what the directory says of the name the mailbox was asked for by.
    """
    return Surveyor(engine, observations).survey(files, asked, mailbox, known)
