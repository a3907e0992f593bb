"""GptTmpl.inf, the security template of a group policy: audit categories, the Security log, registry values.

Sections and keys as MS-GPSB names them; written in UTF-16 by Windows, in UTF-8 by others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Place, Problem
from mailwitness.knowledge.audit_settings import BOTH, audit_settings
from mailwitness.readiness.state import Observation, policy_of

_SECTION = re.compile(r"\[(?P<name>[^\]]{1,100})\]")
_DWORD = "4"
_MACHINE = "MACHINE\\"


def recognise(text: str) -> bool:
    """Return whether `text` is a security template with a section that is read."""
    names = {found["name"].strip().casefold() for line in text.splitlines() if (found := _SECTION.match(line.strip()))}
    return bool(names & {"event audit", "security log"}) or {"registry values", "version"} <= names


def read(text: str, path: Path) -> Iterator[Observation | Problem]:
    """Yield the settings of the template at `path`."""
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(";"):
            continue
        if found := _SECTION.fullmatch(line):
            section = found["name"].strip().casefold()
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        place = Place(evidence=str(path), line=number)
        if section == "event audit":
            yield _category(key, value, place, path)
        elif section == "security log":
            yield _log(key, value, place, path)
        elif section == "registry values":
            yield from _registry(key, value, place, path)


def _category(key: str, value: str, place: Place, path: Path) -> Observation | Problem:
    known = {name.casefold(): name for name in audit_settings().categories}
    name = known.get(key.casefold())
    if name is None:
        return Problem(code="unparsable", where=place, expected="a category of [Event Audit]", found=key[:200])
    if value not in {str(setting) for setting in range(BOTH + 1)}:
        return Problem(code="unparsable", where=place, expected="0, 1, 2 or 3", found=f"{key} = {value}"[:200])
    return Observation(kind="category", name=name, value=int(value), place=str(place), policy=policy_of(path))


def _log(key: str, value: str, place: Place, path: Path) -> Observation | Problem:
    if not _is_number(value):
        return Problem(code="unparsable", where=place, expected="a number", found=f"{key} = {value}"[:200])
    return Observation(kind="log", name=key, value=int(value), place=str(place), policy=policy_of(path))


def _registry(key: str, value: str, place: Place, path: Path) -> Iterator[Observation | Problem]:
    r"""A registry value is written MACHINE\key\name=type,data; only numbers of the machine are settings we check."""
    kind, _comma, data = value.partition(",")
    if kind.strip() != _DWORD or not key.upper().startswith(_MACHINE):
        return
    if not _is_number(data.strip()):
        yield Problem(code="unparsable", where=place, expected="a number", found=f"{key}={value}"[:200])
        return
    folder, _backslash, name = key[len(_MACHINE) :].rpartition("\\")
    yield Observation(kind="registry", key=folder, name=name, value=int(data), place=str(place), policy=policy_of(path))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10  # noqa: PLR2004 - digits of a 32-bit number
