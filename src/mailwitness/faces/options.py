"""The options every verb shares, and how a person writes a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from mailwitness.errors import UsageError
from mailwitness.faces.exit_codes import accepted
from mailwitness.faces.output import Format

TrailOption = Annotated[
    Path, typer.Option("--trail", envvar="MAILWITNESS_TRAIL", help="The trail's folder.", show_default=False)
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is written.")]


def _checked(codes: str) -> str:
    """Refuse what --accept cannot take before the work is done, not after it."""
    accepted(codes)
    return codes


AcceptOption = Annotated[
    str, typer.Option("--accept", help="Exit codes that count as 0 (3, 4 or 3,4).", callback=_checked)
]
SinceOption = Annotated[str | None, typer.Option("--since", help="From this time on (UTC), or 30d, 12h back.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Before this time (UTC), or 30d, 12h back.")]
MailboxOption = Annotated[str | None, typer.Option("--mailbox", help="Only this mailbox, by any of its names.")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Only what this account did.")]
RightOption = Annotated[str | None, typer.Option("--right", help="Only this right, e.g. FullAccess.")]
OutcomeOption = Annotated[str | None, typer.Option("--outcome", help="success, failure or unknown.")]
NoiseOption = Annotated[bool, typer.Option("--noise", help="Show what is hidden as system and service noise.")]
RecoveredOption = Annotated[
    bool, typer.Option("--recovered", help="Count in what a reader recovered from outside the live records.")
]

_BACK = re.compile(r"(?P<count>\d{1,6})(?P<unit>[dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def instant_of(text: str | None, option: str) -> datetime | None:
    """Return the time `text` says: ISO 8601 (UTC where it names no offset), or a span back from now such as 30d."""
    if text is None:
        return None
    try:
        if back := _BACK.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[back["unit"]]: int(back["count"])})
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text} is no time", remedy="write 2026-11-24, 2026-11-24T13:00:00Z or 30d"
        ) from None


def outcome_of(text: str | None) -> str | None:
    """Return `text` if it is an outcome; raises UsageError otherwise."""
    if text not in (None, "success", "failure", "unknown"):
        raise UsageError(f"--outcome {text} is not understood", remedy="give success, failure or unknown")
    return text
