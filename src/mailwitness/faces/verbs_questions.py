"""The verbs that ask: changes, accesses, timeline."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mailwitness.analysis.accesses import accesses as ask_accesses
from mailwitness.analysis.change import Change
from mailwitness.analysis.changes import changes as ask_changes
from mailwitness.analysis.coverage import Coverage
from mailwitness.analysis.filters import Filters, Match, references_of
from mailwitness.analysis.names import short
from mailwitness.analysis.naming import with_names
from mailwitness.analysis.timeline import timeline as ask_timeline
from mailwitness.directory.store import load_observations
from mailwitness.engine.embedded import Embedded
from mailwitness.errors import UsageError
from mailwitness.faces.covered_answer import covered_answer, finish
from mailwitness.faces.options import (
    AcceptOption,
    ActorOption,
    FormatOption,
    MailboxOption,
    NoiseOption,
    OutcomeOption,
    RecoveredOption,
    RightOption,
    SinceOption,
    TrailOption,
    UntilOption,
    instant_of,
    outcome_of,
)
from mailwitness.faces.output import Answer, Format
from mailwitness.readiness.answer_coverage import ACCESSES, CHANGES, answer_coverage
from mailwitness.trail.reader import TrailReader, open_reader

CHANGE_COLUMNS = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "what": "What",
    "target": "Where",
    "trustee": "For whom",
    "which": "Rights",
    "outcome": "Outcome",
    "through_server": "Through",
    "proof": "Witnesses",
}
ACCESS_COLUMNS = {
    "occurred_at": "When (UTC)",
    "who": "Who",
    "target": "Mailbox",
    "action": "What",
    "strength": "Strength",
    "outcome": "Outcome",
    "logon_type": "As",
    "client": "From",
    "computer": "Server",
    "proof": "Event",
}
TIMELINE_COLUMNS = {
    "occurred_at": "When (UTC)",
    "entry": "Entry",
    "who": "Who",
    "what": "What",
    "trustee": "For whom",
    "which": "Rights",
    "strength": "Strength",
    "outcome": "Outcome",
    "proof": "Witnesses",
}


def changes(
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    actor: ActorOption = None,
    right: RightOption = None,
    outcome: OutcomeOption = None,
    noise: NoiseOption = False,
    recovered: RecoveredOption = False,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show who changed which permission, membership, role, route, audit setting or account."""
    filters = _filters(since, until, mailbox, actor, right, outcome, noise=noise)
    reader = open_reader(trail)
    with Embedded(reader, recovered=recovered) as engine:
        filters = with_names(engine, load_observations(trail), filters)
        found, hidden = ask_changes(engine, filters)
        coverage = answer_coverage(engine, load_observations(trail), filters, CHANGES)
        match = _match_of(engine, filters)
    answer = _counted("changes", [change_item(change) for change in found], CHANGE_COLUMNS, hidden, coverage, reader)
    _say_match(answer, filters, match)
    finish(answer, coverage, form, accept)


def accesses(
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    mailbox: MailboxOption = None,
    actor: ActorOption = None,
    right: RightOption = None,
    outcome: OutcomeOption = None,
    non_owner: Annotated[bool, typer.Option("--non-owner", help="Leave out what the owner did.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the earliest.", show_default=False)] = None,
    noise: NoiseOption = False,
    recovered: RecoveredOption = False,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show who opened, read or used which mailbox, and how strong the evidence is."""
    filters = _filters(since, until, mailbox, actor, right, outcome, noise=noise, non_owner=non_owner, at_most=limit)
    reader = open_reader(trail)
    with Embedded(reader, recovered=recovered) as engine:
        filters = with_names(engine, load_observations(trail), filters)
        found, hidden = ask_accesses(engine, filters)
        coverage = answer_coverage(engine, load_observations(trail), filters, ACCESSES)
        match = _match_of(engine, filters)
    answer = _counted("accesses", [access_item(row) for row in found], ACCESS_COLUMNS, hidden, coverage, reader)
    _say_match(answer, filters, match)
    finish(answer, coverage, form, accept)


def timeline(
    mailbox: Annotated[str, typer.Argument(help="The mailbox, by any of its names.")],
    trail: TrailOption,
    since: SinceOption = None,
    until: UntilOption = None,
    noise: NoiseOption = False,
    recovered: RecoveredOption = False,
    form: FormatOption = Format.table,
    accept: AcceptOption = "",
) -> None:
    """Show the changes of one mailbox and the accesses to it in order of time."""
    filters = _filters(since, until, mailbox, None, None, None, noise=noise)
    reader = open_reader(trail)
    with Embedded(reader, recovered=recovered) as engine:
        filters = with_names(engine, load_observations(trail), filters)
        found, hidden = ask_timeline(engine, filters)
        coverage = answer_coverage(engine, load_observations(trail), filters, (*CHANGES, *ACCESSES))
        match = _match_of(engine, filters)
    items = [_timeline_item(entry) for entry in found]
    answer = _counted("timeline", items, TIMELINE_COLUMNS, hidden, coverage, reader)
    _say_match(answer, filters, match)
    finish(answer, coverage, form, accept)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `app`."""
    app.command()(changes)
    app.command()(accesses)
    app.command()(timeline)


def change_item(change: Change) -> dict[str, Any]:
    """Return `change` as an item of an answer: its fields, and six columns made for people."""
    item: dict[str, Any] = {
        name: value for name in change.__struct_fields__ if (value := getattr(change, name)) not in (None, (), False)
    }
    item["what"] = f"{change.kind} {change.action}" + (" (refused)" if change.outcome == "failure" else "")
    item["who"] = short(change.actor_name or change.actor_sid)
    item["target"] = short(change.target)
    item["trustee"] = short(change.trustee_name or change.trustee_sid)
    item["which"] = ", ".join(change.rights)
    if change.rights == ("WriteProperty",) and change.attribute:
        item["which"] = f"WriteProperty({change.attribute})"
    item["proof"] = _proof(change)
    return item


def access_item(row: dict[str, Any]) -> dict[str, Any]:
    """Return an access as an item of an answer: its fields, and four columns made for people."""
    client = row.get("client_host") or row.get("client_ip") or row.get("client_app")
    if row.get("client_inferred"):
        client = f"{client} (inferred)"
    elif row.get("client_candidates"):
        client = " or ".join(str(c.client_host or c.client_ip) for c in row["client_candidates"])
    proof = row.get("event_code") or row["source"]
    return {
        **row,
        "client": client,
        "who": short(row.get("actor_name")),
        "target": short(row.get("mailbox_ref")),
        "proof": f"{proof} (experimental)" if row.get("experimental") else proof,
    }


def _proof(change: Change) -> str:
    codes = [str(w.event_code or w.source) for w in change.witnesses]
    marks = [word for word, said in (("weak", change.weak), ("partial", change.partial)) if said]
    marks += ["experimental"] if change.experimental else []
    marks += ["incomplete"] if change.missing else []
    return "+".join(codes) + (f" ({', '.join(marks)})" if marks else "")


def _timeline_item(entry: Change | dict[str, Any]) -> dict[str, Any]:
    if isinstance(entry, Change):
        return {"entry": "change", **change_item(entry)}
    return {
        "entry": "access",
        **access_item(entry),
        "what": f"{entry['kind']} {entry['action']}",
    }


def _filters(
    since: str | None,
    until: str | None,
    mailbox: str | None,
    actor: str | None,
    right: str | None,
    outcome: str | None,
    *,
    noise: bool,
    non_owner: bool = False,
    at_most: int | None = None,
) -> Filters:
    first, end = instant_of(since, "--since"), instant_of(until, "--until")
    if first and end and first >= end:
        raise UsageError(f"--until {until} is not after --since {since}", remedy="ask for a time that is not empty")
    return Filters(
        since=first,
        until=end,
        mailbox=mailbox,
        actor=actor,
        right=right,
        outcome=outcome_of(outcome),
        non_owner=non_owner,
        noise=noise,
        at_most=at_most,
    )


def _match_of(engine: Embedded, filters: Filters) -> Match | None:
    return None if filters.mailbox is None else references_of(engine, filters.mailbox, filters.known_mailbox)


def _say_match(answer: Answer, filters: Filters, match: Match | None) -> None:
    """Say in every form which references a mailbox asked for was taken to mean, and how surely."""
    if match is None:
        return
    mailbox, known = filters.mailbox, filters.known_mailbox
    said = {"asked": mailbox, "references": match.references, "by_name_alone": match.weak}
    answer.more["matched"] = said | ({"by_directory": known.labels} if known else {})
    if not match.references:
        answer.notes.insert(0, f"No record in this trail names {mailbox}.")
    elif match.weak:
        answer.notes.insert(0, f"Matched by name alone: {mailbox} = {_listed(match.references)}.")
    if known is not None and len(known.labels) > 1:
        answer.notes.insert(0, f"{mailbox} can mean several: {_listed(known.labels)}. All are shown.")


def _listed(references: tuple[str, ...]) -> str:
    more = len(references) - LISTED_REFERENCES
    return ", ".join(references[:LISTED_REFERENCES]) + (f" and {more} more" if more > 0 else "")


LISTED_REFERENCES = 8


def _counted(
    verb: str,
    items: list[dict[str, Any]],
    columns: dict[str, str],
    hidden: dict[str, int],
    coverage: Coverage,
    reader: TrailReader,
) -> Answer:
    shown = f"{len(items)} shown; hidden: {', '.join(f'{n} {w}' for w, n in hidden.items()) or 'none'}."
    return covered_answer(verb, items, columns, coverage, reader, hidden=hidden, notes=[shown])
