"""Gaps held against what truly was not recorded: each found with its interval, and none told that never was."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.truth.comparison import ALIASES, aliases

from mailwitness.analysis.names import weak_name
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.readiness.proof import proof_of
from mailwitness.readiness.state import State
from mailwitness.readiness.verdict import Asked, Verdict, verdicts, window_of
from mailwitness.trail.reader import open_reader

Row = dict[str, Any]
Gap = tuple[str, str, datetime, datetime]
PRECISION = timedelta(seconds=1)
"""Audit logs of Exchange and .evt files write whole seconds; the truth knows better."""
_WHAT = {
    "audit.policy_changed": "policy_off",
    "audit.bypass_set": "bypassed",
    "audit.throttled": "throttled",
    "audit.log_cleared": "log_cleared",
    "audit.gap": "records_missing",
}
_OF_SETTING = {
    "AuditEnabled": "mailbox_not_audited",
    "AdminAuditLogEnabled": "service_not_recording",
    "UnifiedAuditLogIngestionEnabled": "service_not_recording",
}
_CHECK_OF_SETTING = {"AdminAuditLogEnabled": "admin_audit", "UnifiedAuditLogIngestionEnabled": "unified_changes"}


def wrong_gaps(trail: Path, evidence: Path, truth: list[Row]) -> list[str]:
    """Return every gap of `truth` that coverage does not find, and every gap it invents, as sentences."""
    ALIASES.clear()
    for ldif in evidence.rglob("*.ldif"):
        ALIASES.update(aliases(ldif))
    with Embedded(open_reader(trail)) as engine:
        proof = proof_of(engine, observations=load_observations(trail))
    window = window_of(proof, Asked())
    assert window is not None
    told = {_told(verdict) for verdict in verdicts(proof, State(), Asked()) if verdict.verdict == "absent"}
    was = [gap for row in truth if row["kind"] == "gap" and (gap := _was(row, window)) is not None]
    said = [f"not found: {gap}" for gap in was if not any(_same(gap, other) for other in told)]
    return said + [f"never was: {gap}" for gap in told if not any(_same(other, gap) for other in was)]


def _was(row: Row, window: tuple[datetime, datetime]) -> Gap | None:
    """Return a gap of the truth as far as it lies in the time that the trail knows of."""
    since = max(datetime.fromisoformat(row["at"]), window[0])
    until = min(datetime.fromisoformat(row["until"]) if "until" in row else window[1], window[1])
    if since >= window[1] or since > until:
        return None
    if row.get("rule") == "controller_missing":
        return ("never_heard", _short(row["host"]), since, until)
    if row["what"] == "audit.settings_changed":
        whose = _CHECK_OF_SETTING.get(row["attribute"]) or _name(row["mailbox"])
        return (_OF_SETTING[row["attribute"]], whose, since, until)
    whose = _short(row["host"]) if "host" in row else _name(row.get("mailbox") or row["trustee"])
    return (_WHAT[row["what"]], whose, since, until)


def _told(verdict: Verdict) -> Gap:
    whose = verdict.account or verdict.mailbox
    if verdict.cause == "service_not_recording":
        # switching the ingestion off silences both checks of the service: told as one
        whose = "unified_changes" if verdict.check == "unified_audit" else verdict.check
    else:
        whose = _name(whose) if whose else _short(verdict.computer)
    return (verdict.cause, whose, verdict.since, verdict.until)


def _same(one: Gap, other: Gap) -> bool:
    ends = zip(one[2:], other[2:], strict=True)
    return one[:2] == other[:2] and all(abs(a - b) <= PRECISION for a, b in ends)


def _short(host: str) -> str:
    return host.split(".", maxsplit=1)[0].casefold()


def _name(reference: str) -> str:
    name = weak_name(reference)
    return ALIASES.get(name, name).casefold()
