"""Words for people: spans of time, what a strength of evidence means, what a kind of change is called."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailwitness.analysis.presence import End
from mailwitness.faces.views.people import Named

Sentence = tuple[str | Named, ...]
"""Text with names in it, so that every face can make its own links (or none) of the names."""

STRENGTH = {
    "attempted": "The record says that it was asked for; not that anything was opened.",
    "opened": "The mailbox or a folder was opened; no record says which messages were read.",
    "read": "The record names messages that were read or downloaded.",
    "acted": "Something was done in the mailbox: sent, moved, deleted, exported.",
}
"""What each strength of evidence proves. Source: docs/event.md (strength)."""
RANK = {"attempted": 0, "opened": 1, "read": 2, "acted": 3}
OF = {
    "open": "can open it",
    "send": "can send from it",
    "grant": "could give more rights, also to himself",
    "become": "could become its owner",
    "forward": "could forward its mail",
}
"""What a right is good for, in words."""


def after(first: datetime, then: datetime) -> str:
    """Return how long `then` came after `first`, in the two largest units."""
    return f"{span(then - first)} later"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units."""
    seconds = int(abs(length).total_seconds())
    if not seconds:
        return "less than a second"
    said: list[str] = []
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count} {unit}{'s' if count > 1 else ''}")
        elif said:
            break
    return " ".join(said[:2])


def when(end: End | None) -> str:
    """Return when an end of an interval was, in words where no time is known."""
    if end is None:
        return ""
    if end.at is None:
        return "given by set-up" if end.how == "default" else "before the trail began"
    return stamp(end.at)


def stamp(at: datetime) -> str:
    """Return a time for people: UTC to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def act_words(kind: str, action: str) -> str:
    """Return what a kind and action of the vocabulary are called."""
    return _ACTS.get((kind, action)) or f"{kind} {action}".replace("_", " ")


_ACTS = {
    ("permission", "granted"): "gave rights",
    ("permission", "revoked"): "took rights away",
    ("permission", "changed"): "changed rights",
    ("permission", "denied"): "refused rights",
    ("permission", "owner_changed"): "changed the owner",
    ("membership", "added"): "added to the group",
    ("membership", "removed"): "removed from the group",
    ("role", "assigned"): "assigned a role",
    ("role", "removed"): "removed a role",
    ("routing", "forwarding_set"): "set forwarding",
    ("routing", "forwarding_removed"): "removed forwarding",
    ("routing", "rule_created"): "made an inbox rule",
    ("routing", "rule_changed"): "changed an inbox rule",
    ("routing", "rule_removed"): "removed an inbox rule",
    ("audit", "policy_changed"): "changed the audit policy",
    ("audit", "sacl_changed"): "changed what is audited",
    ("audit", "bypass_set"): "set an audit bypass",
    ("audit", "settings_changed"): "changed audit settings",
    ("audit", "log_cleared"): "cleared the log",
    ("account", "created"): "created the account",
    ("account", "enabled"): "enabled the account",
    ("account", "disabled"): "disabled the account",
    ("account", "deleted"): "deleted the account",
    ("account", "renamed"): "renamed",
    ("account", "password_reset"): "set the password",
    ("account", "changed"): "changed the account",
    ("logon", "logon"): "logged on",
    ("logon", "logoff"): "logged off",
    ("logon", "special"): "logged on with special rights",
    ("access", "logon"): "opened the mailbox",
    ("access", "folder_open"): "opened a folder",
    ("access", "item_read"): "read messages",
    ("access", "item_sync"): "downloaded messages",
    ("access", "send_as"): "sent as its owner",
    ("access", "send_on_behalf"): "sent on behalf",
    ("access", "export"): "exported it",
    ("access", "search"): "searched it",
    ("access", "create"): "created items",
    ("access", "update"): "changed items",
    ("access", "move"): "moved items",
    ("access", "delete"): "deleted items",
}
