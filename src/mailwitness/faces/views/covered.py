"""Would we have seen it, for pages: what the verb coverage says, gathered once for a picture and asked at each request.

The directory's observations count as they do for the verb: domain controllers never heard of, audit entries, switches.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from mailwitness.analysis.coverage import Part
from mailwitness.directory.store import Observations
from mailwitness.engine.interface import Engine
from mailwitness.knowledge.audit_settings import QUESTIONS, Question
from mailwitness.readiness.answer_coverage import blind_parts
from mailwitness.readiness.host_log import HostLog
from mailwitness.readiness.proof import OfObject
from mailwitness.readiness.sacl_state import groups_of, sacl_states
from mailwitness.readiness.spans import Timeline, worst
from mailwitness.readiness.state import State
from mailwitness.readiness.survey import Survey, Surveyor
from mailwitness.readiness.verdict import Asked, concerns, of_object, verdicts_of, window_of

LATELY = timedelta(days=30)
"""Coverage is first told of so long before the latest record."""
KEPT = 16
"""Surveys of other windows that are kept, the last asked for."""


class Covered:
    """The coverage of one picture. Ask from any thread."""

    def __init__(self, engine: Engine, observations: Observations) -> None:
        """Gather it, and work out the last days; on a large trail that takes seconds. The engine is not kept in use."""
        self._lock = threading.RLock()
        self._surveyor = Surveyor(engine, observations)
        self._observations = observations
        self._surveys: OrderedDict[tuple[Asked, str], Survey] = OrderedDict()
        self.proof = self._surveyor.proof
        whole = window_of(self.proof, Asked())
        self.lately = Asked(since=max(whole[0], whole[1] - LATELY), until=whole[1]) if whole is not None else Asked()
        """The window of the last days on record."""
        self.recent = self._surveyor.survey(State(), self.lately)
        """What is said of it."""
        self._everywhere = self._surveyor.logs(Asked())
        self.timelines(None)  # everything that requests wait for is worked out now

    def of(self, names: Iterable[str]) -> OfObject | None:
        """Return what is known of the mailbox that one of `names` means for certain, None where there is none."""
        with self._lock:
            return next((found for name in names if (found := self._surveyor.of(name)) is not None), None)

    def survey(self, asked: Asked, of: OfObject | None = None) -> Survey:
        """Return the survey of a window, of everybody or of one mailbox: that of the verb `coverage`."""
        if of is None and asked == self.lately:
            return self.recent
        key = (asked, of.label if of is not None else "")
        with self._lock:
            found = self._surveys.pop(key, None) or self._surveyor.survey_of(State(), asked, of)
            self._surveys[key] = found
            if len(self._surveys) > KEPT:
                self._surveys.popitem(last=False)
        return found

    def timelines(self, of: OfObject | None) -> dict[Question, Timeline]:
        """Return for each question what holds over the whole trail: the worst of all hosts that could have seen it.

        `of` narrows to one mailbox: what bears on it, and what is known of it alone.
        """
        with self._lock:
            lines: dict[Question, list[Timeline]] = {}
            for log in self._everywhere:
                if of is None or concerns(log.check, of):
                    line = log.general() if of is None else of_object(log, of)
                    lines.setdefault(log.check.question, []).append(line)
            return {question: worst(lines[question]) for question in QUESTIONS if question in lines}

    def blind(
        self,
        of: OfObject | None,
        questions: Iterable[Question] = QUESTIONS,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Part, ...]:
        """Return what would not have been seen in a window, the worst first, beyond what the logs tell themselves."""
        window = window_of(self.proof, Asked(since=since, until=until))
        if window is None:
            return ()
        with self._lock:
            logs = self._everywhere if since is None and until is None else self._logs(since, until)
            found = verdicts_of(logs, self.proof, window, of)
        wanted = set(questions)
        return tuple(blind_parts(verdict for verdict in found if verdict.question in wanted))

    def _logs(self, since: datetime | None, until: datetime | None) -> list[HostLog]:
        return self._surveyor.logs(Asked(since=since, until=until))

    @cached_property
    def entries(self) -> tuple[str, ...]:
        """Say which mailboxes' audit entries lack what, as the directory last showed them, alike together."""
        return tuple(group.sentence() for group in groups_of(sacl_states(self._observations, None)))
