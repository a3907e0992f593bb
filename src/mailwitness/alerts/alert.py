"""What is told to a person: one alert of a case, a digest, a test. Every text in it may be an attacker's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from mailwitness.inert import inert
from mailwitness.rules.finding import LEVELS, Level

TEXT_LIMIT = 500
"""Characters of one text in a message: what is longer stands in the case."""

Kind = Literal["case", "raised", "held_back", "digest", "test"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination is told. `key` is the same however often it is sent: receivers may drop what they know.

    A `case` is new; `raised` says that its level rose; `held_back` stands for several that a destination's rate limit
    kept back; a `digest` sums a day up; a `test` was asked for. `facts` are the short texts a message shows in order.
    """

    key: str
    kind: Kind
    title: str
    level: Level
    at: datetime
    """When it was made."""
    organization: str = ""
    case_id: str | None = None
    rule_id: str | None = None
    mailbox: str | None = None
    actor: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    findings: int = 0
    facts: dict[str, str] = {}
    description: str = ""
    event_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    link: str | None = None
    """Where the case stands in the console; from the configuration, not from evidence."""


def rank(level: str) -> int:
    """Return a level's place, 0 for the lowest; what is no level counts as medium."""
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("medium")


def level_of(text: str | None) -> Level:
    """Return the level `text` names; Sigma's default where a rule names none or another."""
    return LEVELS[rank((text or "").casefold())]


def shifted(level: Level, by: int) -> Level:
    """Return the level so many steps above, or below; the ends hold."""
    return LEVELS[min(max(rank(level) + by, 0), len(LEVELS) - 1)]


def shown(text: str, limit: int = TEXT_LIMIT) -> str:
    r"""Return a text for a message: one line, nothing invisible or turning, cut to `limit` characters."""
    plain = inert(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def facts_of(alert: Alert) -> Mapping[str, str]:
    """Return what a message shows of an alert, heading by heading, in order, every text made safe to show."""
    spans = {
        "Organization": alert.organization,
        "Mailbox": alert.mailbox,
        "By": alert.actor,
        "When": _when(alert),
        "Findings": str(alert.findings) if alert.findings > 1 else None,
        "Rule": alert.rule_id,
        "Case": alert.case_id,
    }
    facts = {name: shown(text) for name, text in spans.items() if text}
    for name, text in alert.facts.items():
        facts.setdefault(shown(name, 60), shown(text))
    return facts


def _when(alert: Alert) -> str | None:
    if alert.first_at is None:
        return None
    first = alert.first_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if alert.last_at is None or alert.last_at == alert.first_at:
        return first
    return f"{first} to {alert.last_at.strftime('%Y-%m-%d %H:%M:%S UTC')}"
