"""One act, one change: the records that tell of the same act are put together, in the order of what they prove.

1. Directory values: the deleted and the added value of one operation (OpCorrelationID) are one act.
2. Memberships join the directory's member value, object accesses and bare notices join the act they belong to: same
   domain controller, same logon, same object, within seconds.
3. What is left stands for itself: an object access alone is a change whose values nobody recorded.
4. Cmdlets join across hosts: same domain controller, object and right, within ten minutes; where the two name the
   object in ways that cannot be compared, the write within thirty seconds that alone can be meant, by the account of
   the server that logged the command.

Each witness is given once (assign.py), so two equal acts stay two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from mailwitness.analysis.assign import Row, assign
from mailwitness.analysis.change import Act
from mailwitness.analysis.commands import commands, join_commands, same_outcome
from mailwitness.analysis.descriptor_change import is_object_descriptor
from mailwitness.analysis.names import names, same
from mailwitness.analysis.notices import join_notices
from mailwitness.analysis.roles import (
    BARE_CHANGE,
    DIRECTORY_VALUE,
    MEMBERSHIP,
    NOTICE,
    OBJECT_ACCESS,
    REPLACED_VALUE,
    ROLLBACK,
    STATEMENT,
    role_of,
)

SAME_HOST = timedelta(seconds=2)
SAME_OBJECT = timedelta(seconds=10)
"""An access names the object by GUID and the logon: the values were seen up to eight seconds after it on a busy domain
controller, and by that key nothing else can be meant."""
ACROSS_HOSTS = timedelta(minutes=10)


def assemble(
    events: Iterable[Row], describe: Callable[[Act], None], across_hosts: timedelta = ACROSS_HOSTS
) -> list[Act]:
    """Return the acts that `events` (rows in order of time) tell of, each with all its witnesses.

    `describe` fills the differences of an act with values; cmdlets are joined by them.
    """
    by_role: dict[str, list[Row]] = {}
    for event in events:
        by_role.setdefault(role_of(event), []).append(event)
    acts = pair_values(by_role.get(DIRECTORY_VALUE, []))
    for act in acts:
        describe(act)
    memberships = [Act(row, MEMBERSHIP) for row in by_role.get(MEMBERSHIP, [])]
    acts = _join_members(memberships, acts)
    accesses = assign(
        OBJECT_ACCESS,
        by_role.get(OBJECT_ACCESS, []),
        [act for act in acts if act.main["object_guid"]],
        witness_keys=_logon_and_object,
        act_keys=lambda act: _logon_and_object(act.main),
        window=SAME_OBJECT,
        fits=lambda row, act: _same_intent(row, act) and _writes(row, act),
    )
    accesses = _join_member_writes(accesses, memberships)
    acts += _merge_accesses(accesses)
    acts += [Act(row, STATEMENT) for row in by_role.get(STATEMENT, [])]
    acts += [_replaced(row) for row in by_role.get(REPLACED_VALUE, [])]
    _undo(acts, by_role.get(ROLLBACK, []))
    notices = join_notices(by_role.get(NOTICE, []), acts)
    bare = _join_bare(join_notices(by_role.get(BARE_CHANGE, []), acts), acts)
    acts += [Act(row, NOTICE) for row in notices] + [Act(row, BARE_CHANGE) for row in bare]
    acts += join_commands(commands(by_role), acts, across_hosts)
    acts.sort(key=lambda act: (act.main["occurred_at"], act.main["event_id"]))
    return acts


def _replaced(row: Row) -> Act:
    """Return the act of a value that took the place of another one, which no record tells."""
    return Act(row, REPLACED_VALUE, after=row["after"], partial="what stood there before is not recorded")


def _undo(acts: list[Act], rollbacks: list[Row]) -> None:
    """Let acts whose transaction was rolled back be attempts, with the rollback beside them."""
    undone = {row["transaction_id"]: row for row in rollbacks}
    for act in acts if undone else ():
        rollback = undone.get(act.main["transaction_id"])
        if rollback is not None:
            if act.main["outcome"] == "success":
                act.main = {**act.main, "outcome": "failure", "strength": "attempted"}
                act.remarks = (*act.remarks, "its transaction was rolled back: nothing of it stayed")
            act.joined.append((ROLLBACK, rollback))


def pair_values(values: list[Row]) -> list[Act]:
    """Return one act for each deleted and added value of one operation, attribute and object.

    Values that say membership or a single delegate are acts of their own; a descriptor or a single value comes as
    a pair of which either half may be missing.
    """
    acts: list[Act] = []
    open_pairs: dict[tuple[Any, ...], Act] = {}
    for row in values:
        if row["kind"] == "membership" or row["trustee_name"] or row["trustee_sid"]:
            acts.append(Act(row, DIRECTORY_VALUE, before=row["before"], after=row["after"]))
            continue
        key = (
            (row["computer"] or "").casefold(),
            row["op_correlation_id"],
            row["object_guid"] or row["object_dn"],
            (row["attribute"] or "").casefold(),
        )
        act = open_pairs.get(key)
        if act is None or _collides(act, row) or abs(row["occurred_at"] - act.main["occurred_at"]) > SAME_OBJECT:
            act = Act(row, DIRECTORY_VALUE, before=row["before"], after=row["after"])
            open_pairs[key] = act
            acts.append(act)
            continue
        act.joined.append((DIRECTORY_VALUE, row))
        if row["after"] is not None:
            act.joined[-1] = (DIRECTORY_VALUE, act.main)
            act.main, act.after = row, row["after"]
        else:
            act.before = row["before"]
    return acts


def _collides(act: Act, row: Row) -> bool:
    """A second added (or deleted) value of the same attribute belongs to the next pair."""
    return (act.after is not None and row["after"] is not None) or (
        act.before is not None and row["before"] is not None
    )


def _logon(row: Row) -> tuple[Any, Any]:
    return (row["computer"] or "").casefold(), row["logon_id"]


def _logon_and_object(row: Row) -> Iterable[tuple[Any, ...]]:
    if row["logon_id"] and row["object_guid"]:
        yield (*_logon(row), row["object_guid"].casefold())


def _same_intent(row: Row, act: Act) -> bool:
    """A refused access does not witness an act that was done."""
    return same_outcome(row, act.main)


def _writes(row: Row, act: Act) -> bool:
    """An access that wrote the descriptor witnesses a change of the descriptor; another one that of its attribute."""
    if bool(_DESCRIPTOR_RIGHTS & set(row["rights"] or ())) != is_object_descriptor(act.main):
        return False
    return not (row["attribute"] and act.main["attribute"]) or row["attribute"] == act.main["attribute"]


_DESCRIPTOR_RIGHTS = {"WriteDacl", "WriteOwner"}


def _join_members(memberships: list[Act], values: list[Act]) -> list[Act]:
    """Join the directory's member values to the membership events, and return all acts."""

    def member(row: Row) -> Iterable[tuple[Any, ...]]:
        name = row["trustee_name"] or row["trustee_sid"]
        if row["logon_id"] and name:
            yield (*_logon(row), row["action"], name.casefold())

    directory = {id(act.main): act for act in values if act.main["kind"] == "membership"}
    left = [act.main for act in directory.values()]
    for fits in (_same_group, _same_intent):  # a group's account name may differ from its CN
        left = assign(
            DIRECTORY_VALUE,
            left,
            memberships,
            witness_keys=member,
            act_keys=lambda act: member(act.main),
            window=SAME_HOST,
            fits=fits,
        )
    kept = {id(row) for row in left}
    for act in memberships:  # the directory's value knows the object the SAM's event lacks
        for role, row in act.joined:
            if role == DIRECTORY_VALUE:
                act.main = {**act.main, **{k: row[k] for k in _OBJECT if act.main[k] is None and row[k]}}
    return memberships + [act for key, act in ((id(a.main), a) for a in values) if key not in directory or key in kept]


_OBJECT = ("object_dn", "object_guid", "object_class", "attribute")


def _same_group(row: Row, act: Act) -> bool:
    """Whether the directory's value and the membership event call the group alike."""
    return _same_intent(row, act) and same(row["object_dn"], act.main["group_name"])


def _same_object(row: Row, act: Act) -> bool:
    guid = act.main["object_guid"]
    return not guid or not row["object_guid"] or bool(guid.casefold() == row["object_guid"].casefold())


def _join_member_writes(accesses: list[Row], memberships: list[Act]) -> list[Row]:
    """Join a write of a group's members to the membership event: both name the logon, only one the group's GUID."""
    writes = [row for row in accesses if (row["attribute"] or "").casefold() == "member"]
    left = assign(
        OBJECT_ACCESS,
        writes,
        memberships,
        witness_keys=_logon_alone,
        act_keys=lambda act: _logon_alone(act.main),
        window=SAME_HOST,
        fits=lambda row, act: _same_intent(row, act) and _same_object(row, act),
    )
    kept = {id(row) for row in left}
    written = {id(row) for row in writes}
    return [row for row in accesses if id(row) not in written or id(row) in kept]


def _merge_accesses(rows: list[Row]) -> list[Act]:
    """Several accesses of one logon to one object for the same rights within the window are one act."""
    acts: list[Act] = []
    last: dict[tuple[Any, ...], Act] = {}
    for row in rows:
        key = (*_logon(row), row["object_guid"], tuple(row["rights"] or ()), row["attribute"], row["outcome"])
        act = last.get(key)
        codes = {told["event_code"] for told in (act.main, *(joined for _, joined in act.joined))} if act else set()
        if act and row["event_code"] not in codes and row["occurred_at"] - act.main["occurred_at"] <= SAME_HOST:
            act.joined.append((OBJECT_ACCESS, row))
            continue
        last[key] = act = Act(row, OBJECT_ACCESS)
        acts.append(act)
    return acts


def _join_bare(rows: list[Row], acts: list[Act]) -> list[Row]:
    """Join notices without content, by a shared name first, then where only one object can be meant."""
    hosts = [act for act in acts if act.main["logon_id"]]
    left = assign(
        BARE_CHANGE,
        rows,
        hosts,
        witness_keys=lambda row: _logon_and_names(row, (*_NAMED, "trustee_sid")),
        act_keys=lambda act: _logon_and_names(act.main, _NAMED),
        window=SAME_HOST,
        fits=_same_intent,
    )
    unnamed = [act for act in hosts if act.role != MEMBERSHIP]
    certain, uncertain = _by_certainty(left, unnamed)
    return uncertain + assign(
        BARE_CHANGE,
        certain,
        unnamed,
        witness_keys=_logon_alone,
        act_keys=lambda act: _logon_alone(act.main),
        window=SAME_HOST,
        fits=_same_intent,
    )


_NAMED = ("mailbox_ref", "object_dn", "group_name", "group_sid")


def _logon_alone(row: Row) -> Iterable[tuple[Any, ...]]:
    if row["logon_id"]:
        yield _logon(row)


def _logon_and_names(row: Row, fields: Iterable[str]) -> Iterable[tuple[Any, ...]]:
    if row["logon_id"]:
        for field in fields:
            for name in names(row[field]):
                yield (*_logon(row), name)


def _by_certainty(rows: list[Row], acts: list[Act]) -> tuple[list[Row], list[Row]]:
    """Return the rows beside which all acts of their logon are upon one object, and the others."""
    lines: dict[tuple[Any, Any], list[Act]] = {}
    for act in sorted(acts, key=lambda act: act.main["occurred_at"]):
        lines.setdefault(_logon(act.main), []).append(act)
    ends = {logon: _ends_of_runs([_object(act) for act in line]) for logon, line in lines.items()}
    certain: list[Row] = []
    uncertain: list[Row] = []
    for row in rows:
        line, at = lines.get(_logon(row), []), row["occurred_at"]
        first = bisect_left(line, at - SAME_HOST, key=lambda act: act.main["occurred_at"])
        last = bisect_right(line, at + SAME_HOST, key=lambda act: act.main["occurred_at"])
        one = first < last and ends[_logon(row)][first] >= last
        (certain if one else uncertain).append(row)
    return certain, uncertain


def _ends_of_runs(objects: list[Any]) -> list[int]:
    """Return for each place where the run of equal neighbours it stands in ends."""
    ends = list(range(1, len(objects) + 1))
    for place in range(len(objects) - 2, -1, -1):
        if objects[place] == objects[place + 1]:
            ends[place] = ends[place + 1]
    return ends


def _object(act: Act) -> Any:  # noqa: ANN401 - whatever names it
    return act.main["object_guid"] or act.main["object_dn"] or act.main["event_id"]
