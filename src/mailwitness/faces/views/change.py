"""One change: what before, what after, who, through what, all its witnesses, and what it was used for later."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mailwitness.analysis.change import Change, Difference, Witness
from mailwitness.analysis.names import short
from mailwitness.faces.views.people import NOBODY, Named, People
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.views.wording import act_words


class ChangeItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change as a line. `risks` say why somebody should look at it."""

    change_id: str
    occurred_at: datetime
    actor: Named
    what: str
    target: Named
    trustee: Named = NOBODY
    rights: str = ""
    outcome: str = "success"
    through: str = ""
    proof: str = ""
    performed_by: Named = NOBODY
    risks: tuple[str, ...] = ()
    noise: str | None = None
    kind: str = ""


class DifferenceView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the difference: taken away (-), given (+) or altered (~)."""

    sign: str
    action: str
    trustee: Named
    rights: str
    before: str | None = None
    after: str | None = None


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything to be said of a change."""

    item: ChangeItem
    differences: tuple[DifferenceView, ...]
    before: str | None
    after: str | None
    witnesses: tuple[Witness, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    weak: str | None
    partial: str | None
    experimental: bool
    change: Change


def change_item(people: People, change: Change) -> ChangeItem:
    """Return a change as a line."""
    rights = ", ".join(change.rights)
    if change.rights == ("WriteProperty",) and change.attribute:
        rights = f"WriteProperty({change.attribute})"
    actor = people.actor_of(change)
    return ChangeItem(
        change_id=change.change_id,
        occurred_at=change.occurred_at,
        actor=_called(people, actor, change.actor_name or change.actor_sid or "nobody named"),
        what=act_words(change.kind, change.action) + (" (refused)" if change.outcome == "failure" else ""),
        target=_target(people, change),
        trustee=_trustee(people, change),
        rights=rights,
        outcome=change.outcome,
        through=change.through_server or "",
        proof=_proof(change),
        performed_by=people.refer(change.performed_by),
        risks=risks_of(people, change),
        noise=change.noise,
        kind=change.kind,
    )


def change_view(picture: Picture, change: Change) -> ChangeView:
    """Return everything to be said of a change."""
    people = picture.people
    return ChangeView(
        item=change_item(people, change),
        differences=tuple(_difference(people, each) for each in change.differences),
        before=change.before,
        after=change.after,
        witnesses=change.witnesses,
        missing=change.missing,
        remarks=change.remarks,
        weak=change.weak,
        partial=change.partial,
        experimental=change.experimental,
        change=change,
    )


_LARGE = frozenset({"database", "server", "organization"})
_STRONG = frozenset({"fullaccess", "receiveas", "sendas", "genericall", "writedacl", "writeowner"})


def risks_of(people: People, change: Change) -> tuple[str, ...]:
    """Return why somebody should look at a change, the gravest first; empty for everyday ones."""
    said = []
    if change.kind == "audit" and change.action in ("log_cleared", "bypass_set"):
        said.append("hides what comes after" if change.action == "bypass_set" else "records are gone")
    if change.kind == "permission" and change.outcome != "failure":
        actor = people.actor_of(change)
        if actor is not None and actor in people.trustees_of(change) and change.action == "granted":
            said.append("gave it to the same account")
        elif actor is not None and not people.trustees_of(change) and actor not in people.targets_of(change):
            said.append("what was written is not on record")
        if change.scope in _LARGE:
            said.append(f"on the whole {change.scope}")
        if change.action == "granted" and {right.casefold() for right in change.rights} & _STRONG:
            said.append("a right on somebody's mail")
    if change.kind == "routing" and change.action in ("forwarding_set", "rule_created"):
        said.append("mail leaves the mailbox")
    if change.kind in ("role", "membership") and change.action in ("assigned", "added") and _opens(people, change):
        said.append("opens mailboxes")
    if change.outcome == "failure" and change.kind in ("permission", "role", "membership"):
        said.append("was tried and refused")
    return tuple(said)


def _opens(people: People, change: Change) -> bool:
    """Return whether a role, or the group somebody was put into, gives anything on mailboxes."""
    if change.kind == "role":
        return True
    return any(people.standing.of.get(thing) for thing in people.targets_of(change))


def _difference(people: People, each: Difference) -> DifferenceView:
    sign = {"granted": "+", "denied": "+", "revoked": "-", "deny_removed": "-"}.get(each.action, "~")
    by_sid = people.refer(each.trustee_sid, "sid")
    name = each.trustee_name or (
        people.identities.label(_thing, None) if (_thing := _of(people, each)) is not None else ""
    )
    return DifferenceView(
        sign=sign,
        action=each.action.replace("_", " "),
        trustee=msgspec.structs.replace(by_sid, text=name or each.trustee_sid or ""),
        rights=", ".join(each.rights),
        before=each.before,
        after=each.after,
    )


def _of(people: People, each: Difference) -> int | None:
    return people.find(each.trustee_sid).one if each.trustee_sid else None


def _target(people: People, change: Change) -> Named:
    things = people.targets_of(change)
    text = short(change.target)
    if len(things) != 1:
        return Named(text=text or change.scope or "")
    page = (
        "mailbox"
        if people.standing.is_mailbox(things[0]) and change.kind in ("permission", "routing", "audit")
        else None
    )
    return people.named(things[0], page=page)  # type: ignore[arg-type]


def _trustee(people: People, change: Change) -> Named:
    things = people.trustees_of(change)
    if things:
        return people.named(things[0])
    return Named(text=change.trustee_name or change.trustee_sid or "")


def _called(people: People, thing: int | None, text: str) -> Named:
    return Named(text=text) if thing is None else people.named(thing)


def _proof(change: Change) -> str:
    codes = [str(w.event_code or w.source) for w in change.witnesses]
    marks = [word for word, said in (("weak", change.weak), ("partial", change.partial)) if said]
    marks += ["experimental"] if change.experimental else []
    marks += ["incomplete"] if change.missing else []
    return " + ".join(codes) + (f" ({', '.join(marks)})" if marks else "")
