"""Question 4: who can open this mailbox, and which mailboxes can this account open, now or at any past time?

Every answer line is one account, one right, and a shortest way to it. Beside those who can open it or send from it
stand those who could take it: who may change its rights, become its owner, or put members into a group on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from mailwitness.analysis.effective import Given, Placed, decide, entries_for, entries_from_above
from mailwitness.analysis.presence import Run
from mailwitness.analysis.right_entry import Entry, Question, bits_for
from mailwitness.analysis.standing import Standing
from mailwitness.analysis.way import ALWAYS, Step, Way, Ways, question_of
from mailwitness.directory.closure import Link, Reached

_DIRECT = ("open", "send")


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account, one mailbox (or all of a database, of the organization), one right, and the way to it.

    `ways` is how many ways there are; `way` is a shortest certain one. `mailboxes` counts what a line about a whole
    scope covers, `excepted` names the mailboxes in it where something nearer refuses. Of a right that is limited to
    some mailboxes, `among` names those, unless they are many.
    """

    account: str
    mailbox: str
    right: str
    of: str
    way: Way
    ways: int = 1
    scope: str = "mailbox"
    is_disabled: bool = False
    mailboxes: int | None = None
    excepted: tuple[str, ...] = ()
    among: tuple[str, ...] = ()


def ways_in(standing: Standing, account: int, mailbox: int, at: int) -> list[Way]:
    """Return every way `account` has into `mailbox` at a time, certain and short ones first."""
    token = standing.token(account, at)
    ways = Ways(standing, at)
    found = [OWNER] if account == mailbox else []
    for given in decide(entries_for(standing, mailbox, at), token, at):
        links = token[given.placed.entry.trustee]
        found += [ways.way(given, links, [question], mailbox) for question in question_of(given.bits)]
    return sorted(found, key=_shortest_first)


def _shortest_first(way: Way) -> tuple[bool, int]:
    return way.doubt is not None, len(way.steps)


OWNER = Way(right="owner", of="open", gives=("open", "SendAs"), steps=(Step(what="owner", since=ALWAYS),))
"""Everybody has his own mailbox."""


def who_can_open(standing: Standing, mailbox: int, at: int) -> list[Line]:
    """Return who can open a mailbox, send from it, or take it, at a time."""
    placed = entries_for(standing, mailbox, at)
    lines = [_line(standing, mailbox, mailbox, OWNER, 1, at)]
    lines += _holders(standing, mailbox, placed, at)
    lines += _takers_of_groups(standing, mailbox, placed, at)
    return sorted(lines, key=_order)


def _order(line: Line) -> tuple[bool, bool, int, str]:
    return line.of not in _DIRECT, line.way.doubt is not None, len(line.way.steps), line.account.casefold()


def _holders(standing: Standing, mailbox: int, placed: list[Placed], at: int) -> Iterator[Line]:
    """Yield a line for each account and right that `placed` (in order) gives."""
    held, ways = _held_by(standing, placed, at), Ways(standing, at)
    decided: dict[tuple[int, ...], list[Given]] = {}
    for account, trustees in held.items():
        key = tuple(sorted(trustees))
        given = decided.get(key)
        if given is None:
            everybody = () if account in standing.everybody else standing.everybody
            given = decided[key] = decide(placed, {*trustees, *everybody}, at)
        if account == mailbox:
            continue
        mine = [each for each in given if each.placed.entry.trustee in trustees]  # what everybody has is told once
        mine.sort(key=lambda each: (not each.is_certain, trustees[each.placed.entry.trustee].hops, each.placed.order))
        for each, asked, count in told_once(mine):
            links = _links_to(standing, account, each.placed.entry.trustee, at)
            yield _line(standing, account, mailbox, ways.way(each, links, asked, mailbox), count, at)


def told_once(given: list[Given]) -> Iterator[tuple[Given, list[Question], int]]:
    """Yield which of `given` (the best first) are told for which questions, and how many give the same.

    Each way to open or to send is told by itself; what lets one take the mailbox is told together by entry.
    """
    answered: dict[str, int] = {}
    for each in given:
        for question in question_of(each.bits):
            answered[question.name] = answered.get(question.name, 0) + 1
    told: set[str] = set()
    for each in given:
        asked = [question for question in question_of(each.bits) if question.name not in told]
        told |= {question.name for question in asked}
        for question in asked:
            if question.of in _DIRECT:
                yield each, [question], answered[question.name]
        taking = [question for question in asked if question.of not in _DIRECT]
        if taking:
            yield each, taking, max(answered[question.name] for question in taking)


def _held_by(standing: Standing, placed: Iterable[Placed], at: int) -> dict[int, dict[int, Reached[Run]]]:
    """Return every account that any entry can mean, each with the trustees it is or belongs to."""
    held: dict[int, dict[int, Reached[Run]]] = {}
    itself: Reached[Run] = Reached(0, _NO_LINK)
    trustees = dict.fromkeys(p.entry.trustee for p in placed if p.entry.may_hold(at))
    for trustee in trustees:
        members: Mapping[int, Reached[Run]] = standing.memberships.members_of(trustee, at)
        accounts = [(m, r) for m, r in members.items() if not standing.is_group(m)]
        for member, reached in accounts:
            held.setdefault(member, {})[trustee] = reached
        if not accounts:  # an account, or a group of which no member is known
            held.setdefault(trustee, {})[trustee] = itself
    for account, mine in held.items():
        if account in trustees:
            mine.setdefault(account, itself)
    for former, owners in _former(standing, trustees).items():
        for account in owners:
            held.setdefault(account, {})[former] = itself
    return held


def _former(standing: Standing, trustees: Iterable[int]) -> dict[int, list[int]]:
    wanted = set(trustees)
    found: dict[int, list[int]] = {}
    for account, former in standing.facts.former_sids.items():
        for sid in wanted & set(former):
            found.setdefault(sid, []).append(account)
    return found


_NO_LINK: Link[Run] = Link(-1, -1, 0, 0, Run(0, 0, 0, 0, ALWAYS))


def _links_to(standing: Standing, account: int, trustee: int, at: int) -> tuple[Link[Run], ...]:
    """Return the memberships from an account up to a trustee, by the closure of the trustee's members."""
    if account == trustee:
        return ()
    members = standing.memberships.members_of(trustee, at)
    links: list[Link[Run]] = []
    here = account
    while here != trustee and here in members:
        links.append(members[here].link)
        here = members[here].link.group
    return tuple(links)


def _line(standing: Standing, account: int, mailbox: int, way: Way, ways: int, at: int) -> Line:
    return Line(
        account=standing.identities.label(account, at),
        mailbox=standing.identities.label(mailbox, at),
        right=way.right,
        of=way.of,
        way=way,
        ways=ways,
        is_disabled=standing.is_disabled(account, at),
    )


def _takers_of_groups(standing: Standing, mailbox: int, placed: list[Placed], at: int) -> Iterator[Line]:
    """Yield who may put members into a group that opens the mailbox or sends from it, or into one nested in it."""
    direct, taking = bits_for(*_DIRECT), bits_for("grant")
    groups: dict[int, Entry] = {}
    for each in placed:
        entry = each.entry
        if entry.allows and entry.bits & direct and entry.holds(at) and standing.is_group(entry.trustee):
            groups.setdefault(entry.trustee, entry)
            for member in standing.memberships.members_of(entry.trustee, at):
                if standing.is_group(member):
                    groups.setdefault(member, entry)
    for group, entry in groups.items():
        own = [Placed(1 if e.inherited else 0, e) for e in standing.on.get(group, ()) if e.is_own]
        on_group = sorted([*own, *entries_from_above(standing, group, at)], key=lambda p: p.order)
        if not any(p.entry.allows and p.entry.bits & taking for p in on_group):
            continue
        for line in _holders(standing, group, on_group, at):
            if line.of == "grant":
                yield _over_group(standing, mailbox, group, entry, line, at)


def _over_group(standing: Standing, mailbox: int, group: int, entry: Entry, line: Line, at: int) -> Line:
    """Return the line of one who may alter a group on the way: his right on the group, then what the group opens."""
    name = standing.identities.label(group, at).rsplit("\\", 1)[-1]
    links = () if group == entry.trustee else _links_to(standing, group, entry.trustee, at)
    given = Given(Placed(0, entry), entry.bits & bits_for(*_DIRECT))
    onward = Ways(standing, at).way(given, links, question_of(given.bits)[:1], mailbox)
    *before, last = line.way.steps
    over = msgspec.structs.replace(last, what=f"{line.right} on {name}")
    way = Way(right=f"{line.right} on {name}", of="grant", steps=(*before, over, *onward.steps), doubt=line.way.doubt)
    return msgspec.structs.replace(
        line, mailbox=standing.identities.label(mailbox, at), right=way.right, of="grant", way=way
    )


def reach(standing: Standing, account: int, at: int) -> list[Line]:
    """Return which mailboxes an account can open, send from or take at a time; whole scopes as one line each."""
    token = standing.token(account, at)
    targets: dict[int, None] = {}
    everywhere = False
    for principal in token:
        for entry in standing.of.get(principal, ()):
            if entry.allows and entry.may_hold(at):
                everywhere |= entry.is_everywhere
                if not entry.is_everywhere:
                    targets[entry.target] = None
    lines = [_line(standing, account, account, OWNER, 1, at)] if standing.is_mailbox(account) else []
    ways = Ways(standing, at)
    for target in targets:
        if standing.is_mailbox(target) and target != account:
            lines += _on_mailbox(standing, account, target, token, ways)
        elif target != account:
            lines += _on_scope(standing, account, target, token, ways)
    if everywhere:
        lines += _on_everything(standing, account, token, ways)
    return sorted(lines, key=lambda line: (line.of not in _DIRECT, line.way.doubt is not None, line.mailbox.casefold()))


def _on_mailbox(
    standing: Standing, account: int, mailbox: int, token: dict[int, tuple[Link[Run], ...]], ways: Ways
) -> Iterator[Line]:
    """Yield what an account has on one mailbox, leaving out what it has on the whole scope around it."""
    given = decide(entries_for(standing, mailbox, ways.at), token, ways.at)
    mine = [each for each in given if not each.placed.level and not each.placed.entry.is_everywhere]
    yield from _lines_of(standing, account, mailbox, mine, token, ways)


def _lines_of(
    standing: Standing,
    account: int,
    mailbox: int,
    given: Iterable[Given],
    token: dict[int, tuple[Link[Run], ...]],
    ways: Ways,
) -> Iterator[Line]:
    mine = sorted(
        given, key=lambda each: (not each.is_certain, len(token[each.placed.entry.trustee]), each.placed.order)
    )
    for each, asked, count in told_once(mine):
        way = ways.way(each, token[each.placed.entry.trustee], asked, mailbox)
        yield _line(standing, account, mailbox, way, count, ways.at)


def _on_scope(
    standing: Standing, account: int, scope: int, token: dict[int, tuple[Link[Run], ...]], ways: Ways
) -> Iterator[Line]:
    """Yield what an account has on all mailboxes below a database, a server, the organization or a unit."""
    at = ways.at
    below = _below(standing, scope, at)
    on_scope = [
        Placed(1, e) for e in standing.on.get(scope, ()) if e.is_passed_on or (e.is_own and e.kind == "directory")
    ]
    above = [Placed(p.level + 1, p.entry) for p in entries_from_above(standing, scope, at)]
    given = [
        each
        for each in decide(sorted([*on_scope, *above], key=lambda p: p.order), token, at)
        if each.placed.entry.target == scope
    ]
    kind = standing.identities.thing(scope).kind or "container"
    count = sum(map(len, below.values()))
    for line in _lines_of(standing, account, scope, given, token, ways):
        excepted = tuple(
            standing.identities.label(m, at) for m in _excepted(standing, below, line.way.gives, token, at)
        )
        yield msgspec.structs.replace(line, scope=kind, mailboxes=count, excepted=excepted)


Places = dict[tuple[int | None, tuple[int, ...]], list[int]]
"""Mailboxes by where they stand: their database, and the units above them."""


def _below(standing: Standing, scope: int, at: int) -> Places:
    """Return the mailboxes below a database, a server, the organization or a unit."""
    found: Places = {}
    for (home, units), mailboxes in standing.places(at).items():
        if home == scope or scope in units or (home is not None and scope in standing.above(home, at)):
            found[home, units] = mailboxes
    return found


def _excepted(
    standing: Standing, below: Places, asked: tuple[str, ...], token: dict[int, tuple[Link[Run], ...]], at: int
) -> Iterator[int]:
    """Yield the mailboxes of a scope on which something nearer refuses what the scope gives.

    Those without a refusal of their own are alike if they stand in one place: one of them answers for all.
    """
    refused = {e.target for p in token for e in standing.of.get(p, ()) if not e.allows and e.holds(at)}
    for mailboxes in below.values():
        alike = [m for m in mailboxes if m not in refused and not standing.is_protected(m, at)]
        own = set(mailboxes) - set(alike)
        if alike and not _gives(decide(entries_from_above(standing, alike[0], at), token, at), asked):
            yield from alike
        for mailbox in own:
            if not _gives(decide(entries_for(standing, mailbox, at), token, at), asked):
                yield mailbox


def _gives(given: Iterable[Given], asked: tuple[str, ...]) -> bool:
    return any(question.name in asked for each in given for question in question_of(each.bits))


def _on_everything(
    standing: Standing, account: int, token: dict[int, tuple[Link[Run], ...]], ways: Ways
) -> Iterator[Line]:
    """Yield what an account has by a role, an application's permission, or the defaults of set-up."""
    placed = [Placed(0, entry) for entry in standing.everywhere if not standing.scopes.narrows(entry)]
    given = decide(sorted(placed, key=lambda p: p.order), token, ways.at)
    organization = standing.identities.ensure("the organization", "typed")
    for line in _lines_of(standing, account, organization, given, token, ways):
        yield msgspec.structs.replace(line, scope="organization", mailboxes=len(standing.facts.mailboxes))
    everywhere = {question.name for each in given if each.is_certain for question in question_of(each.bits)}
    for entry in standing.everywhere:
        if entry.trustee in token and entry.may_hold(ways.at) and standing.scopes.narrows(entry):
            for line in _on_some(standing, account, entry, token, ways):
                if not everywhere.issuperset(line.way.gives):
                    yield line


_NAMED = 50
"""How many mailboxes a line about some names at the most."""


def _on_some(
    standing: Standing, account: int, entry: Entry, token: dict[int, tuple[Link[Run], ...]], ways: Ways
) -> Iterator[Line]:
    """Yield what an account has by a right that is limited to some mailboxes: how many, and which if they are few."""
    at = ways.at
    covered, certain, left = [], 0, []
    met = entry
    for mailbox in standing.facts.mailboxes:
        on_it = standing.scopes.on(entry, mailbox, at)
        if on_it is None:
            left.append(mailbox)
            continue
        covered.append(mailbox)
        if on_it.condition is None:
            certain += 1
        else:
            met = on_it
    if not covered:
        return
    of_line = Given(Placed(0, entry if certain else met), entry.bits, is_certain=bool(certain) and entry.holds(at))
    organization = standing.identities.ensure("the organization", "typed")
    named, excepted = (tuple(standing.identities.label(m, at) for m in each[: _NAMED + 1]) for each in (covered, left))
    perhaps = f"{len(covered) - certain} of the {len(covered)} mailboxes only perhaps: {met.condition}"
    for line in _lines_of(standing, account, organization, [of_line], token, ways):
        told = line
        if certain and certain < len(covered):
            way = msgspec.structs.replace(line.way, remarks=(*line.way.remarks, perhaps))
            told = msgspec.structs.replace(line, way=way)
        yield msgspec.structs.replace(
            told,
            scope="organization",
            mailboxes=len(covered),
            among=named if len(named) <= _NAMED else (),
            excepted=excepted if len(excepted) <= min(_NAMED, len(covered)) else (),
        )
