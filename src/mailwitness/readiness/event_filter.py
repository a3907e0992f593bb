"""Which events to forward: the XPath of a QueryList, made from what knowledge/ says is read, and nothing beside it.

Windows evaluates a small part of XPath 1.0 and takes about 22 conditions an expression; here at most 20 stand in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import msgspec

from mailwitness.knowledge.audit_settings import audit_settings
from mailwitness.knowledge.exchange_2007_auditing import auditing_events, auditing_knowledge
from mailwitness.knowledge.exchange_cmdlets import cmdlet_knowledge
from mailwitness.knowledge.windows_events import catalogue

CONDITIONS = 20
"""Conditions of one Select at most."""

Role = Literal["domain-controllers", "exchange-servers"]
ROLES: tuple[Role, ...] = ("domain-controllers", "exchange-servers")


class Selection(msgspec.Struct, frozen=True):
    """Event ids of one provider (None: whichever writes to the channel) in one channel."""

    channel: str
    provider: str | None
    codes: tuple[int, ...]

    def expressions(self) -> Iterator[str]:
        """Yield the XPath expressions that together select these events."""
        at_once = CONDITIONS - (self.provider is not None)
        for start in range(0, len(self.codes), at_once):
            codes = " or ".join(f"EventID={code}" for code in self.codes[start : start + at_once])
            if self.provider is None:
                yield f"*[System[({codes})]]"
            else:
                yield f"*[System[Provider[@Name='{self.provider}'] and ({codes})]]"


def selections(role: Role) -> list[Selection]:
    """Return what is read of the logs of a role: those every server has, and for Exchange its own."""
    found = []
    for channel, providers in audit_settings().forwarded.items():
        for provider in providers:
            entries = catalogue().entries.values()
            codes = {entry.event.id for entry in entries if entry.provider.casefold() == provider.casefold()}
            found.append(Selection(channel, provider, tuple(sorted(codes))))
    if role == "exchange-servers":
        log, auditing = cmdlet_knowledge().logs, auditing_knowledge()
        found.append(Selection(log.channel, log.provider, tuple(sorted(log.titles))))
        found.append(Selection(auditing.channel, None, tuple(sorted(auditing_events()))))
    return found


def query_list(role: Role) -> str:
    """Return the QueryList: one Query a channel, so that a channel a server does not have costs only its own."""
    queries: dict[str, list[str]] = {}
    for selection in selections(role):
        queries.setdefault(selection.channel, []).extend(selection.expressions())
    lines = ["<QueryList>"]
    for number, (channel, expressions) in enumerate(queries.items()):
        path = quoteattr(channel)
        lines.append(f'  <Query Id="{number}" Path={path}>')
        lines += [f"    <Select Path={path}>{escape(expression)}</Select>" for expression in expressions]
        lines.append("  </Query>")
    return "\n".join([*lines, "</QueryList>"])
