"""The verbs about how rights were used, and about changes of them that nobody witnessed: windows, unwitnessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from mailwitness.analysis.filters import Filters
from mailwitness.analysis.names import short
from mailwitness.analysis.naming import with_names_of
from mailwitness.analysis.presence import End
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.windows_of_use import KINDS, Window
from mailwitness.analysis.windows_of_use import windows as ask_windows
from mailwitness.analysis.without_witness import WithoutWitness, without_witness
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.covered_answer import covered_answer, finish
from mailwitness.faces.options import (
    AcceptOption,
    FormatOption,
    NoiseOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.output import Format
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES, answer_coverage
from mailwitness.trail.reader import open_reader

WINDOW_COLUMNS = {
    "kind": "Window",
    "box": "Mailbox",
    "who": "Who",
    "right": "Right",
    "since": "From (UTC)",
    "by": "By",
    "until": "Until (UTC)",
    "first_access_at": "First access (UTC)",
    "uses": "Accesses",
    "where": "From where",
}
UNWITNESSED_COLUMNS = {
    "after_at": "Not yet (UTC)",
    "before_at": "Seen (UTC)",
    "kind": "What",
    "action": "Change",
    "target": "On",
    "account": "For whom",
    "right": "Right",
}
SubjectArgument = Annotated[str, typer.Argument(help="A mailbox, by any of its names. Default: all.")]
ThingArgument = Annotated[
    str, typer.Argument(help="A mailbox, group or account, by any of its names. Default: all.", show_default=False)
]
KindOption = Annotated[
    str | None, typer.Option("--kind", help=f"Only one kind: {', '.join(KINDS)}.", show_default=False)
]


def windows(
    mailbox: SubjectArgument = "",
    *,
    trail: TrailOption,
    kind: KindOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    within_hours: Annotated[int, typer.Option(min=1, help="hit_and_run: given and taken away within so long.")] = 24,
    late_days: Annotated[int, typer.Option(min=1, help="late_first_access: first used so long after.")] = 30,
    noise: NoiseOption = False,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show how rights were used: for one use only, in the dark, after a password reset, late, or never."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind} is not understood", remedy=f"give {', '.join(KINDS)}")
    reader = open_reader(trail)
    filters = Filters(
        since=instant_of(since, "--since"),
        until=instant_of(until, "--until"),
        mailbox=mailbox or None,
        noise=noise,
    )
    with Embedded(reader) as engine:
        standing = rights_over_time(engine, load_observations(trail))
        filters = with_names_of(engine, standing.identities, filters)
        found = ask_windows(
            engine,
            standing,
            filters,
            filters.until or datetime.now(UTC),
            within=timedelta(hours=within_hours),
            late=timedelta(days=late_days),
        )
        coverage = answer_coverage(engine, load_observations(trail), filters, (*CHANGES, *ACCESSES))
    found = [each for each in found if kind in (None, each.kind)]
    answer = covered_answer("windows", [_window_item(each) for each in found], WINDOW_COLUMNS, coverage, reader)
    if any(each.kind == "never_used" for each in found):
        answer.notes.insert(0, "Never used means: no access on record used it. What was not recorded is not seen.")
    finish(answer, coverage, form, accept)


def unwitnessed(
    subject: ThingArgument = "",
    *,
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show rights and memberships that came or went between two looks at the directory with no record of it."""
    first, end = instant_of(since, "--since"), instant_of(until, "--until")
    reader = open_reader(trail)
    observations = load_observations(trail)
    with Embedded(reader) as engine:
        standing = rights_over_time(engine, observations)
        coverage = answer_coverage(engine, observations, Filters(since=first, until=end), CHANGES)
    about = None
    if subject:
        about = frozenset(standing.identities.resolve(subject).things)
        if not about:
            raise UsageError(
                f"nothing in this trail is called {subject}", remedy="give another of its names, or its SID"
            )
    items = [_unwitnessed_item(each) for each in without_witness(standing, since=first, until=end, about=about)]
    answer = covered_answer("unwitnessed", items, UNWITNESSED_COLUMNS, coverage, reader)
    looks = len({each.observed_at for each in observations.snapshots})
    answer.more["looks"] = looks
    answer.notes.insert(0, f"Looks at the directory in this trail: {looks}. Two are needed to see a change.")
    finish(answer, coverage, form, accept)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(windows)
    app.command()(unwitnessed)


def _window_item(window: Window) -> dict[str, Any]:
    item: dict[str, Any] = {
        name: value for name in window.__struct_fields__ if (value := getattr(window, name)) not in (None, ())
    }
    item |= {
        "box": short(window.mailbox),
        "who": short(window.account),
        "since": _when(window.began),
        "by": short(window.began.by or window.began.by_sid),
        "uses": len(window.accesses),
        "where": ", ".join(window.clients),
    }
    return item | ({"until": window.ended.at} if window.ended is not None and window.ended.at is not None else {})


def _when(end: End) -> datetime | str:
    return end.at if end.at is not None else "before the trail began"


def _unwitnessed_item(each: WithoutWitness) -> dict[str, Any]:
    return {name: value for name in each.__struct_fields__ if (value := getattr(each, name)) not in (None, ())}
