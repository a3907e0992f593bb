"""Findings as cases: what was found, by which rule, the evidence, the state, and who decided what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from mailwitness.alerts.cases import Case, Cases, Entry, Evidence, Move, State
from mailwitness.collect.interface import Act
from mailwitness.faces.views.people import Named
from mailwitness.faces.views.picture import AsOf, Picture, as_of
from mailwitness.state.database import open_state
from mailwitness.trail.layout import Trail


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A case as a line."""

    case: Case
    mailbox: Named
    actor: Named


class FindingsView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of findings. `reached`: the leaf up to which the rules have looked, None where none ran yet."""

    lines: tuple[CaseLine, ...]
    state: str
    counts: tuple[tuple[str, int], ...]
    reached: int | None
    as_of: AsOf


class EvidenceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a case, and where its events lead: (event_id, page)."""

    evidence: Evidence
    events: tuple[tuple[str, str], ...]


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one case."""

    case: Case
    mailbox: Named
    actor: Named
    evidence: tuple[EvidenceLine, ...]
    history: tuple[Entry, ...]
    as_of: AsOf


@contextlib.contextmanager
def _cases(trail: Path) -> Iterator[Cases]:
    connection = open_state(trail)
    try:
        yield Cases(connection)
    finally:
        connection.close()


def findings_view(picture: Picture, state: State | None) -> FindingsView:
    """Return the cases of one state (None: all), the newest first."""
    with _cases(picture.reader.trail.path) as cases:
        listed = cases.all(state=state)
        counts = cases.counts()
        reached = cases.reached("detection")
    by_state = {
        each: sum(n for (s, _), n in counts.items() if s == each) for each in ("open", "acknowledged", "closed")
    }
    return FindingsView(
        lines=tuple(_line(picture, case) for case in listed),
        state=state or "",
        counts=tuple(by_state.items()),
        reached=int(reached) if reached and reached.isdecimal() else None,
        as_of=as_of(picture),
    )


def open_findings(trail: Path, picture: Picture, at_most: int) -> tuple[tuple[CaseLine, ...], int]:
    """Return the newest open cases, and how many are open; none where nothing ever looked."""
    if not Trail(trail).state.exists():
        return (), 0
    with _cases(trail) as cases:
        listed = cases.all(state="open", limit=at_most)
        count = sum(n for (state, _), n in cases.counts().items() if state == "open")
    return tuple(_line(picture, case) for case in listed), count


def finding_view(picture: Picture, case_id: str) -> FindingView:
    """Return one case. Raises UsageError where there is none."""
    with _cases(picture.reader.trail.path) as cases:
        case = cases.case(case_id)
        evidence, history = cases.evidence(case_id), cases.history(case_id)
    line = _line(picture, case)
    return FindingView(
        case=case,
        mailbox=line.mailbox,
        actor=line.actor,
        evidence=tuple(
            EvidenceLine(evidence=each, events=tuple((e, _page(picture, e)) for e in each.event_ids))
            for each in evidence
        ),
        history=tuple(history),
        as_of=as_of(picture),
    )


def decide(
    trail: Path,
    case_id: str,
    move: Move,
    who: str,
    role: str,
    why: str,
    at: datetime,
    tell: Callable[[Act], object] | None,
) -> None:
    """Acknowledge, close, reopen or comment a case; `tell` has it sealed first. Raises what `Cases.move` raises."""
    with _cases(trail) as cases:
        cases.move(case_id, move, who=who, role=role, why=why, at=at, tell=tell)


def _line(picture: Picture, case: Case) -> CaseLine:
    people = picture.people
    return CaseLine(case=case, mailbox=people.refer(case.mailbox_ref, page="mailbox"), actor=people.refer(case.actor))


def _page(picture: Picture, event_id: str) -> str:
    return "change" if event_id in picture.by_witness else "event"
