"""Who could do what, worked out by brute force: every step replayed from the start for every question.

No index, no interval, no closure algorithm: membership is "repeat until nothing changes", and a right is "go through
the lists from the nearest, refusals first, and stop at the first that names somebody you are".
"""

from __future__ import annotations

from tests.analysis.histories import ACCOUNTS, OWNERS, History, Rule, State

LEVELS = {
    "open": [["{}.mailbox"], ["database"], ["organization"]],
    "send": [["{}.object"], ["staff", "database"], ["organization"]],
}


def state_at(history: History, number: int) -> State:
    """Return what stood just before step `number`."""
    state = State.of(history)
    for step in history.steps[:number]:
        state.do(step)
    return state


def is_what(state: State, account: str) -> set[str]:
    """Return the account and every group it is in, over any nesting."""
    mine = {account}
    while True:
        more = mine | {group for member, group in state.members if member in mine}
        if more == mine:
            return mine
        mine = more


def hops(state: State, account: str, group: str) -> int:
    """Return how many memberships lead from the account to the group at the least."""
    reached, count = {account}, 0
    while group not in reached:
        reached |= {g for m, g in state.members if m in reached}
        count += 1
    return count


def ways(state: State, account: str, owner: str, what: str) -> set[tuple[int, str, int]]:
    """Return every entry that gives the account the right: its level, its trustee, how far away he is."""
    mine = is_what(state, account)
    found: set[tuple[int, str, int]] = set()
    for level, places in enumerate(LEVELS[what]):
        entries: list[Rule] = [r for place in places for r in state.rules[place.format(owner)] if r.what == what]
        if any(not rule.allows and rule.trustee in mine for rule in entries):
            return found
        found |= {(level, r.trustee, hops(state, account, r.trustee)) for r in entries if r.trustee in mine}
    return found


def can(state: State, owner: str, what: str) -> set[str]:
    """Return every account that has the right on the owner's mailbox."""
    return {account for account in (*ACCOUNTS, *OWNERS) if account != owner and ways(state, account, owner, what)}
