"""The detector: looks at what was sealed since it last looked, opens cases, and has them told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import duckdb

from mailwitness.alerts.cases import Cases, Taken
from mailwitness.alerts.outbox import Outbox
from mailwitness.alerts.span import span_of
from mailwitness.alerts.telling import Teller
from mailwitness.alerts.watchlists import Watchlists, load_watchlists
from mailwitness.collect.heartbeats import Heartbeats
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import MailwitnessError, UsageError
from mailwitness.rules.corpus import load_rules
from mailwitness.rules.detect import detect
from mailwitness.rules.finding import Finding
from mailwitness.rules.rule import Corpus
from mailwitness.service.settings import ServiceConfig
from mailwitness.service.silence import Silence
from mailwitness.state.database import open_state
from mailwitness.trail.layout import Trail
from mailwitness.trail.reader import TrailReader, open_reader
from mailwitness.trail.settings import load_settings

LOOK_EVERY = 0.25
"""Seconds between two looks at the checkpoint."""
LONGEST_PAUSE = 2.0
SILENCE_EVERY = timedelta(seconds=5)
STRETCH = 200_000
"""Leaves that are looked at in one go; a trail that was filled before is caught up with piece by piece."""
BEAT = timedelta(seconds=10)
NAME = "detector"
_FAST, _SLOW = "detection", "analyses"
Heard = Callable[..., Any]


class Detector:
    """Detection over one trail. Use it as a context manager; `step` does what is due."""

    def __init__(self, config: ServiceConfig, heard: Heard = lambda *_args, **_more: None) -> None:
        """Read rules and watchlists. Raises UsageError where they cannot be used."""
        trail = config.service.trail
        self._path = trail
        self._trail = Trail(trail)
        self._settings = load_settings(trail)
        self._heard = heard
        self._watchlists: Watchlists = load_watchlists(config.alerts.watchlists)
        self.corpus = corpus_of(config)
        for refused in self.corpus.refused:
            heard("rule_refused", path=refused.path, title=refused.title, reason=refused.reason)
        self._connection = open_state(trail)
        self._cases = Cases(self._connection, span_of(config.alerts.group_within))
        self._teller = Teller(self._cases, Outbox(self._connection), config.alerts, self._settings.organization)
        self._heartbeats = Heartbeats(self._connection)
        longest = {one.name: config.silence.longest(one.name) for one in config.collections}
        self._silence = Silence(self._connection, longest)
        self._slow_every = span_of(config.rules.analyses_every)
        self._note = b""
        self._slow_at: datetime | None = None
        self._beat_at: datetime | None = None
        self._silence_at: datetime | None = None
        self._failing: str | None = None

    def step(self, now: datetime) -> Taken:
        """Do what is due and return what it did to the cases."""
        taken = Taken([], [], [])
        try:
            for found in (self._look(now), self._analyse(now)):
                _add(taken, found)
            self._failing = None
        except (MailwitnessError, duckdb.Error, OSError) as error:  # files may be replaced under a reader: next time
            self._failing = f"{type(error).__name__}: {error}"
            self._heard("detection_failed", error=self._failing)
        if self._silence_at is None or now - self._silence_at >= SILENCE_EVERY:
            self._silence_at = now
            _add(taken, self._take(self._silence.findings(now), now))
        due = self._teller.digest_due(now)
        if due is not None:
            self._teller.tell_digest(due, now, list(self._silence.sentences(now)))
        if self._beat_at is None or now - self._beat_at >= BEAT or taken.opened:
            self._beat_at = now
            counts = {"cases": len(taken.opened)}
            self._heartbeats.beat(NAME, now, counts, self._failing, every=BEAT, data_at=now if taken.opened else None)
        return taken

    def _look(self, now: datetime) -> Taken:
        """Run the rules on single acts over what is new."""
        taken = Taken([], [], [])
        note = self._trail.checkpoint(self._settings.log_id).read_bytes()
        if note == self._note:
            return taken
        reader = open_reader(self._path)
        since = int(self._cases.reached(_FAST) or 0)
        while since < reader.size:
            until = min(reader.size, since + STRETCH)
            found = self._run(reader, since, until, now, analyses=False)
            _add(taken, self._take(found, now, _FAST, until))
            since = until
        self._note = note
        return taken

    def _analyse(self, now: datetime) -> Taken:
        """Run the rules on patterns of use and on silent hosts, which need no new leaf to be true."""
        if self._slow_at is not None and now - self._slow_at < self._slow_every:
            return Taken([], [], [])
        reader = open_reader(self._path)
        since = min(int(self._cases.reached(_SLOW) or 0), reader.size - 1)
        found = self._run(reader, max(since, 0), reader.size, now, analyses=True)
        self._slow_at = now
        return self._take(found, now, _SLOW, reader.size)

    def _run(self, reader: TrailReader, since: int, until: int, now: datetime, *, analyses: bool) -> list[Finding]:
        """Return what the rules find; a rule that fails costs itself alone, and is named."""
        observations = load_observations(self._path) if analyses else None

        def ask(corpus: Corpus) -> list[Finding]:
            with Embedded(reader) as engine:
                return detect(engine, corpus, since, until, observations=observations, at=now, analyses=analyses)

        try:
            return ask(self.corpus)
        except duckdb.Error:
            found: list[Finding] = []
            for rule in self.corpus.rules:
                try:
                    found += ask(self.corpus.only({rule.rule_id}))
                except duckdb.Error as error:
                    self._heard("rule_failed", rule=rule.rule_id, error=str(error))
                    self._failing = f"the rule {rule.rule_id} failed: {error}"
            return found

    def _take(self, findings: list[Finding], now: datetime, name: str | None = None, until: int = 0) -> Taken:
        """Store findings, alerts and how far detection came, all together."""
        if not findings and name is None:
            return Taken([], [], [])

        def then(taken: Taken) -> None:
            self._teller.tell(taken, now)
            if name is not None:
                self._cases.reach(name, str(until))

        return self._cases.take(findings, self._watchlists, now, then)

    def run(self, stop: threading.Event, wake: Callable[[], None]) -> None:
        """Detect until `stop` is set; `wake` is called when there is something to deliver."""
        while not stop.is_set():
            began = time.monotonic()
            taken = self.step(datetime.now(UTC))
            if taken.opened or taken.raised:
                self._heard("cases", opened=len(taken.opened), raised=len(taken.raised), grown=len(taken.grown))
            wake()
            took = time.monotonic() - began
            stop.wait(max(LOOK_EVERY - took, min(took, LONGEST_PAUSE)))  # half of a core at most, under load

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return this detector."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def corpus_of(config: ServiceConfig) -> Corpus:
    """Return the rules a configuration asks for. Raises UsageError where it switches off what is not there."""
    corpus = load_rules(config.rules.folders, builtin=config.rules.builtin)
    off = set(config.rules.switched_off)
    unknown = off - {rule.rule_id for rule in corpus.rules}
    if unknown:
        raise UsageError(
            f"rules.switched_off names {min(unknown)}, and there is no such rule",
            where=str(config.path),
            remedy="`mailwitness rules` lists them",
        )
    return Corpus(tuple(rule for rule in corpus.rules if rule.rule_id not in off), corpus.refused)


def _add(whole: Taken, part: Taken) -> None:
    whole.opened.extend(part.opened)
    whole.raised.extend(part.raised)
    whole.grown.extend(part.grown)
