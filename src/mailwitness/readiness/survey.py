"""The whole answer of `coverage`: verdicts by host and check, and the score by mailbox and question."""

from __future__ import annotations

import msgspec

from mailwitness.analysis.filters import Known
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.readiness.mailbox_score import Scores, scores
from mailwitness.readiness.mailboxes import Mailboxes
from mailwitness.readiness.people import People
from mailwitness.readiness.policy_order import ordered
from mailwitness.readiness.proof import Proof, proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, logs_asked, verdicts, window_of


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts, the worst first; the scores; whether a mailbox asked for is named by any record."""

    verdicts: list[Verdict]
    scores: Scores
    proof: Proof
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
    if mailbox is None:
        found = verdicts(proof, files, asked)
        return Survey(verdicts=found, scores=scores(mailboxes.everyone(), logs, proof), proof=proof)
    of = mailboxes.one(mailbox, known)
    found = verdicts(proof, files, asked, of)
    return Survey(verdicts=found, scores=scores({0: of}, logs, proof), proof=proof, is_named=bool(of.seen))
