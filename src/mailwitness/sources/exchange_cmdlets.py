"""The cmdlets a server of Exchange 2010 or later ran, from its event log MSExchange Management (events 1 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from mailwitness.event import ActorKind, Event, Problem
from mailwitness.formats.interface import ExportRecord, Record
from mailwitness.knowledge.exchange_cmdlets import cmdlet_knowledge, cmdlet_wordings
from mailwitness.sources.cmdlet_events import events_of, is_described, may_say_nothing
from mailwitness.sources.cmdlet_parameters import Parameters, parse_parameters
from mailwitness.sources.interface import Context
from mailwitness.sources.mailbox_reference import sid_of
from mailwitness.sources.stamp import stamp, unread

NAME = "exchange_cmdlets"
DOC = (
    "Every cmdlet a server of Exchange 2010 or later ran, from the event log MSExchange Management: who ran it (with "
    "SID), with which parameters, through which domain controller, and whether it failed. It is written beside the "
    "administrator audit log and goes on when that one is switched off. It does not show changes made in the "
    "directory without Exchange, and it names accounts and mailboxes as the caller typed them."
)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A cmdlet as the record tells it; what older versions do not write is None."""

    cmdlet: str
    parameters: str
    caller: str | None = None
    caller_sid: str | None = None
    application: str | None = None
    servers: str | None = None


def codes() -> frozenset[int]:
    """Return the event ids that are read."""
    return frozenset(cmdlet_knowledge().logs.outcomes)


@cache
def _provider() -> str:
    return cmdlet_knowledge().logs.provider.casefold()


def recognise(record: Record | ExportRecord) -> bool:
    """Return whether the record is a cmdlet that knowledge/ describes, or one whose name cannot be told."""
    if not isinstance(record, Record) or record.event_code not in cmdlet_knowledge().logs.outcomes:
        return False
    if record.provider.casefold() != _provider():
        return False
    ran = _ran(record)
    return ran is None or is_described(ran.cmdlet)


def read(record: Record | ExportRecord, context: Context) -> Iterator[Event | Problem]:
    """Yield the events of the cmdlet; none where its parameters touch nothing that is recorded."""
    assert isinstance(record, Record)  # noqa: S101 - recognise() said so
    ran = _ran(record)
    if ran is None:
        found = f"{len(record.values)} strings, text {(record.message or '')[:200]!r}"
        yield unread(record, context, "unknown_layout", "a cmdlet and its parameters", found)
        return
    parameters = parse_parameters(ran.parameters)
    made = events_of(ran.cmdlet, parameters, caller=ran.caller)
    if not made and (parameters.doubts or not may_say_nothing(ran.cmdlet)):
        found = f"{ran.cmdlet} {ran.parameters[:200]!r} {'; '.join(parameters.doubts)}"
        yield unread(record, context, "unparsable", f"the parameters of {ran.cmdlet}", found)
        return
    outcome = cmdlet_knowledge().logs.outcomes[record.event_code]
    common = _common(ran, parameters, outcome)
    for part, fields in enumerate(made):
        said = fields | common
        if said["strength"] is not None and outcome == "failure":
            said["strength"] = "attempted"
        yield Event(**stamp(record, context, NAME, part), **said)
    if made and parameters.doubts:
        found = f"{ran.cmdlet} {ran.parameters[:200]!r}: {'; '.join(parameters.doubts)}"
        yield unread(record, context, "ambiguous", f"the parameters of {ran.cmdlet}, each once", found, records=0)


def _common(ran: Ran, parameters: Parameters, outcome: str) -> dict[str, Any]:
    what_if = parameters.get("WhatIf")
    if what_if is not None and what_if.truth is not False:
        outcome = "unknown"  # a rehearsal changes nothing, but a hostile value could have put the word there
    return {
        "outcome": outcome,
        "actor_name": ran.caller,
        "actor_sid": ran.caller_sid,
        "actor_kind": _actor_kind(ran),
        "client_app": ran.application,
        "through_server": _configuration_server(ran.servers) if ran.servers else None,
    }


def _actor_kind(ran: Ran) -> ActorKind:
    if ran.caller_sid == "S-1-5-18":
        return "system"
    name = (ran.caller or "").casefold()
    if name.startswith("nt authority"):
        return "system"
    if name.endswith("$"):
        return "computer"
    return "user" if name else "unknown"


def _ran(record: Record) -> Ran | None:
    """Return the cmdlet the record tells: from its strings by position, else from its text."""
    places = cmdlet_knowledge().logs.strings
    values = record.values
    if len(values) > places["parameters"] and _CMDLET.match(values[places["cmdlet"]]):

        def at(name: str) -> str | None:
            place = places[name]
            return (values[place].strip() or None) if place < len(values) else None

        return Ran(
            cmdlet=values[places["cmdlet"]].strip(),
            parameters=values[places["parameters"]],
            caller=at("caller"),
            caller_sid=sid_of(at("caller_sid")),
            application=at("application"),
            servers=at("servers"),
        )
    text = record.message if record.message is not None else " ".join(values[:1])
    for wording in cmdlet_wordings():
        found = wording.match(text)
        if found is not None:
            return Ran(cmdlet=found["cmdlet"], parameters=found["parameters"].strip().removesuffix("."))
    return None


_CMDLET = re.compile(r"\s*[A-Za-z]{1,40}-[A-Za-z0-9]{1,80}\s*\Z")
_QUOTED = re.compile(r"'([^']{0,1024})'|\"([^\"]{0,1024})\"|«([^»]{0,1024})»|“([^”]{0,1024})”|„([^“”]{0,1024})[“”]")
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63}){0,20}\Z")


def _configuration_server(text: str) -> str | None:
    """Return the domain controller that a text names for the configuration, in any language.

    The text lists quoted values; the last ones are always the configuration's domain controller, the preferred global
    catalog, and in braces the preferred domain controllers. So it is the second before the braces.
    """
    quoted = ["".join(filter(None, groups)).strip() for groups in _QUOTED.findall(text)]
    braces = [place for place, value in enumerate(quoted) if value.startswith("{")]
    if not braces or braces[0] < 2:  # noqa: PLR2004 - two values stand before the braces
        return None
    server = quoted[braces[0] - 2]
    return server if _HOST.match(server) and server.casefold() not in {"true", "false"} else None
