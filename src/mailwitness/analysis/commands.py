"""Commands of people: the cmdlet log, the administrator audit log and the unified audit log tell of the same command.

Their records are put together first, so that what one of them knows (the domain controller, the object's full name)
helps to find what the directory recorded of the command.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import timedelta

from mailwitness.analysis.assign import Row, assign
from mailwitness.analysis.change import Act
from mailwitness.analysis.names import names, same
from mailwitness.analysis.roles import BARE_CHANGE, CMDLET_SOURCES, DIRECTORY_VALUE, MEMBERSHIP, NOTICE, OBJECT_ACCESS

ONE_COMMAND = timedelta(seconds=30)
"""Two logs of one server write one command: seconds apart, the clock being the same or close."""
BY_SERVER = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=30))
BY_SERVER_REMARK = "the cmdlet was joined by domain controller, right and time: it names the mailbox in another way"
_OF_THE_DIRECTORY = (DIRECTORY_VALUE, OBJECT_ACCESS, MEMBERSHIP)


def commands(by_role: dict[str, list[Row]]) -> list[Act]:
    """Return one act for each command, its records joined: the cmdlet log leads where it has one."""
    acts: list[Act] = []
    for role in CMDLET_SOURCES.values():
        left = assign(
            role,
            by_role.get(role, []),
            list(acts),
            witness_keys=_subjects,
            act_keys=lambda act: _subjects(act.main),
            window=ONE_COMMAND,
            fits=_one_command,
        )
        acts += [Act(row, role) for row in left]
    return acts


def join_commands(people: list[Act], acts: list[Act], window: timedelta) -> list[Act]:
    """Join commands to what the directory saw of them; return those it saw nothing of."""
    by_main = {id(act.main): act for act in people}
    named = {id(act.main): [key for row in told(act) for key in _subjects(row)] for act in people}
    directory = [act for act in acts if act.role not in (BARE_CHANGE, NOTICE)]
    left = assign(
        "command",
        [act.main for act in people],
        directory,
        witness_keys=lambda row: named[id(row)],
        act_keys=lambda act: [key for row in told(act) for key in _subjects(row)],
        window=window,
        fits=lambda row, act: _seen_by(by_main[id(row)], act),
    )
    known = _sids_of_accounts(row for act in (*people, *acts) for row in told(act))
    left = _join_by_server([by_main[id(row)] for row in left], directory, known)
    for act in directory:
        act.joined = [pair for role, row in act.joined for pair in _records(role, row, by_main)]
    return [by_main[id(row)] for row in left]


def told(act: Act) -> list[Row]:
    """Return every record of an act."""
    return [act.main, *(row for _, row in act.joined)]


def same_outcome(left: Row, right: Row) -> bool:
    """Return whether two records can tell of one act: a refused one is no witness of one that was done."""
    return bool(left["outcome"] == right["outcome"] or "unknown" in (left["outcome"], right["outcome"]))


def _records(role: str, row: Row, by_main: dict[int, Act]) -> list[tuple[str, Row]]:
    """A joined command brings all its records."""
    if role != "command":
        return [(role, row)]
    person = by_main[id(row)]
    return [(person.role, row), *person.joined]


def _subjects(row: Row) -> Iterable[Hashable]:
    """Yield what a record is about: its kind with each name of its object, or the kind and action alone."""
    found = {name for field in ("mailbox_ref", "object_dn", "group_name") for name in names(row[field])}
    if not found:
        return [(row["kind"], row["action"], None)]
    return [(row["kind"], name) for name in sorted(found)]


def _one_command(row: Row, act: Act) -> bool:
    main = act.main
    return (
        same_outcome(row, main)
        and row["action"] == main["action"]
        and set(row["rights"] or ()) == set(main["rights"] or ())
        and row["attribute"] == main["attribute"]
        and _agree(row["trustee_name"], main["trustee_name"])
        and _agree(row["actor_name"], main["actor_name"])
    )


def _agree(left: str | None, right: str | None) -> bool:
    """Names agree, unless both are there in forms that can be compared and differ."""
    return not left or not right or same(left, right) or _is_path(left) != _is_path(right)


def _is_path(name: str) -> bool:
    """Canonical names and DNs end in a display name, accounts and addresses in an alias."""
    return "/" in name or "=" in name


def _seen_by(person: Act, act: Act) -> bool:
    """Whether a command and an act of the directory can be one: outcome, server, rights and trustee agree."""
    rows = told(person)
    if not all(same_outcome(row, act.main) for row in rows):
        return False
    host, through = act.main["computer"], next((row["through_server"] for row in rows if row["through_server"]), None)
    if act.role in _OF_THE_DIRECTORY and through and host and not _host(through, host):
        return False
    return _rights_meet(person.main, act) and all(_trustees_meet(row, act) for row in rows)


def _sids_of_accounts(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Return the SIDs that the records themselves give each account (DOMAIN and name, casefolded)."""
    known: dict[str, set[str]] = {}
    for row in rows:
        for name, sid in ((row["actor_name"], row["actor_sid"]), (row["trustee_name"], row["trustee_sid"])):
            if name and sid and "\\" in name:
                known.setdefault(name.casefold(), set()).add(sid)
    return known


def _join_by_server(people: list[Act], directory: list[Act], known: dict[str, set[str]]) -> list[Row]:
    """Join what names could not: the write of a server's own account through the command's domain controller.

    Only where each is the other's one candidate within a window: with two of either, time proves nothing. Narrow
    windows come first, since a server writes to the directory within the second in which it logs the command.
    """
    for window in BY_SERVER:
        writes: dict[int, list[Act]] = {}
        for act in directory:
            if act.main["actor_kind"] == "computer" and act.role == DIRECTORY_VALUE and "command" not in act.roles():
                writes.setdefault(_slice(act, window), []).append(act)
        people = _join_within(window, people, writes, known)
    return [person.main for person in people]


def _join_within(
    window: timedelta, people: list[Act], writes: dict[int, list[Act]], known: dict[str, set[str]]
) -> list[Act]:
    candidates: list[list[Act]] = []
    claims: dict[int, int] = {}
    for person in people:
        at = _slice(person, window)
        near = [act for part in (at - 1, at, at + 1) for act in writes.get(part, ())]
        found = [act for act in near if _may_be_one(person, act, window) and _sids_meet(person, act, known)]
        candidates.append(found)
        for act in found:
            claims[id(act)] = claims.get(id(act), 0) + 1
    left = []
    for person, found in zip(people, candidates, strict=True):
        if len(found) == 1 and claims[id(found[0])] == 1:
            found[0].joined.append(("command", person.main))
            found[0].remarks = (*found[0].remarks, BY_SERVER_REMARK)
        else:
            left.append(person)
    return left


def _may_be_one(person: Act, act: Act, window: timedelta) -> bool:
    close = abs(person.main["occurred_at"] - act.main["occurred_at"]) <= window
    same_kind = person.main["kind"] == act.main["kind"]
    return close and same_kind and _ran_on_its_writer(person, act) and _seen_by(person, act)


def _ran_on_its_writer(person: Act, act: Act) -> bool:
    """Whether the server that logged a command can be the one whose account wrote to the directory.

    A server writes as itself what it is told to do. A command that Exchange Online ran is none of a server on premises.
    """
    writer = (act.main["actor_name"] or "").rpartition("\\")[2].removesuffix("$")
    return not writer or all(not row["computer"] or _host(row["computer"], writer) for row in told(person))


def _sids_meet(person: Act, act: Act, known: dict[str, set[str]]) -> bool:
    """Whether the trustee a command names by account can be the one the directory names by SID."""
    theirs = {d.trustee_sid for d in act.differences if d.trustee_sid}
    sids = [known.get((row["trustee_name"] or "").casefold(), set()) for row in told(person)]
    return not theirs or all(not mine or mine & theirs for mine in sids)


def _slice(act: Act, window: timedelta) -> int:
    return int(act.main["occurred_at"].timestamp() // window.total_seconds())


def _host(left: str, right: str) -> bool:
    """Host names are equal, one of them perhaps without its domain."""
    a, b = left.casefold(), right.casefold()
    return a == b or a.split(".", 1)[0] == b.split(".", 1)[0]


def _rights_meet(row: Row, act: Act) -> bool:
    """Rights agree where both sides name any; the action agrees where a difference says which way it went."""
    if act.role == OBJECT_ACCESS:
        return True  # its rights are those used upon the object (WriteProperty), not those given by it
    mine = set(row["rights"] or ())
    theirs = {right for d in act.differences for right in d.rights} or set(act.main["rights"] or ())
    if mine and theirs and not mine & theirs:
        return False
    actions = {d.action for d in act.differences}
    return not actions or row["action"] in actions or row["action"] == "changed"


def _trustees_meet(row: Row, act: Act) -> bool:
    """Trustees agree where both sides name them in the same way; a SID against a name cannot contradict."""
    if not row["trustee_name"]:
        return True
    named = [d.trustee_name for d in act.differences if d.trustee_name] or [act.main["trustee_name"]]
    known = [name for name in named if name and not name.upper().startswith("S-1-")]
    return not known or any(same(row["trustee_name"], name) for name in known)
