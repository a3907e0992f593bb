"""[reports.NAME]: reports that are made by the calendar, and to whom they are mailed."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

from mailwitness.alerts.settings import AlertSettings
from mailwitness.alerts.span import span_of
from mailwitness.knowledge.report_packs import packs

KINDS = (
    "changes",
    "non-owner",
    "explained",
    "access",
    "unused",
    "findings",
    "coverage",
    "integrity",
    "digest",
)
"""The kinds of reports there are beside the packs; faces/reports/making.py refuses to start where they differ."""
FORMS = ("html", "pdf", "xlsx", "csv", "json")
_TIME = re.compile(r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_DAYS = 36_500


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reports.NAME]: which report, how often, in which forms, into which folder; weeks begin on Monday, UTC."""

    report: str
    every: Literal["day", "week", "month"]
    at: str = "00:00"
    """When it is made on the day after its period ended, UTC."""
    to: Path
    forms: tuple[str, ...] = ("html",)
    period: str | None = None
    """How far back it goes from the end of the day, week or month before; absent: that day, week or month."""
    mailbox: str | None = None
    days: int = 90
    """unused: not used for so many days."""
    mail_to: tuple[str, ...] = ()
    """Addresses that a destination [alerts.smtp.NAME] may reach."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        known = (*KINDS, *packs())
        if self.report not in known:
            raise ValueError(f"there is no report {self.report}; there are {', '.join(known)}")
        if not self.forms or not set(self.forms) <= set(FORMS) or len(set(self.forms)) < len(self.forms):
            raise ValueError(f"forms are some of {', '.join(FORMS)}, each once")
        if not _TIME.fullmatch(self.at):
            raise ValueError(f"at {self.at!r} is no time of day: write 06:00")
        if self.period is not None:
            span_of(self.period)
        if not 1 <= self.days <= _DAYS:
            raise ValueError(f"days is 1 to {_DAYS}")

    @property
    def after_midnight(self) -> timedelta:
        """Return how long after midnight the report is made."""
        hour, minute = self.at.split(":")
        return timedelta(hours=int(hour), minutes=int(minute))


def out_of_reach(one: ReportSettings, alerts: AlertSettings) -> str | None:
    """Return an address of `mail_to` that no mail destination may reach, None where all are."""
    return next((address for address in one.mail_to if alerts.smtp_to(address) is None), None)
