"""Which events rest on facts nobody has verified: shown as experimental wherever they are used."""

from __future__ import annotations

from functools import cache

from mailwitness.knowledge.exchange_2007_auditing import auditing_knowledge
from mailwitness.knowledge.exchange_cmdlets import cmdlets
from mailwitness.knowledge.exchange_store_events import store_events
from mailwitness.knowledge.mailbox_operations import operation_key, operations
from mailwitness.knowledge.windows_events import experimental_layout


def is_experimental(source: str, provider: str | None, event_code: str | None) -> bool:
    """Return whether what an event of this source, provider and event code (or operation) says is unverified."""
    if event_code is None:
        return False
    if source in _SOURCES and event_code.isdecimal():
        return int(event_code) in _codes(source)
    return event_code.casefold() in _operations() or experimental_layout(provider, event_code)


_SOURCES = frozenset({"exchange_store", "exchange_auditing_2007"})


@cache
def _codes(source: str) -> frozenset[int]:
    if source == "exchange_store":
        return frozenset(event.id for event in store_events().values() if event.mark == "experimental")
    auditing = auditing_knowledge()
    return frozenset(event.id for event in auditing.events) if auditing.mark == "experimental" else frozenset()


@cache
def _operations() -> frozenset[str]:
    named = {name for name, cmdlet in cmdlets().items() if cmdlet.mark == "experimental"}
    return frozenset(
        named | {operation_key(n) for n, operation in operations().items() if operation.mark == "experimental"}
    )
