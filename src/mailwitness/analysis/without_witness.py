"""Rights and memberships that came or went between two looks at the directory, and no record tells of it.

Somebody changed them: where nothing was recorded, outside what is audited, or in a log that is not in this trail.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.analysis.presence import End
from mailwitness.analysis.standing import Standing, Unexplained
from mailwitness.directory.clock import micros


class WithoutWitness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change nobody witnessed: what came (`granted`, `added`) or went, whose, on what, between which times.

    `after_at`: when it was last known not to be so; `before_at`: when it was first seen to be so, with the evidence
    of both looks.
    """

    kind: str  # permission | membership
    action: str  # granted | revoked | added | removed
    target: str
    account: str
    right: str
    after_at: datetime | None
    before_at: datetime | None
    evidence_sha256: tuple[str, ...] = ()


def without_witness(
    standing: Standing, *, since: datetime | None = None, until: datetime | None = None, about: frozenset[int] | None
) -> list[WithoutWitness]:
    """Return the changes nobody witnessed that may lie between two times, in order of when they were seen.

    `about`: only those on, or of, one of these things; None: all.
    """
    found = [
        _told(standing, each)
        for each in standing.facts.unwitnessed
        if about is None or {each.target, each.trustee} & about
    ]
    inside = [
        each
        for each in found
        if (since is None or each.before_at is None or each.before_at >= since)
        and (until is None or each.after_at is None or each.after_at < until)
    ]
    return sorted(inside, key=lambda each: (each.before_at or _LAST, each.target, each.account, each.right))


def _told(standing: Standing, each: Unexplained) -> WithoutWitness:
    came, is_member = each.change.came, each.what == "membership"
    actions = ("added", "removed") if is_member else ("granted", "revoked")
    at = each.change.before.at
    moment = micros(at) if at is not None else None
    return WithoutWitness(
        kind="membership" if is_member else "permission",
        action=actions[not came],
        target=standing.identities.label(each.target, moment),
        account=standing.identities.label(each.trustee, moment),
        right=each.right,
        after_at=each.change.after.at,
        before_at=at,
        evidence_sha256=_evidence(each.change.after, each.change.before),
    )


def _evidence(*ends: End) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sha256 for end in ends for sha256 in end.evidence_sha256))


_LAST = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
