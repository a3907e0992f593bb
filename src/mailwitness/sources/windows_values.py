"""Strings of Windows records as one way of writing them: SIDs, logon ids, GUIDs, addresses, accounts."""

from __future__ import annotations

import re
from functools import lru_cache

from mailwitness.event import ActorKind
from mailwitness.knowledge.windows_events import common

_UNSET = frozenset(common().unset)
_UNSET_SIDS = frozenset(common().unset_sids)
_KINDS = {sid: kind for sid, kind in common().actor_kinds.items() if not sid.endswith("-")}
_KINDS_BY_START = tuple((sid, kind) for sid, kind in common().actor_kinds.items() if sid.endswith("-"))
_SID = re.compile(r"S-1-[0-9]{1,20}(?:-[0-9]{1,10}){0,15}")
_LOGON_ID = re.compile(r"\(?0x([0-9a-fA-F]{1,16})(?:\s*,\s*0x([0-9a-fA-F]{1,8})\))?")
_GUID = re.compile(r"[{(]?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})[)}]?")


def text_of(value: str) -> str | None:
    """Return a string, or None where it says that nothing was given."""
    return None if value in _UNSET else value


@lru_cache(maxsize=4096)
def sid_of(value: str) -> str | None:
    """Return a SID out of "S-1-5-..." or "%{S-1-5-...}", or None where the string is none or nobody's."""
    if value.startswith("%{") and value.endswith("}"):
        value = value[2:-1]
    if value in _UNSET_SIDS or _SID.fullmatch(value) is None:
        return None
    return value


@lru_cache(maxsize=4096)
def logon_id_of(value: str) -> str | None:
    """Return a logon id as one lower-case hexadecimal number: "(0x0,0x59DF36)" and "0x59df36" are the same."""
    found = _LOGON_ID.fullmatch(value)
    if found is None:
        return None
    number = int(found[1], 16)
    if found[2] is not None:
        number = number << 32 | int(found[2], 16)
    return f"0x{number:x}"


def guid_of(value: str) -> str | None:
    """Return a GUID in lower case without braces, or None where the string is none."""
    found = _GUID.fullmatch(value.removeprefix("%"))
    return found[1].lower() if found is not None else None


@lru_cache(maxsize=4096)
def address_of(value: str) -> str | None:
    """Return a client's address; an IPv4 address mapped into IPv6 is written as IPv4."""
    if value in _UNSET:
        return None
    return value[7:] if value.lower().startswith("::ffff:") and "." in value else value


def account_of(domain: str, name: str) -> str | None:
    r"""Return DOMAIN\name, or the name alone where no domain is given, or None where no name is."""
    if name in _UNSET:
        return None
    return name if domain in _UNSET else f"{domain}\\{name}"


def words_of(value: str) -> tuple[str, ...]:
    """Return the words of a list that Windows writes over several lines."""
    return () if value in _UNSET else tuple(value.split())


@lru_cache(maxsize=4096)
def actor_kind(sid: str | None, name: str | None) -> ActorKind:
    """Return what kind of account acts, by its SID first, then by its name."""
    if sid is not None:
        kind = _KINDS.get(sid)
        if kind is not None:
            return kind
        for start, kind in _KINDS_BY_START:
            if sid.startswith(start):
                return kind
    if name is None:
        return "user" if sid is not None and sid.startswith("S-1-5-21-") else "unknown"
    return "computer" if name.endswith("$") else "user"
