"""Changes and accesses on one axis of time, and below it when we were blind: by question, and log by log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mailwitness.analysis.change import Change
from mailwitness.faces.views.access import AccessItem
from mailwitness.faces.views.axis import Axis, Mark, Scale, Stretch, axis
from mailwitness.faces.views.change import ChangeItem
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.wording import stamp
from mailwitness.knowledge.audit_settings import Question
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES
from mailwitness.readiness.proof import OfObject
from mailwitness.readiness.spans import Timeline

LANES = 8
BANDS = 6
MARKS = 120
_OF_MAILBOX: tuple[Question, ...] = (*ACCESSES, *CHANGES)
_Window = tuple[datetime | None, datetime | None]


def computers_of(accesses: list[AccessItem], changes: list[Change]) -> set[str]:
    """Return the hosts that recorded them, in lower case."""
    found = {item.server.lower() for item in accesses if item.server}
    return found | {w.computer.lower() for change in changes for w in change.witnesses if w.computer}


def uncovered_of(
    picture: Picture,
    computers: set[str],
    of: OfObject | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[str, ...]:
    """Return what would not have been seen in a window, of everything or of one mailbox; the mailbox's own first.

    Holes are those in the logs of `computers` (of all, where none is known); what was never recorded, or by hosts never
    heard of, is told as the verb coverage tells it.
    """
    parts = [
        part
        for part in picture.coverage.parts
        if part.verdict == "absent"
        and (not computers or (part.computer or "").lower() in computers)
        and (since is None or part.until is None or part.until >= since)
        and (until is None or part.since is None or part.since < until)
    ]
    blind = picture.covered.blind(of, _OF_MAILBOX, since, until)
    own = [part.what for part in blind if part.mailbox is not None]
    near = [part.what for part in blind if (part.computer or "").lower() in computers]
    told = [*own, *(part.what for part in parts), *near, *(part.what for part in blind)]
    return tuple(dict.fromkeys(told))


def draw_axis(
    picture: Picture,
    accesses: list[AccessItem],
    changes: list[ChangeItem],
    window: _Window,
    computers: set[str],
    of: OfObject | None,
) -> Axis | None:
    """Return changes and accesses on one axis, one lane an actor, below it what would have been seen; None without any.

    The bands below are one for each question about the mailbox `of`, then the logs of `computers`.
    """
    times = [item.occurred_at for item in accesses] + [item.occurred_at for item in changes]
    if not times:
        return None
    scale = Scale(window[0] or min(times), window[1] or max(times))
    lanes: dict[str, list[Mark]] = {}
    entries: list[AccessItem | ChangeItem] = [*accesses, *changes]
    for item in sorted(entries, key=lambda each: each.occurred_at)[-LANES * MARKS :]:
        lanes.setdefault(item.actor.text, []).append(_mark(scale, item))
    busiest = sorted(lanes.items(), key=lambda lane: (-len(lane[1]), lane[0]))
    rows = [(label, marks[-MARKS:]) for label, marks in busiest[:LANES]]
    rest = [mark for _, marks in busiest[LANES:] for mark in marks]
    if rest:
        rows.append((f"{len(busiest) - LANES} others", rest[-MARKS:]))
    held = {q: line for q, line in picture.covered.timelines(of).items() if q in _OF_MAILBOX}
    return axis(scale, rows, [*question_bands(scale, held), *_log_bands(picture, scale, computers)])


def _mark(scale: Scale, item: AccessItem | ChangeItem) -> Mark:
    at = item.occurred_at
    if isinstance(item, ChangeItem):
        tone = "refused" if item.outcome == "failure" else "change"
        title = f"{stamp(at)} {item.actor.text} {item.what} {item.rights}".strip()
        return Mark(x=scale.x(at), shape="change", tone=tone, title=title, page="change", key=item.change_id)
    title = f"{stamp(at)} {item.actor.text} {item.what} ({item.status})"
    return Mark(x=scale.x(at), shape="access", tone=item.status, title=title, page="access", key=item.event_id)


def question_bands(scale: Scale, timelines: Mapping[Question, Timeline]) -> list[tuple[str, list[Stretch]]]:
    """Return a band for each question: proven, configured, unknown or absent, and why."""
    found = []
    for question, runs in timelines.items():
        stretches = [
            stretch
            for run in runs
            if (stretch := scale.stretch(run.since, run.until, run.word, f"{run.word}: {run.why}"))
        ]
        found.append((f"{question} seen?", stretches))
    return found


def _log_bands(picture: Picture, scale: Scale, computers: set[str]) -> list[tuple[str, list[Stretch]]]:
    """Return for each log of `computers` where its records are at hand, and its holes."""
    logs: dict[tuple[str, str], list[Stretch]] = {}
    for part in picture.coverage.parts:
        key = ((part.computer or "").lower(), (part.channel or "").lower())
        if not part.computer or key[0] not in computers:
            continue
        tone = "blind" if part.verdict == "absent" else "covered"
        until = part.until + timedelta(seconds=1) if part.until else None
        stretch = scale.stretch(part.since, until, tone, part.what)
        if stretch:
            logs.setdefault(key, []).append(stretch)
    listed = sorted(logs.items(), key=lambda log: (-len(log[1]), log[0]))[:BANDS]
    return [
        (f"{computer}, {channel}", sorted(parts, key=lambda s: s.tone == "blind"))
        for (computer, channel), parts in listed
    ]
