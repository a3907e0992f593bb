"""Would we have seen it? Per host and check: proven, configured, unknown or absent, over time.

An event of the kind proves that the setting was on, until auditing changes, a log is cleared or records are missing.
Files, exports and policy records that say so make it configured. Where neither speaks it is unknown: no record is
never taken for nothing happened. Time that a log at hand does not reach is absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from mailwitness.knowledge.audit_settings import AuditCheck, Question
from mailwitness.readiness.host_log import ORGANIZATION, HostLog
from mailwitness.readiness.proof import OfObject, Proof
from mailwitness.readiness.spans import WORST_FIRST, Cause, Stretch, Timeline, Word, joined
from mailwitness.readiness.state import State
from mailwitness.readiness.subjects import subjects
from mailwitness.readiness.switches import CAUSES

__all__ = ["ORGANIZATION", "WORST_FIRST", "Asked", "Verdict", "Word", "verdicts", "verdicts_of", "window_of"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One check on one host for one stretch of time: the verdict, why, and where it is not covered the fix.

    `mailbox` or `account` is set where it is of one alone.
    """

    verdict: Word
    computer: str
    question: Question
    check: str
    title: str
    since: datetime
    until: datetime
    cause: Cause
    why: str
    mailbox: str | None = None
    account: str | None = None
    lost: str | None = None
    fix: str | None = None
    experimental: bool = False

    @property
    def covered(self) -> bool:
        """Return whether the question has an answer here."""
        return self.verdict in ("proven", "configured")

    @property
    def hours(self) -> float:
        """Return how long this stretch is, a moment counting as its hour."""
        return max((self.until - self.since).total_seconds() / 3600, 1.0)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a window (None: as far as the trail reaches), and narrowing by question and hosts."""

    since: datetime | None = None
    until: datetime | None = None
    question: Question | None = None
    hosts: tuple[str, ...] = ()


def verdicts(proof: Proof, state: State, asked: Asked, of: OfObject | None = None) -> list[Verdict]:
    """Return every verdict, the worst first, then the longest; `of` narrows them to one mailbox.

    Every domain controller is asked, those included that the trail never heard of, and every host that is not known to
    be something else; `asked.hosts` narrows, and a host named there of which the trail holds nothing is absent in all.
    """
    window = window_of(proof, asked)
    if window is None:
        return []
    if of is None and proof.of_mailbox is not None:
        of = OfObject(label="", seen=proof.of_mailbox)
    return verdicts_of(logs_asked(proof, state, asked, window), proof, window, of)


def verdicts_of(
    logs: list[HostLog], proof: Proof, window: tuple[datetime, datetime], of: OfObject | None
) -> list[Verdict]:
    """Return the verdicts of `logs`, which are of `window`: as `verdicts` does, for many mailboxes of one window."""
    found = [
        _verdict(log.check, log.host, run)
        for log in logs
        if of is None or concerns(log.check, of)
        for run in (log.general() if of is None else of_object(log, of))
    ]
    found += _of_single_ones(proof, logs, window, of)
    return sorted(found, key=lambda v: (WORST_FIRST.index(v.verdict), -v.hours, v.computer, v.check, v.since))


def score(found: list[Verdict]) -> float | None:
    """Return the share of host x check x hour that is proven or configured, None where nothing was asked."""
    found = [verdict for verdict in found if verdict.account is None]
    total = sum(verdict.hours for verdict in found)
    return sum(verdict.hours for verdict in found if verdict.covered) / total if total else None


def window_of(proof: Proof, asked: Asked) -> tuple[datetime, datetime] | None:
    """Return the window asked for, open ends being those of the trail; None where it holds nothing."""
    since = asked.since or min((reach.first_at for reach in proof.reaches), default=asked.until)
    until = asked.until or max((reach.last_at for reach in proof.reaches), default=asked.since)
    if since is None or until is None:
        return None
    return since, max(since, until)


def logs_asked(proof: Proof, state: State, asked: Asked, window: tuple[datetime, datetime]) -> list[HostLog]:
    """Return each host and check that is asked, with what is known of it."""
    return [
        HostLog(host=host, check=check, proof=proof, state=state, since=window[0], until=window[1])
        for host, check in subjects(proof, state, asked.question, asked.hosts)
    ]


def concerns(check: AuditCheck, of: OfObject) -> bool:
    """Return whether a check bears on a mailbox: one in the cloud is not audited by a server, nor the other way."""
    return not of.services or ("online" in check.generations) in {service == "online" for service in of.services}


def of_object(log: HostLog, of: OfObject) -> Timeline:
    """Return the verdict for one mailbox: the worse of the host's and, where a check is by object, its own."""
    if not log.check.per_object:
        return log.shown
    return joined(log.shown, log.held, log.own(of))


def _verdict(
    check: AuditCheck, host: str, run: Stretch, *, mailbox: str | None = None, account: str | None = None
) -> Verdict:
    return Verdict(
        verdict=run.word,
        computer=host,
        question=check.question,
        check=check.name,
        title=check.title,
        since=run.since,
        until=run.until,
        cause=run.cause,
        why=run.why,
        mailbox=mailbox,
        account=account,
        lost=None if run.is_covered else check.lost,
        fix=None if run.is_covered else _FIXES.get(run.cause, check.switch_on),
        experimental=check.mark == "experimental",
    )


_FIXES: dict[Cause, str] = {
    "never_heard": "collect this host's Security log (setup-kit), or look for copies of it",
    "records_missing": "look for copies of the log (archives, a collector, a backup) and import them; make the log "
    "larger, or save it more often",
    "log_cleared": "look for copies of the log made before it was cleared, and import them",
    "gone_silent": "see why nothing comes of this log any more: the host, its forwarding, the collection",
    "beyond_trail": "collect again: the trail ends before",
    "begins_later": "look for older copies of the log and import them",
    "throttled": "take everything in the mailbox as read; there is no other record of it",
    "bypassed": "Set-MailboxAuditBypassAssociation -AuditBypassEnabled $false for this account",
    "mailbox_not_audited": "Set-Mailbox -AuditEnabled $true for this mailbox",
    "not_sealed": "collect again later: records of this time may still come",
    "audit_entries_lacking": "write the audit entries: setup-kit --apply-sacl, or the kit's SACL script",
    "expired": "collect more often than the age limit, or raise it",
}


def _of_single_ones(
    proof: Proof, logs: list[HostLog], window: tuple[datetime, datetime], of: OfObject | None
) -> Iterator[Verdict]:
    """Yield what is not recorded of single mailboxes, or by single accounts, whatever the organization records."""
    for check in {log.check.name: log.check for log in logs if log.host == ORGANIZATION}.values():
        if of is not None and not concerns(check, of):
            continue
        for off in proof.offs:
            run = _clipped(off.since, off.until, window, CAUSES[off.of], off.why)
            if run is None or check.name not in off.checks:
                continue
            if off.of == "account":
                yield _verdict(check, ORGANIZATION, run, account=off.label)
            elif of is None:  # the timeline of the mailbox asked for says so itself
                yield _verdict(check, ORGANIZATION, run, mailbox=off.label)
        for blind in proof.blind if of is None else of.blind:
            run = _clipped(blind.since, blind.until, window, blind.cause, blind.why)
            is_of = blind.source == check.source_of_records and check.question == "accesses"
            if blind.mailbox and is_of and run is not None:
                yield _verdict(check, ORGANIZATION, run, mailbox=blind.mailbox)


def _clipped(
    since: datetime | None, until: datetime | None, window: tuple[datetime, datetime], cause: Cause, why: str
) -> Stretch | None:
    first, last = max(since or window[0], window[0]), min(until or window[1], window[1])
    return Stretch(first, last, "absent", cause, why) if first < last or window[0] == window[1] == first else None
