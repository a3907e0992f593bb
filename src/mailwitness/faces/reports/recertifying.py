"""Starting a recertification, and taking the answers of owners: each is an act in the trail before it counts."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.collect.interface import Act
from mailwitness.errors import UsageError
from mailwitness.event import canonical, instant
from mailwitness.faces.reports.recertification import Answered, Asked, record
from mailwitness.faces.reports.recertification_lists import (
    GONE,
    ListLine,
    RecertificationList,
    keep_answer,
    keep_list,
    keep_sealed,
    lines_of,
    list_of_token,
    withdraw,
)

Tell = Callable[[Act], object]
LISTS = 1_000
"""Lists of one start at most."""
LINES = 5_000
"""Rights on one mailbox at most: nobody answers more."""
GUESSES, REQUESTS = 20, 120
"""Links that open nothing, an address; requests a link; each in WINDOW seconds."""
WINDOW = 900.0
_KEYS = 10_000


class ToAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One list that is to be started: a mailbox by its name and key, who is asked, and every right others have."""

    mailbox: str
    key: str
    reviewer: str
    mail: str | None
    lines: tuple[Asked, ...]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A list that was started. `token` opens it and is shown this once."""

    number: int
    mailbox: str
    reviewer: str
    mail: str | None
    token: str


class Recertifications:
    """The recertifications of one trail's console. Answers are taken one after another."""

    def __init__(self, trail: Path) -> None:
        """Keep lists in the state.db of the trail at `trail`."""
        self.trail = trail
        self._lock = threading.Lock()
        self._counted: dict[str, deque[float]] = {}

    def start(self, asked: ToAsk, who: str, role: str, at: datetime, due_at: datetime, tell: Tell) -> Begun:
        """Start a list, once that is recorded. Raises what `tell` raises where it is not: then nothing was started."""
        if len(asked.lines) > LINES:
            raise UsageError(
                f"{len(asked.lines)} rights on {asked.mailbox} are more than {LINES}", remedy="use `report recertify`"
            )
        detail = {
            "what": "recertification asked",
            "reviewer": asked.reviewer,
            "due_at": instant(due_at),
            "lines": str(len(asked.lines)),
            "lines_sha256": hashlib.sha256(canonical([each.line_id for each in asked.lines])).hexdigest(),
        }
        tell(Act(who=who, role=role, verb="attest", subject=f"mailbox {asked.mailbox}", at=at, detail=detail))
        number, token = keep_list(
            self.trail,
            asked.lines,
            mailbox=asked.mailbox,
            key=asked.key,
            reviewer=asked.reviewer,
            mail=asked.mail,
            who=who,
            at=at,
            due_at=due_at,
        )
        return Begun(number=number, mailbox=asked.mailbox, reviewer=asked.reviewer, mail=asked.mail, token=token)

    def opened(self, token: str, address: str, now: datetime) -> RecertificationList | None:
        """Return the list a link opens, None where it opens none. Raises UsageError for too many tries.

        Links that open nothing are counted by the address they come from; nobody's guessing keeps out a link that is
        right, even where all come from one proxy.
        """
        found = list_of_token(self.trail, token, now)
        if found is None:
            self._count(f"address {address}", GUESSES)
        else:
            self._count(f"list {found.number}", REQUESTS)
        return found

    def _count(self, key: str, at_most: int) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._counted) > _KEYS:
                self._counted.clear()
            seen = self._counted.setdefault(key, deque())
            while seen and seen[0] < now - WINDOW:
                seen.popleft()
            if len(seen) >= at_most:
                raise UsageError("this was asked too often", remedy="wait 15 minutes")
            seen.append(now)

    def answer(
        self,
        of: RecertificationList,
        answers: Mapping[int, tuple[str, str]],
        standing: frozenset[str],
        now: datetime,
        tell: Tell,
    ) -> list[Answered]:
        """Take answers, by place: (keep or remove, reason); `standing` are the ids of the lines that still stand.

        Each is recorded by `tell` before it counts; where that raises, those before it count and the rest do not. A
        line that was answered keeps its answer. A right that changed meanwhile is not answered but marked so.
        """
        made: list[Answered] = []
        with self._lock:
            for line in lines_of(self.trail, of.number):
                if line.answer is None and line.line_id not in standing:
                    keep_answer(self.trail, of.number, line.place, GONE, "it changed before it was answered", now)
                elif line.answer is None and line.place in answers:
                    made += self._one(of, line, answers[line.place], now, tell)
            self._seal(of, now, tell)
        return made

    def _one(
        self, of: RecertificationList, line: ListLine, said: tuple[str, str], now: datetime, tell: Tell
    ) -> list[Answered]:
        def noted(act: Act) -> object:
            by = {"recertification": str(of.number), "by": "link"}
            return tell(msgspec.structs.replace(act, detail=act.detail | by))

        made = record([line.asked], {line.asked.line_id: said}, of.reviewer, now, noted)
        keep_answer(self.trail, of.number, line.place, said[0], said[1], now)
        return made

    def _seal(self, of: RecertificationList, now: datetime, tell: Tell) -> None:
        """Record that a list is answered whole, with the hash of all its answers."""
        lines = lines_of(self.trail, of.number)
        if of.state == "answered" or any(line.answer is None for line in lines):
            return
        counts = {word: sum(line.answer == word for line in lines) for word in ("keep", "remove", GONE)}
        said = [[line.line_id, line.answer, line.reason] for line in lines]
        detail = {
            "what": "recertification answered",
            "recertification": str(of.number),
            "answers_sha256": hashlib.sha256(canonical(said)).hexdigest(),
            **{word: str(count) for word, count in counts.items()},
        }
        tell(Act(who=of.reviewer, role="owner", verb="attest", subject=f"mailbox {of.mailbox}", at=now, detail=detail))
        keep_sealed(self.trail, of.number, now)

    def withdraw(self, of: RecertificationList, who: str, role: str, now: datetime, tell: Tell) -> None:
        """Let a list's link open nothing any more, once that is recorded."""
        detail = {"what": "recertification withdrawn", "recertification": str(of.number)}
        tell(Act(who=who, role=role, verb="attest", subject=f"mailbox {of.mailbox}", at=now, detail=detail))
        withdraw(self.trail, of.number, now)
