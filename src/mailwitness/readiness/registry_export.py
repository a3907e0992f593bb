"""A registry export (.reg), as regedit and reg.exe write it: the numbers under the machine's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mailwitness.event import Place, Problem
from mailwitness.readiness.state import Observation

_HEADS = ("Windows Registry Editor Version 5.00", "REGEDIT4")
_KEY = re.compile(r"\[(?P<key>[^\[\]-].{0,1000})\]")
_NUMBER = re.compile(r'"(?P<name>(?:[^"\\]|\\.){1,400})"=dword:(?P<value>.{0,40})', re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{1,8}", re.IGNORECASE)
_ROOT = "HKEY_LOCAL_MACHINE\\"
_CONTROL_SET = re.compile(r"System\\ControlSet\d{3}\\", re.IGNORECASE)


def recognise(text: str) -> bool:
    """Return whether `text` begins as a registry export does."""
    return text.lstrip().startswith(_HEADS)


def read(text: str, path: Path) -> Iterator[Observation | Problem]:
    """Yield every number of a key of HKEY_LOCAL_MACHINE; other values are no settings that are checked."""
    key: str | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if found := _KEY.fullmatch(line):
            whole = found["key"]
            key = whole[len(_ROOT) :] if whole.upper().startswith(_ROOT) else None
            continue
        found = _NUMBER.fullmatch(line)
        if key is None or found is None:
            continue
        place = Place(evidence=str(path), line=number)
        if not _HEX.fullmatch(found["value"].strip()):
            yield Problem(code="unparsable", where=place, expected="eight hex digits", found=line[:200])
            continue
        yield Observation(
            kind="registry",
            key=current(key),
            name=re.sub(r"\\(.)", r"\1", found["name"]),
            value=int(found["value"].strip(), 16),
            place=str(place),
            from_export=True,
        )


def current(key: str) -> str:
    """Return `key` with a numbered control set (an export of a copied hive) as the current one."""
    return _CONTROL_SET.sub(lambda _: "System\\CurrentControlSet\\", key, count=1)
