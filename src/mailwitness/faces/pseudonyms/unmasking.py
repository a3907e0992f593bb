"""Seeing a name though names are hidden: for one session, one subject and half an hour, with a reason on record."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

import msgspec

from mailwitness.errors import UsageError
from mailwitness.faces.pseudonyms.codes import WORDS, Codes, code_in

LASTS = timedelta(minutes=30)
LEAST = 10
"""Characters of a reason at least."""
MOST = 1_000
_PAGE = re.compile(r"(event|access|change|finding) ([0-9A-Za-z_-]{8,64})")
_WORDS = re.compile(r"\w+[^\w]+\w+")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose name, or which record, somebody asks to see."""

    shown: str
    """What is let through: a pseudonym, or the page of a record."""
    called: str
    """What it is called where names are hidden."""
    recorded: str
    """What stands in the trail: the thing's own name, as for every reading of it."""


class Unmasked(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that is shown to one session, and until when."""

    subject: Subject
    until: datetime


def subject_of(codes: Codes, text: str) -> Subject:
    """Return what somebody asks to see: a pseudonym, however written, or a record. Raises UsageError for anything else.

    A name is none of these: who could ask by name would learn which pseudonym is whose.
    """
    said = " ".join(text.split())
    if found := _PAGE.fullmatch(said):
        return Subject(shown=said, called=f"{found[1]} {found[2][:16]}", recorded=said)
    code = code_in(said)
    if code is None:
        raise UsageError(
            "this is no pseudonym and no record", remedy="give one as it stands on a page, like Person 7K3F2-QXMRT"
        )
    named = codes.named(code)
    if named is None:
        return Subject(shown=code, called=code, recorded=f"pseudonym {code}")
    called = f"{WORDS[named.page]} {code}" if named.page else code
    return Subject(shown=code, called=called, recorded=f"{named.page} {named.key}")


def reason_of(text: str) -> str:
    """Return a reason. Raises UsageError where it says nothing."""
    said = " ".join(text.split())
    if not LEAST <= len(said) <= MOST or not _WORDS.search(said):
        raise UsageError(
            f"a reason has {LEAST} to {MOST} characters and more than one word", remedy="say what it is needed for"
        )
    return said


class Unmaskings:
    """What each session may see. Kept in memory: a console that begins anew shows no name. Use from any thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Tell the time by `clock` (aware, UTC)."""
        self._now = clock
        self._lock = Lock()
        self._of: dict[str, dict[str, Unmasked]] = {}

    def allow(self, session: str, subject: Subject) -> Unmasked:
        """Show a subject to a session from now on for half an hour; whoever calls this has it recorded before."""
        made = Unmasked(subject=subject, until=self._now() + LASTS)
        with self._lock:
            self._of = {who: kept for who, held in self._of.items() if (kept := self._living(held))}
            self._of.setdefault(session, {})[subject.shown] = made
        return made

    def end(self, session: str, shown: str) -> None:
        """Hide a subject from a session again."""
        with self._lock:
            self._of.get(session, {}).pop(shown, None)

    def of(self, session: str) -> tuple[Unmasked, ...]:
        """Return what a session may see now."""
        with self._lock:
            return tuple(self._living(self._of.get(session, {})).values())

    def _living(self, held: dict[str, Unmasked]) -> dict[str, Unmasked]:
        now = self._now()
        return {shown: each for shown, each in held.items() if each.until > now}
