"""The Exchange cmdlets that change rights, roles, routes, auditing and mailboxes (exchange_cmdlets.yaml)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import Outcome, Scope, Strength
from mailwitness.knowledge.loader import Mark, load, vocabulary

FILE = "exchange_cmdlets.yaml"
ALL = "*"
"""Stands for all parameters in before_from and after_from."""

CONDITIONS = frozenset({"given", "absent", "filled", "empty", "true", "not_true"})


class CmdletEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event a cmdlet makes: its words, and the parameters that fill it."""

    kind: str
    action: str
    scope: Scope | None = None
    when: dict[str, str | tuple[str, ...]] = {}
    mailbox: tuple[str, ...] = ()
    per_mailbox: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    trustee: tuple[str, ...] = ()
    take: Literal["values", "added", "removed"] = "values"
    rights: tuple[str, ...] = ()
    rights_from: tuple[str, ...] = ()
    attribute: str | None = None
    each: tuple[str, ...] = ()
    before_from: str | None = None
    after_from: str | None = None
    app_id: tuple[str, ...] = ()
    object_class: str | None = None
    strength: Strength | None = None
    identity: Literal["folder", "rule"] | None = None
    own_mailbox: bool = False


class Cmdlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One cmdlet: its events, and in which versions of which product it is alive.

    `source` empty means the file's own: the cmdlet's page of the reference.
    """

    events: tuple[CmdletEvent, ...]
    mark: Mark = "verified"
    source: str = ""
    valid_from: dict[str, str] = {}
    valid_to: dict[str, str] = {}
    may_say_nothing: bool = False


class CmdletLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event log in which a server keeps the cmdlets it ran."""

    provider: str
    channel: str
    mark: Mark
    source: str
    valid_from: dict[str, str]
    titles: dict[int, str]
    outcomes: dict[int, Outcome]
    strings: dict[str, int]
    wordings: tuple[str, ...]


class CmdletKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as a whole."""

    source: str
    right_names: dict[str, str]
    logs: CmdletLog
    templates: tuple[Any, ...]
    cmdlets: dict[str, Cmdlet]


@cache
def cmdlet_knowledge() -> CmdletKnowledge:
    """Return the knowledge file; raises KnowledgeError on unknown words or conditions."""
    knowledge = load(FILE, CmdletKnowledge)
    for name, cmdlet in knowledge.cmdlets.items():
        where = f"{FILE}: {name}"
        if not cmdlet.events:
            raise KnowledgeError("a cmdlet makes no event", where=where)
        for event in cmdlet.events:
            vocabulary().check(event.kind, event.action, where)
            for condition in event.when.values():
                if isinstance(condition, str) and condition not in CONDITIONS:
                    raise KnowledgeError(f"unknown condition: {condition}", where=where)
    return knowledge


@cache
def cmdlets() -> dict[str, Cmdlet]:
    """Return the cmdlets by name in lower case."""
    return {name.casefold(): cmdlet for name, cmdlet in cmdlet_knowledge().cmdlets.items()}


@cache
def cmdlet_wordings() -> tuple[re.Pattern[str], ...]:
    """Return the compiled wordings of the cmdlet log's messages."""
    return tuple(re.compile(pattern, re.DOTALL) for pattern in cmdlet_knowledge().logs.wordings)


def right_name(text: str) -> str:
    """Return the one name of a right that several cmdlets name differently (Send-As, SendAs)."""
    return cmdlet_knowledge().right_names.get(text.casefold(), text)
