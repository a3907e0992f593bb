"""Who may open what, as the model knows it: every right with the change that gave it.

The readers never see this. It is what explanations in truth.jsonl come from: the way from an account over groups to a
right on the mailbox, and the changes along it. A right that stood before the history has no change.
"""

from __future__ import annotations

from collections import deque

import msgspec

DEFAULT = "Default"
"""The principal whose folder rights everybody in the organisation has."""

_OPENING = frozenset(
    {
        "FullAccess",
        "ReceiveAs",
        "Owner",
        "Editor",
        "Reviewer",
        "ApplicationImpersonation",
        "full_access_as_app",
        "Mail.Read",
    }
)


class Explanation(msgspec.Struct, frozen=True):
    """How an account got in: the steps, and the ids of the changes that made them possible."""

    path: tuple[str, ...]
    by: tuple[str, ...]


class Ledger:
    """Rights on mailboxes, rights on all mailboxes, and members of groups, each with the id of its change."""

    def __init__(self) -> None:
        self._direct: dict[str, dict[str, dict[str, str | None]]] = {}
        self._everywhere: dict[str, dict[str, str | None]] = {}
        self._groups: dict[str, dict[str, str | None]] = {}  # member: group: change

    def grant(self, mailbox: str, trustee: str, right: str, by: str | None) -> None:
        """Note that `trustee` has `right` on `mailbox` since the change `by`."""
        self._direct.setdefault(mailbox, {}).setdefault(trustee, {})[right] = by

    def revoke(self, mailbox: str, trustee: str, right: str) -> None:
        """Note that it has it no more."""
        trustees = self._direct.get(mailbox, {})
        rights = trustees.get(trustee, {})
        rights.pop(right, None)
        if not rights:  # so that a long history does not gather what is over
            trustees.pop(trustee, None)

    def has(self, mailbox: str, trustee: str, right: str) -> bool:
        """Return whether `trustee` itself has `right` on `mailbox`."""
        return right in self._direct.get(mailbox, {}).get(trustee, {})

    def change_of(self, mailbox: str, trustee: str, right: str) -> str | None:
        """Return the change that gave `trustee` itself `right` ("": it stood before the history), or None."""
        rights = self._direct.get(mailbox, {}).get(trustee, {})
        return (rights[right] or "") if right in rights else None

    def trustees(self, mailbox: str) -> dict[str, tuple[str, ...]]:
        """Return who has which rights on a mailbox itself."""
        return {t: tuple(r) for t, r in self._direct.get(mailbox, {}).items() if r}

    def grant_everywhere(self, trustee: str, right: str, by: str | None) -> None:
        """Note that `trustee` has `right` on every mailbox."""
        self._everywhere.setdefault(trustee, {})[right] = by

    def revoke_everywhere(self, trustee: str, right: str) -> None:
        """Note that it has it no more."""
        self._everywhere.get(trustee, {}).pop(right, None)

    def everywhere(self) -> dict[str, tuple[str, ...]]:
        """Return who has which rights on every mailbox."""
        return {t: tuple(r) for t, r in self._everywhere.items() if r}

    def join(self, group: str, member: str, by: str | None) -> None:
        """Note that `member` belongs to `group`."""
        self._groups.setdefault(member, {})[group] = by

    def leave(self, group: str, member: str) -> None:
        """Note that it does so no more."""
        self._groups.get(member, {}).pop(group, None)

    def members(self, group: str) -> list[str]:
        """Return the direct members of a group."""
        return [member for member, groups in self._groups.items() if group in groups]

    def explain(self, mailbox: str, actor: str) -> Explanation | None:
        """Return the shortest way from `actor` to a right that opens `mailbox`, or None: nothing explains it."""
        waiting: deque[tuple[str, tuple[str, ...], tuple[str, ...]]] = deque(
            [(actor, (), ()), (DEFAULT, (DEFAULT,), ())]
        )
        seen = {actor}
        while waiting:
            principal, path, by = waiting.popleft()
            for right, change in self._rights(mailbox, principal):
                return Explanation((*path, right), (*by, *([change] if change else ())))
            for group, change in self._groups.get(principal, {}).items():
                if group not in seen:
                    seen.add(group)
                    waiting.append((group, (*path, f"member of {group}"), (*by, *([change] if change else ()))))
        return None

    def _rights(self, mailbox: str, principal: str) -> list[tuple[str, str | None]]:
        found = list(self._direct.get(mailbox, {}).get(principal, {}).items())
        found += [(f"{right} on every mailbox", by) for right, by in self._everywhere.get(principal, {}).items()]
        return [(right, by) for right, by in found if right.partition(" on ")[0] in _OPENING]
