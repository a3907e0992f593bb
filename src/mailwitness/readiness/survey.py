"""The whole answer of `coverage`: verdicts by host and check, and the score by mailbox and question."""

from __future__ import annotations

import msgspec

from mailwitness.analysis.filters import Known
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.readiness.clocks import ClockOffset, clock_offsets
from mailwitness.readiness.host_log import ORGANIZATION
from mailwitness.readiness.log_settings import LogSetting, log_settings
from mailwitness.readiness.mailbox_score import Scores, scores
from mailwitness.readiness.mailboxes import Mailboxes
from mailwitness.readiness.people import People
from mailwitness.readiness.policy_order import ordered
from mailwitness.readiness.proof import Proof, proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, logs_asked, verdicts, window_of


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts, the worst first; the scores; clocks and settings of logs; whether any record names the mailbox."""

    verdicts: list[Verdict]
    scores: Scores
    proof: Proof
    clocks: tuple[ClockOffset, ...] = ()
    logs: tuple[LogSetting, ...] = ()
    is_named: bool = True


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
    people = People(engine, observations)
    proof = proof_of(engine, observations=observations, people=people)
    hosts = {reach.computer for reach in proof.reaches if reach.computer} | files.hosts() | set(asked.hosts)
    files = ordered(files, observations, hosts | set(proof.hosts.controllers))
    mailboxes = Mailboxes(engine, observations, proof, people)
    window = window_of(proof, asked)
    logs = logs_asked(proof, files, asked, window) if window is not None else []
    of = None if mailbox is None else mailboxes.one(mailbox, known)
    everyone = mailboxes.everyone() if of is None else {0: of}
    by_host = sorted({log.host for log in logs if log.host != ORGANIZATION})
    return Survey(
        verdicts=verdicts(proof, files, asked, of),
        scores=scores(everyone, logs, proof),
        proof=proof,
        clocks=clock_offsets(engine, people),
        logs=tuple(log_settings(files, by_host, {g for log in logs for g in log.check.generations})),
        is_named=of is None or bool(of.seen),
    )
