"""The verbs about what lets people in: who-can-open, reach, explain."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mailwitness.analysis.coverage import Coverage
from mailwitness.analysis.explain import Explanation
from mailwitness.analysis.explain import explain as ask_explain
from mailwitness.analysis.explained_in_bulk import unexplained as ask_unexplained
from mailwitness.analysis.filters import Filters
from mailwitness.analysis.kept_rights import standing_of
from mailwitness.analysis.names import short
from mailwitness.analysis.naming import with_names_of
from mailwitness.analysis.presence import End
from mailwitness.analysis.reach import Line
from mailwitness.analysis.reach import reach as ask_reach
from mailwitness.analysis.reach import who_can_open as ask_who_can_open
from mailwitness.analysis.rights_over_time import rights_over_time
from mailwitness.analysis.standing import Standing
from mailwitness.analysis.way import Way
from mailwitness.directory.clock import micros
from mailwitness.directory.identity import Resolution
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces import verbs_windows
from mailwitness.faces.covered_answer import covered_answer, finish
from mailwitness.faces.options import (
    AcceptOption,
    ActorOption,
    FormatOption,
    NoiseOption,
    RightOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
)
from mailwitness.faces.output import Format
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES, answer_coverage
from mailwitness.trail.reader import open_reader

AtOption = Annotated[str | None, typer.Option("--at", help="As of this time (UTC), or 30d, 12h back. Default: now.")]
LINE_COLUMNS = {
    "account": "Account",
    "mailbox": "Mailbox",
    "right": "Right",
    "of": "Good for",
    "path": "Way",
    "since": "Since (UTC)",
    "by": "Given by",
    "remark": "Remark",
}
EXPLANATION_COLUMNS = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "target": "Mailbox",
    "action": "What",
    "status": "Explanation",
    "path": "Way",
    "since": "Since (UTC)",
    "by": "Given by",
    "remark": "Remark",
}


def who_can_open(
    mailbox: Annotated[str, typer.Argument(help="The mailbox, by any of its names.")],
    trail: TrailOption,
    at: AtOption = None,
    right: RightOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show who can open a mailbox, send from it, or take it, at any time, and by which way."""
    _reach("who-can-open", mailbox, trail, at, right, form, accept)


def reach(
    account: Annotated[str, typer.Argument(help="The account, group or application, by any of its names.")],
    trail: TrailOption,
    at: AtOption = None,
    right: RightOption = None,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show which mailboxes an account can open, send from, or take, at any time, and by which way."""
    _reach("reach", account, trail, at, right, form, accept)


def explain(
    subject: Annotated[str, typer.Argument(help="A mailbox, or the id of an access. Default: every access.")] = "",
    *,
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    actor: ActorOption = None,
    noise: NoiseOption = False,
    unexplained: Annotated[
        bool, typer.Option("--unexplained", help="Only accesses that no known right explains.")
    ] = False,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show for every access by another than the owner what let it happen, or that nothing known does."""
    reader = open_reader(trail)
    is_event = len(subject) == _EVENT_ID and all(c in "0123456789abcdef" for c in subject)
    filters = Filters(
        since=instant_of(since, "--since"),
        until=instant_of(until, "--until"),
        mailbox=None if is_event or not subject else subject,
        actor=actor,
        noise=noise or is_event,
    )
    with Embedded(reader) as engine:
        standing = rights_over_time(engine, load_observations(trail))
        filters = with_names_of(engine, standing.identities, filters)
        events = [subject] if is_event else None
        if unexplained and events is None and not (subject or actor):
            events = ask_unexplained(engine, standing, filters).unexplained
        found, hidden = ask_explain(engine, standing, filters, events)
        coverage = answer_coverage(engine, load_observations(trail), filters, (*CHANGES, *ACCESSES))
    if unexplained:
        found = [each for each in found if each.status == "unexplained"]
    items = [explanation_item(each, coverage) for each in found]
    answer = covered_answer("explain", items, EXPLANATION_COLUMNS, coverage, reader)
    answer.hidden |= hidden
    counts = {
        status: sum(each.status == status for each in found) for status in ("explained", "possible", "unexplained")
    }
    answer.notes[:0] = [", ".join(f"{count} {status}" for status, count in counts.items()) + "."]
    finish(answer, coverage, form, accept)


_EVENT_ID = 64


def _reach(verb: str, subject: str, trail: Path, at: str | None, right: str | None, form: Format, accept: str) -> None:
    moment = instant_of(at, "--at") or datetime.now(UTC)
    reader = open_reader(trail)
    with Embedded(reader) as engine:
        standing = standing_of(reader, engine, load_observations(trail))
        coverage = answer_coverage(engine, load_observations(trail), Filters(until=moment), CHANGES)
    meant = standing.identities.resolve(subject, at=moment)
    if not meant.things:
        raise UsageError(f"nothing in this trail is called {subject}", remedy="give another of its names, or its SID")
    ask = ask_who_can_open if verb == "who-can-open" else ask_reach
    lines = [line for thing in meant.things for line in ask(standing, thing, micros(moment))]
    if right is not None:
        lines = [line for line in lines if _has_right(line, right)]
    answer = covered_answer(verb, [line_item(line) for line in lines], LINE_COLUMNS, coverage, reader)
    answer.more["at"] = moment
    answer.notes[:0] = _said_of(standing, subject, meant, moment)
    finish(answer, coverage, form, accept)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command("who-can-open")(who_can_open)
    app.command()(reach)
    app.command()(explain)
    verbs_windows.add_to(app)


def line_item(line: Line) -> dict[str, Any]:
    """Return a line of reach as an item of an answer: its fields, and columns made for people."""
    item: dict[str, Any] = {
        name: value for name in line.__struct_fields__ if (value := getattr(line, name)) not in (None, (), False)
    }
    item["gives"] = line.way.gives
    return item | _of_way(line.way) | {"remark": _remark(line)}


def explanation_item(explanation: Explanation, coverage: Coverage) -> dict[str, Any]:
    """Return an explanation as an item of an answer: the access, its ways, and columns made for people."""
    access = explanation.access
    item = {
        **access,
        "status": explanation.status,
        "ways": explanation.ways,
        "looked_at": explanation.looked_at,
        "who": short(access.get("actor_name")),
        "target": short(access.get("mailbox_ref")),
    }
    if explanation.status == "unexplained":
        at = access["occurred_at"]
        item["missing"] = [p.what for p in coverage.parts if p.verdict == "absent" and (not p.since or p.since <= at)]
    if explanation.ways:
        way = explanation.ways[0]
        item |= _of_way(way) | {"remark": "; ".join([*([way.doubt] if way.doubt else []), *way.remarks])}
    else:
        item["remark"] = "; ".join(explanation.looked_at)
    return item


def _of_way(way: Way) -> dict[str, Any]:
    last = way.steps[-1] if len(way.steps) == 1 else max(way.steps, key=lambda step: _since(step.since))
    return {"path": " > ".join(way.path), "since": _when(last.since), "by": short(last.since.by or last.since.by_sid)}


def _since(end: End) -> datetime:
    return end.at or datetime.min.replace(tzinfo=UTC)


def _when(end: End) -> datetime | str:
    if end.at is None:
        return "set-up" if end.how == "default" else "before the trail began"
    return end.at


def _remark(line: Line) -> str:
    said = [line.way.doubt] if line.way.doubt else []
    said += line.way.remarks
    if line.is_disabled:
        said.append("the account is disabled")
    if line.mailboxes is not None:
        said.append(f"{line.mailboxes} mailboxes of the {line.scope}")
    if line.excepted:
        said.append(f"not {', '.join(line.excepted[:5])}")
    if line.ways > 1:
        said.append(f"{line.ways} ways")
    return "; ".join(said)


def _has_right(line: Line, right: str) -> bool:
    wanted = right.casefold()
    return wanted in {line.right.casefold(), line.of, *(name.casefold() for name in line.way.gives)}


def _said_of(standing: Standing, subject: str, meant: Resolution, at: datetime) -> list[str]:
    """Return what a person should know of how the name was understood."""
    names = [standing.identities.label(thing, micros(at)) for thing in meant.things]
    if meant.is_ambiguous:
        return [f"{subject} can mean several: {', '.join(names[:8])}. All are shown."]
    if meant.how == "short_name":
        return [f"Matched by a part of the name: {subject} = {names[0]}."]
    if meant.how == "former_name":
        return [f"{subject} is the name of {names[0]} at another time."]
    return [f"{subject} = {names[0]}."]
