"""Notices that beside an act say the same of an account: 4738 beside a password reset, 642 beside a new account.

Active Directory writes an event of its own for what was done (created, enabled, password set, renamed) and a general
notice beside it. The notice belongs to that act if it is of the same account, logon and moment, and says no more than
the act itself changes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import timedelta

from mailwitness.analysis.assign import Row, assign
from mailwitness.analysis.change import Act
from mailwitness.analysis.commands import same_outcome
from mailwitness.analysis.roles import NOTICE

WINDOW = timedelta(seconds=2)
_CHANGED_BY = {
    "password_reset": {"PasswordLastSet"},
    "enabled": {"UserAccountControl"},
    "disabled": {"UserAccountControl"},
    "renamed": {"SamAccountName", "UserPrincipalName", "DisplayName"},
}
"""What an act changes of an account's attributes, as 4738 names them; a new account may have any (ITPRO event-4738)."""


def join_notices(notices: list[Row], acts: list[Act]) -> list[Row]:
    """Join each notice to the act of the same account it stands beside, and return those that stand for themselves."""
    return assign(
        NOTICE,
        notices,
        [act for act in acts if act.main["kind"] == "account" and act.main["action"] in (*_CHANGED_BY, "created")],
        witness_keys=_account,
        act_keys=lambda act: _account(act.main),
        window=WINDOW,
        fits=lambda row, act: same_outcome(row, act.main) and _says_no_more(row, act),
        many=lambda act: act.main["action"] == "created",
    )


def _account(row: Row) -> Iterable[Hashable]:
    sid = row["trustee_sid"] or row["group_sid"]
    if row["logon_id"] and sid:
        yield ((row["computer"] or "").casefold(), row["logon_id"], sid)


def _says_no_more(row: Row, act: Act) -> bool:
    attributes = set((row["attribute"] or "").split(",")) - {""}
    return act.main["action"] == "created" or attributes <= _CHANGED_BY[act.main["action"]]
